//! Rights that end while their bearer is connected.

use std::time::Duration;

use serde_json::json;

use crate::tests::world::{World, verdict};
use crate::{ConnId, Identity};

const MINUTE: Duration = Duration::from_secs(60);

/// A nameless driver for a minute, and a vendor for two.
fn connect(world: &mut World) -> (ConnId, ConnId) {
    let driver = Identity::Driver { name: None, vendors: None };
    let driver = world.connect_until(driver, Some(world.now + MINUTE));
    let acme = Identity::Vendor("acme".parse().unwrap());
    let acme = world.connect_until(acme, Some(world.now + 2 * MINUTE));
    world.ask(acme, "join", json!("acme"));
    (driver, acme)
}

#[test]
fn when_a_clients_rights_end_it_hears_nothing_more_and_is_hung_up() {
    let mut world = World::new();
    let (driver, acme) = connect(&mut world);
    assert_eq!(world.hub.next_deadline(), Some(world.now + MINUTE));
    world.place(acme, "acme/1");
    assert_eq!(world.heard(driver), ["pickup acme/1"]);
    world.wait(MINUTE);
    assert!(world.hung_up.contains(&driver) && !world.hung_up.contains(&acme));
    world.place(acme, "acme/2");
    assert_eq!(world.heard(driver), [""; 0]);
    assert_eq!(world.hub.next_deadline(), Some(world.now + MINUTE));
}

#[test]
fn what_comes_too_late_is_refused_and_what_a_nameless_one_held_is_offered_again() {
    let mut world = World::new();
    let (driver, acme) = connect(&mut world);
    world.place(acme, "acme/1");
    assert_eq!(world.take(driver, "acme/1"), "ok");
    world.wait(MINUTE);
    let late = world.ask(driver, "delivered", json!({"clientId": "acme", "messageId": "1"}));
    assert_eq!(verdict(&late), "unauthorized");
    assert!(late["message"].as_str().unwrap().contains("has expired"), "{late}");
    let emil = world.driver("emil");
    assert_eq!(world.get_all(emil, json!(null)), ["pickup acme/1"]);
    assert_eq!(world.take(emil, "acme/1"), "ok");
}

#[test]
fn who_leaves_before_that_is_not_hung_up() {
    let mut world = World::new();
    let (driver, _) = connect(&mut world);
    world.disconnect(driver);
    world.wait(MINUTE);
    assert!(world.hung_up.is_empty());
}
