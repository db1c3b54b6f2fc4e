//! A whole tree of processes ends with its leader.

mod support;

use std::time::Duration;

use perilune_exec_api::{Containment, EndReason, OsSignal};
use rustix::process::Signal;
use support::{alive, block_on, child, numbers, program, signal, sized, state, until};

/// Every process appends its number to a file and starts three more, in different ways, as deep as it is told.
const TREE: &str = r#"
depth=$1
trap "$2" TERM
echo $$ >> "$PIDS"
if [ "$depth" -gt 1 ]; then
    next=$((depth - 1))
    sh "$TREE" $next "" &
    # In a group of its own, in the same session.
    timeout 600 sh "$TREE" $next ":" &
    case $FAR in
        yes)
            setsid sh "$TREE" $next "" &
            (setsid sh "$TREE" $next ":" >/dev/null 2>&1 &)
            ;;
        no) sh "$TREE" $next ":" & ;;
    esac
fi
while :; do sleep 600 & wait $!; done
"#;

fn tree_ends(level: Containment, far: &str, depth: u32, cgroup: Option<std::path::PathBuf>) {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let (tree, pids) = (folder.path().join("tree"), folder.path().join("pids"));
        std::fs::write(&tree, TREE).unwrap();
        std::fs::write(&pids, "").unwrap();
        let line = format!(
            "export TREE='{}' PIDS='{}' FAR={far}; exec sh \"$TREE\" {depth} ''",
            tree.display(),
            pids.display()
        );
        let child = child(&line, |options| {
            options.containment = level;
            options.cgroup = cgroup.map(perilune_exec_native::CgroupOptions::below);
        });
        let width: usize = if far == "yes" { 4 } else { 3 };
        let count: usize = (0..depth).map(|level| width.pow(level)).sum();
        let known = || -> Vec<u32> {
            let text = std::fs::read_to_string(&pids).unwrap();
            text.lines().filter_map(|line| line.parse().ok()).collect()
        };
        until("all have started", || known().len() == count).await;
        assert!(known().iter().all(|pid| alive(*pid)));
        child.control().stop(OsSignal::TERM, Duration::from_millis(300), true).unwrap();
        let finished = child.finished().await;
        let left: Vec<u32> = known().into_iter().filter(|pid| alive(*pid)).collect();
        println!("r8: {count} processes at level {level:?}, {} left", left.len());
        assert!(left.is_empty() && finished.left.is_empty(), "{left:?} of {count}, {finished:?}");
        assert_eq!((finished.exit.reason, child.containment()), (EndReason::StopTimeout, level));
    });
}

#[test]
fn r8_level_group_ends_all_that_stayed_in_the_session() {
    tree_ends(Containment::Group, "no", 5, None);
}

#[test]
fn r8_level_scan_ends_those_too_that_left_it() {
    tree_ends(Containment::Scan, "yes", sized(4, 5), None);
}

#[test]
fn r8_level_cgroup_ends_everything() {
    let parents = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"].map(std::path::Path::new);
    let made = parents.into_iter().filter(|parent| parent.join("cgroup.procs").exists()).find_map(|parent| {
        let own = parent.join(format!("perilune-tree-{}", std::process::id()));
        std::fs::create_dir(&own).ok().map(|()| own)
    });
    let Some(made) = made else {
        return println!("r8_level_cgroup_ends_everything: skipped, no control group can be made here");
    };
    tree_ends(Containment::Cgroup, "yes", sized(3, 5), Some(made.clone()));
    block_on(until("its folder is gone", || std::fs::remove_dir(&made).is_ok()));
}

#[test]
fn tree_has_everybody_who_came_from_its_leader_and_nobody_else() {
    block_on(async {
        // A plain child, one with a session of its own, a daemon whose parent is gone, and one that nobody collects.
        let line = "echo $$; sleep 600 & echo $!; setsid sleep 600 & echo $!; sleep 600 & echo $!; \
                    (setsid sh -c 'echo $$; exec sleep 600' &); exec sleep 600";
        let (one, other) = (child(line, |_| {}), child("echo $$; exec sleep 600", |_| {}));
        let (own, foreign) = (numbers(&one, 5).await, numbers(&other, 1).await);
        let tree = one.tree();
        // A shell may collect whoever ends, so the leader has to be another program first.
        until("the leader sleeps", || program(own[0]) == "sleep").await;
        signal(own[3], Signal::KILL).unwrap();
        until("it waits to be collected", || state(own[3]) == Some('Z')).await;
        let strangers = [foreign[0], std::process::id(), 1, 0, u32::MAX];
        assert!(own.iter().all(|pid| tree.has(*pid)), "{own:?}");
        assert!(!strangers.iter().any(|pid| tree.has(*pid)), "{strangers:?}");
        assert!(other.tree().has(foreign[0]));
        one.control().kill().unwrap();
        one.finished().await;
        assert!(!own.iter().any(|pid| tree.has(*pid)));
    });
}

#[test]
fn tree_that_is_only_a_group_has_no_daemons() {
    block_on(async {
        let line = "sleep 600 & echo $!; setsid sh -c 'echo $$; exec sleep 600' & exec sleep 600";
        let child = child(line, |options| options.containment = Containment::Group);
        let own = numbers(&child, 2).await;
        let (near, far): (Vec<u32>, Vec<u32>) = own.iter().partition(|pid| child.tree().has(**pid));
        assert_eq!((near.len(), far.len()), (1, 1));
        child.control().kill().unwrap();
        child.finished().await;
        far.iter().for_each(|pid| signal(*pid, Signal::KILL).unwrap());
    });
}
