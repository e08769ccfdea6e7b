//! What clients say, in few words. An order is named `acme/7`: the vendor, and the order's id.

use caps_proto::{ClientId, MessageId, OrderRef};
use serde_json::{Value, json};

use super::World;
use crate::{ConnId, Identity};

impl World {
    pub(in crate::tests) fn vendor(&mut self, name: &str) -> ConnId {
        let conn = self.connect(json!({"role": "vendor", "clientId": name}));
        self.ask(conn, "join", json!(name));
        conn
    }

    pub(in crate::tests) fn driver(&mut self, name: &str) -> ConnId {
        self.connect(json!({"role": "driver", "clientId": name}))
    }

    pub(in crate::tests) fn nameless_driver(&mut self) -> ConnId {
        self.connect(json!({"role": "driver"}))
    }

    pub(in crate::tests) fn observer(&mut self) -> ConnId {
        self.connect(json!({"role": "observer"}))
    }

    /// A client that says nothing of itself, as stock clients do.
    pub(in crate::tests) fn anyone(&mut self) -> ConnId {
        self.connect(json!(null))
    }

    pub(in crate::tests) fn place(&mut self, conn: ConnId, name: &str) -> String {
        let order = order(name);
        verdict(&self.ask(conn, "pickup", order))
    }

    pub(in crate::tests) fn take(&mut self, conn: ConnId, name: &str) -> String {
        let message = message("pickup", name);
        verdict(&self.ask(conn, "in-transit", message))
    }

    pub(in crate::tests) fn deliver(&mut self, conn: ConnId, name: &str) -> String {
        let message = message("in-transit", name);
        verdict(&self.ask(conn, "delivered", message))
    }

    /// Delivers with a proof, whose text is kept as it is.
    pub(in crate::tests) fn prove(&mut self, conn: ConnId, name: &str, proof: &str) -> String {
        let message = message("in-transit", name).to_string();
        let message = message.replacen('{', &format!("{{\"proof\":{proof},"), 1);
        let ack = self.send_text(conn, "delivered", &message);
        verdict(&self.answer(conn, ack).expect("the answer to come at once"))
    }

    pub(in crate::tests) fn release(&mut self, conn: ConnId, name: &str) -> String {
        let message = message("pickup", name);
        verdict(&self.ask(conn, "release", message))
    }

    /// Says `received` for a message such as `pickup acme/7`.
    pub(in crate::tests) fn receive(&mut self, conn: ConnId, heard: &str) -> String {
        let (event, name) = heard.split_once(' ').expect("`<event> <client>/<id>`");
        let message = message(event, name);
        verdict(&self.ask(conn, "received", message))
    }

    /// What a `getAll` sends, all of which its answer must count.
    pub(in crate::tests) fn get_all(&mut self, conn: ConnId, payload: Value) -> Vec<String> {
        self.heard(conn);
        let answer = self.ask(conn, "getAll", payload);
        let heard = self.heard(conn);
        assert_eq!(answer["status"], "ok", "{answer}");
        assert_eq!(answer["count"], heard.len(), "{answer}");
        heard
    }

    /// What waits in a queue, such as `acme pickup`, as a fresh observer sees it.
    pub(in crate::tests) fn waiting(&mut self, client: &str, event: &str) -> Vec<String> {
        let observer = self.observer();
        let heard = self.get_all(observer, json!({"clientId": client, "event": event}));
        self.disconnect(observer);
        heard
    }

    /// Who listens to `event` of `client`: those who asked for it, and those who hear it of every vendor.
    pub(in crate::tests) fn listeners(&self, client: &str, event: &str) -> Vec<ConnId> {
        let subscriptions = self.hub.subscriptions().filter(|subscription| {
            let of_client = subscription.client_id.is_none_or(|id| id.as_str() == client);
            of_client && subscription.event.name() == event
        });
        let mut conns: Vec<_> = subscriptions.map(|subscription| subscription.conn).collect();
        conns.sort_unstable();
        conns
    }

    pub(in crate::tests) fn identity(&self, conn: ConnId) -> &Identity {
        &self.hub.audience.connections[&conn].identity
    }
}

/// An answer in a word: `ok`, `duplicate`, `removed 1`, or the code of a refusal.
pub(in crate::tests) fn verdict(answer: &Value) -> String {
    if let Some(code) = answer["code"].as_str() {
        return code.to_owned();
    }
    assert_eq!(answer["status"], "ok");
    match &answer["removed"] {
        Value::Null if answer["duplicate"] == true => "duplicate".to_owned(),
        Value::Null => "ok".to_owned(),
        removed => format!("removed {removed}"),
    }
}

fn split(name: &str) -> (&str, &str) {
    name.split_once('/').expect("`<client>/<id>`")
}

/// A vendor's order.
pub(in crate::tests) fn order(name: &str) -> Value {
    let (store, id) = split(name);
    json!({"store": store, "orderId": id, "customer": "Ada", "address": "1 Main Street"})
}

/// A message about that order.
pub(in crate::tests) fn message(event: &str, name: &str) -> Value {
    let (store, id) = split(name);
    json!({"event": event, "messageId": id, "clientId": store, "order": order(name)})
}

pub(in crate::tests) fn which(name: &str) -> OrderRef {
    let (store, id) = split(name);
    OrderRef { client_id: ClientId::new(store).unwrap(), message_id: MessageId::new(id).unwrap() }
}
