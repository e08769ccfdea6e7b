//! Guarantee 2: at least once on the wire, once in effect.

use std::time::Duration;

use serde_json::{Value, json};

use crate::tests::world::{World, order};
use crate::{ConnId, Limits};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const MOMENT: Duration = Duration::from_millis(1);

/// `acme/7`, delivered.
fn delivered() -> (World, ConnId, ConnId) {
    delivered_with(Limits::default())
}

fn delivered_with(limits: Limits) -> (World, ConnId, ConnId) {
    let mut world = World::with(limits);
    let (acme, driver) = (world.vendor("acme"), world.driver("dora"));
    world.place(acme, "acme/7");
    world.deliver(driver, "acme/7");
    world.heard(driver);
    (world, acme, driver)
}

/// Another order under the id of `acme/7`.
fn another() -> Value {
    json!({"store": "acme", "orderId": "7", "customer": "Grace"})
}

#[test]
fn a_retried_order_is_known_for_one_at_every_stage() {
    let mut world = World::new();
    let (acme, driver) = (world.vendor("acme"), world.driver("dora"));
    assert_eq!(world.place(acme, "acme/7"), "ok");
    assert_eq!(world.heard(driver), ["pickup acme/7"]);
    let answer = world.ask(acme, "pickup", order("acme/7"));
    assert_eq!(answer, json!({"status": "ok", "messageId": "7", "duplicate": true}));
    world.receive(driver, "pickup acme/7");
    assert_eq!(world.place(acme, "acme/7"), "duplicate");
    world.take(driver, "acme/7");
    assert_eq!(world.place(acme, "acme/7"), "duplicate");
    world.deliver(driver, "acme/7");
    assert_eq!(world.place(acme, "acme/7"), "duplicate");
    world.receive(acme, "delivered acme/7");
    assert_eq!(world.place(acme, "acme/7"), "duplicate");
    assert_eq!(world.heard(driver), [""; 0]);
    assert_eq!(world.waiting("acme", "pickup"), [""; 0]);
}

#[test]
fn a_vendor_who_places_an_order_again_is_told_whether_anything_more_comes_of_it() {
    let (mut world, acme, _) = delivered();
    let again = world.ask(acme, "pickup", order("acme/7"));
    assert_eq!(again, json!({"status": "ok", "messageId": "7", "duplicate": true}));
    world.receive(acme, "delivered acme/7");
    let again = world.ask(acme, "pickup", order("acme/7"));
    assert_eq!(again, json!({"status": "ok", "messageId": "7", "duplicate": true, "over": true}));
}

