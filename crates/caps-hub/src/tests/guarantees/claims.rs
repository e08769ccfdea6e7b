//! Guarantee 4: one driver an order. Who holds it, and until when.

use serde_json::json;

use crate::tests::world::World;
use crate::{ConnId, Who};

/// `acme/7`, placed; the vendor, and two drivers, the first of whom is named if `named` says so.
fn placed(named: bool) -> (World, ConnId, ConnId, ConnId) {
    let mut world = World::new();
    let acme = world.vendor("acme");
    let dora = if named { world.driver("dora") } else { world.nameless_driver() };
    let emil = world.nameless_driver();
    world.place(acme, "acme/7");
    world.heard(emil);
    (world, acme, dora, emil)
}

#[test]
fn the_first_driver_that_takes_an_order_holds_it() {
    for named in [true, false] {
        let (mut world, acme, dora, emil) = placed(named);
        assert_eq!(world.take(dora, "acme/7"), "ok");
        assert_eq!(world.take(emil, "acme/7"), "already_claimed");
        assert_eq!(world.deliver(emil, "acme/7"), "already_claimed");
        assert_eq!(world.receive(emil, "pickup acme/7"), "already_claimed");
        assert_eq!(world.deliver(dora, "acme/7"), "ok");
        assert_eq!(world.heard(acme), ["in-transit acme/7", "delivered acme/7"]);
    }
}

#[test]
fn a_driver_that_is_late_is_told_that_the_order_has_arrived() {
    let (mut world, _, dora, emil) = placed(true);
    assert_eq!(world.deliver(dora, "acme/7"), "ok");
    assert_eq!(world.take(emil, "acme/7"), "already_delivered");
    assert_eq!(world.deliver(emil, "acme/7"), "already_delivered");
    assert_eq!(world.receive(emil, "pickup acme/7"), "removed 0");
}

#[test]
fn a_held_pickup_is_replayed_to_its_holder_alone() {
    let (mut world, _, dora, emil) = placed(true);
    world.take(dora, "acme/7");
    assert_eq!(world.get_all(emil, json!(null)), [""; 0]);
    assert_eq!(world.ask(emil, "getAll", json!({"limit": 0}))["remaining"], 0);
    assert_eq!(world.get_all(dora, json!(null)), ["pickup acme/7"]);
    assert_eq!(world.ask(dora, "getAll", json!({"limit": 0}))["remaining"], 1);
    world.disconnect(dora);
    let dora = world.driver("dora");
    assert_eq!(world.get_all(dora, json!(null)), ["pickup acme/7"]);
    assert_eq!(world.receive(dora, "pickup acme/7"), "removed 1");
    assert_eq!(world.get_all(dora, json!(null)), [""; 0]);
}

#[test]
fn two_sockets_of_one_name_are_one_driver() {
    let (mut world, _, dora, _) = placed(true);
    let again = world.driver("dora");
    world.take(dora, "acme/7");
    assert_eq!(world.get_all(again, json!(null)), ["pickup acme/7"]);
    assert_eq!(world.take(again, "acme/7"), "duplicate");
    assert_eq!(world.deliver(again, "acme/7"), "ok");
    assert_eq!(world.deliver(dora, "acme/7"), "duplicate");
}

#[test]
fn a_name_without_a_role_names_a_driver_too() {
    let (mut world, _, dora, emil) = placed(true);
    world.take(dora, "acme/7");
    world.disconnect(dora);
    let dora = world.connect(json!({"clientId": "dora"}));
    assert_eq!(world.take(emil, "acme/7"), "already_claimed");
    assert_eq!(world.deliver(dora, "acme/7"), "ok");
}

#[test]
fn a_named_drivers_claim_outlives_its_connections() {
    let (mut world, _, dora, emil) = placed(true);
    world.take(dora, "acme/7");
    world.disconnect(dora);
    assert_eq!(world.take(emil, "acme/7"), "already_claimed");
    assert_eq!(world.heard(emil), [""; 0]);
    let dora = world.driver("dora");
    assert_eq!(world.deliver(dora, "acme/7"), "ok");
}

