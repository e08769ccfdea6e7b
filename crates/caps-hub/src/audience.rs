//! Who is connected, and who listens to what.

use std::collections::{BTreeMap, BTreeSet};

use caps_proto::{ClientId, Event};
use foldhash::{HashMap, HashSet};

use crate::connection::Connection;
use crate::input::{ConnId, Identity};
use crate::queue::QueueKey;
use crate::time::Timestamp;

/// One answer to "who listens to what".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription<'a> {
    /// Who listens.
    pub conn: ConnId,
    /// For whom.
    pub identity: &'a Identity,
    /// Whose messages; `None` for those of every vendor.
    pub client_id: Option<&'a ClientId>,
    /// Which.
    pub event: Event,
}

#[derive(Debug, Default)]
pub(crate) struct Audience {
    pub(crate) connections: HashMap<ConnId, Connection>,
    pub(crate) rooms: Rooms,
    pub(crate) replayed: Replayed,
    /// When connections end by themselves.
    ends: BTreeSet<(Timestamp, ConnId)>,
}

/// How many messages were sent out of their queues, and not when they were queued.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replayed {
    /// To those who asked for them with `getAll`.
    pub asked_for: u64,
    /// To those who were behind.
    pub behind: u64,
}

/// Who listens to what. Apart from the connections, so that these can be changed while a room is gone through.
#[derive(Debug, Default)]
pub(crate) struct Rooms {
    /// Those who asked for a queue by `join` or `subscribe`, by queue and by connection.
    by_queue: HashMap<QueueKey, BTreeSet<ConnId>>,
    by_conn: BTreeMap<ConnId, BTreeSet<QueueKey>>,
    /// Those who hear of the pickups of all vendors.
    all_pickups: BTreeSet<ConnId>,
}

impl Audience {
    pub(crate) fn connect(&mut self, conn: ConnId, identity: Identity, until: Option<Timestamp>) {
        if !matches!(identity, Identity::Vendor(_)) {
            self.rooms.all_pickups.insert(conn);
        }
        self.connections.insert(conn, Connection::new(conn, identity, until));
        self.ends.extend(until.map(|until| (until, conn)));
    }

    pub(crate) fn disconnect(&mut self, conn: ConnId) {
        let connection = self.connections.remove(&conn);
        if let Some(until) = connection.and_then(|connection| connection.until) {
            self.ends.remove(&(until, conn));
        }
        self.rooms.leave(conn);
    }

    /// The connection that ends next, and when.
    pub(crate) fn next_end(&self) -> Option<(Timestamp, ConnId)> {
        self.ends.first().copied()
    }

    /// Makes `conn` hear of `key`. Its first subscription to pickups narrows it to those it subscribes to.
    pub(crate) fn listen(&mut self, conn: ConnId, key: QueueKey) {
        if key.event == Event::Pickup
            && self.rooms.all_pickups.remove(&conn)
            && let Some(connection) = self.connections.get_mut(&conn)
        {
            let Connection { lags, replays, .. } = connection;
            let queues = replays.front().and_then(|replay| replay.queues.as_ref());
            let replayed: HashSet<_> = queues.into_iter().flatten().map(|(key, _)| key).collect();
            lags.retain(|lag, _| {
                lag.event != Event::Pickup || *lag == key || replayed.contains(lag)
            });
        }
        self.rooms.enter(conn, key);
    }

    pub(crate) fn subscriptions(&self) -> impl Iterator<Item = Subscription<'_>> {
        let identity = |conn| Some(&self.connections.get(conn)?.identity);
        let all = self.rooms.all_pickups.iter().filter_map(move |conn| {
            let event = Event::Pickup;
            Some(Subscription { conn: *conn, identity: identity(conn)?, client_id: None, event })
        });
        let some = self.rooms.by_conn.iter().flat_map(move |(conn, keys)| {
            keys.iter().filter_map(move |QueueKey { client_id, event }| {
                let (client_id, event) = (Some(client_id), *event);
                Some(Subscription { conn: *conn, identity: identity(conn)?, client_id, event })
            })
        });
        all.chain(some)
    }
}

impl Rooms {
    fn enter(&mut self, conn: ConnId, key: QueueKey) {
        self.by_queue.entry(key.clone()).or_default().insert(conn);
        self.by_conn.entry(conn).or_default().insert(key);
    }

    fn leave(&mut self, conn: ConnId) {
        self.all_pickups.remove(&conn);
        for key in self.by_conn.remove(&conn).unwrap_or_default() {
            if let Some(room) = self.by_queue.get_mut(&key) {
                room.remove(&conn);
                if room.is_empty() {
                    self.by_queue.remove(&key);
                }
            }
        }
    }

    /// Who hears of a message in `key`, in a fixed order.
    pub(crate) fn listeners<'a>(
        &'a self,
        key: &QueueKey,
    ) -> impl Iterator<Item = ConnId> + use<'a> {
        let everyone = (key.event == Event::Pickup).then_some(&self.all_pickups);
        let room = self.by_queue.get(key);
        everyone.into_iter().chain(room).flatten().copied()
    }

    pub(crate) fn hears(&self, conn: ConnId, key: &QueueKey) -> bool {
        (key.event == Event::Pickup && self.hears_all_pickups(conn))
            || self.has_asked_for(conn, key)
    }

    pub(crate) fn has_asked_for(&self, conn: ConnId, key: &QueueKey) -> bool {
        self.by_queue.get(key).is_some_and(|room| room.contains(&conn))
    }

    pub(crate) fn hears_all_pickups(&self, conn: ConnId) -> bool {
        self.all_pickups.contains(&conn)
    }

    /// What `conn` has asked to hear.
    pub(crate) fn of(&self, conn: ConnId) -> impl ExactSizeIterator<Item = &QueueKey> {
        static NONE: BTreeSet<QueueKey> = BTreeSet::new();
        self.by_conn.get(&conn).unwrap_or(&NONE).iter()
    }
}
