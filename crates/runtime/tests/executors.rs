//! An executor of one's own, under a kind of its own.

use std::fs;
use std::sync::{Arc, Mutex};

use perilune_exec_api::{ExecError, Executor, ExecutorFactory, Settings};
use perilune_exec_testkit::{FakeExecutor, Script};
use perilune_runtime::{Config, Exit, Runtime, application};

/// Runs scripts instead of programs, and remembers what its entry said.
struct Scripted(Mutex<Vec<String>>);

impl ExecutorFactory for Scripted {
    fn kind(&self) -> &str {
        "exec.scripted"
    }

    fn build(&self, settings: &Settings) -> Result<Arc<dyn Executor>, ExecError> {
        settings.expect_only(&["greeting"])?;
        let greeting = settings.text("greeting")?.unwrap_or("hello").to_owned();
        self.0.lock().unwrap().push(greeting.clone());
        Ok(Arc::new(FakeExecutor::new(move |words| {
            (words[0] == "greet").then(|| Script::new().print(format!("{greeting} {}\n", words[1])).exit(4))
        })))
    }
}

const INDEX: &str = r#"
version: "1.0"
namespace: app
entries:
  - name: terminal
    kind: terminal.host
  - name: own
    kind: exec.scripted
    greeting: good evening
    lifecycle: { auto_start: true }
  - name: main
    kind: process.lua
    modules: [exec]
    source: |
      local exec = require("exec")
      return function()
          local proc = exec.get("app:own"):exec("greet moon")
          proc:start()
          local said = proc:stdout_stream():read()
          return said .. proc:wait() .. " " .. tostring(select(2, pcall(exec.get, "app:main")))
      end
"#;

fn run(index: &str, config: Config) -> Result<(Exit, Vec<String>), String> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("_index.yaml"), index).unwrap();
    let loaded = application::load_folder(folder.path()).map_err(|found| found.to_string())?;
    let own = Arc::new(Scripted(Mutex::default()));
    let runtime =
        Runtime::builder().executor(Arc::clone(&own) as _).start(loaded, config).map_err(|error| error.to_string())?;
    let exit = runtime.run_command("app:main", None, Vec::new()).map_err(|error| error.to_string())?.wait();
    runtime.stop();
    let made = own.0.lock().unwrap().clone();
    Ok((exit, made))
}

#[test]
fn executor_of_ones_own_is_configured_like_any_other() {
    let (exit, made) = run(INDEX, Config::default()).unwrap();
    let text = "good evening moon\n4 resource is not an executor";
    assert_eq!((exit.code, exit.text.as_deref()), (0, Some(text)));
    assert!(made.iter().all(|greeting| greeting == "good evening") && !made.is_empty(), "{made:?}");
}

#[test]
fn settings_that_an_executor_does_not_take_keep_the_application_from_starting() {
    let problem = run(&INDEX.replace("greeting:", "greting:"), Config::default()).unwrap_err();
    assert!(problem.contains("entry `app:own`: unknown setting `greting`"), "{problem}");
    assert!(problem.contains("_index.yaml:"), "{problem}");
}
