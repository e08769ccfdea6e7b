//! The whole life of an order in one process, without a network.
//!
//! The hub is a state machine: it is told what happened, and says what is to be done. Here, what is to be done
//! is printed. `EVENT` lines are what the hub hears, `->` lines are what it emits and answers.
//!
//! ```text
//! cargo run -p caps-hub --example event_pool
//! ```

use std::collections::HashMap;
use std::error::Error;
use std::time::Duration;

use caps_hub::{AckId, ConnId, Effect, EventRecord, Hub, Identity, Input, Limits, Step, Timestamp};
use caps_proto::{Handshake, MessageId, Request, Verb};
use serde_json::value::RawValue;

const ORDER: &str = r#"{"store":"acme-widgets","orderId":"7","customer":"Ada Lovelace"}"#;
const MESSAGE: &str = r#"{"clientId":"acme-widgets","messageId":"7"}"#;
const ANOTHER: &str = r#"{"store":"acme-widgets","orderId":"8","customer":"Alan Turing"}"#;
const ABOUT_ANOTHER: &str = r#"{"clientId":"acme-widgets","messageId":"8"}"#;

fn main() -> Result<(), Box<dyn Error>> {
    let mut pool = EventPool::new();

    println!("\n# An order's life\n");
    let acme = pool.connect("acme", r#"{"role":"vendor","clientId":"acme-widgets"}"#)?;
    let dora = pool.connect("dora", r#"{"role":"driver"}"#)?;
    pool.hear(acme, "join", r#""acme-widgets""#)?;
    pool.hear(acme, "pickup", ORDER)?;
    pool.hear(dora, "in-transit", MESSAGE)?;
    pool.hear(dora, "delivered", MESSAGE)?;
    pool.hear(
        acme,
        "received",
        r#"{"clientId":"acme-widgets","event":"delivered","messageId":"7"}"#,
    )?;

    println!("\n# A driver dies, and its order is offered again\n");
    let emil = pool.connect("emil", r#"{"role":"driver"}"#)?;
    pool.hear(acme, "pickup", ANOTHER)?;
    pool.hear(dora, "in-transit", ABOUT_ANOTHER)?;
    pool.hear(emil, "in-transit", ABOUT_ANOTHER)?;
    pool.disconnect(dora);
    pool.hear(emil, "in-transit", ABOUT_ANOTHER)?;
    pool.hear(emil, "delivered", ABOUT_ANOTHER)?;
    Ok(())
}

/// The hub, and what surrounds it: names for the connections, a clock, and a count of the questions.
struct EventPool {
    hub: Hub,
    now: Timestamp,
    names: HashMap<ConnId, &'static str>,
    asked: AckId,
}

impl EventPool {
    fn new() -> Self {
        let now = Timestamp::from_millis(1_795_381_445_123);
        Self { hub: Hub::new(Limits::default()), now, names: HashMap::new(), asked: 0 }
    }

    fn connect(&mut self, name: &'static str, auth: &str) -> Result<ConnId, Box<dyn Error>> {
        let conn = ConnId(self.names.len() as u64);
        self.names.insert(conn, name);
        println!("{name} connects: {auth}");
        let handshake = Handshake::parse(Some(serde_json::from_str(auth)?))?;
        let identity = Identity::from_handshake(handshake)?;
        self.tell(Input::Connected { conn, identity, until: None });
        Ok(conn)
    }

    fn disconnect(&mut self, conn: ConnId) {
        println!("{} is gone", self.names[&conn]);
        self.tell(Input::Disconnected { conn });
    }

    /// A client emits `event`: it is parsed at the edge, and what is left is a request.
    fn hear(&mut self, conn: ConnId, event: &str, json: &str) -> Result<(), Box<dyn Error>> {
        let payload: &RawValue = serde_json::from_str(json)?;
        let verb = Verb::from_name(event).ok_or("no such event")?;
        let new_id = MessageId::new("new")?;
        let request = Request::parse(verb, Some(payload), || new_id)?;

        let client = request.client_id().map(|client| client.as_str());
        let record = EventRecord { at: self.now, event, client, payload: Some(payload) };
        println!("{record}");

        self.asked += 1;
        self.tell(Input::Asked { conn, ack: Some(self.asked), request });
        Ok(())
    }

    fn tell(&mut self, input: Input) {
        let mut step = Step::default();
        self.hub.handle(input, self.now, &mut step);
        self.now = self.now + Duration::from_millis(250);
        // A server would keep `step.facts` in its journal here, before anyone is told.
        for effect in step.effects {
            self.carry_out(effect);
        }
    }

    fn carry_out(&self, effect: Effect) {
        match effect {
            Effect::Emit { to, message, .. } => {
                for conn in to {
                    let (name, order) = (self.names[&conn], message.order.text());
                    println!("  -> {name} hears {}: {order}", message.event);
                }
            }
            Effect::Answer { conn, answer, .. } => {
                let answer = serde_json::to_string(&answer).unwrap_or_else(|why| why.to_string());
                println!("  -> {} is answered {answer}", self.names[&conn]);
            }
            // A server would say `Input::Drained` when the line has taken what was sent. Lines are fast here.
            Effect::Watch { .. } => {}
            Effect::HangUp { conn } => println!("  -> {} has no more time", self.names[&conn]),
        }
    }
}
