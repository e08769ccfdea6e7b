//! `getAll` with a limit: a backlog page by page.

use serde_json::{Value, json};

use crate::tests::world::World;
use crate::{ConnId, Limits};

/// `backlog` orders of acme, and a driver that has heard nothing yet.
fn backlog(backlog: u32) -> (World, ConnId, ConnId) {
    let mut world = World::new();
    let acme = world.vendor("acme");
    for id in 0..backlog {
        world.place(acme, &format!("acme/{id}"));
    }
    let driver = world.driver("dora");
    (world, acme, driver)
}

fn pickups(ids: impl IntoIterator<Item = u32>) -> Vec<String> {
    ids.into_iter().map(|id| format!("pickup acme/{id}")).collect()
}

fn page(world: &mut World, conn: ConnId, limit: u32) -> Value {
    world.ask(conn, "getAll", json!({"event": "pickup", "limit": limit}))
}

#[test]
fn after_received_the_next_page_goes_on() {
    let (mut world, _, driver) = backlog(10);
    for (expected, remaining) in [(0..4, 6), (4..8, 2), (8..10, 0)] {
        let answer = page(&mut world, driver, 4);
        assert_eq!(answer["remaining"], remaining);
        let heard = world.heard(driver);
        assert_eq!(heard, pickups(expected));
        for message in heard {
            world.receive(driver, &message);
        }
    }
    assert_eq!(page(&mut world, driver, 4), json!({"status": "ok", "count": 0, "remaining": 0}));
}

#[test]
fn without_received_the_same_page_comes_again() {
    let (mut world, _, driver) = backlog(3);
    for _ in 0..3 {
        assert_eq!(page(&mut world, driver, 2)["remaining"], 1);
        assert_eq!(world.heard(driver), pickups(0..2));
    }
}

#[test]
fn a_page_that_takes_it_all_leaves_nothing() {
    for limit in [3, 4, 1_000_000] {
        let (mut world, acme, driver) = backlog(3);
        let answer = page(&mut world, driver, limit);
        assert_eq!(answer, json!({"status": "ok", "count": 3, "remaining": 0}));
        assert_eq!(world.heard(driver), pickups(0..3));
        world.place(acme, "acme/3");
        assert_eq!(world.heard(driver), pickups([3]), "and its reader is live");
    }
}

#[test]
fn a_reader_between_pages_is_live() {
    let (mut world, acme, driver) = backlog(4);
    page(&mut world, driver, 2);
    assert_eq!(world.heard(driver), pickups(0..2));
    world.place(acme, "acme/4");
    assert_eq!(world.heard(driver), pickups([4]));
    let list = json!({"clientId": "acme", "event": "pickup", "messageIds": [0, 1]});
    world.ask(driver, "received", list);
    assert_eq!(page(&mut world, driver, 2)["remaining"], 1);
    assert_eq!(world.heard(driver), pickups(2..4));
}

#[test]
fn a_page_loses_nothing_of_what_a_slow_reader_was_behind_with() {
    let mut world = World::with(Limits { window_messages: 2, ..Limits::default() });
    let (acme, driver) = (world.vendor("acme"), world.driver("dora"));
    world.stall(driver);
    for id in 0..6 {
        world.place(acme, &format!("acme/{id}"));
    }
    let ack = world.send(driver, "getAll", json!({"event": "pickup", "limit": 1}));
    world.place(acme, "acme/6");
    world.unstall(driver);
    let answer = world.answer(driver, ack).unwrap();
    assert_eq!(answer, json!({"status": "ok", "count": 1, "remaining": 5}));
    let mut expected = pickups(0..2);
    expected.extend(pickups([0]));
    expected.extend(pickups(2..7));
    assert_eq!(world.heard(driver), expected);
}

#[test]
fn a_page_is_cut_across_queues() {
    let (mut world, _, driver) = backlog(3);
    let flowers = world.vendor("flowers");
    for order in ["flowers/0", "flowers/1"] {
        world.place(flowers, order);
    }
    world.heard(driver);
    assert_eq!(page(&mut world, driver, 4)["remaining"], 1);
    let mut expected = pickups(0..3);
    expected.push("pickup flowers/0".into());
    assert_eq!(world.heard(driver), expected);
    assert_eq!(page(&mut world, driver, 3)["remaining"], 2);
    world.place(flowers, "flowers/2");
    world.heard(driver);
    assert_eq!(page(&mut world, driver, 2)["remaining"], 4);
}

#[test]
fn a_limit_of_zero_asks_and_changes_nothing() {
    let (mut world, acme, driver) = backlog(3);
    let facts = world.facts.len();
    let answer = page(&mut world, driver, 0);
    assert_eq!(answer, json!({"status": "ok", "count": 0, "remaining": 3}));
    assert_eq!(world.heard(driver), [""; 0]);
    assert_eq!(world.facts.len(), facts);
    world.place(acme, "acme/3");
    assert_eq!(world.heard(driver), pickups([3]), "it is as live as it was");
}

#[test]
fn what_others_hold_is_on_nobodys_page() {
    let (mut world, _, driver) = backlog(5);
    let other = world.driver("emil");
    for order in ["acme/0", "acme/2", "acme/4"] {
        world.take(other, order);
    }
    assert_eq!(page(&mut world, driver, 1)["remaining"], 1);
    assert_eq!(world.heard(driver), pickups([1]));
    world.heard(other);
    assert_eq!(page(&mut world, other, 4)["remaining"], 1);
    assert_eq!(world.heard(other), pickups(0..4));
}

#[test]
fn a_page_that_was_not_filled_leaves_its_reader_live() {
    let mut world = World::with(Limits { window_messages: 2, ..Limits::default() });
    let acme = world.vendor("acme");
    for id in 0..3 {
        world.place(acme, &format!("acme/{id}"));
    }
    let driver = world.driver("dora");
    world.stall(driver);
    let ack = world.send(driver, "getAll", json!({"limit": 100}));
    world.place(acme, "acme/3");
    world.unstall(driver);
    let answer = world.answer(driver, ack).unwrap();
    assert_eq!(answer, json!({"status": "ok", "count": 3, "remaining": 0}));
    assert_eq!(world.heard(driver), pickups(0..4), "what has come since follows by itself");
}
