//! A hub with clients around it, in one process and in virtual time.
//!
//! Requests come in as the JSON of the wire, and what the hub emits and answers is kept for each connection.
//! A line is fast unless it is told to [`stall`](World::stall). Every emission is checked against the window.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use caps_proto::{Answer, Handshake, Message, MessageId, Refusal, Request, Verb};
use serde_json::Value;
use serde_json::value::RawValue;

use super::witness::Witness;
use crate::lives::partition_of;
use crate::{AckId, ConnId, Effect, Fact, Hub, Identity, Input, Limits, Restore, Step, Timestamp};

mod line;
mod trouble;
mod verbs;

use line::Line;
pub(super) use verbs::{message, order, verdict, which};

pub(super) struct World {
    pub(super) hub: Hub,
    pub(super) now: Timestamp,
    /// All that a journal would have kept.
    pub(super) facts: Vec<Fact>,
    /// The latest of each part.
    snapshots: BTreeMap<u8, String>,
    lines: BTreeMap<ConnId, Line>,
    /// Those whose time was up.
    pub(super) hung_up: BTreeSet<ConnId>,
    connected: u64,
    minted: u32,
    witness: Option<Witness>,
    /// What is not carried out, because it is not kept yet.
    withheld: Option<Vec<Effect>>,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(Limits::default())
    }

    pub(super) fn with(limits: Limits) -> Self {
        Self { witness: Some(Witness::default()), ..Self::unwatched(limits) }
    }

    /// A world for very many messages: without the checks that look at all that waits after every step.
    pub(super) fn unwatched(limits: Limits) -> Self {
        Self {
            hub: Hub::new(limits),
            now: Timestamp::from_millis(1_795_381_445_123),
            facts: Vec::new(),
            snapshots: BTreeMap::new(),
            lines: BTreeMap::new(),
            hung_up: BTreeSet::new(),
            connected: 0,
            minted: 0,
            witness: None,
            withheld: None,
        }
    }

    /// Connects a client that says `auth` in its handshake.
    pub(super) fn connect(&mut self, auth: Value) -> ConnId {
        let auth = raw(&auth.to_string());
        let identity = Handshake::parse(Some(&auth)).and_then(Identity::from_handshake).unwrap();
        self.connect_as(identity)
    }

    /// Connects a client that is known to be this.
    pub(super) fn connect_as(&mut self, identity: Identity) -> ConnId {
        self.connect_until(identity, None)
    }

    /// The same, for so long.
    pub(super) fn connect_until(&mut self, identity: Identity, until: Option<Timestamp>) -> ConnId {
        self.connected += 1;
        let conn = ConnId(self.connected);
        self.lines.insert(conn, Line::default());
        self.tell(Input::Connected { conn, identity, until });
        conn
    }

    /// What is on its way is lost with the line; what the client has heard stays to be looked at.
    pub(super) fn disconnect(&mut self, conn: ConnId) {
        self.tell(Input::Disconnected { conn });
        self.line(conn).cut();
    }

    /// Asks, and expects the answer at once.
    pub(super) fn ask(&mut self, conn: ConnId, verb: &str, payload: Value) -> Value {
        let ack = self.send(conn, verb, payload);
        self.answer(conn, ack).expect("the answer to come at once")
    }

    /// Asks, whenever the answer may come.
    pub(super) fn send(&mut self, conn: ConnId, verb: &str, payload: Value) -> AckId {
        self.send_text(conn, verb, &payload.to_string())
    }

    pub(super) fn send_text(&mut self, conn: ConnId, verb: &str, payload: &str) -> AckId {
        let verb = Verb::from_name(verb).expect("a verb");
        let line = self.line(conn);
        line.asked += 1;
        let ack = line.asked;
        match self.parse(verb, payload) {
            Ok(request) => self.tell(Input::Asked { conn, ack: Some(ack), request }),
            Err(refusal) => {
                self.line(conn).answers.insert(ack, Answer::Error(refusal));
            }
        }
        ack
    }

    fn parse(&mut self, verb: Verb, payload: &str) -> Result<Request, Refusal> {
        let minted = &mut self.minted;
        Request::parse(verb, Some(&raw(payload)), || {
            *minted += 1;
            MessageId::new(&format!("minted-{minted}")).unwrap()
        })
    }

    /// The answer to an earlier question, as JSON, once it has come.
    pub(super) fn answer(&mut self, conn: ConnId, ack: AckId) -> Option<Value> {
        let answer = self.line(conn).answers.remove(&ack)?;
        Some(serde_json::to_value(answer).unwrap())
    }

    /// All answers that have come since they were last looked at.
    pub(super) fn answers(&mut self, conn: ConnId) -> Vec<(AckId, Value)> {
        let answers = std::mem::take(&mut self.line(conn).answers).into_iter();
        answers.map(|(ack, answer)| (ack, serde_json::to_value(answer).unwrap())).collect()
    }

    /// What the hub has emitted to `conn` since it was last asked, such as `pickup acme/7`, or
    /// `delivered acme/7 {"code":1}` where there was a proof.
    pub(super) fn heard(&mut self, conn: ConnId) -> Vec<String> {
        let messages = self.heard_messages(conn);
        let names = messages.iter().map(|message| {
            let Message { event, message_id, client_id, proof, .. } = &**message;
            let proof = proof.iter().map(|proof| format!(" {}", proof.text()));
            format!("{event} {client_id}/{message_id}{}", proof.collect::<String>())
        });
        names.collect()
    }

    pub(super) fn heard_messages(&mut self, conn: ConnId) -> Vec<Arc<Message>> {
        std::mem::take(&mut self.line(conn).heard)
    }

    /// From now on, nothing leaves this line until it is told to [`drain`](Self::drain).
    pub(super) fn stall(&mut self, conn: ConnId) {
        self.line(conn).stalled = true;
    }

    /// Lets what the hub watches leave a stalled line, once. False when the hub watches nothing.
    pub(super) fn drain(&mut self, conn: ConnId) -> bool {
        if !self.line(conn).is_watched() {
            return false;
        }
        self.step(Hub::advance);
        self.line(conn).leave();
        self.step(|hub, now, step| hub.handle(Input::Drained { conn }, now, step));
        true
    }

    /// The line is fast again.
    pub(super) fn unstall(&mut self, conn: ConnId) {
        self.line(conn).stalled = false;
        while self.drain(conn) {}
    }

    pub(super) fn wait(&mut self, duration: Duration) {
        self.now = self.now + duration;
        self.advance();
    }

    pub(super) fn advance(&mut self) {
        self.step(Hub::advance);
        self.settle();
    }

    pub(super) fn witness(&self) -> &Witness {
        self.witness.as_ref().expect("a watched world")
    }

    /// Takes a snapshot of the part of the orders that this one is in.
    pub(super) fn snapshot(&mut self, name: &str) {
        self.snapshot_part(partition_of(&which(name)));
    }

    /// Takes a snapshot of each part of the orders.
    pub(super) fn snapshot_all(&mut self) {
        (0..=u8::MAX).for_each(|partition| self.snapshot_part(partition));
    }

    fn snapshot_part(&mut self, partition: u8) {
        let snapshot = self.hub.snapshot(partition);
        let kept = serde_json::to_string(&snapshot).expect("JSON");
        self.snapshots.insert(partition, kept);
    }

    /// A hub that reads back what was kept, before it starts.
    pub(super) fn read_back(&self) -> Restore {
        let mut restore = Restore::new(self.hub.limits.clone());
        for snapshot in self.snapshots.values() {
            restore.load(serde_json::from_str(snapshot).expect("a snapshot"));
        }
        let as_of = restore.as_of();
        for fact in self.facts.iter().filter(|fact| fact.seq > as_of) {
            restore.fold(fact);
        }
        restore
    }

    /// The hub dies and another is brought back from what was kept: nobody is connected.
    pub(super) fn restart(&mut self) {
        let mut step = Step::default();
        let (hub, conn) = self.read_back().finish(self.now, &mut step);
        assert!(conn.0 <= self.connected, "no connection is made up");
        assert!(step.effects.is_empty(), "nobody is there to be told");
        hub.book.audit(&hub.limits);
        self.facts.append(&mut step.facts);
        self.hub = hub;
        self.lines.clear();
        self.witness = self.witness.take().map(Witness::restarted);
    }

    fn tell(&mut self, input: Input) {
        // By itself, so that no message can come and go within one step.
        self.advance();
        if let Some(witness) = &mut self.witness {
            witness.before(&self.hub, &input);
        }
        self.step(|hub, now, step| hub.handle(input, now, step));
        self.settle();
    }

    /// What is sent on fast lines leaves at once.
    fn settle(&mut self) {
        let fast = self.lines.iter().filter(|(_, line)| !line.stalled).map(|(conn, _)| *conn);
        for conn in fast.collect::<Vec<_>>() {
            while self.drain(conn) {}
        }
    }

    fn step(&mut self, decide: impl FnOnce(&mut Hub, Timestamp, &mut Step)) {
        let mut step = Step::default();
        decide(&mut self.hub, self.now, &mut step);
        if let Some(witness) = &mut self.witness {
            witness.after(&self.hub, &step);
            if !step.facts.is_empty() {
                self.hub.book.audit(&self.hub.limits);
            }
        }
        self.facts.append(&mut step.facts);
        if let Some(withheld) = &mut self.withheld {
            withheld.append(&mut step.effects);
        }
        for effect in step.effects {
            self.carry_out(effect);
        }
        if self.witness.is_some() {
            self.audit_lines();
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Emit { to, message, .. } => {
                assert!(!to.is_empty(), "an emission goes to someone");
                for conn in to {
                    let limits = self.hub.limits.clone();
                    let line = self.line(conn);
                    line.load(&message, &limits);
                    line.heard.push(Arc::clone(&message));
                }
            }
            Effect::Answer { conn, ack, answer, .. } => {
                let ack = ack.expect("these clients always want an answer");
                let line = self.line(conn);
                assert!(ack <= line.asked, "an answer to no question");
                assert_eq!(line.answers.insert(ack, answer), None, "answered twice");
            }
            Effect::Watch { conn } => self.line(conn).watch(),
            Effect::HangUp { conn } => {
                self.hung_up.insert(conn);
            }
        }
    }

    /// A connection to which the hub owes something is one whose line is full, and about which it will hear.
    fn audit_lines(&self) {
        for (conn, connection) in &self.hub.audience.connections {
            if connection.line.has_room(&self.hub.limits) {
                let is_held_back = self.hub.is_held_back();
                assert!(
                    is_held_back || connection.lags.is_empty(),
                    "{conn} is behind and its line has room"
                );
                assert!(connection.replays.is_empty(), "{conn} waits and its line has room");
            } else {
                assert!(self.lines[conn].is_watched(), "nobody watches the full line of {conn}");
            }
        }
    }

    fn line(&mut self, conn: ConnId) -> &mut Line {
        self.lines.get_mut(&conn).expect("a connection of this world")
    }
}

pub(super) fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).expect("JSON")
}
