//! The program with an outbox file, killed at any moment and restarted.
//!
//! `SEED` repeats a run.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../caps-client/tests/stage/mod.rs"]
mod stage;

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::process::Output;

use caps_proto::Event;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use stage::outbox::OutboxFile;
use stage::proxy::{Line, Proxy};
use stage::{Hub, Program, driver, in_time, next, program};
use tokio::process::Command;

const VENDOR: &str = env!("CARGO_BIN_EXE_vendor");

/// A shop at the other end of `line`, which places orders as fast as it can.
fn hasty(line: &Proxy, outbox: &OutboxFile) -> Command {
    let mut shop = program(VENDOR);
    shop.args(["acme", "--interval", "1ms", "--outbox", &outbox.arg()]);
    shop.env("CAPS_URL", line.url());
    shop
}

/// Sees that the hub gets these orders and no others, in this order, when a shop has the file that places none.
/// Returns that shop's log.
async fn arrive(expected: Vec<String>, hub: &Hub, outbox: &OutboxFile) -> String {
    let log = outbox.path().with_extension("log");
    let mut shop = program(VENDOR);
    shop.args(["acme", "--no-orders", "--outbox", &outbox.arg()]).env("CAPS_URL", hub.url());
    let shop = Program::spawn(shop.stderr(File::create(&log).unwrap()));
    let (_courier, mut offered) = driver(hub.url()).await;
    let mut arrived = vec![];
    // Held, so that none of them comes again.
    let mut pickups = vec![];
    while arrived.len() < expected.len() {
        let pickup = next(&mut offered, Event::Pickup).await;
        arrived.push(pickup.message_id.to_string());
        pickups.push(pickup);
    }
    assert_eq!(arrived, expected);
    shop.kill().await;
    fs::read_to_string(log).unwrap()
}

#[tokio::test]
async fn an_order_that_was_taken_reaches_the_hub_whenever_the_shop_is_killed() {
    const KILLS: usize = 15;
    let seed = std::env::var("SEED").map(|seed| seed.parse().unwrap());
    let seed = seed.unwrap_or_else(|_| u64::from(std::process::id()));
    println!("SEED={seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let hub = Hub::start().await;
    let line = Proxy::start(hub.address);
    let outbox = OutboxFile::new();
    let mut taken: Vec<String> = vec![];
    for _ in 0..KILLS {
        line.set(if dice.random_bool(0.5) { Line::Open } else { Line::Cut });
        let shop = Program::spawn(&mut hasty(&line, &outbox));
        let more = dice.random_range(1..50);
        outbox
            .until("pickup", |orders| {
                let new = orders.iter().filter(|order| !taken.contains(order)).count();
                // Without a hub there is room for no more.
                new >= more || orders.len() >= 1_000
            })
            .await;
        shop.kill().await;
        for order in outbox.orders("pickup") {
            if !taken.contains(&order) {
                taken.push(order);
            }
        }
    }
    println!("{} orders", taken.len());
    arrive(taken, &hub, &outbox).await;
}

#[tokio::test]
async fn a_line_that_was_not_finished_is_cut_off_and_said() {
    let hub = Hub::start().await;
    let line = Proxy::start(hub.address);
    line.set(Line::Cut);
    let outbox = OutboxFile::new();
    let shop = Program::spawn(&mut hasty(&line, &outbox));
    outbox.has(3, "pickup").await;
    shop.kill().await;
    let taken = outbox.orders("pickup");
    let mut file = OpenOptions::new().append(true).open(outbox.path()).unwrap();
    file.write_all(br#"{"added":99,"verb":"pick"#).unwrap();

    let log = arrive(taken, &hub, &outbox).await;
    assert!(log.contains("cut off 24 bytes at the end of the outbox file"), "{log}");
}

#[tokio::test]
async fn two_shops_do_not_share_a_file() {
    let hub = Hub::start().await;
    let line = Proxy::start(hub.address);
    let outbox = OutboxFile::new();
    let _first = Program::spawn(&mut hasty(&line, &outbox));
    outbox.has(1, "pickup").await;
    let Output { status, stderr, .. } = in_time(hasty(&line, &outbox).output()).await.unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{stderr}");
    let mend = format!("another process uses the outbox file `{}`; stop it", outbox.arg());
    assert!(stderr.contains(&mend), "{stderr}");
}

/// A disk is full where a file may grow no further.
#[cfg(unix)]
#[tokio::test]
async fn a_full_disk_is_said_with_the_mend_and_nothing_is_promised_that_is_not_kept() {
    let hub = Hub::start().await;
    let line = Proxy::start(hub.address);
    line.set(Line::Cut);
    let outbox = OutboxFile::new();
    let shop = hasty(&line, &outbox);
    let mut limited = Command::new("sh");
    limited.args(["-c", r#"trap "" XFSZ; ulimit -f 16; exec "$0" "$@""#, VENDOR]);
    limited.args(shop.as_std().get_args()).env("CAPS_URL", line.url());
    let Output { status, stderr, .. } = in_time(limited.output()).await.unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("make room on its disk, and try again"), "{stderr}");

    let text = fs::read_to_string(outbox.path()).unwrap();
    assert!(text.ends_with('\n'), "{text}");
    let taken = outbox.orders("pickup");
    assert!(taken.len() > 5, "{text}");
    arrive(taken, &hub, &outbox).await;
}
