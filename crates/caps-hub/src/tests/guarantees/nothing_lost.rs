//! Guarantee 1: nothing is lost.

use serde_json::json;

use crate::tests::world::{World, order, verdict};
use crate::{Limits, Seq};

#[test]
fn a_vendor_who_was_away_gets_every_delivery_in_order() {
    let mut world = World::new();
    let (acme, driver) = (world.vendor("acme"), world.driver("dora"));
    for order in ["acme/1", "acme/2", "acme/3"] {
        world.place(acme, order);
    }
    world.disconnect(acme);
    for order in ["acme/2", "acme/3", "acme/1"] {
        world.take(driver, order);
        world.deliver(driver, order);
    }
    let acme = world.vendor("acme");
    assert_eq!(world.heard(acme), [""; 0]);
    let delivered = ["delivered acme/2", "delivered acme/3", "delivered acme/1"];
    assert_eq!(world.get_all(acme, json!({"clientId": "acme", "event": "delivered"})), delivered);
}

#[test]
fn a_message_comes_again_until_its_reader_has_received_it() {
    let mut world = World::new();
    let (acme, driver) = (world.vendor("acme"), world.driver("dora"));
    world.deliver(driver, "acme/7");
    world.disconnect(acme);
    for _ in 0..3 {
        let acme = world.vendor("acme");
        assert_eq!(world.get_all(acme, json!(null)), ["delivered acme/7"]);
        world.disconnect(acme);
    }
    let acme = world.vendor("acme");
    assert_eq!(world.receive(acme, "delivered acme/7"), "removed 1");
    assert_eq!(world.get_all(acme, json!(null)), [""; 0]);
}

#[test]
fn an_order_waits_for_a_driver_that_comes_later() {
    let mut world = World::new();
    let acme = world.vendor("acme");
    world.place(acme, "acme/7");
    world.disconnect(acme);
    let driver = world.driver("dora");
    assert_eq!(world.get_all(driver, json!(null)), ["pickup acme/7"]);
}

#[test]
fn a_hub_that_reads_back_what_was_kept_goes_on_where_it_was() {
    let mut world = World::new();
    let (acme, dora) = (world.vendor("acme"), world.driver("dora"));
    for order in ["acme/1", "acme/2", "acme/3", "acme/4", "acme/5"] {
        world.place(acme, order);
    }
    world.receive(dora, "pickup acme/2");
    world.take(dora, "acme/3");
    world.deliver(dora, "acme/4");
    let before = world.hub.book.portrait();

    world.restart();
    assert_eq!(world.hub.book.portrait(), before);
    world.wait(world.hub.limits.claim_time);
    assert_eq!(
        world.waiting("acme", "pickup"),
        ["pickup acme/1", "pickup acme/5", "pickup acme/2"]
    );
    let dora = world.driver("dora");
    assert_eq!(
        world.get_all(dora, json!(null)),
        ["pickup acme/1", "pickup acme/3", "pickup acme/5", "pickup acme/2"]
    );
    let acme = world.vendor("acme");
    assert_eq!(world.get_all(acme, json!(null)), ["in-transit acme/3", "delivered acme/4"]);
    assert_eq!(world.place(acme, "acme/4"), "duplicate");
    assert_eq!(world.deliver(dora, "acme/3"), "ok");
}

#[test]
fn a_hub_that_has_snapshots_needs_only_the_facts_since() {
    let mut world = World::new();
    let (acme, dora) = (world.vendor("acme"), world.driver("dora"));
    for order in ["acme/1", "acme/2", "acme/3"] {
        world.place(acme, order);
    }
    world.take(dora, "acme/1");
    world.receive(dora, "pickup acme/2");
    world.deliver(dora, "acme/3");
    world.snapshot_all();
    world.facts.clear();
    world.deliver(dora, "acme/1");
    world.place(acme, "acme/4");
    let before = world.hub.book.portrait();
    world.restart();
    assert_eq!(world.hub.book.portrait(), before);
    let acme = world.vendor("acme");
    let delivered = ["delivered acme/3", "delivered acme/1"];
    assert_eq!(world.get_all(acme, json!({"clientId": "acme", "event": "delivered"})), delivered);
}

