//! Many vendors and drivers on a bad network: lines are cut and found dead late, letters come twice and out of
//! order, readers are slow, drivers die and claims lapse. After every step all invariants hold; and when the
//! network is good again, every order that the hub has promised to keep is delivered, once.
//!
//! `SEED=7` brings a run back. `RUNS=1000` makes more of them, `STEPS=10000` longer ones.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use super::seed::{number_from_env, seed};
use town::Town;

mod client;
mod town;

#[test]
fn whatever_the_network_does_every_kept_order_is_delivered_once() {
    let runs = number_from_env("RUNS").unwrap_or(20);
    let first = seed();
    for seed in (0..runs).map(|run| first.wrapping_add(run)) {
        let outcome = catch_unwind(AssertUnwindSafe(|| simulate(seed)));
        if let Err(panic) = outcome {
            eprintln!("SEED={seed} RUNS=1 brings it back");
            resume_unwind(panic);
        }
    }
}

fn simulate(seed: u64) {
    let mut town = Town::new(seed);
    for _ in 0..number_from_env("STEPS").unwrap_or(2_000) {
        town.step();
    }
    let has_healed = (0..100).any(|_| town.heals());
    assert!(has_healed, "something is left to do for ever: {}", town.portrait());
    town.judge();
}
