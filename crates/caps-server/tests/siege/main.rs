//! A hub with thousands of idle connections, and hostile ones among them: who reads nothing, who breaks off, who is slow,
//! who floods, who talks nonsense. An honest vendor and an honest driver lose nothing, and hardly notice.
//!
//! ```text
//! CAPS_IDLE=10000 CAPS_HOSTILE=1000 CAPS_ROUNDS=3 cargo test --release -p caps-server --test siege -- --nocapture
//! ```
//! is the whole size, in a few minutes; without the variables it is a tenth of that. It needs Linux, which has as many
//! addresses as one likes on the loopback, and tells what memory a process has.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../hub/mod.rs"]
mod hub;

mod honest;
mod hostile;
mod line;
mod memory;
mod slow;

use std::fs::{self, File};
use std::thread;
use std::time::{Duration, Instant};

use honest::{Latencies, Shop};
use hostile::Siege;
use hub::Hub;

/// How much longer an answer may take under siege.
const FACTOR: u32 = 3;

/// An answer that comes so soon has not been held up, however soon others come on a machine that has nothing to do.
const SOON: Duration = Duration::from_millis(if cfg!(debug_assertions) { 50 } else { 6 });

/// How much one connection may emit here in a second; an honest vendor needs half of it.
const MAX_RATE: &str = "50";

/// The most memory that an idle connection may take, in bytes: what `docs/protocol.md` says.
const IDLE: u64 = 32 * 1024;

/// The most memory that a hostile one may take on average, in bytes, and what a hub takes by itself.
const HOSTILE: u64 = 256 * 1024;
const ALONE: u64 = 128 * 1024 * 1024;

/// The longest that it may take until all are at work.
const BOUND: Duration = Duration::from_secs(120);

/// How often to look whether the idle ones have gone.
const LOOK: Duration = Duration::from_millis(100);

/// How many files a hub has open, its connections among them.
fn open_files(hub: &Hub) -> usize {
    fs::read_dir(format!("/proc/{}/fd", hub.pid())).unwrap().count()
}

/// A number from the environment.
fn number(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// The tests measure, and share one machine: one after the other, be they of one process or of several.
fn one_at_a_time() -> File {
    let turn = File::create(concat!(env!("CARGO_TARGET_TMPDIR"), "/siege.lock")).unwrap();
    turn.lock().unwrap();
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    turn
}

#[test]
fn an_honest_vendor_is_served_as_soon_among_thousands_of_idle_and_hostile_connections() {
    let _alone = one_at_a_time();
    let (idle, hostile) = (number("CAPS_IDLE", 1000), number("CAPS_HOSTILE", 200));
    let (rounds, orders) = (number("CAPS_ROUNDS", 2), number("CAPS_ORDERS", 250));
    let hub = Hub::start_logging("error", &["--max-rate", MAX_RATE]);
    let mut shop = Shop::open(hub.address());
    let (mut quiet, mut besieged) = (Latencies::new(), Latencies::new());
    let mut most = 0;
    for round in 1..=rounds {
        quiet.extend(shop.sells(orders));
        let open = open_files(&hub);
        let siege = Siege::begin(hub.address(), idle, hostile);
        let begun = Instant::now();
        while !siege.is_at_work() {
            shop.is_there();
            assert!(begun.elapsed() < BOUND, "{siege:?}");
        }
        besieged.extend(shop.sells(orders));
        most = most.max(memory::of(&hub));
        let seen = siege.end();
        println!(
            "round {round}: quiet {quiet}; besieged {besieged}; {} MiB; {seen:?}",
            most / 1024 / 1024
        );
        seen.all_were_at_work();
        // The next round is to begin in quiet. What a hostile one has sent last may be heard for a while after its end.
        let ended = Instant::now();
        while open_files(&hub) > open + hostile {
            shop.is_there();
            assert!(ended.elapsed() < BOUND, "{} are left", open_files(&hub) - open);
            thread::sleep(LOOK);
        }
    }
    shop.has_lost_nothing();
    let bound = (quiet.p99() * FACTOR).max(SOON);
    assert!(besieged.p99() <= bound, "quiet {quiet}; besieged {besieged}");
    let bound = ALONE + IDLE * idle as u64 + HOSTILE * hostile as u64;
    assert!(most < bound, "{most} bytes, and {bound} were enough");
    assert!(hub.end("-TERM").status.success());
}
