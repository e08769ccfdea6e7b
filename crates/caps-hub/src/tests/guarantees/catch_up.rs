//! Guarantee 6: a backlog of any size is replayed, through one connection and a bounded window.

use serde_json::json;

use crate::tests::world::World;
use crate::{ConnId, Limits};

/// Many orders of acme, placed while nobody listened.
fn backlog(limits: Limits, size: usize) -> (World, ConnId) {
    let mut world = World::unwatched(limits);
    let acme = world.connect(json!({"role": "vendor", "clientId": "acme"}));
    for id in 0..size {
        world.place(acme, &format!("acme/{id}"));
    }
    (world, acme)
}

fn assert_all_in_order(heard: &[String], size: usize) {
    assert_eq!(heard.len(), size);
    for (id, heard) in heard.iter().enumerate() {
        assert_eq!(*heard, format!("pickup acme/{id}"));
    }
}

#[test]
fn a_backlog_of_100_000_comes_whole_and_never_more_than_a_window_is_on_the_way() {
    let (mut world, acme) = backlog(Limits::default(), 100_000);
    let driver = world.driver("dora");
    world.stall(driver);
    let ack = world.send(driver, "getAll", json!(null));
    let mut heard = world.heard(driver);
    let mut drains = 0;
    while world.drain(driver) {
        drains += 1;
        if drains == 100 {
            world.place(acme, "acme/100000");
        }
        let more = world.heard(driver);
        // That never more is on the way than a window, the world itself asserts at every emission.
        assert!(more.len() <= world.hub.limits.window_messages);
        heard.extend(more);
    }
    assert_all_in_order(&heard, 100_001);
    let answer = world.answer(driver, ack).unwrap();
    assert_eq!(answer, json!({"status": "ok", "count": 100_000, "remaining": 0}));
}

#[test]
fn giant_orders_go_one_at_a_time() {
    let mut world = World::new();
    let acme = world.vendor("acme");
    let giant = "x".repeat(world.hub.limits.window_bytes);
    for id in 0..5 {
        world.ask(acme, "pickup", json!({"store": "acme", "orderId": id, "note": giant}));
    }
    let driver = world.driver("dora");
    world.stall(driver);
    let ack = world.send(driver, "getAll", json!(null));
    for id in 0..5 {
        assert_eq!(world.heard(driver), [format!("pickup acme/{id}")]);
        assert_eq!(world.answer(driver, ack).is_some(), id == 4);
        world.drain(driver);
    }
    assert_eq!(world.heard(driver), [""; 0]);
}

#[test]
fn the_sender_of_a_backlog_may_ask_for_it_too() {
    let mut world = World::with(Limits { window_messages: 4, ..Limits::default() });
    let one = world.anyone();
    for id in 0..10 {
        world.place(one, &format!("acme/{id}"));
        world.place(one, &format!("flowers/{id}"));
    }
    world.stall(one);
    let ack = world.send(one, "getAll", json!({"event": "pickup"}));
    world.unstall(one);
    assert_eq!(world.answer(one, ack).unwrap()["count"], 20);
    assert_eq!(world.heard(one).len(), 20);
}

#[test]
fn what_is_received_while_it_is_replayed_is_not_sent_any_more() {
    let (mut world, _) = backlog(Limits { window_messages: 4, ..Limits::default() }, 10);
    let (slow, quick) = (world.driver("dora"), world.driver("emil"));
    world.stall(slow);
    let ack = world.send(slow, "getAll", json!(null));
    for id in 5..9 {
        world.receive(quick, &format!("pickup acme/{id}"));
    }
    world.unstall(slow);
    let expected = [0, 1, 2, 3, 4, 9].map(|id| format!("pickup acme/{id}"));
    assert_eq!(world.heard(slow), expected);
    assert_eq!(world.answer(slow, ack).unwrap()["count"], 6);
}

#[test]
fn pages_and_received_walk_through_a_backlog_of_10_000() {
    let (mut world, _) = backlog(Limits::default(), 10_000);
    let driver = world.driver("dora");
    let mut heard = Vec::new();
    loop {
        let answer = world.ask(driver, "getAll", json!({"event": "pickup", "limit": 100}));
        let page = world.heard(driver);
        let ids: Vec<_> = page.iter().filter_map(|heard| heard.rsplit('/').next()).collect();
        let list = json!({"clientId": "acme", "event": "pickup", "messageIds": ids});
        assert_eq!(world.ask(driver, "received", list)["removed"], page.len());
        heard.extend(page);
        assert_eq!(answer["remaining"], 10_000 - heard.len());
        if answer["remaining"] == 0 {
            break;
        }
    }
    assert_all_in_order(&heard, 10_000);
}

#[test]
fn a_replay_that_was_asked_for_by_name_is_not_cut_by_narrowing() {
    let (mut world, _) = backlog(Limits { window_messages: 4, ..Limits::default() }, 10);
    let driver = world.driver("dora");
    world.stall(driver);
    let ack = world.send(driver, "getAll", json!({"clientId": "acme", "event": "pickup"}));
    world.ask(driver, "subscribe", json!({"clientId": "flowers", "event": "pickup"}));
    world.unstall(driver);
    assert_eq!(world.answer(driver, ack).unwrap()["count"], 10);
    assert_all_in_order(&world.heard(driver), 10);
}

#[test]
fn a_client_that_goes_in_the_middle_of_a_replay_starts_over_when_it_comes_back() {
    let (mut world, _) = backlog(Limits { window_messages: 4, ..Limits::default() }, 10);
    let driver = world.driver("dora");
    world.stall(driver);
    world.send(driver, "getAll", json!(null));
    world.disconnect(driver);
    let driver = world.driver("dora");
    assert_all_in_order(&world.get_all(driver, json!(null)), 10);
}
