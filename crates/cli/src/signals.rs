use tokio::signal::unix::{SignalKind, signal};

/// Calls `told` for every SIGINT and SIGTERM, on a thread of its own, until it answers false.
pub(crate) fn watch(mut told: impl FnMut() -> bool + Send + 'static) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let guard = runtime.enter();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    drop(guard);
    std::thread::Builder::new().name("perilune-signals".into()).spawn(move || {
        runtime.block_on(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if !told() {
                    return;
                }
            }
        });
    })?;
    Ok(())
}
