//! A hub whose disk fails while it works: whoever sends is told to send again, and whoever reads is served.

use std::process::{Command, Output};

use caps_proto::{Answer, Code, Event};
use tokio::time::timeout;

use crate::chance::dice;
use crate::hub::{HUB, Hub};
use crate::ledger::{Key, Word};
use crate::machine::{FAULTS, Fault, Machine};
use crate::plain::{
    DRIVER, OBSERVER, VENDOR, connect, heard, order, say, say_again, say_in_vain, waiting,
};
use crate::socket::Socket;
use crate::town::BOUND;

/// Six orders: three wait for a driver, one for its transit, one is on the road, and one has arrived.
async fn begin(hub: &Hub) -> (Socket, Socket) {
    let (mut vendor, mut driver) = (connect(hub, VENDOR).await, connect(hub, DRIVER).await);
    for number in 0..6 {
        say(&mut vendor, number, Word::Pickup).await;
    }
    for number in 0..3 {
        say(&mut driver, number, Word::Take).await;
    }
    for number in 0..2 {
        say(&mut driver, number, Word::InTransit).await;
    }
    say(&mut driver, 1, Word::Delivered).await;
    assert_eq!(waiting(hub).await, BEGUN.map(Vec::from));
    (vendor, driver)
}

/// What waits then.
const BEGUN: [&[usize]; 3] = [&[3, 4, 5], &[0], &[1]];

#[tokio::test]
async fn while_nothing_can_be_kept_senders_are_told_busy_and_readers_are_served_what_is_kept() {
    for fault in FAULTS {
        println!("{fault:?}");
        let machine = Machine::new();
        let hub = machine.start();
        let (mut vendor, mut driver) = begin(&hub).await;
        machine.fail(fault, 0);
        say_in_vain(&mut vendor, 6, Word::Pickup).await;
        say_in_vain(&mut driver, 3, Word::Take).await;
        say_in_vain(&mut driver, 2, Word::InTransit).await;
        say_in_vain(&mut driver, 0, Word::Delivered).await;
        say_in_vain(&mut vendor, 0, Word::TransitReceived).await;
        say_in_vain(&mut vendor, 1, Word::DeliveryReceived).await;
        assert_eq!(waiting(&hub).await, BEGUN.map(Vec::from));
        let joined = vendor.ask("join", r#""acme-widgets""#).await.unwrap().1;
        assert!(matches!(joined, Answer::Ok(_)), "{joined:?}");

        machine.mend();
        say_again(&mut vendor, 6, Word::Pickup).await;
        say_again(&mut driver, 3, Word::Take).await;
        say_again(&mut driver, 2, Word::InTransit).await;
        say_again(&mut driver, 0, Word::Delivered).await;
        say_again(&mut vendor, 1, Word::DeliveryReceived).await;
        let now: [&[usize]; 3] = [&[4, 5, 6], &[2], &[0]];
        assert_eq!(waiting(&hub).await, now.map(Vec::from));
        hub.kill();
        assert_eq!(waiting(&machine.start()).await, now.map(Vec::from));
    }
}

/// What a container asks its hub with.
fn healthcheck(hub: &Hub) -> Output {
    let port = hub.address().port().to_string();
    Command::new(HUB)
        .env("CAPS_HOST", "127.0.0.1")
        .env("PORT", port)
        .arg("healthcheck")
        .output()
        .unwrap()
}

#[tokio::test]
async fn a_healthcheck_fails_while_nothing_can_be_kept_and_says_why() {
    let machine = Machine::new();
    let hub = machine.start();
    let mut vendor = connect(&hub, VENDOR).await;
    say(&mut vendor, 0, Word::Pickup).await;
    let well = healthcheck(&hub);
    assert!(well.status.success() && well.stdout == b"ok\n", "{well:?}");
    machine.fail(Fault::Full, 0);
    say_in_vain(&mut vendor, 1, Word::Pickup).await;
    let Output { status, stderr, .. } = healthcheck(&hub);
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("the hub is not ready") && said.contains("is full"), "{said}");
    machine.mend();
    say_again(&mut vendor, 1, Word::Pickup).await;
    assert!(healthcheck(&hub).status.success());
}

#[tokio::test]
async fn whoever_reads_in_the_very_moment_when_a_disk_fails_does_not_wait_for_it() {
    for fault in FAULTS {
        println!("{fault:?}");
        let machine = Machine::new();
        let hub = machine.start();
        begin(&hub).await;
        let mut anyone = connect(&hub, "{}").await;
        let nothing = r#"{"clientId":"nobody","event":"pickup"}"#;
        anyone.ask("subscribe", nothing).await.unwrap();
        machine.fail(fault, 0);
        // Both are decided together, and the first cannot be kept.
        let (pickup, payload) = Word::Pickup.packet(order(6));
        anyone.emit(pickup, &payload).await.unwrap();
        let queue = r#"{"clientId":"acme-widgets","event":"pickup"}"#;
        let asked = timeout(BOUND, anyone.ask("getAll", queue)).await;
        let (shown, answer) = asked.expect("it is answered").unwrap();
        let (shown, answer) = match answer {
            Answer::Error(refusal) => {
                assert_eq!((refusal.code, refusal.temporary), (Code::Busy, true));
                anyone.ask("getAll", queue).await.unwrap()
            }
            answer => (shown, answer),
        };
        assert!(matches!(answer, Answer::Ok(_)), "{answer:?}");
        let shown: Vec<_> = shown.iter().map(|message| Key::of(message).number).collect();
        assert_eq!(shown, BEGUN[0]);
    }
}

