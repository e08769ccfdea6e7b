//! `release`: a driver gives an order back, and it is offered again.

use serde_json::json;

use crate::tests::world::{World, which};
use crate::{Change, ConnId, Limits};

/// `acme/7` and then `acme/8`, placed; the vendor, a driver who is named if `named` says so, and another one.
fn placed(named: bool) -> (World, ConnId, ConnId, ConnId) {
    let mut world = World::new();
    let acme = world.vendor("acme");
    let dora = if named { world.driver("dora") } else { world.nameless_driver() };
    let emil = world.nameless_driver();
    for order in ["acme/7", "acme/8"] {
        world.place(acme, order);
    }
    for driver in [dora, emil] {
        world.heard(driver);
    }
    (world, acme, dora, emil)
}

fn claim(world: &mut World, driver: ConnId, how: &str) {
    match how {
        "received" => assert_eq!(world.receive(driver, "pickup acme/7"), "removed 1"),
        "in transit" => assert_eq!(world.take(driver, "acme/7"), "ok"),
        _ => {
            world.receive(driver, "pickup acme/7");
            assert_eq!(world.take(driver, "acme/7"), "ok");
        }
    }
}

const CLAIMS: [&str; 3] = ["received", "in transit", "both"];

#[test]
fn what_a_driver_gives_back_is_offered_again_behind_all_that_waits() {
    for (named, how) in [true, false].into_iter().flat_map(|named| CLAIMS.map(|how| (named, how))) {
        let (mut world, _, dora, emil) = placed(named);
        claim(&mut world, dora, how);
        let answer = world.ask(dora, "release", json!({"clientId": "acme", "messageId": "7"}));
        assert_eq!(answer, json!({"status": "ok", "messageId": "7"}), "{how}");
        assert_eq!(world.heard(emil), ["pickup acme/7"], "{how}");
        assert_eq!(world.waiting("acme", "pickup"), ["pickup acme/8", "pickup acme/7"], "{how}");
        assert_eq!(world.take(emil, "acme/7"), "ok", "{how}");
        assert_eq!(world.take(dora, "acme/7"), "already_claimed", "{how}");
    }
}

#[test]
fn who_gives_an_order_back_does_not_hear_of_it_and_may_take_it_again() {
    let (mut world, _, dora, _) = placed(true);
    claim(&mut world, dora, "both");
    assert_eq!(world.release(dora, "acme/7"), "ok");
    assert_eq!(world.heard(dora), [""; 0]);
    assert_eq!(world.get_all(dora, json!(null)), ["pickup acme/8", "pickup acme/7"]);
    assert_eq!(world.take(dora, "acme/7"), "ok");
    assert_eq!(world.deliver(dora, "acme/7"), "ok");
}

#[test]
fn who_is_behind_does_not_hear_of_what_it_has_given_back_when_it_catches_up() {
    let mut world = World::with(Limits { window_messages: 1, ..Limits::default() });
    let (acme, dora) = (world.vendor("acme"), world.driver("dora"));
    world.place(acme, "acme/7");
    world.take(dora, "acme/7");
    world.stall(dora);
    for order in ["acme/8", "acme/9"] {
        world.place(acme, order);
    }
    world.release(dora, "acme/7");
    world.unstall(dora);
    assert_eq!(world.heard(dora), ["pickup acme/7", "pickup acme/8", "pickup acme/9"]);
}

#[test]
fn a_driver_gives_back_through_any_of_its_connections() {
    let (mut world, _, dora, emil) = placed(true);
    let again = world.driver("dora");
    claim(&mut world, dora, "in transit");
    world.disconnect(dora);
    assert_eq!(world.release(again, "acme/7"), "ok");
    assert_eq!(world.heard(emil), ["pickup acme/7"]);
}

#[test]
fn the_vendor_hears_of_the_transit_once_whoever_delivers_in_the_end() {
    let (mut world, acme, dora, emil) = placed(true);
    claim(&mut world, dora, "in transit");
    world.release(dora, "acme/7");
    assert_eq!(world.waiting("acme", "in-transit"), ["in-transit acme/7"], "it stays as it is");
    assert_eq!(world.take(emil, "acme/7"), "ok");
    assert_eq!(world.deliver(emil, "acme/7"), "ok");
    assert_eq!(world.heard(acme), ["in-transit acme/7", "delivered acme/7"]);
}

#[test]
fn a_transit_that_was_not_yet_told_is_told_when_the_next_driver_has_the_order() {
    let (mut world, acme, dora, emil) = placed(true);
    claim(&mut world, dora, "received");
    world.release(dora, "acme/7");
    assert_eq!(world.heard(acme), [""; 0]);
    world.take(emil, "acme/7");
    assert_eq!(world.heard(acme), ["in-transit acme/7"]);
}

