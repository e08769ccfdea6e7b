//! The Socket.IO events as an AsyncAPI 3 document: an operation for every verb that the hub hears, and for every event
//! that it sends.

use caps_proto::{EXCEPTION, Event, NAMESPACE, Verb};
use serde_json::{Map, Value, json};
use utoipa::{PartialSchema, ToSchema};

use crate::schema::{CodeName, EventName, Id, OrderText, ProofText};

/// Where the namespace is in the document.
const CHANNEL: &str = "#/channels/caps";

const ABOUT: &str = "The events of a package-delivery hub, over Socket.IO 5. The hub receives what vendors and drivers \
                     emit, and answers each event in its acknowledgement; what it sends goes to those who listen. \
                     `docs/protocol.md` is the whole contract.";

/// What goes by several names.
const ID: &str = "A name, or a number, which is the same as its digits. Other names are understood, too: for `clientId` such \
                  as `store` and `vendorId`, for `messageId` such as `orderId` and `id`.";

pub(super) fn document() -> Value {
    let mut messages = Map::new();
    let mut operations = Map::new();
    for verb in Verb::ALL {
        let Heard { summary, payload, examples, answer } = Heard::of(verb);
        let (name, answered) = (verb.name(), format!("{verb}-answer"));
        let examples: Vec<_> =
            examples.into_iter().map(|payload| json!({ "payload": payload })).collect();
        messages.insert(
            name.into(),
            json!({"name": name, "summary": summary, "payload": payload, "examples": examples}),
        );
        messages.insert(answered.clone(), json!({
            "summary": format!("What `{verb}` is answered in its acknowledgement, when it is done and kept."),
            "payload": answer,
        }));
        operations.insert(
            name.into(),
            json!({
                "action": "receive",
                "summary": summary,
                "channel": {"$ref": CHANNEL},
                "messages": [message(name)],
                "reply": {
                    "channel": {"$ref": CHANNEL},
                    "messages": [message(&answered), message("refusal")],
                },
            }),
        );
    }
    for event in Event::ALL {
        let name = format!("{event}-message");
        messages.insert(
            name.clone(),
            json!({"name": event.name(), "summary": sent(event), "payload": envelope(event)}),
        );
        operations.insert(format!("send-{event}"), send(sent(event), &name));
    }
    let refused = "Why an event was refused, in its acknowledgement.";
    messages.insert("refusal".into(), json!({"summary": refused, "payload": reference("Refusal")}));
    let unacknowledged = "Why an event was refused that came without an acknowledgement callback.";
    messages.insert(
        EXCEPTION.into(),
        json!({"name": EXCEPTION, "summary": unacknowledged, "payload": reference("Refusal")}),
    );
    operations.insert(format!("send-{EXCEPTION}"), send(unacknowledged, EXCEPTION));
    let in_channel = messages
        .keys()
        .map(|name| (name.clone(), json!({"$ref": format!("#/components/messages/{name}")})));
    let in_channel: Map<_, _> = in_channel.collect();
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "CAPS",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": {"name": "MIT OR Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "hub": {
                "host": "localhost:3001", "pathname": "/socket.io/", "protocol": "ws",
                "description": "Socket.IO, over WebSocket or long polling.",
            },
        },
        "channels": {
            "caps": {
                "address": NAMESPACE,
                "description": "The namespace of all events.",
                "messages": in_channel,
            },
        },
        "operations": operations,
        "components": {"messages": messages, "schemas": schemas()},
    })
}

fn message(name: &str) -> Value {
    json!({"$ref": format!("{CHANNEL}/messages/{name}")})
}

fn send(summary: &str, name: &str) -> Value {
    let messages = [message(name)];
    json!({"action": "send", "summary": summary, "channel": {"$ref": CHANNEL}, "messages": messages})
}

/// What a verb takes, and what it is answered.
struct Heard {
    summary: &'static str,
    payload: Value,
    examples: Vec<Value>,
    answer: Value,
}

