//! A machine that loses its power: of what was written and not synced anything may be there, and nothing of it was
//! promised.

use rand::RngExt as _;
use rand::rngs::StdRng;

use crate::chance::{dice, kills, moment};
use crate::log;
use crate::machine::{Machine, add_junk};
use crate::town::{Talk, Town};

/// The most answers that are heard from one hub.
const ANSWERS: usize = 300;

#[tokio::test]
async fn whatever_a_loss_of_power_leaves_of_the_last_writes_what_was_answered_ok_is_there() {
    let mut dice = dice();
    for kills in kills(30) {
        live_through(kills, &mut dice).await;
    }
}

/// A town that goes on through so many losses of power, and then comes to an end.
async fn live_through(kills: u64, dice: &mut StdRng) {
    let machine = Machine::new();
    let mut town = Town::new();
    let mut torn = 0;
    for _ in 0..kills {
        let hub = machine.start();
        town.check(&hub).await;
        let (answers, moment) = (dice.random_range(0..=ANSWERS), moment(dice, 3));
        town.work_while(hub, async |talk: &Talk| {
            talk.hear(answers).await;
            tokio::time::sleep(moment).await;
        })
        .await;
        torn += machine.lose_power(dice);
        if dice.random() {
            add_junk(&machine.data(), dice);
        }
    }
    town.settle(machine.start()).await;
    machine.lose_power(dice);
    let hub = machine.start();
    town.check(&hub).await;
    assert!(hub.terminate().status.success());
    town.check_order(&log::check(&machine.data()));
    println!("{kills} kills, {torn} places torn, {}", town.describe());
}
