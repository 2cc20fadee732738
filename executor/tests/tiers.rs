//! Real steps, one suite for every tier. Skipped where the machine does not allow a tier, unless
//! `COOPER_TIERS_MUST_RUN` names it.

#![expect(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use cooperage_executor::{Tier, TierError, runner};
use cooperage_llb::ports::step_runner::StepRunner;

#[path = "tiers/bench.rs"]
mod bench;
#[path = "tiers/changes.rs"]
mod changes;
#[path = "tiers/ends.rs"]
mod ends;
#[path = "tiers/isolation.rs"]
mod isolation;
#[path = "tiers/killed_caller.rs"]
mod killed_caller;
#[path = "tiers/surroundings.rs"]
mod surroundings;

/// A case of the suite.
type Case = (&'static str, fn(&dyn StepRunner));

fn suite() -> Vec<Case> {
    [ends::CASES, surroundings::CASES, changes::CASES, isolation::CASES].concat()
}

/// A runner, or `None` where the machine has none and need not.
fn available(tier: Tier, found: Result<Box<dyn StepRunner>, TierError>) -> Option<Box<dyn StepRunner>> {
    let must = std::env::var("COOPER_TIERS_MUST_RUN").unwrap_or_default();
    match found {
        Ok(runner) => Some(runner),
        Err(e) if must.split(',').any(|name| name == tier.name()) => panic!("COOPER_TIERS_MUST_RUN: {e}"),
        Err(e) => {
            println!("tier {tier}: skipped: {e}");
            None
        }
    }
}

fn run_suite(tier: Tier) {
    run_on(tier, runner(tier));
}

fn run_on(tier: Tier, found: Result<Box<dyn StepRunner>, TierError>) {
    let Some(runner) = available(tier, found) else { return };
    let only = std::env::var("COOPER_TIER_CASE").ok();
    let (mut ran, mut failed) = (0, vec![]);
    for (name, case) in suite().into_iter().filter(|(name, _)| only.as_ref().is_none_or(|o| name.contains(o)))
    {
        let begin = std::time::Instant::now();
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| case(&*runner)));
        println!(
            "tier {tier}: {name}: {} in {:?}",
            if result.is_ok() { "ok" } else { "FAILED" },
            begin.elapsed()
        );
        if result.is_err() {
            failed.push(name);
        }
        ran += 1;
    }
    println!("tier {tier}: {ran} tests ran");
    assert!(failed.is_empty(), "tier {tier}: {failed:?}");
}

#[test]
fn tier_root_suite() {
    run_suite(Tier::Root);
}

#[test]
fn tier_userns_suite() {
    run_suite(Tier::Userns);
}

/// Docker's filter refuses pivot_root(2) to every container.
#[test]
fn tier_root_without_pivot_root() {
    run_on(Tier::Root, cooperage_executor::runner_lacking(Tier::Root, |machine| machine.pivot_root = false));
}

/// Kernels before 6.5 take an overlay's layers another way; the rest is the same.
#[test]
fn tier_root_old_overlays() {
    let found = cooperage_executor::runner_lacking(Tier::Root, |machine| machine.lowerdir_plus = false);
    let Some(runner) = available(Tier::Root, found) else { return };
    for (name, case) in changes::CASES {
        println!("tier root, old overlays: {name}");
        case(&*runner);
    }
    surroundings::layer_mounts(&*runner);
    println!("tier root: {} tests ran", changes::CASES.len() + 1);
}

/// What a step does when the program that runs it is killed: this test runs itself as that program.
#[test]
fn tier_root_killed_caller() {
    killed_caller::check(Tier::Root);
}

#[test]
fn tier_userns_killed_caller() {
    killed_caller::check(Tier::Userns);
}