#[test]
fn what_a_nameless_driver_held_is_offered_again_after_a_restart() {
    let mut world = World::new();
    let (acme, driver) = (world.vendor("acme"), world.nameless_driver());
    for order in ["acme/1", "acme/2"] {
        world.place(acme, order);
    }
    world.take(driver, "acme/1");
    world.receive(driver, "pickup acme/2");
    world.restart();
    assert_eq!(world.waiting("acme", "pickup"), ["pickup acme/1"]);
    world.wait(world.hub.limits.claim_time);
    assert_eq!(world.waiting("acme", "pickup"), ["pickup acme/1", "pickup acme/2"]);
}

#[test]
fn what_cannot_be_kept_for_now_is_shown_to_nobody_until_it_is() {
    let mut world = World::new();
    let (acme, dora) = (world.vendor("acme"), world.driver("dora"));
    world.place(acme, "acme/1");
    let kept = world.hub.last();
    world.place(acme, "acme/2");
    world.heard(dora);
    world.show_up_to(Some(kept));
    assert_eq!(world.get_all(dora, json!(null)), ["pickup acme/1"]);
    world.show_up_to(None);
    assert_eq!(world.get_all(dora, json!(null)), ["pickup acme/1", "pickup acme/2"]);
}

#[test]
fn a_slow_reader_is_sent_the_rest_when_it_can_be_kept_again() {
    let limits = Limits { window_messages: 1, ..Limits::default() };
    let mut world = World::with(limits);
    let (acme, dora) = (world.vendor("acme"), world.driver("dora"));
    world.stall(dora);
    world.place(acme, "acme/1");
    let kept = world.hub.last();
    world.place(acme, "acme/2");
    world.show_up_to(Some(kept));
    world.unstall(dora);
    assert_eq!(world.heard(dora), ["pickup acme/1"]);
    world.show_up_to(None);
    assert_eq!(world.heard(dora), ["pickup acme/2"]);
}

#[test]
fn what_was_to_be_sent_when_a_disk_failed_is_sent_once_it_is_kept() {
    let mut world = World::unwatched(Limits::default());
    let (acme, dora) = (world.vendor("acme"), world.driver("dora"));
    world.place(acme, "acme/1");
    let kept = world.hub.last();
    world.heard(dora);
    world.withhold();
    world.send(acme, "pickup", order("acme/2"));
    world.take_back(kept);
    assert_eq!(world.heard(dora), [""; 0]);
    world.show_up_to(None);
    assert_eq!(world.heard(dora), ["pickup acme/2"]);
    world.place(acme, "acme/3");
    assert_eq!(world.heard(dora), ["pickup acme/3"]);
}

#[test]
fn whoever_was_to_be_shown_all_when_a_disk_failed_is_shown_what_is_kept_when_it_asks_again() {
    // With room on the line for all of it, and for one message.
    for window_messages in [100, 1] {
        let mut world = World::unwatched(Limits { window_messages, ..Limits::default() });
        let (acme, reader) = (world.vendor("acme"), world.observer());
        for order in ["acme/1", "acme/2"] {
            world.place(acme, order);
        }
        let kept = world.hub.last();
        world.stall(reader);
        world.withhold();
        world.send(acme, "pickup", order("acme/3"));
        let all = json!({"clientId": "acme", "event": "pickup"});
        let asked = world.send(reader, "getAll", all.clone());
        world.take_back(kept);
        // What the hub has answered, and the server has withheld, is the server's to answer.
        let answer = world.answer(reader, asked).map(|answer| verdict(&answer));
        assert_eq!(answer.as_deref(), (window_messages == 1).then_some("busy"));
        world.unstall(reader);
        assert_eq!(world.get_all(reader, all), ["pickup acme/1", "pickup acme/2"]);
        world.show_up_to(None);
        assert_eq!(world.heard(reader), ["pickup acme/3"]);
    }
}

#[test]
fn a_replay_that_is_under_way_when_a_disk_fails_ends_with_what_is_kept() {
    let mut world = World::unwatched(Limits { window_messages: 1, ..Limits::default() });
    let (acme, reader) = (world.vendor("acme"), world.observer());
    for order in ["acme/1", "acme/2", "acme/3"] {
        world.place(acme, order);
    }
    world.heard(reader);
    world.stall(reader);
    let asked = world.send(reader, "getAll", json!({"clientId": "acme", "event": "pickup"}));
    let kept = Seq(world.hub.last().0 - 1);
    world.show_up_to(Some(kept));
    world.unstall(reader);
    assert_eq!(world.heard(reader), ["pickup acme/1", "pickup acme/2"]);
    assert_eq!(world.answer(reader, asked).unwrap()["count"], 2);
    world.show_up_to(None);
}