#[test]
fn to_give_back_what_nobody_holds_is_harmless() {
    let (mut world, acme, dora, emil) = placed(false);
    claim(&mut world, dora, "received");
    assert_eq!(world.release(dora, "acme/7"), "ok");
    world.take(emil, "acme/8");
    world.receive(emil, "pickup acme/8");
    world.disconnect(emil);
    world.heard(dora);
    let facts = world.facts.len();
    for (order, what) in [
        ("acme/7", "a retry"),
        ("acme/8", "left on the road by a nameless driver"),
        ("acme/nobody-knows", "never placed"),
    ] {
        assert_eq!(world.release(dora, order), "duplicate", "{what}");
    }
    assert_eq!(world.facts.len(), facts);
    assert_eq!(world.waiting("acme", "pickup"), ["pickup acme/7"]);
    assert_eq!((world.heard(dora).len(), world.heard(acme).len()), (0, 1));
}

#[test]
fn nobody_gives_back_what_another_driver_holds() {
    let (mut world, acme, dora, emil) = placed(true);
    claim(&mut world, dora, "in transit");
    assert_eq!(world.release(emil, "acme/7"), "already_claimed");
    assert!(
        matches!(
            &world.facts.last().unwrap().change,
            Change::Refused { verb, by, code }
                if format!("{verb} {by} {code}") == format!("release {emil} already_claimed")
        ),
        "it is noted"
    );
    assert_eq!(world.heard(emil), [""; 0]);
    let roleless = world.anyone();
    assert_eq!(world.release(roleless, "acme/7"), "already_claimed");
    let observer = world.observer();
    for (other, code) in [(acme, "forbidden"), (observer, "forbidden")] {
        assert_eq!(world.release(other, "acme/7"), code);
    }
    assert_eq!(world.deliver(dora, "acme/7"), "ok");
}

#[test]
fn what_is_delivered_cannot_be_given_back() {
    for named in [true, false] {
        let (mut world, acme, dora, emil) = placed(named);
        claim(&mut world, dora, "in transit");
        world.deliver(dora, "acme/7");
        let payload = json!({"clientId": "acme", "messageId": "7"});
        let refusal = world.ask(dora, "release", payload.clone());
        assert_eq!(refusal["code"], "already_delivered");
        let sentence = refusal["message"].as_str().unwrap();
        assert!(sentence.contains("`acme/7` is delivered and cannot be given back"), "{sentence}");
        let refusal = world.ask(emil, "release", payload);
        assert_eq!(refusal["code"], "already_delivered");
        assert!(refusal["message"].as_str().unwrap().starts_with("Another driver"), "{refusal}");
        assert_eq!(world.waiting("acme", "pickup"), ["pickup acme/8"]);
        assert_eq!(world.heard(acme), ["in-transit acme/7", "delivered acme/7"]);
    }
}

#[test]
fn a_driver_can_always_give_back_even_into_a_full_queue() {
    let mut world = World::with(Limits { max_queue: 1, max_orders: 2, ..Limits::default() });
    let (acme, dora) = (world.vendor("acme"), world.driver("dora"));
    world.place(acme, "acme/7");
    world.receive(dora, "pickup acme/7");
    world.place(acme, "acme/8");
    assert_eq!(world.place(acme, "acme/9"), "queue_full");
    assert_eq!(world.release(dora, "acme/7"), "ok");
    assert_eq!(world.waiting("acme", "pickup"), ["pickup acme/8", "pickup acme/7"]);
}

#[test]
fn an_order_that_was_given_back_is_nobodys_claim_any_longer() {
    for how in CLAIMS {
        let (mut world, _, dora, emil) = placed(false);
        claim(&mut world, dora, how);
        world.release(dora, "acme/7");
        world.heard(emil);
        assert_eq!(world.hub.next_deadline(), None, "{how}: no claim time runs");
        world.disconnect(dora);
        assert_eq!(world.heard(emil), [""; 0], "{how}: it is not offered once more");
    }
}

#[test]
fn to_receive_the_pickup_after_all_is_to_claim_the_order_again() {
    let (mut world, _, dora, emil) = placed(true);
    claim(&mut world, dora, "in transit");
    world.release(dora, "acme/7");
    assert_eq!(world.receive(dora, "pickup acme/7"), "removed 1");
    assert_eq!(world.take(emil, "acme/7"), "already_claimed");
    assert_eq!(world.release(dora, "acme/7"), "ok");
    assert_eq!(world.take(emil, "acme/7"), "ok");
}

#[test]
fn an_order_that_the_hub_first_heard_of_by_a_driver_can_be_given_back_too() {
    let (mut world, _, dora, emil) = placed(true);
    world.take(dora, "acme/9");
    assert_eq!(world.release(dora, "acme/9"), "ok");
    assert_eq!(world.heard(emil), ["pickup acme/9"]);
    assert_eq!(world.deliver(emil, "acme/9"), "ok");
}

#[test]
fn a_hub_that_dies_remembers_what_was_given_back_and_by_whom() {
    let (mut world, _, dora, _) = placed(true);
    claim(&mut world, dora, "both");
    world.release(dora, "acme/7");
    let fact = world.facts.last().unwrap();
    let by = fact.change.by().map(ToString::to_string);
    assert_eq!((fact.change.name(), by.as_deref()), ("released", Some("dora")));
    world.restart();
    assert_eq!(world.waiting("acme", "pickup"), ["pickup acme/8", "pickup acme/7"]);
    assert_eq!(world.hub.order(&which("acme/7")).unwrap().holder, None);
    let emil = world.driver("emil");
    assert_eq!(world.take(emil, "acme/7"), "ok");
}