#[tokio::test]
async fn nobody_hears_of_what_is_not_kept() {
    for fault in FAULTS {
        println!("{fault:?}");
        let machine = Machine::new();
        let hub = machine.start();
        let (mut vendor, mut driver) = begin(&hub).await;
        // It hears of all pickups, and of this vendor's deliveries.
        let mut listener = connect(&hub, OBSERVER).await;
        listener.ask("join", r#""acme-widgets""#).await.unwrap();
        machine.fail(fault, 0);
        say_in_vain(&mut vendor, 6, Word::Pickup).await;
        say_in_vain(&mut driver, 0, Word::Delivered).await;
        assert_eq!(heard(&mut listener).await, []);
        machine.mend();
        say_again(&mut vendor, 6, Word::Pickup).await;
        say_again(&mut driver, 0, Word::Delivered).await;
        let all = [(Event::Pickup, order(6)), (Event::Delivered, order(0))];
        assert_eq!(heard(&mut listener).await, all);
    }
}

#[tokio::test]
async fn what_was_answered_ok_outlives_a_crash_in_the_middle_of_an_outage() {
    let mut dice = dice();
    for fault in FAULTS {
        println!("{fault:?}");
        let machine = Machine::new();
        let hub = machine.start();
        let (mut vendor, _) = begin(&hub).await;
        machine.fail(fault, 0);
        say_in_vain(&mut vendor, 6, Word::Pickup).await;
        hub.kill();
        machine.lose_power(&mut dice);
        machine.mend();
        let hub = machine.start();
        let mut vendor = connect(&hub, VENDOR).await;
        say(&mut vendor, 6, Word::Pickup).await;
        assert_eq!(waiting(&hub).await, [&[3, 4, 5, 6][..], BEGUN[1], BEGUN[2]].map(Vec::from));
    }
}

#[tokio::test]
async fn nothing_is_built_on_what_a_failed_sync_has_left_behind() {
    let mut dice = dice();
    // As often as it takes for the power to have taken all of it at least once, most likely.
    for _ in 0..8 {
        let machine = Machine::new();
        let hub = machine.start();
        let (mut vendor, _) = begin(&hub).await;
        machine.fail(Fault::SyncError, 0);
        say_in_vain(&mut vendor, 6, Word::Pickup).await;
        hub.kill();
        machine.mend();
        // The system shows this hub what the disk did not take.
        let hub = machine.start();
        let mut vendor = connect(&hub, VENDOR).await;
        say(&mut vendor, 6, Word::Pickup).await;
        hub.kill();
        machine.lose_power(&mut dice);
        let now = [&[3, 4, 5, 6][..], BEGUN[1], BEGUN[2]].map(Vec::from);
        assert_eq!(waiting(&machine.start()).await, now);
    }
}

#[tokio::test]
async fn a_hub_stops_when_it_is_asked_to_though_nothing_can_be_kept() {
    for fault in FAULTS {
        println!("{fault:?}");
        let machine = Machine::new();
        let hub = machine.start();
        let (mut vendor, _) = begin(&hub).await;
        machine.fail(fault, 0);
        say_in_vain(&mut vendor, 6, Word::Pickup).await;
        let end = hub.terminate();
        assert!(end.status.success(), "{end:?}");
        assert!(end.log.contains("nothing can be kept for now"), "{end:?}");
        machine.mend();
        let hub = machine.start();
        let mut vendor = connect(&hub, VENDOR).await;
        say(&mut vendor, 6, Word::Pickup).await;
        assert_eq!(waiting(&hub).await, [&[3, 4, 5, 6][..], BEGUN[1], BEGUN[2]].map(Vec::from));
    }
}

#[tokio::test]
async fn a_hub_that_starts_on_a_failing_disk_serves_readers_and_goes_on_when_it_can() {
    for fault in [Fault::Full, Fault::WriteError, Fault::SyncError] {
        println!("{fault:?}");
        let machine = Machine::new();
        let hub = machine.start();
        begin(&hub).await;
        hub.kill();
        machine.fail(fault, 0);
        let hub = machine.start();
        assert_eq!(waiting(&hub).await, BEGUN.map(Vec::from));
        let mut vendor = connect(&hub, VENDOR).await;
        say_in_vain(&mut vendor, 6, Word::Pickup).await;
        // That it is kept may not be on the disk.
        say_in_vain(&mut vendor, 5, Word::Pickup).await;
        machine.mend();
        say_again(&mut vendor, 6, Word::Pickup).await;
        say_again(&mut vendor, 5, Word::Pickup).await;
        assert_eq!(waiting(&hub).await, [&[3, 4, 5, 6][..], BEGUN[1], BEGUN[2]].map(Vec::from));
    }
}
