//! Where chance comes from.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// Dice that fall as `SEED` says, or by another seed each time, which is printed.
pub(crate) fn dice() -> StdRng {
    let seed = number_from_env("SEED").unwrap_or_else(|| rand::rng().random());
    println!("SEED={seed}");
    StdRng::seed_from_u64(seed)
}

/// How many hubs are killed in each of some towns: in all `CAPS_KILLS`, or so many.
pub(crate) fn kills(by_default: u64) -> Vec<u64> {
    /// A town has all its hubs on one data directory, and remembers everything.
    const IN_A_TOWN: u64 = 50;
    let kills = number_from_env("CAPS_KILLS").unwrap_or(by_default);
    (0..kills).step_by(IN_A_TOWN as usize).map(|begun| (kills - begun).min(IN_A_TOWN)).collect()
}

/// Less than so many milliseconds.
pub(crate) fn moment(dice: &mut StdRng, millis: u64) -> Duration {
    Duration::from_micros(dice.random_range(0..millis * 1000))
}

fn number_from_env(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|number| number.parse().unwrap())
}
