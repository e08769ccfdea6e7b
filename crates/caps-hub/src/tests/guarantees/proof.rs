//! A proof of delivery: what a driver has to show reaches the vendor as the driver wrote it.

use caps_proto::{MAX_PROOF_BYTES, Message, Proof};
use serde_json::{Value, json};

use crate::tests::world::{World, message, order};
use crate::{ConnId, Limits};

/// Text that no JSON library would write like this.
const PROOF: &str =
    r#"{ "scannedAt": 1.50,"code":"\u0041", "location":{"lat":52.50,"lon":13.40} }"#;

/// `acme/7` in transit; the vendor, and its driver.
fn in_transit() -> (World, ConnId, ConnId) {
    let mut world = World::new();
    let (acme, dora) = (world.vendor("acme"), world.driver("dora"));
    world.place(acme, "acme/7");
    world.take(dora, "acme/7");
    (world, acme, dora)
}

fn proofs(messages: &[impl AsRef<Message>]) -> Vec<Option<&str>> {
    messages.iter().map(|message| message.as_ref().proof.as_ref().map(Proof::text)).collect()
}

/// A proof of so many bytes.
fn photo(bytes: usize) -> String {
    let frame = r#"{"photo":""}"#.len();
    format!(r#"{{"photo":"{}"}}"#, "x".repeat(bytes - frame))
}

fn shown(proof: &str) -> String {
    format!("delivered acme/7 {proof}")
}

#[test]
fn a_vendor_is_shown_the_proof_as_the_driver_wrote_it_live_and_replayed() {
    let (mut world, acme, dora) = in_transit();
    assert_eq!(world.prove(dora, "acme/7", PROOF), "ok");
    assert_eq!(world.heard(acme), ["in-transit acme/7".to_owned(), shown(PROOF)]);
    assert_eq!(world.get_all(acme, json!(null)), [shown(PROOF)]);
    world.restart();
    assert_eq!(world.waiting("acme", "delivered"), [shown(PROOF)]);
}

#[test]
fn a_proof_stands_beside_the_order_and_only_where_there_is_one() {
    let (mut world, acme, dora) = in_transit();
    world.prove(dora, "acme/7", r#"{"code":1}"#);
    world.deliver(dora, "acme/8");
    let heard = world.heard_messages(acme);
    let heard: Vec<_> = heard.iter().map(|it| serde_json::to_value(&**it).unwrap()).collect();
    let mut proven = message("delivered", "acme/7");
    proven["proof"] = json!({"code": 1});
    let wanted = [message("in-transit", "acme/7"), proven, message("delivered", "acme/8")];
    assert_eq!(heard, wanted);
}

#[test]
fn a_proof_beside_any_other_event_is_left_out() {
    let mut world = World::new();
    let (acme, dora) = (world.vendor("acme"), world.driver("dora"));
    let with_proof = |event| {
        let mut said = message(event, "acme/7");
        said["proof"] = json!({"code": 1});
        said
    };
    world.ask(acme, "pickup", with_proof("pickup"));
    world.ask(dora, "in-transit", with_proof("pickup"));
    world.ask(dora, "release", with_proof("pickup"));
    world.ask(dora, "in-transit", with_proof("pickup"));
    world.deliver(dora, "acme/7");
    let mut heard = world.heard_messages(dora);
    heard.extend(world.heard_messages(acme));
    assert_eq!(proofs(&heard), [None; 3]);
}

#[test]
fn an_order_may_have_a_field_called_proof_that_is_its_vendors() {
    let mut world = World::new();
    let (acme, dora) = (world.vendor("acme"), world.driver("dora"));
    let mut wine = order("acme/7");
    wine["proof"] = json!({"ofAge": true});
    world.ask(acme, "pickup", wine.clone());
    world.ask(dora, "delivered", wine.clone());
    let heard = world.heard_messages(acme);
    assert_eq!(proofs(&heard), [None]);
    assert_eq!(serde_json::from_str::<Value>(heard[0].order.text()).unwrap(), wine);
}

#[test]
fn the_first_delivery_stands_with_its_proof_or_without_one() {
    let (mut world, _, dora) = in_transit();
    world.prove(dora, "acme/7", r#"{"code":1}"#);
    assert_eq!(world.prove(dora, "acme/7", r#"{"code":2}"#), "duplicate");
    assert_eq!(world.deliver(dora, "acme/7"), "duplicate");
    world.deliver(dora, "acme/8");
    assert_eq!(world.prove(dora, "acme/8", r#"{"code":2}"#), "duplicate");
    let delivered = [shown(r#"{"code":1}"#), "delivered acme/8".to_owned()];
    assert_eq!(world.waiting("acme", "delivered"), delivered);
}

#[test]
fn what_is_no_proof_is_refused_and_the_order_can_still_be_delivered() {
    let (mut world, acme, dora) = in_transit();
    world.heard(acme);
    let facts = world.facts.len();
    let giant = photo(MAX_PROOF_BYTES + 1);
    for (proof, code) in
        [("[]", "invalid_payload"), ("\"x\"", "invalid_payload"), (&giant, "payload_too_large")]
    {
        assert_eq!(world.prove(dora, "acme/7", proof), code);
    }
    assert_eq!((world.facts.len(), world.heard(acme).len()), (facts, 0));
    assert_eq!(world.prove(dora, "acme/7", &photo(MAX_PROOF_BYTES)), "ok");
}

#[test]
fn an_order_that_the_hub_first_hears_of_by_its_delivery_can_be_proven_too() {
    let (mut world, _, dora) = in_transit();
    assert_eq!(world.prove(dora, "acme/8", PROOF), "ok");
    assert_eq!(world.waiting("acme", "delivered"), [format!("delivered acme/8 {PROOF}")]);
}

#[test]
fn the_log_keeps_a_proof() {
    let (mut world, _, dora) = in_transit();
    world.prove(dora, "acme/7", PROOF);
    world.deliver(dora, "acme/8");
    let proofs = world.facts.iter().map(|fact| fact.change.proof().map(Proof::text));
    assert_eq!(proofs.collect::<Vec<_>>(), [None, None, Some(PROOF), None]);
}

#[test]
fn a_snapshot_keeps_the_proofs_of_what_waits() {
    let (mut world, _, dora) = in_transit();
    world.prove(dora, "acme/7", PROOF);
    world.deliver(dora, "acme/8");
    world.snapshot_all();
    world.facts.clear();
    world.restart();
    let delivered = [shown(PROOF), "delivered acme/8".to_owned()];
    assert_eq!(world.waiting("acme", "delivered"), delivered);
}

#[test]
fn every_delivery_of_an_id_that_is_used_again_keeps_its_own_proof() {
    let (mut world, acme, dora) = in_transit();
    world.prove(dora, "acme/7", r#"{"code":1}"#);
    for code in [2, 3] {
        world.wait(world.hub.limits.dedupe_window);
        world.place(acme, "acme/7");
        world.prove(dora, "acme/7", &format!(r#"{{"code":{code}}}"#));
    }
    world.snapshot("acme/7");
    world.restart();
    assert_eq!(
        world.waiting("acme", "delivered"),
        [1, 2, 3].map(|code| shown(&format!(r#"{{"code":{code}}}"#)))
    );
    let acme = world.vendor("acme");
    assert_eq!(world.receive(acme, "delivered acme/7"), "removed 1");
    assert_eq!(
        world.waiting("acme", "delivered"),
        [2, 3].map(|code| shown(&format!(r#"{{"code":{code}}}"#)))
    );
}

#[test]
fn proofs_count_in_what_is_on_its_way_to_a_slow_reader() {
    let limits = Limits { window_bytes: 3 * MAX_PROOF_BYTES, ..Limits::default() };
    let mut world = World::with(limits);
    let (acme, dora) = (world.vendor("acme"), world.driver("dora"));
    world.stall(acme);
    for id in 0..9 {
        world.prove(dora, &format!("acme/{id}"), &photo(MAX_PROOF_BYTES));
    }
    assert_eq!(world.heard(acme).len(), 3);
    world.unstall(acme);
    assert_eq!(world.heard(acme).len(), 6);
}