#[test]
fn what_a_nameless_driver_had_not_received_is_offered_to_all_again_at_once() {
    let (mut world, acme, dora, emil) = placed(false);
    world.take(dora, "acme/7");
    world.disconnect(dora);
    assert_eq!(world.heard(emil), ["pickup acme/7"]);
    assert_eq!(world.waiting("acme", "pickup"), ["pickup acme/7"]);
    assert_eq!(world.take(emil, "acme/7"), "ok");
    assert_eq!(world.deliver(emil, "acme/7"), "ok");
    assert_eq!(world.heard(acme), ["in-transit acme/7", "delivered acme/7"], "each of them once");
}

#[test]
fn anyone_may_carry_on_what_a_nameless_driver_had_received() {
    let (mut world, acme, dora, emil) = placed(false);
    world.receive(dora, "pickup acme/7");
    assert_eq!(world.take(emil, "acme/7"), "already_claimed");
    world.disconnect(dora);
    assert_eq!(world.heard(emil), [""; 0], "it is not offered before its claim time is over");
    assert_eq!(world.take(emil, "acme/7"), "ok");
    let late = world.nameless_driver();
    assert_eq!(world.deliver(late, "acme/7"), "already_claimed", "it has a holder again");
    world.disconnect(emil);
    assert_eq!(world.deliver(late, "acme/7"), "ok");
    assert_eq!(world.heard(acme), ["in-transit acme/7", "delivered acme/7"]);
}

#[test]
fn a_driver_that_carries_on_what_another_had_received_finds_it_again_when_it_restarts() {
    for is_in_transit in [true, false] {
        let (mut world, acme, dora, emil) = placed(false);
        world.receive(dora, "pickup acme/7");
        if is_in_transit {
            world.take(dora, "acme/7");
        }
        world.disconnect(dora);
        let flora = world.driver("flora");
        assert_eq!(world.take(flora, "acme/7"), "ok");
        assert_eq!(world.get_all(emil, json!(null)), [""; 0], "it is for the holder's eyes alone");
        world.disconnect(flora);
        let flora = world.driver("flora");
        assert_eq!(world.get_all(flora, json!(null)), ["pickup acme/7"]);
        assert_eq!(world.deliver(flora, "acme/7"), "ok");
        assert_eq!(world.heard(acme), ["in-transit acme/7", "delivered acme/7"]);
        assert_eq!(world.waiting("acme", "pickup"), [""; 0]);
    }
}

#[test]
fn a_nameless_driver_leaves_only_its_own_orders_behind() {
    let mut world = World::new();
    let (acme, dora, emil) =
        (world.vendor("acme"), world.nameless_driver(), world.nameless_driver());
    for (order, driver) in [("acme/1", dora), ("acme/2", emil), ("acme/3", dora), ("acme/4", dora)]
    {
        world.place(acme, order);
        world.take(driver, order);
    }
    world.deliver(dora, "acme/4");
    world.heard(emil);
    world.disconnect(dora);
    assert_eq!(world.heard(emil), ["pickup acme/1", "pickup acme/3"]);
    assert_eq!(world.deliver(emil, "acme/2"), "ok");
}

#[test]
fn a_vendor_that_goes_ends_nobodys_claim() {
    let (mut world, acme, dora, emil) = placed(false);
    world.take(dora, "acme/7");
    let facts = world.facts.len();
    world.disconnect(acme);
    world.disconnect(emil);
    assert_eq!(world.facts.len(), facts);
    assert_eq!(world.deliver(dora, "acme/7"), "ok");
}

#[test]
fn a_driver_may_receive_first_or_last() {
    for first in [true, false] {
        let (mut world, acme, dora, _) = placed(true);
        if first {
            assert_eq!(world.receive(dora, "pickup acme/7"), "removed 1");
        }
        assert_eq!(world.take(dora, "acme/7"), "ok");
        assert_eq!(world.deliver(dora, "acme/7"), "ok");
        assert_eq!(world.receive(dora, "pickup acme/7"), "removed 0", "gone with the delivery");
        assert_eq!(world.heard(acme), ["in-transit acme/7", "delivered acme/7"]);
    }
}

#[test]
fn facts_name_the_driver_by_what_it_is_known_by() {
    let (mut world, _, dora, emil) = placed(true);
    world.take(dora, "acme/7");
    world.deliver(emil, "acme/8");
    let holder =
        |order| world.hub.book.life(&crate::tests::world::which(order)).unwrap().holder.clone();
    assert_eq!(holder("acme/7").map(|who| who.to_string()), Some("dora".to_owned()));
    assert_eq!(holder("acme/8"), Some(Who::Nameless(emil)));
}