impl Heard {
    fn of(verb: Verb) -> Self {
        let order =
            json!({"store": "acme-widgets", "orderId": "7", "customer": "Ann", "address": "Elm 1"});
        let envelope = |event: Event| json!({"event": event, "messageId": "7", "clientId": "acme-widgets", "order": order});
        let message = || object(&["order"], &["clientId", "messageId", "event", "proof"]);
        let about_order = || answer(&["messageId"], &["duplicate"]);
        match verb {
            Verb::Join => Self {
                summary: "Listen to all that a vendor is told: its `in-transit` and `delivered`.",
                payload: json!({"anyOf": [reference("Id"), object(&["clientId"], &[])]}),
                examples: vec![json!("acme-widgets"), json!({"clientId": "acme-widgets"})],
                answer: answer(&[], &[]),
            },
            Verb::Subscribe => Self {
                summary: "Listen to one event of a vendor.",
                payload: object(&["clientId", "event"], &[]),
                examples: vec![json!({"clientId": "acme-widgets", "event": "delivered"})],
                answer: answer(&[], &[]),
            },
            Verb::Pickup => Self {
                summary: "Announce an order: it is queued for drivers, and sent to them.",
                payload: json!({"anyOf": [reference("Order"), message()]}),
                examples: vec![envelope(Event::Pickup), order],
                answer: about_order(),
            },
            Verb::InTransit => Self {
                summary: "Take an order on the road: it is this driver's from now on, and its vendor is told.",
                payload: json!({"anyOf": [message(), reference("Order")]}),
                examples: vec![envelope(Event::Pickup), order],
                answer: about_order(),
            },
            Verb::Delivered => {
                let mut proven = envelope(Event::Pickup);
                proven["proof"] =
                    json!({"scannedAt": "2026-11-22T21:04:05Z", "driver": "dana", "code": "4711"});
                Self {
                    summary: "Say that an order has arrived: its vendor is told.",
                    payload: json!({"anyOf": [message(), reference("Order")]}),
                    examples: vec![proven, envelope(Event::InTransit), order],
                    answer: about_order(),
                }
            }
            Verb::Release => Self {
                summary: "Give an order back, to be offered again.",
                payload: object(&["clientId", "messageId"], &[]),
                examples: vec![json!({"clientId": "acme-widgets", "messageId": "7"})],
                answer: about_order(),
            },
            Verb::Received => Self {
                summary: "Delete messages from their queue. That of a pickup also claims the order for this driver.",
                payload: json!({"anyOf": [
                    object(&["event", "clientId", "messageId"], &["order"]),
                    object(&["event", "clientId", "messageIds"], &[]),
                ]}),
                examples: vec![
                    json!({"clientId": "acme-widgets", "event": "pickup", "messageId": "7"}),
                    json!({"clientId": "acme-widgets", "event": "delivered", "messageIds": ["7", 8]}),
                    envelope(Event::Pickup),
                ],
                answer: answer(&["removed"], &["alreadyClaimed"]),
            },
            Verb::GetAll => Self {
                summary: "Send again all that waits in a queue, oldest first, and then answer.",
                payload: json!({"anyOf": [object(&[], &["clientId", "event", "limit"]), {"type": "null"}]}),
                examples: vec![
                    json!({"clientId": "acme-widgets", "event": "delivered", "limit": 100}),
                    json!({}),
                    json!(null),
                ],
                answer: answer(&["count", "remaining"], &[]),
            },
        }
    }
}

fn sent(event: Event) -> &'static str {
    match event {
        Event::Pickup => "An order waits for a driver. To drivers.",
        Event::InTransit => "A driver has the order on the road. To its vendor.",
        Event::Delivered => "The order has arrived. To its vendor.",
    }
}

/// What the hub sends, and nothing else.
fn envelope(event: Event) -> Value {
    let mut properties = json!({
        "event": {"const": event},
        "messageId": schema::<Id>(),
        "clientId": schema::<Id>(),
        "order": reference("Order"),
    });
    if event == Event::Delivered {
        properties["proof"] = reference("Proof");
    }
    json!({
        "type": "object",
        "properties": properties,
        "required": ["event", "messageId", "clientId", "order"],
        "additionalProperties": false,
    })
}

/// A success, and nothing else.
fn answer(always: &[&str], sometimes: &[&str]) -> Value {
    let mut properties = Map::from_iter([("status".into(), json!({"const": "ok"}))]);
    for name in always.iter().chain(sometimes) {
        let schema = match *name {
            "messageId" => schema::<Id>(),
            "duplicate" => {
                json!({"const": true, "description": "The hub knew this already: nothing happened again."})
            }
            "alreadyClaimed" => json!({"type": "array", "items": schema::<Id>()}),
            _ => json!({"type": "integer", "minimum": 0}),
        };
        properties.insert((*name).into(), schema);
    }
    let required: Vec<_> = ["status"].iter().chain(always).collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// What a client sends. It may have other fields, too.
fn object(required: &[&str], optional: &[&str]) -> Value {
    let property = |name: &&str| {
        let schema = match *name {
            "event" => reference("Event"),
            "order" => reference("Order"),
            "proof" => reference("Proof"),
            "limit" => json!({"type": "integer", "minimum": 0}),
            "messageIds" => json!({"type": "array", "items": reference("Id")}),
            _ => reference("Id"),
        };
        ((*name).to_owned(), schema)
    };
    let properties: Map<_, _> = required.iter().chain(optional).map(property).collect();
    json!({"type": "object", "properties": properties, "required": required})
}

fn schemas() -> Value {
    let id = json!({
        "description": ID,
        "oneOf": [schema::<Id>(), {"type": "integer"}],
    });
    let refusal = json!({
        "type": "object",
        "properties": {
            "status": {"const": "error"},
            "code": schema::<CodeName>(),
            "message": {
                "type": "string",
                "description": "What is wrong, and the mend, in a sentence.",
            },
            "temporary": {
                "type": "boolean",
                "description": "Whether the same event may succeed later, unchanged.",
            },
        },
        "required": ["status", "code", "message", "temporary"],
        "additionalProperties": false,
    });
    json!({
        "Id": id,
        "Refusal": refusal,
        EventName::name(): schema::<EventName>(),
        OrderText::name(): schema::<OrderText>(),
        ProofText::name(): schema::<ProofText>(),
    })
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn schema<T: PartialSchema>() -> Value {
    serde_json::to_value(T::schema()).unwrap_or_else(|why| unreachable!("a schema is JSON: {why}"))
}
