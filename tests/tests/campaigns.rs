//! The shell campaigns, in small; `make crash` runs them in full (docs/crash-campaign.md).

use std::process::Command;

use cooperage_tests::{binary, run};

#[test]
fn tier_root_twenty_kills_leave_a_usable_store() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/crash.sh");
    let said = run(Command::new(script).arg("20").env("COOPER", binary()));
    assert!(said.contains("left over: 0"), "{said}");
}

#[test]
fn the_demo_runs() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/demo.sh");
    let said = run(Command::new(script).env("COOPER", binary()));
    assert!(said.contains("cooper:demo"), "{said}");
}
