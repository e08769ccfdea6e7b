//! Guarantee 3: one queue's messages reach each reader in the order they were kept.

use serde_json::json;

use crate::Limits;
use crate::tests::world::World;

/// A window of four messages.
fn narrow() -> Limits {
    Limits { window_messages: 4, ..Limits::default() }
}

fn pickups(ids: impl IntoIterator<Item = u32>) -> Vec<String> {
    ids.into_iter().map(|id| format!("pickup acme/{id}")).collect()
}

#[test]
fn live_messages_come_in_the_order_they_were_kept() {
    let mut world = World::new();
    let (acme, driver) = (world.vendor("acme"), world.driver("dora"));
    for id in 0..300 {
        assert_eq!(world.place(acme, &format!("acme/{id}")), "ok");
    }
    assert_eq!(world.heard(driver), pickups(0..300));
}

#[test]
fn a_socket_that_is_catching_up_gets_new_messages_after_the_old_ones() {
    let mut world = World::with(narrow());
    let acme = world.vendor("acme");
    for id in 0..10 {
        world.place(acme, &format!("acme/{id}"));
    }
    let driver = world.driver("dora");
    world.stall(driver);
    let ack = world.send(driver, "getAll", json!(null));
    assert_eq!(world.heard(driver), pickups(0..4));
    world.place(acme, "acme/10");
    assert!(world.drain(driver));
    world.place(acme, "acme/11");
    assert_eq!(world.answer(driver, ack), None);
    world.unstall(driver);
    assert_eq!(world.heard(driver), pickups(4..12));
    let answer = world.answer(driver, ack).unwrap();
    assert_eq!(answer, json!({"status": "ok", "count": 10, "remaining": 0}));
    world.place(acme, "acme/12");
    assert_eq!(world.heard(driver), pickups([12]));
}

#[test]
fn the_answer_to_a_get_all_comes_after_its_last_message() {
    let mut world = World::with(narrow());
    let acme = world.vendor("acme");
    for id in 0..6 {
        world.place(acme, &format!("acme/{id}"));
    }
    let driver = world.driver("dora");
    world.stall(driver);
    let first = world.send(driver, "getAll", json!(null));
    let second = world.send(driver, "getAll", json!({"limit": 1}));
    assert_eq!(world.heard(driver), pickups(0..4));
    assert!(world.drain(driver));
    // The first two have left; so there is room for the rest of the first answer, and no more.
    assert_eq!(world.heard(driver), pickups(4..6));
    assert_eq!(world.answer(driver, first).unwrap()["count"], 6);
    assert_eq!(world.answer(driver, second), None);
    world.unstall(driver);
    assert_eq!(world.heard(driver), pickups([0]));
    let answer = world.answer(driver, second).unwrap();
    assert_eq!(answer, json!({"status": "ok", "count": 1, "remaining": 5}));
}

#[test]
fn an_order_that_is_offered_again_comes_behind_all_that_waits() {
    let mut world = World::new();
    let (acme, dora, emil) = (world.vendor("acme"), world.nameless_driver(), world.driver("emil"));
    for id in 0..3 {
        world.place(acme, &format!("acme/{id}"));
    }
    world.take(dora, "acme/0");
    world.heard(emil);
    world.disconnect(dora);
    assert_eq!(world.heard(emil), pickups([0]));
    assert_eq!(world.get_all(emil, json!(null)), pickups([1, 2, 0]));
}

#[test]
fn a_line_that_is_slow_in_one_queue_keeps_the_order_in_each() {
    let mut world = World::with(narrow());
    let (acme, flowers) = (world.vendor("acme"), world.vendor("flowers"));
    let driver = world.driver("dora");
    world.stall(driver);
    for id in 0..10 {
        world.place(acme, &format!("acme/{id}"));
        world.place(flowers, &format!("flowers/{id}"));
    }
    world.unstall(driver);
    let (acmes, flowers): (Vec<_>, Vec<_>) =
        world.heard(driver).into_iter().partition(|heard| heard.contains("acme"));
    assert_eq!(acmes, pickups(0..10));
    assert_eq!(flowers, (0..10).map(|id| format!("pickup flowers/{id}")).collect::<Vec<_>>());
}

#[test]
fn what_is_received_out_of_the_middle_of_a_long_queue_leaves_the_rest_in_order() {
    let mut world = World::new();
    let (acme, dora) = (world.vendor("acme"), world.driver("dora"));
    for id in 0..200 {
        world.place(acme, &format!("acme/{id}"));
    }
    world.heard(dora);
    let (stays, goes): (Vec<u32>, Vec<u32>) = (0..200).partition(|id| id % 4 == 1);
    // From both ends to the middle.
    for index in 0..goes.len() {
        let turn = if index % 2 == 0 { index / 2 } else { goes.len() - 1 - index / 2 };
        assert_eq!(world.receive(dora, &format!("pickup acme/{}", goes[turn])), "removed 1");
    }
    assert_eq!(world.get_all(dora, json!({})), pickups(stays.clone()));
    world.snapshot("acme/1");
    world.place(acme, "acme/200");
    world.restart();
    let dora = world.driver("dora");
    assert_eq!(world.get_all(dora, json!({})), pickups(stays.iter().copied().chain([200])));
    for id in stays.into_iter().chain([200]) {
        assert_eq!(world.receive(dora, &format!("pickup acme/{id}")), "removed 1");
    }
    assert_eq!(world.get_all(dora, json!({})), pickups([]));
}
