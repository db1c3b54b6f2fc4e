//! What a supervisor asks of the system: control groups, and the duties of a first process.

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use perilune_supervisor::{ShutdownOptions, Supervisor};

use support::keeping::{shell, unlimited};
use support::{alive, block_on, children, number_in, until};

/// A control group of its own, which goes with it.
struct Group(PathBuf);

impl Group {
    fn make() -> Option<Self> {
        let parents = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].map(Path::new);
        let parent = parents.into_iter().find(|parent| parent.join("cgroup.procs").exists())?;
        let own = parent.join(format!("perilune-supervisor-{}", std::process::id()));
        std::fs::create_dir(&own).ok()?;
        Some(Self(own))
    }

    fn below(&self) -> Vec<PathBuf> {
        let folder = std::fs::read_dir(&self.0).unwrap().map(|entry| entry.unwrap().path());
        folder.filter(|path| path.is_dir()).collect()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

#[test]
fn each_run_has_a_control_group_that_nothing_gets_out_of() {
    let Some(group) = Group::make() else {
        return println!("each_run_has_a_control_group: skipped, no control group (version 2) can be made here");
    };
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let mut config = unlimited();
        config.cgroup_parent = Some(group.0.clone());
        let supervisor = Supervisor::new(config);
        // It has another session, another parent, and no mark.
        let line = "(env -i PATH=\"$PATH\" setsid sh -c 'trap \"\" TERM; echo $$ > daemon; exec sleep 600' &)\n\
                    exec sleep 600";
        supervisor.register(shell("a", line).cwd(folder.path()).instances(2).build()).await.unwrap();
        supervisor.start_instance("a", 0).await.unwrap();
        let daemon = number_in(&folder.path().join("daemon")).await;
        let status = supervisor.status_of("a").unwrap().remove(0);
        assert_eq!(status.containment, "cgroup");
        let [own]: [PathBuf; 1] = group.below().try_into().unwrap();
        let members = std::fs::read_to_string(own.join("cgroup.procs")).unwrap();
        for pid in [daemon, status.pid.unwrap()] {
            assert!(members.lines().any(|line| line == pid.to_string()), "{pid} is not in {members}");
        }
        supervisor.start_instance("a", 1).await.unwrap();
        assert_eq!(group.below().len(), 2);

        supervisor.stop_instance("a", 0).await.unwrap();
        assert!(!alive(daemon));
        assert!(!own.exists());
        supervisor.shutdown(ShutdownOptions::default()).await;
        assert_eq!(group.below(), Vec::<PathBuf>::new());
    });
}

const TASK: &str = "PERILUNE_TEST_TASK";

/// In a program of its own, which adopts nobody else's processes.
#[test]
fn with_the_duties_of_a_first_process_orphans_are_adopted_and_reaped() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "inner", "--nocapture", "--test-threads=1"]).env(TASK, "adopt").stdin(Stdio::null());
    let ended = command.output().unwrap();
    let output = String::from_utf8_lossy(&ended.stdout);
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && output.contains("nothing is left"), "{output}{errors}");
}

/// Not a test of its own.
#[test]
fn inner() {
    if std::env::var(TASK).as_deref() != Ok("adopt") {
        return;
    }
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let mut config = unlimited();
        config.init_duties = true;
        let supervisor = Supervisor::new(config);
        let line = "for i in 1 2 3 4 5; do (sleep 0.1 &); done\n\
                    (setsid sh -c 'echo $$ > daemon; exec sleep 600' &)\nexec sleep 600";
        supervisor.register(shell("a", line).cwd(folder.path()).build()).await.unwrap();
        supervisor.start("a").await.unwrap();
        let daemon = number_in(&folder.path().join("daemon")).await;
        let leader = supervisor.handle("a", 0).unwrap().pid.unwrap();
        let expected = |mut pids: Vec<u32>| {
            pids.sort_unstable();
            pids
        };
        let family = expected(vec![leader, daemon]);
        until("only those are left that live", || expected(children()) == family).await;
        supervisor.stop("a").await.unwrap();
        assert!(!alive(daemon));
        until("nobody is left unreaped", || children().is_empty()).await;
    });
    println!("\nnothing is left");
}
