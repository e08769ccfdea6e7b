//! Guarantee 7: vendors are apart. And who may do what, by their handshake.

use serde_json::json;

use crate::Identity;
use crate::tests::world::{World, message, order, verdict};

#[test]
fn a_vendor_can_neither_listen_to_nor_read_nor_empty_another_vendors_queue() {
    let mut world = World::new();
    let (acme, driver) = (world.vendor("acme"), world.driver("dora"));
    let thief = world.vendor("thief");
    world.place(acme, "acme/1");
    world.take(driver, "acme/1");
    world.deliver(driver, "acme/1");
    for (verb, payload) in [
        ("join", json!("acme")),
        ("subscribe", json!({"clientId": "acme", "event": "delivered"})),
        ("subscribe", json!({"clientId": "acme", "event": "pickup"})),
        ("getAll", json!({"clientId": "acme"})),
        ("getAll", json!({"clientId": "acme", "event": "delivered", "limit": 0})),
        ("getAll", json!({"clientId": "driver"})),
        ("received", message("delivered", "acme/1")),
        ("received", json!({"clientId": "acme", "event": "delivered", "messageIds": ["1"]})),
        ("pickup", order("acme/2")),
    ] {
        assert_eq!(
            world.ask(thief, verb, payload.clone())["code"],
            "forbidden",
            "{verb} {payload}"
        );
    }
    world.get_all(thief, json!(null));
    world.take(driver, "acme/3");
    assert_eq!(world.heard(thief), [""; 0]);
    assert_eq!(world.waiting("acme", "delivered"), ["delivered acme/1"]);
}

#[test]
fn a_vendor_with_the_same_order_ids_is_not_disturbed() {
    let mut world = World::new();
    let (acme, flowers) = (world.vendor("acme"), world.vendor("flowers"));
    let driver = world.driver("dora");
    for (vendor, order) in [(acme, "acme/7"), (flowers, "flowers/7")] {
        world.place(vendor, order);
        world.take(driver, order);
        world.deliver(driver, order);
    }
    assert_eq!(world.heard(acme), ["in-transit acme/7", "delivered acme/7"]);
    assert_eq!(world.receive(acme, "delivered acme/7"), "removed 1");
    assert_eq!(world.get_all(flowers, json!(null)), ["delivered flowers/7"]);
}

#[test]
fn names_that_look_alike_are_apart() {
    let mut world = World::new();
    let driver = world.driver("dora");
    let vendors = ["acme", "Acme", "acme ", "acme/delivered", "(acme, delivered)"];
    let conns = vendors.map(|name| world.vendor(name));
    for name in vendors {
        world.ask(driver, "delivered", json!({"clientId": name, "messageId": "1"}));
    }
    for (conn, name) in conns.into_iter().zip(vendors) {
        assert_eq!(world.heard(conn), [format!("delivered {name}/1")]);
    }
}

#[test]
fn an_observer_sees_all_and_changes_nothing() {
    let mut world = World::new();
    let (acme, driver, observer) = (world.vendor("acme"), world.driver("dora"), world.observer());
    world.ask(observer, "join", json!("acme"));
    world.place(acme, "acme/1");
    world.take(driver, "acme/1");
    assert_eq!(world.heard(observer), ["pickup acme/1", "in-transit acme/1"]);
    assert_eq!(world.place(observer, "acme/2"), "forbidden");
    assert_eq!(world.take(observer, "acme/1"), "forbidden");
    assert_eq!(world.deliver(observer, "acme/1"), "forbidden");
    assert_eq!(world.receive(observer, "in-transit acme/1"), "forbidden");
}

#[test]
fn a_driver_of_some_vendors_hears_and_takes_the_orders_of_those_alone() {
    let mut world = World::new();
    let (acme, flowers) = (world.vendor("acme"), world.vendor("flowers"));
    world.place(acme, "acme/1");
    world.place(flowers, "flowers/1");
    let dora = world.connect_as(Identity::Driver {
        name: Some("dora".parse().unwrap()),
        vendors: Some(["acme".parse().unwrap()].into()),
    });
    for everything in [json!(null), json!({"clientId": "driver"}), json!({"event": "pickup"})] {
        assert_eq!(world.get_all(dora, everything), ["pickup acme/1"]);
    }
    world.place(acme, "acme/2");
    world.place(flowers, "flowers/2");
    assert_eq!(world.heard(dora), ["pickup acme/2"]);
    assert_eq!(world.take(dora, "acme/1"), "ok");
    assert_eq!(world.take(dora, "flowers/1"), "forbidden");
    assert_eq!(verdict(&world.ask(dora, "join", json!("flowers"))), "forbidden");
    let of_flowers = json!({"clientId": "flowers", "event": "pickup"});
    assert_eq!(verdict(&world.ask(dora, "subscribe", of_flowers)), "forbidden");
}

#[test]
fn an_admin_gives_back_what_a_driver_holds() {
    let mut world = World::new();
    let (acme, dora) = (world.vendor("acme"), world.driver("dora"));
    let admin = world.connect_as(Identity::Admin { name: "ann".parse().unwrap() });
    world.place(acme, "acme/1");
    world.take(dora, "acme/1");
    assert_eq!(world.release(admin, "acme/1"), "ok");
    assert_eq!(world.release(admin, "acme/1"), "duplicate", "nobody holds it");
    let emil = world.driver("emil");
    assert_eq!(world.take(emil, "acme/1"), "ok");
    world.deliver(emil, "acme/1");
    assert_eq!(world.release(admin, "acme/1"), "already_delivered");
}

#[test]
fn a_driver_leaves_the_vendors_queues_alone() {
    let mut world = World::new();
    let driver = world.driver("dora");
    world.deliver(driver, "acme/1");
    assert_eq!(world.receive(driver, "delivered acme/1"), "forbidden");
    assert_eq!(world.place(driver, "acme/2"), "forbidden");
    assert_eq!(world.waiting("acme", "delivered"), ["delivered acme/1"]);
}

#[test]
fn a_refusal_says_who_may_do_it() {
    let mut world = World::new();
    let (acme, driver) = (world.vendor("acme"), world.driver("dora"));
    let refusal = world.ask(acme, "join", json!("flowers"));
    assert!(refusal["message"].as_str().unwrap().contains("connect as `flowers`"), "{refusal}");
    let refusal = world.ask(driver, "pickup", order("acme/1"));
    assert!(refusal["message"].as_str().unwrap().contains("connect as a vendor"), "{refusal}");
}
