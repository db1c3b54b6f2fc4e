//! Looks on at what a program does while it runs, and tells it as one sequence of events.
//!
//! An [`Adapter`] knows one kind of program. [`BlackBoxAdapter`] knows nothing of the program and tells what can be seen from
//! outside: its output, the files it changes, and that it does nothing.
//!
//! ```
//! use perilune_supervisor::adapter::{AdapterExt, AdapterPayload, BlackBoxAdapter, BlackBoxConfig};
//!
//! # let tokio = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
//! # tokio.block_on(async {
//! let mut adapter = BlackBoxAdapter::new(BlackBoxConfig::new("echo").args(["hello"]))?;
//! let mut lines = Vec::new();
//! let exited = adapter
//!     .run_until_exit(|event| {
//!         if let AdapterPayload::Output { line, .. } = event.payload {
//!             lines.push(line);
//!         }
//!     })
//!     .await?;
//! assert_eq!((exited.exit_code, lines), (Some(0), vec!["hello".to_owned()]));
//! # Ok::<(), perilune_supervisor::adapter::AdapterError>(())
//! # }).unwrap();
//! ```

mod error;
mod event;
mod queue;

mod black_box;
mod config;
mod debounce;
mod ignore;
mod lines;
mod stall;
mod watch;

use async_trait::async_trait;

pub use black_box::BlackBoxAdapter;
pub use config::{BlackBoxConfig, EnvironmentConfig, FilesystemConfig, ProcessConfig, StallConfig};
pub use error::AdapterError;
pub use event::{AdapterEvent, AdapterPayload, ChangeType, ProcessExited, ProcessStarted, Severity};
pub use queue::{AdapterEventReceiver, AdapterEventSender, event_channel};

/// Runs one program once, and tells what it does.
///
/// The first event is [`AdapterPayload::ProcessStarted`] and the last one [`AdapterPayload::ProcessExited`]; between them,
/// what happened comes in the order in which it was seen. Nobody who receives slowly slows the program: what there is no
/// room for is lost, and a [`AdapterPayload::Diagnostic`] says how much. Dropping an adapter ends its program.
#[async_trait]
pub trait Adapter: Send {
    /// Starts the program, and returns when it runs and is observed.
    ///
    /// Fails with [`AdapterError::AlreadyRunning`] when it has been started before: a session has one run. A start that
    /// failed, or was given up, leaves nothing behind and can be tried again.
    async fn start(&mut self) -> Result<(), AdapterError>;

    /// Waits for the next event. `None` after the last one. A call that is given up loses nothing.
    ///
    /// Fails with [`AdapterError::NotRunning`] before the start, and with [`AdapterError::ChannelRecv`] when somebody else
    /// has taken the receiver.
    async fn poll(&mut self) -> Result<Option<AdapterEvent>, AdapterError>;

    /// Ends the program, and returns when nothing of it is left and its last event is told.
    ///
    /// Fails with [`AdapterError::NotRunning`] unless it runs. What was begun goes on when this future is dropped.
    async fn stop(&mut self) -> Result<(), AdapterError>;

    /// Where the events come from, for somebody else to receive them. `None` the second time.
    fn take_event_receiver(&mut self) -> Option<AdapterEventReceiver>;

    /// What its events are recognised by.
    fn session_id(&self) -> &str;

    /// Whether the program has been started and its end has not been seen.
    fn is_running(&self) -> bool;

    /// The number of its process, while it runs.
    fn pid(&self) -> Option<u32>;

    /// What kind of adapter this is.
    fn adapter_type(&self) -> &'static str;
}

/// What every [`Adapter`] can do.
#[async_trait]
pub trait AdapterExt: Adapter {
    /// Starts the program unless it runs, hands over every event, and returns the last one.
    ///
    /// Fails as [`Adapter::start`] and [`Adapter::poll`] do, and with [`AdapterError::UnexpectedExit`] when the events end
    /// without the end of the program. The program goes on when this future is dropped.
    async fn run_until_exit<F>(&mut self, mut on_event: F) -> Result<ProcessExited, AdapterError>
    where
        F: FnMut(AdapterEvent) + Send,
    {
        if !self.is_running() {
            match self.start().await {
                // It may have ended already, with events that nobody has received.
                Ok(()) | Err(AdapterError::AlreadyRunning) => {}
                Err(error) => return Err(error),
            }
        }
        while let Some(event) = self.poll().await? {
            let exited = match &event.payload {
                AdapterPayload::ProcessExited(exited) => Some(exited.clone()),
                _ => None,
            };
            on_event(event);
            if let Some(exited) = exited {
                return Ok(exited);
            }
        }
        Err(AdapterError::UnexpectedExit("its events ended before it did".to_owned()))
    }
}

impl<A: Adapter + ?Sized> AdapterExt for A {}
