//! Those who ask are shown what is.

use std::time::Duration;

use caps_proto::{Event, MessageId, Request, Verb};
use serde_json::value::to_raw_value;

use crate::tests::world::{World, message, which};
use crate::{OrderState, OrderView};

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
        let verbs = ["pickup", "in-transit", "delivered", "received"].into_iter();
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
    let all = ["pickup", "in-transit", "delivered", "received"];
    world.place(acme, "acme/7");
    assert_eq!(knows(&world), all);
    world.deliver(dora, "acme/7");
    assert_eq!(knows(&world), all);
    world.wait(world.hub.limits.dedupe_window);
    assert_eq!(knows(&world), ["pickup", "received"], "only the delivery is left, and waits");
    world.receive(acme, "delivered acme/7");
    assert_eq!(knows(&world), ["pickup"]);
}
