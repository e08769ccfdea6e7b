//! Every bound is met with an answer, and passes.

use serde_json::json;

use crate::Limits;
use crate::tests::world::World;

fn of_two() -> World {
    World::with(Limits { max_queue: 2, ..Limits::default() })
}

#[test]
fn a_full_queue_is_told_to_its_sender_and_taken_up_again_when_there_is_room() {
    let mut world = of_two();
    let (acme, driver) = (world.vendor("acme"), world.driver("dora"));
    world.place(acme, "acme/1");
    world.place(acme, "acme/2");
    world.heard(driver);
    let refusal = world.ask(acme, "pickup", json!({"store": "acme", "orderId": 3}));
    assert_eq!(refusal["code"], "queue_full");
    assert_eq!(refusal["temporary"], true);
    assert_eq!(world.heard(driver), [""; 0]);
    assert_eq!(world.receive(driver, "pickup acme/1"), "removed 1");
    assert_eq!(world.place(acme, "acme/3"), "ok");
    assert_eq!(world.waiting("acme", "pickup"), ["pickup acme/2", "pickup acme/3"]);
}

#[test]
fn a_retry_is_known_for_one_even_when_the_queue_is_full() {
    let mut world = of_two();
    let acme = world.vendor("acme");
    world.place(acme, "acme/1");
    world.place(acme, "acme/2");
    assert_eq!(world.place(acme, "acme/1"), "duplicate");
}

#[test]
fn one_vendors_full_queue_is_not_anothers() {
    let mut world = of_two();
    let (acme, flowers) = (world.vendor("acme"), world.vendor("flowers"));
    world.place(acme, "acme/1");
    world.place(acme, "acme/2");
    assert_eq!(world.place(acme, "acme/3"), "queue_full");
    assert_eq!(world.place(flowers, "flowers/1"), "ok");
}

#[test]
fn a_report_that_finds_no_room_leaves_the_order_where_it_was() {
    let mut world = of_two();
    let (acme, driver) = (world.vendor("acme"), world.driver("dora"));
    for order in ["acme/1", "acme/2"] {
        world.take(driver, order);
    }
    assert_eq!(world.take(driver, "acme/3"), "queue_full");
    for order in ["acme/1", "acme/2"] {
        world.deliver(driver, order);
    }
    assert_eq!(world.take(driver, "acme/3"), "ok");
    assert_eq!(world.deliver(driver, "acme/3"), "queue_full");
    assert_eq!(world.waiting("acme", "in-transit"), ["in-transit acme/3"]);
    world.receive(acme, "delivered acme/1");
    assert_eq!(world.deliver(driver, "acme/3"), "ok");
}

#[test]
fn a_transit_that_was_told_needs_no_room_to_change_hands() {
    let mut world = of_two();
    let acme = world.vendor("acme");
    let (dora, emil) = (world.nameless_driver(), world.driver("emil"));
    world.place(acme, "acme/1");
    world.take(dora, "acme/1");
    world.take(emil, "acme/2");
    world.disconnect(dora);
    assert_eq!(world.take(emil, "acme/3"), "queue_full");
    assert_eq!(world.take(emil, "acme/1"), "ok");
}

#[test]
fn an_order_that_is_offered_again_is_never_refused() {
    let mut world = of_two();
    let (acme, dora) = (world.vendor("acme"), world.driver("dora"));
    world.place(acme, "acme/1");
    world.receive(dora, "pickup acme/1");
    world.place(acme, "acme/2");
    world.place(acme, "acme/3");
    world.wait(world.hub.limits.claim_time);
    assert_eq!(world.waiting("acme", "pickup").len(), 3);
    assert_eq!(world.place(acme, "acme/4"), "queue_full");
}

#[test]
fn a_connection_listens_to_so_many_queues_and_no_more() {
    let mut world = World::with(Limits { max_subscriptions: 3, ..Limits::default() });
    let client = world.anyone();
    assert_eq!(world.ask(client, "join", json!("a"))["status"], "ok");
    let refusal = world.ask(client, "join", json!("b"));
    assert_eq!(refusal["code"], "forbidden", "a room is two queues, and is not joined by halves");
    assert_eq!(world.listeners("b", "delivered"), []);
    let third = json!({"clientId": "b", "event": "delivered"});
    assert_eq!(world.ask(client, "subscribe", third.clone())["status"], "ok");
    assert_eq!(world.ask(client, "subscribe", third)["status"], "ok", "again is not one more");
    assert_eq!(world.ask(client, "join", json!("a"))["status"], "ok");
    let other = world.anyone();
    assert_eq!(world.ask(other, "join", json!("b"))["status"], "ok");
}

#[test]
fn a_reader_who_asks_for_everything_again_and_again_is_told_to_wait() {
    let limits = Limits { max_replays: 2, window_messages: 1, ..Limits::default() };
    let mut world = World::with(limits);
    let (acme, driver) = (world.vendor("acme"), world.driver("dora"));
    for order in ["acme/1", "acme/2"] {
        world.place(acme, order);
    }
    world.heard(driver);
    world.stall(driver);
    let first = world.send(driver, "getAll", json!({}));
    world.send(driver, "getAll", json!({}));
    let refusal = world.ask(driver, "getAll", json!({}));
    assert_eq!((&refusal["code"], &refusal["temporary"]), (&json!("busy"), &json!(true)));
    world.unstall(driver);
    assert_eq!(world.answer(driver, first).unwrap()["count"], 2);
    assert_eq!(world.get_all(driver, json!({})).len(), 2);
}

#[test]
fn a_hub_that_holds_all_the_orders_it_can_goes_on_with_those() {
    let mut world = World::with(Limits { max_orders: 2, ..Limits::default() });
    let (acme, driver) = (world.vendor("acme"), world.driver("dora"));
    world.place(acme, "acme/1");
    world.place(acme, "acme/2");
    let anyone = world.anyone();
    for verb in ["pickup", "in-transit", "delivered"] {
        let refusal = world.ask(anyone, verb, json!({"store": "flowers", "orderId": 3}));
        assert_eq!(refusal["code"], "queue_full", "{verb}");
    }
    world.take(driver, "acme/1");
    assert_eq!(world.deliver(driver, "acme/1"), "ok");
    assert_eq!(world.place(acme, "acme/3"), "queue_full", "its vendor has not heard of it");
    world.receive(acme, "delivered acme/1");
    assert_eq!(world.place(acme, "acme/3"), "ok");
}
