//! Hubs that are killed at random moments, many times.

use std::time::{Duration, Instant};

use rand::RngExt as _;
use rand::rngs::StdRng;
use tempfile::TempDir;

use crate::chance::{dice, kills, moment};
use crate::hub::{Hub, program};
use crate::log;
use crate::town::{Talk, Town};

/// The most answers that are heard from one hub.
const ANSWERS: usize = 400;

#[tokio::test]
async fn a_hub_killed_at_any_moment_has_every_order_it_said_ok_to_once_and_in_order() {
    let mut dice = dice();
    for kills in kills(200) {
        let began = Instant::now();
        let town = live_through(kills, &mut dice).await;
        println!("{kills} kills, {} in {:?}", town.describe(), began.elapsed());
    }
}

/// A town that goes on through so many kills, and then comes to an end.
async fn live_through(kills: u64, dice: &mut StdRng) -> Town {
    let data = TempDir::new().unwrap();
    let mut town = Town::new();
    for kill in 1..=kills {
        if kill > 1 && dice.random_ratio(1, 6) {
            kill_before_it_is_up(data.path(), moment(dice, 40));
        }
        let hub = Hub::start(data.path());
        town.check(&hub).await;
        if kill < kills {
            let (answers, moment) = (dice.random_range(0..=ANSWERS), moment(dice, 3));
            town.work_while(hub, async |talk: &Talk| {
                talk.hear(answers).await;
                tokio::time::sleep(moment).await;
            })
            .await;
        } else {
            town.settle(hub).await;
        }
    }
    let hub = Hub::start(data.path());
    town.check(&hub).await;
    assert!(hub.terminate().status.success());
    town.check_order(&log::check(data.path()));
    let (snapshots, rows) = log::snapshots(data.path());
    assert!(snapshots >= rows / 10_000, "{snapshots} snapshots of {rows} rows");
    town
}

/// Kills a hub that is perhaps still reading what is kept.
fn kill_before_it_is_up(data: &std::path::Path, moment: Duration) {
    let mut hub = program(data).spawn().unwrap();
    std::thread::sleep(moment);
    hub.kill().unwrap();
    hub.wait().unwrap();
}
