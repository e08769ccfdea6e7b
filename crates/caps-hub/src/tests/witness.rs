//! Looks on at all that is sent, and speaks up when a connection is sent what is not for it, is sent something
//! out of order, or is passed over.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use caps_proto::{Answer, Event, Message, Request};

use crate::connection::Connection;
use crate::effect::{AckId, Effect, Step};
use crate::fact::Seq;
use crate::input::{ConnId, Identity, Input};
use crate::queue::QueueKey;
use crate::scope::Scope;
use crate::{Hub, rights};

#[derive(Default)]
pub(super) struct Witness {
    /// Each message ever queued, by its place: one fact may queue a pickup and an in-transit.
    places: BTreeMap<(Seq, Event), Arc<Message>>,
    /// The first place not yet noted.
    end: Seq,
    readers: BTreeMap<ConnId, Reader>,
}

/// What one connection should have been sent, and was.
#[derive(Default)]
struct Reader {
    /// From which place on it hears a queue, by `join` and `subscribe`.
    since: BTreeMap<QueueKey, Seq>,
    /// The same for the pickups of all vendors.
    all_pickups_since: Option<Seq>,
    sent: BTreeSet<Seq>,
    last: BTreeMap<QueueKey, Seq>,
    /// Its `getAll`s that are not yet answered.
    asked: VecDeque<GetAll>,
}

struct GetAll {
    ack: Option<AckId>,
    queues: Vec<QueueKey>,
    limit: Option<u64>,
    until: Seq,
    sent: BTreeSet<Seq>,
    begun: BTreeSet<QueueKey>,
}

impl Witness {
    pub(super) fn before(&mut self, hub: &Hub, input: &Input) {
        let Input::Asked { conn, ack, request } = input else { return };
        let Request::GetAll { client_id, event, limit } = request else { return };
        let Some(connection) = hub.audience.connections.get(conn) else { return };
        if rights::check(&connection.identity, request).is_err() {
            return;
        }
        let (client_id, rooms) = (client_id.clone(), &hub.audience.rooms);
        if let Ok(scope) = Scope::of(rooms, *conn, connection, client_id, *event) {
            let queues = scope.queues(&hub.book, rooms, *conn, &connection.identity);
            self.readers.entry(*conn).or_default().asked.push_back(GetAll {
                ack: *ack,
                queues,
                limit: *limit,
                until: hub.shown(),
                sent: BTreeSet::new(),
                begun: BTreeSet::new(),
            });
        }
    }

    /// The hub has died: it has the same messages, and nobody is connected.
    pub(super) fn restarted(self) -> Self {
        Self { places: self.places, ..Self::default() }
    }

    pub(super) fn after(&mut self, hub: &Hub, step: &Step) {
        for event in Event::ALL {
            for (_, queue) in hub.book.queues(event) {
                for slot in queue.from(self.end) {
                    let message = hub.book.message(event, slot).expect("a message");
                    self.places.insert((slot.seq, event), message);
                }
            }
        }
        self.end = hub.book.end();
        for effect in &step.effects {
            match effect {
                Effect::Emit { to, seq, message } => {
                    assert_eq!(
                        text(message),
                        text(&self.places[&(*seq, message.event)]),
                        "what {seq:?} says"
                    );
                    for conn in to {
                        let reader = self.readers.get_mut(conn).expect("a reader");
                        reader.is_sent(hub, *conn, *seq, message);
                    }
                }
                // One whose time is up is told so, and is no reader any more.
                Effect::Answer { conn, .. } if !self.readers.contains_key(conn) => {
                    assert!(!hub.audience.connections.contains_key(conn), "a reader");
                }
                Effect::Answer { conn, ack, answer, .. } => {
                    let reader = self.readers.get_mut(conn).expect("a reader");
                    reader.is_answered(hub, *conn, *ack, answer);
                }
                Effect::Watch { .. } | Effect::HangUp { .. } => {}
            }
        }
        self.readers.retain(|conn, _| hub.audience.connections.contains_key(conn));
        for (conn, connection) in &hub.audience.connections {
            let reader = self.readers.entry(*conn).or_insert_with(|| Reader {
                all_pickups_since: Some(hub.book.end()),
                ..Reader::default()
            });
            reader.notes_what_it_hears(hub, *conn);
            reader.was_not_passed_over(hub, *conn, connection);
        }
    }

    /// How many messages of `event` were ever queued, by order.
    pub(super) fn queued(&self, event: Event) -> BTreeMap<String, usize> {
        let mut queued = BTreeMap::new();
        for message in self.places.values().filter(|message| message.event == event) {
            let name = format!("{}/{}", message.client_id, message.message_id);
            *queued.entry(name).or_default() += 1;
        }
        queued
    }
}

