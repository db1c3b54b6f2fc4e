use perilune_exec_api::*;
use perilune_exec_native::*;
#[test]
fn smoke() {
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    rt.block_on(async {
        let ex = NativeExecutor::new();
        let f = ex
            .run(CommandLine::Auto("env; ls -l /proc/self/fd; echo err >&2; cat /proc/self/status | grep Sig".into()))
            .await
            .unwrap();
        println!("{:?}\n{}", f.exit, String::from_utf8_lossy(&f.stdout));
        println!("{:?}", ex.run(CommandLine::argv("nope", [""])).await.map(|_| ()));
        let t = std::time::Instant::now();
        for _ in 0..500 {
            ex.run(CommandLine::argv("true", [""; 0])).await.unwrap();
        }
        println!("500 runs {:?}", t.elapsed());
        let t = std::time::Instant::now();
        for _ in 0..500 {
            tokio::process::Command::new("true").stdin(std::process::Stdio::null()).output().await.unwrap();
        }
        println!("500 tokio {:?}", t.elapsed());
    });
}
