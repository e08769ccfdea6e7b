//! Who is told of what, event by event.

use caps_proto::{Request, Verb};
use serde_json::json;

use crate::tests::world::{World, message, order, raw};
use crate::{Change, ConnId, Effect, Input, Step};

/// A vendor with its joined socket and another vendor's, two drivers and an observer; nothing heard yet.
struct Town {
    world: World,
    acme: ConnId,
    flowers: ConnId,
    dora: ConnId,
    emil: ConnId,
    observer: ConnId,
}

impl Town {
    fn new() -> Self {
        let mut world = World::new();
        let acme = world.vendor("acme");
        let flowers = world.vendor("1-800-flowers");
        let dora = world.driver("dora");
        let emil = world.nameless_driver();
        let observer = world.observer();
        Self { world, acme, flowers, dora, emil, observer }
    }

    /// Who has heard what since the last look.
    fn heard(&mut self) -> Vec<(&'static str, String)> {
        let Self { world, acme, flowers, dora, emil, observer } = self;
        let names = [
            ("acme", acme),
            ("flowers", flowers),
            ("dora", dora),
            ("emil", emil),
            ("observer", observer),
        ];
        let heard = names.into_iter().flat_map(|(name, conn)| {
            world.heard(*conn).into_iter().map(move |heard| (name, heard))
        });
        heard.collect()
    }
}

