//! What is started and then left to the caller.

mod support;

use perilune_supervisor::process::{ProcessError, spawn};
use support::{alive, block_on, program, shell, until};

#[test]
fn ctr_0008_what_cannot_be_started_is_an_error() {
    block_on(async {
        let mut blank = program("true");
        blank.command = " ".to_owned();
        let mut folder = program("true");
        folder.cwd = Some("/no/such/folder".into());
        for (spec, text) in [(program("no-such-program"), "no-such-program"), (blank, "command"), (folder, "/no/such")]
        {
            let error = spawn(&spec).unwrap_err();
            assert!(matches!(error, ProcessError::SpawnFailed(_)) && error.to_string().contains(text), "{error}");
        }
    });
    let error = spawn(program("true")).unwrap_err();
    assert!(error.to_string().contains("Tokio runtime"), "{error}");
}

#[test]
fn ctr_0009_input_is_empty_and_outputs_are_piped() {
    block_on(async {
        let spec = shell("readlink /proc/self/fd/0; cat; echo err >&2; exit 3");
        let spawned = spawn(spec.clone()).unwrap();
        assert_eq!(spawned.child.id(), Some(spawned.pid));
        let output = spawned.child.wait_with_output().await.unwrap();
        assert_eq!((&output.stdout[..], &output.stderr[..]), (&b"/dev/null\n"[..], &b"err\n"[..]));
        assert_eq!(output.status.code(), Some(3));
        // A spec that is kept does as well.
        spawn(&spec).unwrap().child.wait().await.unwrap();
    });
}

#[test]
fn drop_of_the_handle_ends_nothing() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let go = folder.path().join("go");
        let line = format!("while [ ! -e {0} ]; do sleep 0.01; done; rm {0}", go.display());
        let spawned = spawn(shell(&line)).unwrap();
        let pid = spawned.pid;
        drop(spawned);
        std::fs::write(&go, "").unwrap();
        until("it has gone on", || !go.exists()).await;
        until("it has ended", || !alive(pid)).await;
    });
}
