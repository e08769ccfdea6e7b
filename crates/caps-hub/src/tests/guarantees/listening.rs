//! Who listens to what: `join`, `subscribe`, and the question that answers it.

use serde_json::json;

use crate::tests::world::World;
use crate::{ConnId, Identity};

fn subscribe(world: &mut World, conn: ConnId, client: &str, event: &str) {
    let answer = world.ask(conn, "subscribe", json!({"clientId": client, "event": event}));
    assert_eq!(answer, json!({"status": "ok"}));
}

#[test]
fn the_first_subscription_to_pickups_narrows_and_the_next_widens() {
    let mut world = World::new();
    let driver = world.driver("dora");
    let stores = ["a", "b", "c"].map(|name| (name, world.vendor(name)));
    let place_one_each = |world: &mut World, id: u32| {
        for (name, vendor) in stores {
            world.place(vendor, &format!("{name}/{id}"));
        }
        world.heard(driver)
    };
    assert_eq!(place_one_each(&mut world, 1), ["pickup a/1", "pickup b/1", "pickup c/1"]);
    subscribe(&mut world, driver, "b", "pickup");
    assert_eq!(place_one_each(&mut world, 2), ["pickup b/2"]);
    subscribe(&mut world, driver, "c", "pickup");
    assert_eq!(place_one_each(&mut world, 3), ["pickup b/3", "pickup c/3"]);
}

#[test]
fn no_other_subscription_narrows() {
    let mut world = World::new();
    let (acme, driver) = (world.vendor("acme"), world.driver("dora"));
    world.ask(driver, "join", json!("flowers"));
    subscribe(&mut world, driver, "flowers", "in-transit");
    world.place(acme, "acme/1");
    assert_eq!(world.heard(driver), ["pickup acme/1"]);
}

#[test]
fn to_subscribe_is_to_join_for_one_event() {
    let mut world = World::new();
    let (client, driver) = (world.anyone(), world.driver("dora"));
    subscribe(&mut world, client, "acme", "delivered");
    world.take(driver, "acme/1");
    world.deliver(driver, "acme/1");
    assert_eq!(world.heard(client), ["delivered acme/1"]);
}

#[test]
fn to_join_twice_is_to_hear_once() {
    let mut world = World::new();
    let (acme, driver) = (world.vendor("acme"), world.driver("dora"));
    world.ask(acme, "join", json!({"clientId": "acme"}));
    subscribe(&mut world, acme, "acme", "delivered");
    world.deliver(driver, "acme/1");
    assert_eq!(world.heard(acme), ["delivered acme/1"]);
}

#[test]
fn one_socket_may_join_several_rooms() {
    let mut world = World::new();
    let (client, driver) = (world.anyone(), world.driver("dora"));
    world.ask(client, "join", json!("a"));
    world.ask(client, "join", json!("b"));
    for order in ["a/1", "b/1", "c/1"] {
        world.deliver(driver, order);
    }
    assert_eq!(world.heard(client), ["delivered a/1", "delivered b/1"]);
}

#[test]
fn to_join_is_not_to_get_what_waits() {
    let mut world = World::new();
    let driver = world.driver("dora");
    world.deliver(driver, "acme/1");
    let acme = world.vendor("acme");
    assert_eq!(world.heard(acme), [""; 0]);
}

#[test]
fn narrowing_drops_what_is_behind_of_others_and_keeps_the_place_in_its_own() {
    let limits = crate::Limits { window_messages: 2, ..crate::Limits::default() };
    let mut world = World::with(limits);
    let (a, b, driver) = (world.vendor("a"), world.vendor("b"), world.driver("dora"));
    world.stall(driver);
    for id in 0..4 {
        world.place(a, &format!("a/{id}"));
        world.place(b, &format!("b/{id}"));
    }
    assert_eq!(world.heard(driver), ["pickup a/0", "pickup b/0"]);
    subscribe(&mut world, driver, "b", "pickup");
    world.unstall(driver);
    assert_eq!(world.heard(driver), ["pickup b/1", "pickup b/2", "pickup b/3"]);
}

#[test]
fn the_hub_knows_who_listens_to_what() {
    let mut world = World::new();
    let acme = world.vendor("acme");
    let (dora, emil) = (world.driver("dora"), world.nameless_driver());
    let (observer, client) = (world.observer(), world.anyone());
    subscribe(&mut world, dora, "acme", "pickup");
    world.ask(client, "join", json!("acme"));
    assert_eq!(world.listeners("acme", "pickup"), [dora, emil, observer, client]);
    assert_eq!(world.listeners("other", "pickup"), [emil, observer, client]);
    assert_eq!(world.listeners("acme", "delivered"), [acme, client]);
    assert_eq!(world.listeners("acme", "in-transit"), [acme, client]);
    assert_eq!(world.listeners("other", "delivered"), []);
    world.disconnect(client);
    world.disconnect(dora);
    assert_eq!(world.listeners("acme", "pickup"), [emil, observer]);
    assert_eq!(world.listeners("acme", "delivered"), [acme]);
}

#[test]
fn the_answer_says_who_they_are() {
    let mut world = World::new();
    let (acme, dora) = (world.vendor("acme"), world.driver("dora"));
    let said: Vec<_> = world.hub.subscriptions().map(|listens| listens.identity).collect();
    assert!(
        matches!(said[0], Identity::Driver { name: Some(name), .. } if name.as_str() == "dora")
    );
    assert!(matches!(said[1], Identity::Vendor(name) if name.as_str() == "acme"));
    assert_eq!(said.len(), 3, "a room is two queues");
    assert_eq!((said[0], said[1]), (world.identity(dora), world.identity(acme)));
}