fn all(names: &[&'static str], heard: &str) -> Vec<(&'static str, String)> {
    names.iter().map(|name| (*name, heard.to_owned())).collect()
}

#[test]
fn every_driver_and_observer_hears_a_pickup_and_no_vendor_does() {
    let mut town = Town::new();
    assert_eq!(town.world.place(town.acme, "acme/7"), "ok");
    assert_eq!(town.heard(), all(&["dora", "emil", "observer"], "pickup acme/7"));
}

#[test]
fn who_places_an_order_is_answered_before_all_who_hear_of_it() {
    let Town { mut world, acme, .. } = Town::new();
    let order = raw(&order("acme/7").to_string());
    let request = Request::parse(Verb::Pickup, Some(&order), || unreachable!("it has an id"));
    let mut step = Step::default();
    let asked = Input::Asked { conn: acme, ack: Some(1), request: request.unwrap() };
    world.hub.handle(asked, world.now, &mut step);
    let [Effect::Answer { conn, .. }, Effect::Emit { to, .. }] = &step.effects[..] else {
        panic!("{:?}", step.effects)
    };
    assert_eq!((*conn, to.len()), (acme, 3));
}

#[test]
fn a_client_that_says_nothing_of_itself_hears_every_pickup_but_its_own() {
    let mut world = World::new();
    let (store, other) = (world.anyone(), world.anyone());
    assert_eq!(world.place(store, "acme/7"), "ok");
    assert_eq!(world.heard(other), ["pickup acme/7"]);
    assert_eq!(world.heard(store), [""; 0]);
}

#[test]
fn only_the_orders_vendor_hears_that_it_is_in_transit_and_delivered() {
    let mut town = Town::new();
    town.world.place(town.acme, "acme/7");
    town.heard();
    assert_eq!(town.world.take(town.dora, "acme/7"), "ok");
    assert_eq!(town.heard(), all(&["acme"], "in-transit acme/7"));
    assert_eq!(town.world.deliver(town.dora, "acme/7"), "ok");
    assert_eq!(town.heard(), all(&["acme"], "delivered acme/7"));
}

#[test]
fn every_socket_of_a_vendor_hears_and_one_that_has_not_joined_does_not() {
    let mut world = World::new();
    let [desk, kitchen] = [world.vendor("acme"), world.vendor("acme")];
    let silent = world.connect(json!({"role": "vendor", "clientId": "acme"}));
    let driver = world.driver("dora");
    world.place(desk, "acme/7");
    world.take(driver, "acme/7");
    for (socket, heard) in [(desk, 1), (kitchen, 1), (silent, 0)] {
        assert_eq!(world.heard(socket).len(), heard);
    }
}

#[test]
fn a_sender_that_listens_does_not_hear_itself() {
    let mut world = World::new();
    let one = world.anyone();
    world.ask(one, "join", json!("acme"));
    assert_eq!(world.place(one, "acme/7"), "ok");
    assert_eq!(world.take(one, "acme/7"), "ok");
    assert_eq!(world.deliver(one, "acme/7"), "ok");
    assert_eq!(world.heard(one), [""; 0]);
    assert_eq!(world.waiting("acme", "delivered"), ["delivered acme/7"]);
}

#[test]
fn a_message_carries_the_order_as_its_vendor_wrote_it_all_the_way() {
    let mut world = World::new();
    let (acme, driver) = (world.vendor("acme"), world.driver("dora"));
    let text = r#"{ "store": "acme","orderId":7, "total": 1.50, "to": {"z":"\u00e9","a":[ ]} }"#;
    world.send_text(acme, "pickup", text);
    let slip = json!({"clientId": "acme", "messageId": 7, "order": {"forged": true}});
    world.ask(driver, "in-transit", slip.clone());
    world.ask(driver, "delivered", slip);
    let mut heard = world.heard_messages(driver);
    heard.extend(world.heard_messages(acme));
    let texts: Vec<_> = heard.iter().map(|message| message.order.text()).collect();
    assert_eq!(texts, [text; 3]);
}

#[test]
fn an_order_without_an_id_is_told_the_one_it_gets() {
    let mut world = World::new();
    let (acme, driver) = (world.vendor("acme"), world.driver("dora"));
    let answer = world.ask(acme, "pickup", json!({"store": "acme", "customer": "Ada"}));
    assert_eq!(answer, json!({"status": "ok", "messageId": "minted-1"}));
    assert_eq!(world.heard(driver), ["pickup acme/minted-1"]);
}

#[test]
fn a_message_does_as_well_as_an_order() {
    let mut world = World::new();
    let (acme, driver) = (world.vendor("acme"), world.driver("dora"));
    assert_eq!(world.ask(acme, "pickup", message("pickup", "acme/7"))["status"], "ok");
    assert_eq!(world.ask(driver, "in-transit", order("acme/7"))["status"], "ok");
    assert_eq!(world.ask(driver, "delivered", order("acme/7"))["status"], "ok");
    assert_eq!(world.heard(acme), ["in-transit acme/7", "delivered acme/7"]);
}

#[test]
fn an_order_that_the_hub_does_not_know_can_still_be_reported_on() {
    let mut world = World::new();
    let (acme, driver) = (world.vendor("acme"), world.driver("dora"));
    assert_eq!(world.take(driver, "acme/7"), "ok");
    assert_eq!(world.deliver(driver, "acme/8"), "ok");
    assert_eq!(world.heard(acme), ["in-transit acme/7", "delivered acme/8"]);
    assert_eq!(world.deliver(driver, "acme/7"), "ok");
    assert_eq!(world.waiting("acme", "pickup"), [""; 0]);
}

#[test]
fn a_refused_event_changes_nothing_and_is_heard_by_nobody() {
    let mut town = Town::new();
    town.world.place(town.acme, "acme/7");
    town.world.take(town.dora, "acme/7");
    town.heard();
    let facts = town.world.facts.len();
    for (conn, verb, payload) in [
        (town.acme, "pickup", json!(null)),
        (town.acme, "pickup", json!({"store": "acme", "orderId": ""})),
        (town.acme, "pickup", json!({"store": "acme", "orderId": "7", "other": "content"})),
        (town.acme, "pickup", order("1-800-flowers/7")),
        (town.acme, "delivered", order("acme/7")),
        (town.dora, "pickup", order("acme/8")),
        (town.emil, "in-transit", order("acme/7")),
        (town.emil, "delivered", order("acme/7")),
        (town.emil, "delivered", json!([1, 2, 3])),
        (town.emil, "received", message("pickup", "acme/7")),
        (town.emil, "getAll", json!({"limit": -1})),
        (town.observer, "pickup", order("acme/8")),
        (town.observer, "delivered", order("acme/7")),
    ] {
        let answer = town.world.ask(conn, verb, payload.clone());
        assert_eq!(answer["status"], "error", "{verb} {payload}");
        assert_eq!(answer["temporary"], false, "{verb} {payload}");
    }
    assert_eq!(town.heard(), []);
    // Only that another driver's claim was asked for is noted: it is a part of the order's story.
    let noted: Vec<_> = town.world.facts[facts..]
        .iter()
        .map(|fact| match &fact.change {
            Change::Refused { verb, by, code } => format!("{verb} {by} {code}"),
            other => panic!("a refused event is no {other:?}"),
        })
        .collect();
    let emil = town.emil;
    assert_eq!(
        noted,
        ["in-transit", "delivered", "received"]
            .map(|verb| format!("{verb} {emil} already_claimed"))
    );
}