fn text(message: &Message) -> String {
    serde_json::to_string(message).expect("JSON")
}

impl Reader {
    fn is_sent(&mut self, hub: &Hub, conn: ConnId, seq: Seq, message: &Message) {
        let Message { client_id, event, .. } = message;
        let key = QueueKey { client_id: client_id.clone(), event: *event };
        let connection = &hub.audience.connections[&conn];
        let queue = hub.book.queue(&key).expect("what is sent waits");
        let mut visible = hub.book.visible(queue, seq, &connection.who);
        let waiting = visible.next().expect("it can be seen");
        assert_eq!(waiting.seq, seq, "{conn} is sent what waits no longer, or is another's");
        if let Identity::Vendor(own) = &connection.identity {
            assert_eq!(client_id, own, "{conn} is sent what is another vendor's");
        }

        let last = self.last.insert(key.clone(), seq);
        let begun = match self.asked.front_mut() {
            Some(get_all) if seq < get_all.until && get_all.queues.contains(&key) => {
                assert!(get_all.sent.insert(seq), "{conn} gets {seq:?} twice for one `getAll`");
                !get_all.begun.insert(key.clone())
            }
            _ => {
                assert!(hub.audience.rooms.hears(conn, &key), "{conn} does not listen to {key}");
                assert_ne!(waiting.sender, Some(conn), "{conn} gets its own broadcast");
                true
            }
        };
        // Only a `getAll` goes back to the start of a queue.
        assert!(!begun || last.is_none_or(|last| last < seq), "{conn} gets {key} out of order");
        self.sent.insert(seq);
    }

    fn is_answered(&mut self, hub: &Hub, conn: ConnId, ack: Option<AckId>, answer: &Answer) {
        let Some(get_all) = self.asked.pop_front_if(|get_all| get_all.ack == ack) else { return };
        let Answer::Ok(done) = answer else { panic!("{conn} may ask for this: {answer:?}") };
        let count = get_all.sent.len() as u64;
        assert_eq!(done.count, Some(count), "{conn} is told how much it was sent");

        let who = &hub.audience.connections[&conn].who;
        let queues = get_all.queues.iter().filter_map(|key| hub.book.queue(key));
        let visible = queues.flat_map(|queue| hub.book.visible(queue, Seq::default(), who));
        let places = visible.map(|slot| slot.seq).filter(|seq| *seq < get_all.until);
        let left = places.filter(|seq| !get_all.sent.contains(seq)).count() as u64;
        match get_all.limit {
            Some(limit) => {
                assert_eq!(done.remaining, Some(left), "{conn} is told what is left");
                assert!(count == limit || count < limit && left == 0, "{conn} gets a whole page");
            }
            None => assert_eq!((done.remaining, left), (Some(0), 0), "{conn} gets all"),
        }
    }

    fn notes_what_it_hears(&mut self, hub: &Hub, conn: ConnId) {
        let rooms = &hub.audience.rooms;
        for key in rooms.of(conn) {
            // One who narrows what it hears has heard this all along.
            let pickups_since = self.all_pickups_since.filter(|_| key.event == Event::Pickup);
            let since = pickups_since.unwrap_or(hub.book.end());
            self.since.entry(key.clone()).or_insert(since);
        }
        self.all_pickups_since = self.all_pickups_since.filter(|_| rooms.hears_all_pickups(conn));
    }

    /// All that waits in a queue that it hears was sent to it, or lies before it.
    fn was_not_passed_over(&self, hub: &Hub, conn: ConnId, connection: &Connection) {
        let all_pickups = hub.book.queues(Event::Pickup).filter_map(|(vendor, _)| {
            let client_id = vendor.client_id.clone();
            let hears = connection.identity.serves(&client_id);
            let key = QueueKey { client_id, event: Event::Pickup };
            self.all_pickups_since.filter(|_| hears).map(|since| (key, since))
        });
        let since = self.since.iter().map(|(key, since)| (key.clone(), *since));
        for (key, since) in all_pickups.chain(since) {
            let Some(queue) = hub.book.queue(&key) else { continue };
            let next = connection.lags.get(&key).copied();
            for waiting in hub.book.visible(queue, since, &connection.who) {
                let seq = waiting.seq;
                let will_be_sent = next.is_some_and(|next| next <= seq);
                // What it holds it knows already.
                let is_its_own = waiting.sender == Some(conn) || hub.book.holder(waiting).is_some();
                assert!(
                    is_its_own || will_be_sent || self.sent.contains(&seq),
                    "{conn} was passed over for {seq:?} of {key}"
                );
            }
        }
    }
}
