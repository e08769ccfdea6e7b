//! `received`: a message leaves its queue when its reader has done with it.

use serde_json::json;

use crate::tests::world::{World, message};

#[test]
fn a_received_message_leaves_its_queue_and_no_other() {
    let mut world = World::new();
    let (acme, driver) = (world.vendor("acme"), world.driver("dora"));
    for order in ["acme/1", "acme/2"] {
        world.place(acme, order);
        world.take(driver, order);
    }
    world.deliver(driver, "acme/1");
    assert_eq!(world.receive(acme, "delivered acme/1"), "removed 1");
    assert_eq!(world.waiting("acme", "delivered"), [""; 0]);
    assert_eq!(world.waiting("acme", "in-transit"), ["in-transit acme/2"]);
    assert_eq!(world.receive(acme, "in-transit acme/2"), "removed 1");
    assert_eq!(world.waiting("acme", "in-transit"), [""; 0]);
}

#[test]
fn a_repeated_received_is_ok_and_removes_nothing() {
    let mut world = World::new();
    let (acme, driver) = (world.vendor("acme"), world.driver("dora"));
    world.deliver(driver, "acme/1");
    assert_eq!(world.receive(acme, "delivered acme/1"), "removed 1");
    let facts = world.facts.len();
    assert_eq!(world.receive(acme, "delivered acme/1"), "removed 0");
    assert_eq!(world.receive(acme, "delivered acme/never"), "removed 0");
    assert_eq!(world.receive(driver, "pickup acme/1"), "removed 0");
    assert_eq!(world.facts.len(), facts);
}

#[test]
fn a_list_of_ids_is_received_in_one_go() {
    let mut world = World::new();
    let (acme, driver) = (world.vendor("acme"), world.driver("dora"));
    for order in ["acme/1", "acme/2", "acme/3"] {
        world.deliver(driver, order);
    }
    let list = json!({"clientId": "acme", "event": "delivered", "messageIds": [3, "1", "1", "9"]});
    assert_eq!(world.ask(acme, "received", list), json!({"status": "ok", "removed": 2}));
    assert_eq!(world.waiting("acme", "delivered"), ["delivered acme/2"]);
}

#[test]
fn a_list_takes_what_is_free_and_names_what_others_hold() {
    let mut world = World::new();
    let (acme, dora, emil) = (world.vendor("acme"), world.driver("dora"), world.driver("emil"));
    for order in ["acme/1", "acme/2", "acme/3"] {
        world.place(acme, order);
    }
    world.take(emil, "acme/2");
    let list = json!({"clientId": "acme", "event": "pickup", "messageIds": ["1", "2", "3"]});
    assert_eq!(
        world.ask(dora, "received", list),
        json!({"status": "ok", "removed": 2, "alreadyClaimed": ["2"]})
    );
    assert_eq!(world.take(emil, "acme/1"), "already_claimed");
    assert_eq!(world.deliver(emil, "acme/2"), "ok");
}

#[test]
fn the_message_as_it_came_says_which_is_meant() {
    let mut world = World::new();
    let (acme, driver) = (world.vendor("acme"), world.driver("dora"));
    world.place(acme, "acme/7");
    let came = world.heard_messages(driver).remove(0);
    let as_it_came = serde_json::to_value(&*came).unwrap();
    assert_eq!(as_it_came, message("pickup", "acme/7"));
    assert_eq!(world.ask(driver, "received", as_it_came)["removed"], 1);
}

#[test]
fn to_receive_a_pickup_is_to_claim_the_order() {
    let mut world = World::new();
    let (acme, dora, emil) = (world.vendor("acme"), world.driver("dora"), world.driver("emil"));
    world.place(acme, "acme/7");
    assert_eq!(world.receive(dora, "pickup acme/7"), "removed 1");
    assert_eq!(world.receive(emil, "pickup acme/7"), "already_claimed");
    assert_eq!(world.take(emil, "acme/7"), "already_claimed");
    assert_eq!(world.deliver(emil, "acme/7"), "already_claimed");
    assert_eq!(world.take(dora, "acme/7"), "ok");
}

#[test]
fn a_delivered_order_leaves_nothing_behind_that_was_never_received() {
    let mut world = World::new();
    let (acme, driver) = (world.vendor("acme"), world.driver("dora"));
    world.place(acme, "acme/7");
    world.take(driver, "acme/7");
    assert_eq!(world.waiting("acme", "in-transit"), ["in-transit acme/7"]);
    world.deliver(driver, "acme/7");
    let left: Vec<_> = world.hub.queues().map(|view| (view.key.to_string(), view.depth)).collect();
    assert_eq!(left, [("(acme, delivered)".to_owned(), 1)]);
}
