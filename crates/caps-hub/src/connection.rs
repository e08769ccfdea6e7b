//! One connection: who it speaks for, how much its line can take, and how far it has caught up.

use std::collections::{BTreeMap, VecDeque};

use caps_proto::Message;

use crate::effect::AckId;
use crate::fact::{Seq, Who};
use crate::input::{ConnId, Identity};
use crate::limits::Limits;
use crate::queue::QueueKey;
use crate::scope::Scope;
use crate::time::Timestamp;

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) identity: Identity,
    /// When its rights end.
    pub(crate) until: Option<Timestamp>,
    /// Under what name its claims are held.
    pub(crate) who: Who,
    pub(crate) line: Line,
    /// The queues in which it is behind, and the place where it goes on: all that a slow reader costs. In all
    /// other queues it is live.
    pub(crate) lags: BTreeMap<QueueKey, Seq>,
    /// The queue that was fed last, so that none starves.
    pub(crate) fed: Option<QueueKey>,
    /// Its `getAll`s that are not yet answered; the first is under way.
    pub(crate) replays: VecDeque<Replay>,
}

impl Connection {
    pub(crate) fn new(conn: ConnId, identity: Identity, until: Option<Timestamp>) -> Self {
        let who = match &identity {
            Identity::Anyone { name: Some(name) }
            | Identity::Driver { name: Some(name), .. }
            | Identity::Admin { name } => Who::Named(name.clone()),
            _ => Who::Nameless(conn),
        };
        Self {
            identity,
            until,
            who,
            line: Line::default(),
            lags: BTreeMap::new(),
            fed: None,
            replays: VecDeque::new(),
        }
    }
}

/// One `getAll`.
#[derive(Debug)]
pub(crate) struct Replay {
    pub(crate) ack: Option<AckId>,
    /// What was asked for.
    pub(crate) scope: Scope,
    /// Its queues, and where the connection stood in each when the replay set it back to the start. `None` until
    /// the replay has begun.
    pub(crate) queues: Option<Vec<(QueueKey, Seq)>>,
    /// Messages from this place on have come since, and are not part of the answer's count.
    pub(crate) until: Seq,
    pub(crate) limit: Option<u64>,
    /// How many of the queues are done with.
    pub(crate) done: usize,
    pub(crate) sent: u64,
}

/// What is on its way to the client, by the hub's own count.
#[derive(Debug, Default)]
pub(crate) struct Line {
    load: Load,
    /// What was on its way when the watch began that is not yet over.
    watched: Option<Load>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Load {
    messages: usize,
    bytes: usize,
}

impl Line {
    pub(crate) fn has_room(&self, limits: &Limits) -> bool {
        self.load.messages < limits.window_messages && self.load.bytes < limits.window_bytes
    }

    /// Counts a message in. True when the line is to be watched from now on.
    pub(crate) fn load(&mut self, message: &Message, limits: &Limits) -> bool {
        self.load.messages += 1;
        self.load.bytes += size_of_envelope(message);
        self.watch(limits)
    }

    /// Counts out what was never handed over, and was counted in last.
    pub(crate) fn unload(&mut self, message: &Message) {
        self.load.messages -= 1;
        self.load.bytes -= size_of_envelope(message);
        if let Some(watched) = &mut self.watched {
            watched.messages = watched.messages.min(self.load.messages);
            watched.bytes = watched.bytes.min(self.load.bytes);
        }
    }

    /// Counts out what was on its way when the watch began. What has come since may not have left. True when the
    /// line is to be watched again.
    pub(crate) fn drained(&mut self, limits: &Limits) -> bool {
        let left = self.watched.take().unwrap_or_default();
        self.load.messages -= left.messages;
        self.load.bytes -= left.bytes;
        self.watch(limits)
    }

    /// Half a window on its way is watched, so that the word that it has left comes before the window is full.
    fn watch(&mut self, limits: &Limits) -> bool {
        let Load { messages, bytes } = self.load;
        let half = messages * 2 >= limits.window_messages || bytes * 2 >= limits.window_bytes;
        let begins = half && self.watched.is_none();
        if begins {
            self.watched = Some(self.load);
        }
        begins
    }
}

/// About how many bytes a message takes on the wire.
fn size_of_envelope(message: &Message) -> usize {
    const NAMES_AND_PUNCTUATION: usize = 80;
    let Message { message_id, client_id, order, proof, .. } = message;
    NAMES_AND_PUNCTUATION
        + message_id.as_str().len()
        + client_id.as_str().len()
        + order.text().len()
        + proof.as_ref().map_or(0, |proof| proof.text().len())
}
