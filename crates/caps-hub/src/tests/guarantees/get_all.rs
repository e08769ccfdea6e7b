//! `getAll`: which queues it means, by who asks and what they say.

use serde_json::json;

use crate::tests::world::World;

/// Two vendors with one order waiting, one in transit and one delivered each.
fn town() -> World {
    let mut world = World::new();
    let driver = world.driver("someone");
    for store in ["acme", "flowers"] {
        let vendor = world.vendor(store);
        for id in 1..=3 {
            world.place(vendor, &format!("{store}/{id}"));
        }
        world.receive(driver, &format!("pickup {store}/2"));
        world.take(driver, &format!("{store}/2"));
        world.deliver(driver, &format!("{store}/3"));
        world.disconnect(vendor);
    }
    world.disconnect(driver);
    world
}

const PICKUPS: [&str; 2] = ["pickup acme/1", "pickup flowers/1"];
const ACMES: [&str; 2] = ["in-transit acme/2", "delivered acme/3"];

#[test]
fn a_vendor_gets_its_own_events_whatever_it_leaves_out() {
    let mut world = town();
    let acme = world.connect(json!({"role": "vendor", "clientId": "acme"}));
    assert_eq!(world.get_all(acme, json!(null)), ACMES);
    assert_eq!(world.get_all(acme, json!({"clientId": "acme"})), ACMES);
    assert_eq!(world.get_all(acme, json!({"event": "delivered"})), ["delivered acme/3"]);
    assert_eq!(world.get_all(acme, json!({"event": "in-transit"})), ["in-transit acme/2"]);
    assert_eq!(world.get_all(acme, json!({"event": "pickup"})), ["pickup acme/1"]);
}

#[test]
fn a_driver_gets_the_pickups_of_every_vendor_it_serves() {
    let mut world = town();
    for auth in [
        json!({"role": "driver"}),
        json!({"role": "driver", "clientId": "dora"}),
        json!({"clientId": "dora"}),
        json!(null),
    ] {
        let driver = world.connect(auth);
        for payload in [
            json!(null),
            json!({}),
            json!({"event": "pickup"}),
            json!({"clientId": "driver"}),
            json!({"queueId": "driver", "event": "pickup"}),
        ] {
            assert_eq!(world.get_all(driver, payload.clone()), PICKUPS, "{payload}");
        }
        let of_one = json!({"clientId": "acme", "event": "pickup"});
        assert_eq!(world.get_all(driver, of_one), ["pickup acme/1"]);
    }
}

#[test]
fn a_named_driver_may_say_its_own_name_for_every_vendor() {
    let mut world = town();
    let dora = world.driver("dora");
    assert_eq!(world.get_all(dora, json!({"clientId": "dora", "event": "pickup"})), PICKUPS);
    assert_eq!(world.get_all(dora, json!({"clientId": "dora"})), PICKUPS);
}

#[test]
fn a_driver_that_names_a_vendor_gets_that_vendors_pickups() {
    let mut world = town();
    let dora = world.driver("dora");
    assert_eq!(world.get_all(dora, json!({"clientId": "acme"})), ["pickup acme/1"]);
}

#[test]
fn a_driver_that_has_narrowed_gets_the_pickups_it_subscribed_to() {
    let mut world = town();
    let dora = world.driver("dora");
    world.ask(dora, "subscribe", json!({"clientId": "flowers", "event": "pickup"}));
    for payload in [json!(null), json!({"event": "pickup"}), json!({"clientId": "driver"})] {
        assert_eq!(world.get_all(dora, payload), ["pickup flowers/1"]);
    }
    let of_one = json!({"clientId": "acme", "event": "pickup"});
    assert_eq!(world.get_all(dora, of_one), ["pickup acme/1"], "asked for by name");
}

#[test]
fn a_client_without_a_role_gets_the_rooms_it_has_joined() {
    let mut world = town();
    let client = world.anyone();
    world.ask(client, "join", json!("acme"));
    assert_eq!(world.get_all(client, json!(null)), ACMES);
    assert_eq!(world.get_all(client, json!({"event": "delivered"})), ["delivered acme/3"]);
    assert_eq!(world.get_all(client, json!({"event": "pickup"})), PICKUPS);
}

#[test]
fn a_client_that_names_a_vendor_and_no_event_gets_what_that_vendor_is_told() {
    let mut world = town();
    let (client, observer) = (world.anyone(), world.observer());
    assert_eq!(world.get_all(client, json!({"clientId": "acme"})), ACMES);
    assert_eq!(world.get_all(observer, json!({"clientId": "acme"})), ACMES);
    assert_eq!(world.get_all(observer, json!(null)), PICKUPS);
}

#[test]
fn a_vendors_events_need_a_client_id_or_a_join() {
    let mut world = town();
    let client = world.anyone();
    let refusal = world.ask(client, "getAll", json!({"event": "delivered"}));
    assert_eq!(refusal["code"], "invalid_payload");
    assert!(refusal["message"].as_str().unwrap().contains("`clientId`"), "{refusal}");
}

#[test]
fn an_empty_queue_is_answered_with_nothing() {
    let mut world = World::new();
    let client = world.anyone();
    for payload in [json!(null), json!({"clientId": "nobody", "event": "delivered"})] {
        let answer = world.ask(client, "getAll", payload);
        assert_eq!(answer, json!({"status": "ok", "count": 0, "remaining": 0}));
    }
}

#[test]
fn to_get_all_is_not_to_listen() {
    let mut world = town();
    let client = world.anyone();
    let queue = json!({"clientId": "acme", "event": "delivered"});
    assert_eq!(world.get_all(client, queue.clone()), ["delivered acme/3"]);
    let driver = world.driver("dora");
    world.deliver(driver, "acme/9");
    assert_eq!(world.heard(client), [""; 0]);
    assert_eq!(world.get_all(client, queue), ["delivered acme/3", "delivered acme/9"]);
}

#[test]
fn getall_is_understood_too() {
    let mut world = town();
    let client = world.anyone();
    assert_eq!(world.ask(client, "getall", json!(null))["count"], 2);
}

#[test]
fn a_client_that_asks_gets_even_what_it_sent_itself() {
    let mut world = World::new();
    let one = world.anyone();
    world.place(one, "acme/1");
    assert_eq!(world.get_all(one, json!({"event": "pickup"})), ["pickup acme/1"]);
    assert_eq!(world.get_all(one, json!({"event": "pickup"})), ["pickup acme/1"]);
}
