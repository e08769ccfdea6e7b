//! A hub whose machine has a clock that is set back and ahead while it works, and between two hubs.

use caps_proto::Event;
use rand::RngExt as _;
use rand::rngs::StdRng;
use tokio::time::timeout;

use crate::chance::{dice, kills};
use crate::hub::Hub;
use crate::ledger::{Key, Word};
use crate::log;
use crate::machine::Machine;
use crate::plain::{DRIVER, OBSERVER, VENDOR, connect, order, say, waiting};
use crate::socket::{Heard, Socket};
use crate::town::{BOUND, Talk, Town};

/// In seconds.
const HOUR: i64 = 60 * 60;
const YEAR: i64 = 365 * 24 * HOUR;

/// The most answers that are heard between two settings of the clock.
const ANSWERS: usize = 150;

fn start(machine: &Machine, args: &[&str]) -> Hub {
    let mut program = machine.program();
    program.args(args);
    Hub::run(program)
}

/// Hears that an order is offered, in time.
async fn is_offered(listener: &mut Socket, wanted: Key) {
    let offered = timeout(BOUND, async {
        loop {
            if let Heard::Message(message) = listener.hear().await.unwrap()
                && (message.event, Key::of(&message)) == (Event::Pickup, wanted)
            {
                return;
            }
        }
    });
    offered.await.expect("the order is offered again");
}

#[tokio::test]
async fn a_claim_lapses_though_the_clock_was_set_back() {
    let claim_time = ["--claim-time", "1s"];
    let machine = Machine::new();
    let hub = start(&machine, &claim_time);
    let (mut vendor, mut driver) = (connect(&hub, VENDOR).await, connect(&hub, DRIVER).await);
    say(&mut vendor, 0, Word::Pickup).await;
    say(&mut vendor, 1, Word::Pickup).await;
    let mut listener = connect(&hub, OBSERVER).await;
    say(&mut driver, 0, Word::Take).await;
    machine.set_clock(-YEAR);
    is_offered(&mut listener, order(0)).await;

    say(&mut driver, 1, Word::Take).await;
    hub.kill();
    machine.set_clock(-2 * YEAR);
    let hub = start(&machine, &claim_time);
    let mut listener = connect(&hub, OBSERVER).await;
    is_offered(&mut listener, order(1)).await;
    assert_eq!(waiting(&hub).await, [vec![0, 1], vec![], vec![]]);
}

#[tokio::test]
async fn a_claim_lapses_at_once_when_the_clock_is_set_ahead_of_its_end() {
    let machine = Machine::new();
    let hub = start(&machine, &["--claim-time", "1h"]);
    let (mut vendor, mut driver) = (connect(&hub, VENDOR).await, connect(&hub, DRIVER).await);
    say(&mut vendor, 0, Word::Pickup).await;
    say(&mut driver, 0, Word::Take).await;
    let mut listener = connect(&hub, OBSERVER).await;
    machine.set_clock(2 * HOUR);
    // Whatever happens next, the hub sees it; or it looks at its clock within a minute.
    say(&mut vendor, 1, Word::Pickup).await;
    is_offered(&mut listener, order(0)).await;
    assert_eq!(waiting(&hub).await, [vec![0, 1], vec![], vec![]]);
}

#[tokio::test]
async fn orders_keep_their_order_and_are_known_again_whatever_the_clock_says() {
    let machine = Machine::new();
    let clocks = [0, -HOUR, HOUR, -YEAR, -50 * YEAR, YEAR, 0];
    for (number, clock) in clocks.into_iter().enumerate() {
        machine.set_clock(clock);
        let hub = machine.start();
        let mut vendor = connect(&hub, VENDOR).await;
        say(&mut vendor, number, Word::Pickup).await;
        for known in 0..=number {
            assert!(say(&mut vendor, known, Word::Pickup).await.duplicate);
        }
        assert_eq!(waiting(&hub).await, [(0..=number).collect(), vec![], vec![]]);
        hub.kill();
    }
    assert!(machine.start().terminate().status.success());
    log::check(&machine.data());
}

#[tokio::test]
async fn whatever_the_clock_does_what_was_answered_ok_is_there_once_and_in_order() {
    let mut dice = dice();
    for kills in kills(20) {
        live_through(kills, &mut dice).await;
    }
}

/// A town that goes on through so many hubs, and then comes to an end.
async fn live_through(kills: u64, dice: &mut StdRng) {
    let machine = Machine::new();
    let mut town = Town::new();
    // So long that nothing lapses and nothing is forgotten.
    let patient = ["--claim-time", "10000d", "--dedupe-window", "10000d"];
    for _ in 0..kills {
        machine.set_clock(any_clock(dice));
        let hub = start(&machine, &patient);
        town.check(&hub).await;
        town.work_while(hub, async |talk: &Talk| {
            for _ in 0..3 {
                talk.hear(dice.random_range(0..=ANSWERS)).await;
                machine.set_clock(any_clock(dice));
            }
            talk.hear(ANSWERS).await;
        })
        .await;
    }
    town.settle(start(&machine, &patient)).await;
    let hub = start(&machine, &patient);
    town.check(&hub).await;
    assert!(hub.terminate().status.success());
    town.check_order(&log::check(&machine.data()));
}

fn any_clock(dice: &mut StdRng) -> i64 {
    let most = if dice.random() { 2 } else { YEAR };
    dice.random_range(-most..=most)
}
