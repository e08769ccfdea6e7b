//! Guarantee 5: a slow reader costs nobody else, and misses nothing.

use serde_json::json;

use crate::tests::world::World;
use crate::{ConnId, Limits};

/// A window of four messages.
fn narrow() -> World {
    World::with(Limits { window_messages: 4, ..Limits::default() })
}

fn place(world: &mut World, vendor: ConnId, ids: std::ops::Range<u32>) {
    for id in ids {
        assert_eq!(world.place(vendor, &format!("acme/{id}")), "ok");
    }
}

fn pickups(ids: impl IntoIterator<Item = u32>) -> Vec<String> {
    ids.into_iter().map(|id| format!("pickup acme/{id}")).collect()
}

#[test]
fn a_slow_reader_holds_up_neither_the_sender_nor_other_readers() {
    let mut world = narrow();
    let (acme, slow, quick) = (world.vendor("acme"), world.driver("dora"), world.driver("emil"));
    world.stall(slow);
    place(&mut world, acme, 0..100);
    assert_eq!(world.heard(quick), pickups(0..100));
    assert_eq!(world.heard(slow), pickups(0..4));
}

#[test]
fn a_slow_reader_is_brought_up_to_date_as_its_line_drains_and_skips_nothing() {
    let mut world = narrow();
    let (acme, slow) = (world.vendor("acme"), world.driver("dora"));
    world.stall(slow);
    place(&mut world, acme, 0..20);
    let mut heard = world.heard(slow);
    while world.drain(slow) {
        heard.extend(world.heard(slow));
    }
    assert_eq!(heard, pickups(0..20));
    world.unstall(slow);
    place(&mut world, acme, 20..21);
    assert_eq!(world.heard(slow), pickups([20]), "and then it is live");
}

#[test]
fn word_that_half_has_left_makes_room_for_that_half() {
    let mut world = narrow();
    let (acme, slow) = (world.vendor("acme"), world.driver("dora"));
    world.stall(slow);
    place(&mut world, acme, 0..20);
    assert_eq!(world.heard(slow), pickups(0..4));
    assert!(world.drain(slow), "watched since two were on the way");
    assert_eq!(world.heard(slow), pickups(4..6), "two more are still on the way");
    assert!(world.drain(slow), "and it is watched again");
}

#[test]
fn a_giant_that_is_still_on_the_way_is_watched_until_it_has_left() {
    let mut world = World::with(Limits { window_bytes: 1_000, ..Limits::default() });
    let (acme, slow) = (world.vendor("acme"), world.driver("dora"));
    world.stall(slow);
    for (id, size) in [(0, 600), (1, 5_000), (2, 10)] {
        let note = "x".repeat(size);
        world.ask(acme, "pickup", json!({"store": "acme", "orderId": id, "note": note}));
    }
    assert_eq!(world.heard(slow), pickups(0..2));
    assert!(world.drain(slow), "the first has left");
    assert_eq!(world.heard(slow), [""; 0]);
    assert!(world.drain(slow), "the giant, too");
    assert_eq!(world.heard(slow), pickups([2]));
}

#[test]
fn what_others_have_received_in_the_meantime_is_not_sent() {
    let mut world = narrow();
    let (acme, slow, quick) = (world.vendor("acme"), world.driver("dora"), world.driver("emil"));
    world.stall(slow);
    place(&mut world, acme, 0..10);
    for id in [4, 6, 7] {
        world.receive(quick, &format!("pickup acme/{id}"));
    }
    world.take(quick, "acme/8");
    world.unstall(slow);
    assert_eq!(world.heard(slow), pickups([0, 1, 2, 3, 5, 9]));
}

#[test]
fn a_sender_that_is_behind_does_not_get_its_own_broadcasts_later() {
    let mut world = narrow();
    let (acme, one) = (world.vendor("acme"), world.anyone());
    world.stall(one);
    place(&mut world, acme, 0..6);
    place(&mut world, one, 6..8);
    place(&mut world, acme, 8..10);
    world.unstall(one);
    assert_eq!(world.heard(one), pickups([0, 1, 2, 3, 4, 5, 8, 9]));
}

#[test]
fn no_queue_starves_another_on_one_slow_line() {
    let mut world = World::unwatched(Limits { window_messages: 4, ..Limits::default() });
    let (acme, driver) = (world.vendor("acme"), world.driver("dora"));
    world.stall(driver);
    for id in 0..1_000 {
        world.place(acme, &format!("acme/{id}"));
    }
    let flowers = world.vendor("flowers");
    world.place(flowers, "flowers/1");
    let mut heard = world.heard(driver);
    while world.drain(driver) {
        heard.extend(world.heard(driver));
    }
    let waited_for = heard.iter().position(|heard| heard == "pickup flowers/1").unwrap();
    assert!(waited_for < 10, "flowers waited for {waited_for} others");
    assert_eq!(heard.len(), 1_001);
}

#[test]
fn a_slow_vendor_is_told_of_every_delivery() {
    let mut world = narrow();
    let (acme, driver) = (world.vendor("acme"), world.driver("dora"));
    world.stall(acme);
    for id in 0..20 {
        world.deliver(driver, &format!("acme/{id}"));
    }
    world.unstall(acme);
    let expected: Vec<_> = (0..20).map(|id| format!("delivered acme/{id}")).collect();
    assert_eq!(world.heard(acme), expected);
}

#[test]
fn a_slow_reader_that_goes_leaves_nothing_behind() {
    let mut world = narrow();
    let (acme, slow) = (world.vendor("acme"), world.driver("dora"));
    world.stall(slow);
    world.send(slow, "getAll", json!(null));
    place(&mut world, acme, 0..10);
    world.disconnect(slow);
    assert!(!world.hub.audience.connections.contains_key(&slow));
    assert_eq!(world.hub.subscriptions().filter(|listens| listens.conn == slow).count(), 0);
    place(&mut world, acme, 10..11);
    assert_eq!(world.heard(slow), pickups(0..4));
}
