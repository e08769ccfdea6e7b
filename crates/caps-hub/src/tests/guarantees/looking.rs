//! Those who ask are shown what is.

use std::collections::BTreeSet;
use std::time::Duration;

use caps_proto::{Event, MessageId, Request, Verb};
use serde_json::value::to_raw_value;

use crate::tests::world::{World, message, which};
use crate::{OrderState, OrderView, Tally, Who};

fn order(world: &World, name: &str) -> OrderView {
    world.hub.order(&which(name)).expect("an order that the hub knows")
}

#[test]
fn an_order_is_shown_at_every_stage() {
    let mut world = World::new();
    let (acme, dora) = (world.vendor("acme"), world.driver("dora"));
    assert!(world.hub.order(&which("acme/7")).is_none());

    world.place(acme, "acme/7");
    let placed = order(&world, "acme/7");
    assert_eq!((placed.state, placed.holder), (OrderState::Ready, None));
    assert_eq!(placed.waiting, [Event::Pickup]);

    world.receive(dora, "pickup acme/7");
    let claimed = order(&world, "acme/7");
    let lapse = world.now + world.hub.limits.claim_time;
    assert_eq!((claimed.state, claimed.offered_again_at), (OrderState::Claimed, Some(lapse)));

    world.take(dora, "acme/7");
    let taken = order(&world, "acme/7");
    assert_eq!((taken.state, taken.waiting), (OrderState::InTransit, vec![Event::InTransit]));

    world.deliver(dora, "acme/7");
    let delivered = order(&world, "acme/7");
    assert_eq!(delivered.state, OrderState::Delivered);
    assert_eq!(delivered.holder.map(|who| who.to_string()), Some("dora".to_owned()));
    assert_eq!(delivered.latest, world.hub.last());
    assert_eq!(
        delivered.order.map(|order| order.digest()),
        placed.order.map(|order| order.digest())
    );
}

#[test]
fn how_many_orders_have_come_how_far_is_told_of_a_vendor_and_of_all() {
    let mut world = World::new();
    let (acme, books) = (world.vendor("acme"), world.vendor("books"));
    let (dora, nameless) = (world.driver("dora"), world.nameless_driver());
    let tally = |ready, claimed, in_transit| Tally { ready, claimed, in_transit };
    let of = |world: &World, name: &str| world.hub.tally(Some(&name.parse().unwrap()));
    for order in ["acme/1", "acme/2", "acme/3", "acme/4"] {
        world.place(acme, order);
    }
    world.place(books, "books/1");
    world.receive(dora, "pickup acme/1");
    world.take(dora, "acme/2");
    world.take(nameless, "acme/3");
    world.deliver(dora, "books/1");
    assert_eq!(of(&world, "acme"), tally(1, 1, 2));
    assert_eq!(of(&world, "books"), tally(0, 0, 0));
    assert_eq!(world.hub.tally(None), tally(1, 1, 2));
    world.disconnect(nameless);
    assert_eq!(of(&world, "acme"), tally(2, 1, 1), "its holder is gone");
    world.wait(world.hub.limits.claim_time);
    assert_eq!(of(&world, "acme"), tally(3, 0, 1), "its claim has lapsed");
    world.snapshot_all();
    world.restart();
    assert_eq!(world.hub.tally(None), tally(3, 0, 1));
}

#[test]
fn what_a_driver_holds_is_told_through_its_absence_and_the_hubs() {
    let mut world = World::new();
    let (acme, dora) = (world.vendor("acme"), world.driver("dora"));
    let held = |world: &World| -> Vec<_> {
        let dora = Who::Named("dora".parse().unwrap());
        let mut held: Vec<_> = world.hub.held_by(&dora).map(|which| which.to_string()).collect();
        held.sort_unstable();
        held
    };
    for order in ["acme/1", "acme/2", "acme/3"] {
        world.place(acme, order);
    }
    world.receive(dora, "pickup acme/1");
    world.take(dora, "acme/2");
    assert_eq!(held(&world), ["acme/1", "acme/2"]);
    world.disconnect(dora);
    world.restart();
    assert_eq!(held(&world), ["acme/1", "acme/2"]);
    let dora = world.driver("dora");
    world.deliver(dora, "acme/2");
    assert_eq!(held(&world), ["acme/1"]);
    world.wait(world.hub.limits.claim_time);
    assert_eq!(held(&world), Vec::<String>::new());
}

#[test]
fn the_vendors_that_the_hub_knows_are_those_with_orders_and_those_to_whom_somebody_listens() {
    let mut world = World::new();
    let (_acme, books, dora) = (world.vendor("acme"), world.anyone(), world.driver("dora"));
    world.place(books, "books/1");
    world.take(dora, "books/1");
    world.receive(dora, "pickup books/1");
    let known = |world: &World| -> BTreeSet<_> { world.hub.clients().cloned().collect() };
    let named = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect();
    assert_eq!(known(&world), named(&["acme", "books"]));
    world.restart();
    assert_eq!(known(&world), named(&["books"]));
}

#[test]
fn a_queue_is_shown_with_the_time_since_when_its_oldest_message_waits() {
    let mut world = World::new();
    let (acme, dora) = (world.vendor("acme"), world.driver("dora"));
    let begin = world.now;
    for order in ["acme/1", "acme/2"] {
        world.place(acme, order);
        world.wait(Duration::from_secs(1));
    }
    let shown = |world: &World| -> Vec<_> {
        world.hub.queues().map(|view| (view.key.to_string(), view.depth, view.oldest)).collect()
    };
    assert_eq!(shown(&world), [("(acme, pickup)".to_owned(), 2, begin)]);
    world.receive(dora, "pickup acme/1");
    let second = begin + Duration::from_secs(1);
    assert_eq!(shown(&world), [("(acme, pickup)".to_owned(), 1, second)]);
    world.restart();
    assert_eq!(shown(&world), [("(acme, pickup)".to_owned(), 1, second)]);
}

#[test]
fn whether_the_hub_knows_an_order_is_told_for_each_thing_that_can_be_asked_of_it() {
    let mut world = World::new();
    let (acme, dora) = (world.vendor("acme"), world.driver("dora"));
    let knows = |world: &World| -> Vec<_> {
        let verbs = ["pickup", "in-transit", "delivered", "release", "received"].into_iter();
        let known = verbs.filter(|name| {
            let payload = to_raw_value(&message("delivered", "acme/7")).unwrap();
            let mint = || MessageId::new("minted").unwrap();
            let verb = Verb::from_name(name).unwrap();
            let request = Request::parse(verb, Some(&payload), mint).unwrap();
            world.hub.knows_order_of(&request)
        });
        known.collect()
    };
    assert_eq!(knows(&world), ["pickup"]);
    let all = ["pickup", "in-transit", "delivered", "release", "received"];
    world.place(acme, "acme/7");
    assert_eq!(knows(&world), all);
    world.deliver(dora, "acme/7");
    assert_eq!(knows(&world), all);
    world.wait(world.hub.limits.dedupe_window);
    assert_eq!(knows(&world), ["pickup", "received"], "only the delivery is left, and waits");
    world.receive(acme, "delivered acme/7");
    assert_eq!(knows(&world), ["pickup"]);
}