#[test]
fn the_same_order_written_otherwise_is_the_same_order() {
    let mut world = World::new();
    let acme = world.vendor("acme");
    world.ask(acme, "pickup", json!({"store": "acme", "orderId": 7, "total": 1}));
    let ack = world.send_text(acme, "pickup", r#"{ "total":1, "orderId":7, "store":"acme" }"#);
    assert_eq!(world.answer(acme, ack).unwrap()["duplicate"], true);
}

#[test]
fn a_retried_report_is_known_for_one_and_the_vendor_hears_once() {
    let mut world = World::new();
    let (acme, driver) = (world.vendor("acme"), world.driver("dora"));
    world.place(acme, "acme/7");
    assert_eq!(world.take(driver, "acme/7"), "ok");
    assert_eq!(world.take(driver, "acme/7"), "duplicate");
    assert_eq!(world.deliver(driver, "acme/7"), "ok");
    assert_eq!(world.deliver(driver, "acme/7"), "duplicate");
    assert_eq!(world.take(driver, "acme/7"), "duplicate");
    assert_eq!(world.heard(acme), ["in-transit acme/7", "delivered acme/7"]);
}

#[test]
fn a_driver_that_comes_back_may_retry_too() {
    for name in [json!("dora"), json!(null)] {
        let mut world = World::new();
        let acme = world.vendor("acme");
        let mut driver = world.connect(json!({"role": "driver", "clientId": name}));
        let comes_back = |world: &mut World, driver: &mut ConnId| {
            world.disconnect(*driver);
            *driver = world.connect(json!({"role": "driver", "clientId": name}));
        };
        world.place(acme, "acme/7");
        world.take(driver, "acme/7");
        comes_back(&mut world, &mut driver);
        assert_ne!(world.take(driver, "acme/7"), "already_claimed");
        assert_eq!(world.deliver(driver, "acme/7"), "ok");
        comes_back(&mut world, &mut driver);
        assert_eq!(world.deliver(driver, "acme/7"), "duplicate");
        assert_eq!(world.heard(acme), ["in-transit acme/7", "delivered acme/7"]);
    }
}

#[test]
fn another_order_under_the_same_id_is_a_conflict_while_the_first_is_under_way() {
    let mut world = World::new();
    let (acme, driver) = (world.vendor("acme"), world.driver("dora"));
    world.place(acme, "acme/7");
    assert_eq!(world.ask(acme, "pickup", another())["code"], "order_conflict");
    world.receive(driver, "pickup acme/7");
    assert_eq!(world.ask(acme, "pickup", another())["code"], "order_conflict");
    world.take(driver, "acme/7");
    let refusal = world.ask(acme, "pickup", another());
    assert_eq!(refusal["code"], "order_conflict");
    assert!(refusal["message"].as_str().unwrap().contains("`acme/7`"), "{refusal}");
}

#[test]
fn another_order_under_the_same_id_is_new_once_the_first_is_over() {
    let (mut world, acme, driver) = delivered();
    assert_eq!(world.ask(acme, "pickup", another()), json!({"status": "ok", "messageId": "7"}));
    assert_eq!(world.heard(driver), ["pickup acme/7"]);
    assert_eq!(world.place(acme, "acme/7"), "order_conflict", "now the first is the other one");
}

#[test]
fn an_id_that_is_used_again_loses_no_delivery() {
    let (mut world, acme, driver) = delivered();
    world.ask(acme, "pickup", another());
    world.deliver(driver, "acme/7");
    assert_eq!(world.waiting("acme", "delivered"), ["delivered acme/7"; 2]);
    world.receive(acme, "delivered acme/7");
    let texts = world.hub.book.portrait();
    assert!(texts.contains("Grace") && !texts.contains("Ada"), "the older one leaves first");
    assert_eq!(world.receive(acme, "delivered acme/7"), "removed 1");
    assert_eq!(world.receive(acme, "delivered acme/7"), "removed 0");
}

#[test]
fn the_same_id_of_another_vendor_is_another_order() {
    let mut world = World::new();
    let (acme, flowers) = (world.vendor("acme"), world.vendor("1-800-flowers"));
    assert_eq!(world.place(acme, "acme/7"), "ok");
    assert_eq!(world.place(flowers, "1-800-flowers/7"), "ok");
}

#[test]
fn a_retry_is_known_for_the_whole_dedupe_window_and_no_longer() {
    let (mut world, acme, driver) = delivered();
    world.receive(acme, "delivered acme/7");
    world.wait(DAY - MOMENT);
    assert_eq!(world.place(acme, "acme/7"), "duplicate");
    assert_eq!(world.deliver(driver, "acme/7"), "duplicate");
    assert_eq!(world.hub.next_deadline(), Some(world.now + MOMENT));
    world.wait(MOMENT);
    assert_eq!(world.hub.next_deadline(), None);
    assert_eq!(world.place(acme, "acme/7"), "ok");
    assert_eq!(world.heard(driver), ["pickup acme/7"]);
}

#[test]
fn a_delivery_outlives_the_dedupe_window_until_it_is_received() {
    let (mut world, acme, driver) = delivered();
    world.wait(DAY * 2);
    assert_eq!(world.waiting("acme", "delivered"), ["delivered acme/7"]);
    assert_eq!(world.place(acme, "acme/7"), "ok");
    world.deliver(driver, "acme/7");
    assert_eq!(world.waiting("acme", "delivered"), ["delivered acme/7"; 2]);
    assert_eq!(world.receive(acme, "delivered acme/7"), "removed 1");
    assert_eq!(world.receive(acme, "delivered acme/7"), "removed 1");
    world.wait(DAY);
    assert_eq!(world.hub.book.portrait(), "lapses {}\nover {}\nlast 6", "nothing is left over");
}

#[test]
fn a_forgotten_order_can_be_reported_on_like_an_unknown_one() {
    let (mut world, acme, driver) = delivered();
    world.wait(DAY);
    world.heard(acme);
    assert_eq!(world.take(driver, "acme/7"), "ok");
    assert_eq!(world.deliver(driver, "acme/7"), "ok");
    assert_eq!(world.heard(acme), ["in-transit acme/7", "delivered acme/7"]);
}

#[test]
fn a_window_begins_anew_for_the_next_order_of_the_same_id() {
    let (mut world, acme, driver) = delivered();
    world.wait(DAY / 2);
    world.ask(acme, "pickup", another());
    world.deliver(driver, "acme/7");
    world.wait(DAY / 2);
    assert_eq!(world.ask(acme, "pickup", another())["duplicate"], true);
    world.wait(DAY / 2);
    assert_eq!(world.ask(acme, "pickup", another())["duplicate"], serde_json::Value::Null);
}

#[test]
fn no_more_orders_are_remembered_than_the_bound_and_the_oldest_goes_first() {
    let limits = Limits { max_remembered: 2, ..Limits::default() };
    let (mut world, acme, driver) = delivered_with(limits);
    for order in ["acme/8", "acme/9"] {
        world.place(acme, order);
        world.deliver(driver, order);
    }
    world.advance();
    assert_eq!(world.place(acme, "acme/8"), "duplicate");
    assert_eq!(world.place(acme, "acme/9"), "duplicate");
    assert_eq!(world.place(acme, "acme/7"), "ok");
    assert_eq!(world.waiting("acme", "delivered").len(), 3, "its delivery is not forgotten");
}
