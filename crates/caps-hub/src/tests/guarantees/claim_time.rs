//! Guarantee 4, again: an order that is claimed and not in transit in time is offered to all again.

use std::time::Duration;

use serde_json::json;

use crate::tests::world::World;
use crate::{ConnId, Timestamp};

const CLAIM_TIME: Duration = Duration::from_secs(10 * 60);
const MOMENT: Duration = Duration::from_millis(1);

/// `acme/7`, received by a driver who is named if `named` says so, and another driver that looks on.
fn received(named: bool) -> (World, ConnId, ConnId) {
    let mut world = World::new();
    let acme = world.vendor("acme");
    let dora = if named { world.driver("dora") } else { world.nameless_driver() };
    let emil = world.driver("emil");
    world.place(acme, "acme/7");
    world.receive(dora, "pickup acme/7");
    world.heard(emil);
    (world, dora, emil)
}

#[test]
fn a_claim_lapses_while_its_driver_is_connected() {
    for named in [true, false] {
        let (mut world, dora, emil) = received(named);
        world.heard(dora);
        world.wait(CLAIM_TIME - MOMENT);
        assert_eq!(world.heard(emil), [""; 0]);
        assert_eq!(world.take(emil, "acme/7"), "already_claimed");
        world.wait(MOMENT);
        assert_eq!(world.heard(emil), ["pickup acme/7"]);
        assert_eq!(world.heard(dora), ["pickup acme/7"]);
        assert_eq!(world.take(emil, "acme/7"), "ok");
        assert_eq!(world.take(dora, "acme/7"), "already_claimed");
    }
}

#[test]
fn a_claim_lapses_while_its_driver_is_away() {
    for named in [true, false] {
        let (mut world, dora, emil) = received(named);
        world.disconnect(dora);
        world.wait(CLAIM_TIME - MOMENT);
        assert_eq!(world.heard(emil), [""; 0]);
        world.wait(MOMENT);
        assert_eq!(world.heard(emil), ["pickup acme/7"]);
    }
}

#[test]
fn the_hub_says_when_it_wants_to_be_woken() {
    let (mut world, _, _) = received(true);
    assert_eq!(world.hub.next_deadline(), Some(world.now + CLAIM_TIME));
    world.wait(CLAIM_TIME);
    assert_eq!(world.hub.next_deadline(), None);
}

#[test]
fn the_first_holder_may_take_it_again_after_the_lapse() {
    let (mut world, dora, emil) = received(true);
    world.wait(CLAIM_TIME);
    assert_eq!(world.take(dora, "acme/7"), "ok");
    assert_eq!(world.take(emil, "acme/7"), "already_claimed");
    assert_eq!(world.get_all(dora, json!(null)), ["pickup acme/7"]);
}

#[test]
fn to_receive_again_does_not_put_off_the_lapse() {
    let (mut world, dora, emil) = received(true);
    world.wait(CLAIM_TIME / 2);
    assert_eq!(world.receive(dora, "pickup acme/7"), "removed 0");
    world.wait(CLAIM_TIME / 2);
    assert_eq!(world.heard(emil), ["pickup acme/7"]);
}

#[test]
fn a_claim_made_after_a_lapse_has_its_whole_time() {
    let (mut world, _, emil) = received(true);
    world.wait(CLAIM_TIME);
    world.wait(CLAIM_TIME / 2);
    assert_eq!(world.receive(emil, "pickup acme/7"), "removed 1");
    world.heard(emil);
    world.wait(CLAIM_TIME - MOMENT);
    assert_eq!(world.heard(emil), [""; 0]);
    world.wait(MOMENT);
    assert_eq!(world.heard(emil), ["pickup acme/7"]);
}

#[test]
fn an_order_in_transit_stays_its_drivers() {
    let (mut world, dora, emil) = received(true);
    world.take(dora, "acme/7");
    world.disconnect(dora);
    assert_eq!(world.hub.next_deadline(), None);
    world.wait(CLAIM_TIME * 100);
    assert_eq!(world.heard(emil), [""; 0]);
    assert_eq!(world.deliver(emil, "acme/7"), "already_claimed");
    let dora = world.driver("dora");
    assert_eq!(world.deliver(dora, "acme/7"), "ok");
}

#[test]
fn a_delivered_order_is_not_offered_again() {
    let (mut world, dora, emil) = received(true);
    world.deliver(dora, "acme/7");
    world.wait(CLAIM_TIME);
    assert_eq!(world.heard(emil), [""; 0]);
    assert_eq!(world.waiting("acme", "pickup"), [""; 0]);
}

#[test]
fn claims_lapse_one_by_one_and_together_in_the_order_they_were_made() {
    let mut world = World::new();
    let (acme, dora, emil) = (world.vendor("acme"), world.driver("dora"), world.driver("emil"));
    for order in ["acme/1", "acme/2", "acme/3"] {
        world.place(acme, order);
    }
    world.receive(dora, "pickup acme/3");
    world.receive(dora, "pickup acme/1");
    world.wait(MOMENT);
    world.receive(dora, "pickup acme/2");
    world.heard(emil);
    world.wait(CLAIM_TIME - MOMENT);
    assert_eq!(world.heard(emil), ["pickup acme/3", "pickup acme/1"]);
    world.wait(MOMENT);
    assert_eq!(world.heard(emil), ["pickup acme/2"]);
}

#[test]
fn a_lapse_comes_before_whatever_is_asked_at_that_moment() {
    let (mut world, _, emil) = received(true);
    world.now = world.now + CLAIM_TIME;
    assert_eq!(world.take(emil, "acme/7"), "ok");
}

#[test]
fn a_lapse_is_a_fact_of_the_moment_it_was_seen() {
    let (mut world, _, _) = received(true);
    world.wait(CLAIM_TIME * 3);
    let at = world.facts.last().map(|fact| fact.at);
    assert_eq!(at, Some(Timestamp::from_millis(world.now.as_millis())));
}

#[test]
fn an_order_on_the_road_whose_nameless_driver_is_gone_is_offered_again_in_time() {
    let (mut world, dora, emil) = received(false);
    assert_eq!(world.take(dora, "acme/7"), "ok");
    world.disconnect(dora);
    world.wait(CLAIM_TIME - MOMENT);
    assert_eq!(world.heard(emil), [""; 0], "whoever knows of it may carry it on");
    world.wait(MOMENT);
    assert_eq!(world.heard(emil), ["pickup acme/7"]);
    assert_eq!(world.take(emil, "acme/7"), "ok");
}
