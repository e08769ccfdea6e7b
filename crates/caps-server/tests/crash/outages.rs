//! Hubs whose disk fails while they work, at random moments, many times.

use std::time::Instant;

use rand::RngExt as _;
use rand::rngs::StdRng;

use crate::chance::{dice, kills};
use crate::log;
use crate::machine::{FAULTS, Machine};
use crate::town::{Talk, Town};

/// The most answers that are heard between two outages.
const ANSWERS: usize = 300;

/// The most calls that a failing disk still does.
const LET_THROUGH: i64 = 60;

#[tokio::test]
async fn whatever_a_disk_does_what_was_answered_ok_is_there_once_and_in_order() {
    let mut dice = dice();
    for kills in kills(20) {
        live_through(kills, &mut dice).await;
    }
}

/// A town that goes on through so many hubs, each with a few outages, and then comes to an end.
async fn live_through(kills: u64, dice: &mut StdRng) {
    let began = Instant::now();
    let machine = Machine::new();
    let mut town = Town::new();
    town.expect_busy();
    let (mut outages, mut torn) = (0, 0);
    for _ in 0..kills {
        let hub = machine.start();
        town.check(&hub).await;
        let here = dice.random_range(1..=3);
        outages += here;
        town.work_while(hub, async |talk: &Talk| {
            for _ in 0..here {
                machine.mend();
                talk.hear(dice.random_range(0..=ANSWERS)).await;
                fail_for_a_while(&machine, talk, dice).await;
            }
            if dice.random() {
                machine.mend();
                talk.hear(dice.random_range(0..=ANSWERS)).await;
            }
        })
        .await;
        // Some are killed in the middle of an outage, and some of those that follow begin in it.
        if dice.random() {
            machine.mend();
        }
        if dice.random() {
            torn += machine.lose_power(dice);
        }
    }
    machine.mend();
    town.settle(machine.start()).await;
    let hub = machine.start();
    town.check(&hub).await;
    assert!(hub.terminate().status.success());
    town.check_order(&log::check(&machine.data()));
    let (town, took) = (town.describe(), began.elapsed());
    println!("{kills} kills, {outages} outages, {torn} places torn, {town} in {took:?}");
}

/// Until senders are put off, and readers are served all the same.
async fn fail_for_a_while(machine: &Machine, talk: &Talk, dice: &mut StdRng) {
    let fault = FAULTS[dice.random_range(..FAULTS.len())];
    let before = talk.tally();
    machine.fail(fault, dice.random_range(0..=LET_THROUGH));
    talk.hear_until(|tally| tally.put_off > before.put_off).await;
    let before = talk.tally();
    talk.hear_until(|tally| tally.reads >= before.reads + 2).await;
}
