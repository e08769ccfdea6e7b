//! A client's packet is understood or refused. What is understood means the same when it is printed and read again, and
//! an order's text stays as it came.

use caps_proto::{Event, Message, MessageId, Order, OrderRef, Proof, Request, Verb};
use serde_json::value::RawValue;

use crate::edge::packet::Packet;

fn mint() -> MessageId {
    MessageId::new("minted").expect("an id")
}

pub(super) fn take(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let packet = match Packet::parse(text) {
        Ok(packet) => packet,
        Err(refusal) => return assert!(!refusal.message.is_empty()),
    };
    let first = packet.first.map_or("null", RawValue::get);
    let name = serde_json::to_string(&packet.name).expect("a name is printed");
    let printed = format!("[{name},{first}]");
    let again = Packet::parse(&printed).expect("what was understood is");
    assert_eq!(again.name, packet.name);
    assert_eq!(again.first.map(RawValue::get), Some(first));
    // Whatever the event, for the names' sake.
    for verb in Verb::ALL {
        match Request::parse(verb, packet.first, mint) {
            Ok(request) => means_the_same(&request, text),
            Err(refusal) => assert!(serde_json::to_string(&refusal.message).is_ok()),
        }
    }
}

fn means_the_same(request: &Request, text: &str) {
    let (event, which, order, proof) = match request {
        Request::Pickup(which, order) => (Event::Pickup, which, order, None),
        Request::InTransit(which, order) => (Event::InTransit, which, order, None),
        Request::Delivered(which, order, proof) => (Event::Delivered, which, order, proof.clone()),
        _ => return,
    };
    assert!(text.contains(order.text()), "an order stays as it came");
    let OrderRef { client_id, message_id } = which.clone();
    let message = Message { event, message_id, client_id, order: order.clone(), proof };
    let printed = serde_json::to_string(&message).expect("a message is printed");
    let payload: &RawValue = serde_json::from_str(&printed).expect("it is JSON");
    let again = Request::parse(Verb::Delivered, Some(payload), mint).expect("and a message");
    let Request::Delivered(which_again, order_again, proof_again) = again else {
        unreachable!("that is what was parsed")
    };
    assert_eq!((&which_again, order_again.text()), (which, order.text()));
    assert_eq!(proof_again.as_ref().map(Proof::text), message.proof.as_ref().map(Proof::text));
    assert_eq!(order_again.digest(), Order::digest(order));
}
