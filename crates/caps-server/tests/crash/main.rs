//! The hub, killed without a warning; on a disk that is full, fails, or loses what it has not synced; with a clock
//! that jumps; and on files that are damaged or not its own. What it has answered `ok` is there, once and in order,
//! and nothing that was received rises again.
//!
//! A town of vendors, drivers and a reader lives through many hubs: `town.rs`. What each of them has said and was
//! answered is in one ledger, `ledger.rs`, by which everything is judged that a hub shows.
//!
//! `SEED` repeats what is left to chance, as far as processes can, and `CAPS_KILLS` makes those tests longer or
//! shorter.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "some of it serves Linux alone"))]

mod chance;
mod driver;
mod hearing;
mod hub;
mod killed;
mod ledger;
mod log;
mod plain;
mod reader;
mod refused;
mod socket;
mod stopped;
mod town;
mod vendor;

// These load a library into the hub, or mount a file system, as it is done on Linux.
#[cfg(target_os = "linux")]
mod clock;
#[cfg(target_os = "linux")]
mod failing;
#[cfg(target_os = "linux")]
mod full;
#[cfg(target_os = "linux")]
mod machine;
#[cfg(target_os = "linux")]
mod outages;
#[cfg(target_os = "linux")]
mod torn;
