//! Does a pid's text survive being parsed and written again?
#![no_main]

use libfuzzer_sys::fuzz_target;
use perilune_actor_core::{HostId, NodeId, Pid, PidText};

fuzz_target!(|text: &str| {
    // Only what exists resolves.
    HostId::new("h");
    NodeId::new("n");

    let Some(parts) = PidText::parse(text) else {
        assert!(text.parse::<Pid>().is_err());
        return;
    };
    let at = if parts.node.is_empty() { "" } else { "@" };
    let written = format!("{{{}{at}{}|{:#07x}}}", parts.node, parts.host, parts.unique);
    assert_eq!(PidText::parse(&written), Some(parts));

    if let Some(pid) = parts.resolve() {
        assert_eq!(pid.to_string(), written);
        assert_eq!(written.parse(), Ok(pid));
    }
});
