//! A vendor, a driver and a hub in one process: what the hub's hot operations are measured on.

use caps_hub::{AckId, ConnId, Effect, Hub, Identity, Input, Limits, Step, Timestamp};
use caps_proto::{Handshake, MessageId, Request, Verb};
use serde_json::value::RawValue;

/// What is measured, one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    /// An order's text is read, and nothing else.
    Parse,
    /// An order is placed, and a driver hears of it.
    Pickup,
    /// It is taken, and the vendor hears of it.
    InTransit,
    /// It is delivered, likewise.
    Delivered,
    /// The vendor has heard of that.
    Received,
    /// A driver has taken one of the messages that wait, and says so: evenly among them.
    ReceivedPickup,
    /// One message is sent again, in pages as the reader's line drains.
    Replay,
}

impl Operation {
    pub(crate) const ALL: [Self; 7] = [
        Self::Parse,
        Self::Pickup,
        Self::InTransit,
        Self::Delivered,
        Self::Received,
        Self::ReceivedPickup,
        Self::Replay,
    ];
}

/// An operation that is about to be done so many times, with all that comes before it.
pub(crate) struct Scene {
    hub: Hub,
    step: Step,
    inputs: Vec<Input>,
    texts: Vec<Box<RawValue>>,
}

/// As many events as a busy hub finds waiting at once.
const BATCH: usize = 256;

const VENDOR: ConnId = ConnId(0);
const DRIVER: ConnId = ConnId(1);
const NOW: Timestamp = Timestamp::from_millis(1_795_381_445_123);

impl Scene {
    /// Sets it up, with so many orders that wait besides.
    pub(crate) fn new(operation: Operation, times: u64, waiting: u64) -> Self {
        let (step, inputs, texts) = Default::default();
        let limits = Limits { max_queue: usize::MAX, max_orders: usize::MAX, ..Limits::default() };
        let mut scene = Self { hub: Hub::new(limits), step, inputs, texts };
        scene.connect(VENDOR, r#"{"role":"vendor","clientId":"acme"}"#);
        scene.connect(DRIVER, r#"{"role":"driver","clientId":"dora"}"#);
        scene.tell(request(VENDOR, "join", r#""acme""#));
        for number in 0..waiting {
            scene.tell(request(VENDOR, "pickup", &order(number)));
        }
        let orders = waiting..waiting + times;
        let among = (0..times).map(|number| number * ((waiting + times) / times));
        let before: &[_] = match operation {
            Operation::Parse | Operation::Pickup => &[],
            Operation::InTransit | Operation::ReceivedPickup | Operation::Replay => &["pickup"],
            Operation::Delivered => &["pickup", "in-transit"],
            Operation::Received => &["pickup", "in-transit", "delivered"],
        };
        for event in before {
            for number in orders.clone() {
                scene.tell(event_of(event, number));
            }
        }
        match operation {
            Operation::Parse => scene.texts = orders.map(|number| raw(&order(number))).collect(),
            Operation::Pickup => scene.expect("pickup", orders),
            Operation::InTransit => scene.expect("in-transit", orders),
            Operation::Delivered => scene.expect("delivered", orders),
            Operation::Received => scene.expect("received", orders),
            Operation::ReceivedPickup => scene.expect("received-pickup", among),
            Operation::Replay => {
                let all = r#"{"clientId":"acme","event":"pickup"}"#;
                scene.inputs.push(request(DRIVER, "getAll", all));
            }
        }
        scene
    }

    fn expect(&mut self, event: &str, orders: impl Iterator<Item = u64>) {
        self.inputs = orders.map(|number| event_of(event, number)).collect();
    }

    /// Does it. Returns how many messages were emitted, or texts read.
    pub(crate) fn play(&mut self) -> usize {
        let mut count = 0;
        for text in std::mem::take(&mut self.texts) {
            let request = Request::parse(Verb::Pickup, Some(&text), mint);
            count += usize::from(request.is_ok());
        }
        let mut inputs = std::mem::take(&mut self.inputs).into_iter();
        while !inputs.as_slice().is_empty() {
            let batch = inputs.as_slice().iter().take(BATCH);
            self.hub.look_ahead(batch.filter_map(|input| match input {
                Input::Asked { request, .. } => Some(request),
                _ => None,
            }));
            for input in inputs.by_ref().take(BATCH) {
                count += self.tell(input);
            }
        }
        count
    }

    /// Tells the hub, whose lines take at once what they are sent.
    fn tell(&mut self, input: Input) -> usize {
        let mut emitted = 0;
        let mut next = Some(input);
        while let Some(input) = next.take() {
            self.hub.handle(input, NOW, &mut self.step);
            for effect in self.step.effects.drain(..) {
                match effect {
                    Effect::Emit { to, .. } => emitted += to.len(),
                    Effect::Watch { conn } => next = Some(Input::Drained { conn }),
                    Effect::Answer { .. } | Effect::HangUp { .. } => {}
                }
            }
            self.step.facts.clear();
        }
        emitted
    }

    fn connect(&mut self, conn: ConnId, auth: &str) {
        let handshake = Handshake::parse(Some(&raw(auth))).expect("a handshake");
        let identity = Identity::from_handshake(handshake).expect("an identity");
        self.tell(Input::Connected { conn, identity, until: None });
    }
}

fn order(number: u64) -> String {
    format!(
        r#"{{"store":"acme","orderId":"{number}","customer":"Ada Lovelace","address":"12 Elm Street, Springfield"}}"#
    )
}

fn event_of(event: &str, number: u64) -> Input {
    let receipt =
        |event| format!(r#"{{"clientId":"acme","event":"{event}","messageId":"{number}"}}"#);
    let message = || {
        let order = order(number);
        format!(r#"{{"event":"pickup","messageId":"{number}","clientId":"acme","order":{order}}}"#)
    };
    match event {
        "pickup" => request(VENDOR, event, &order(number)),
        "received" => request(VENDOR, event, &receipt("delivered")),
        "received-pickup" => request(DRIVER, "received", &receipt("pickup")),
        _ => request(DRIVER, event, &message()),
    }
}

fn request(conn: ConnId, event: &str, json: &str) -> Input {
    const ACK: Option<AckId> = Some(1);
    let verb = Verb::from_name(event).expect("an event's name");
    let request = Request::parse(verb, Some(&raw(json)), mint).expect("a payload");
    Input::Asked { conn, ack: ACK, request }
}

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).expect("JSON")
}

/// No order here lacks an id.
fn mint() -> MessageId {
    MessageId::new("minted").expect("an id")
}
