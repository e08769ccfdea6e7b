//! One queue: the messages of one event of one vendor, first in, first out.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use caps_proto::{ClientId, Event, Message};

use crate::fact::{Seq, Who};
use crate::input::ConnId;
use crate::time::Timestamp;

/// Which queue.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueKey {
    /// Whose.
    pub client_id: ClientId,
    /// Of which event.
    pub event: Event,
}

impl QueueKey {
    /// The queue that a message is in.
    pub(crate) fn of(message: &Message) -> Self {
        Self { client_id: message.client_id.clone(), event: message.event }
    }
}

impl fmt::Display for QueueKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}, {})", self.client_id, self.event)
    }
}

/// A message that has just been queued.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) key: QueueKey,
    pub(crate) seq: Seq,
    pub(crate) message: Arc<Message>,
}

/// A message that waits.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) message: Arc<Message>,
    /// Since when.
    pub(crate) at: Timestamp,
    /// The connection that sent it: the sender never gets its own broadcast, not even late.
    pub(crate) sender: Option<ConnId>,
}

#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: BTreeMap<Seq, Waiting>,
    /// The pickups among them that a driver holds and has not received: for that driver's eyes alone.
    held: BTreeMap<Seq, Who>,
}

impl Queue {
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn insert(&mut self, seq: Seq, waiting: Waiting) {
        self.waiting.insert(seq, waiting);
    }

    /// The oldest message, and since when it waits.
    pub(crate) fn front(&self) -> Option<(Seq, Timestamp)> {
        self.waiting.first_key_value().map(|(seq, waiting)| (*seq, waiting.at))
    }

    pub(crate) fn remove(&mut self, seq: Seq) {
        self.waiting.remove(&seq);
        self.held.remove(&seq);
    }

    pub(crate) fn hold(&mut self, seq: Seq, holder: Who) {
        self.held.insert(seq, holder);
    }

    /// What `reader` may see from `from` on, oldest first.
    pub(crate) fn visible<'a>(
        &'a self,
        from: Seq,
        reader: &'a Who,
    ) -> impl Iterator<Item = (Seq, &'a Waiting)> {
        self.waiting
            .range(from..)
            .filter(move |(seq, _)| self.sees(**seq, reader))
            .map(|(seq, waiting)| (*seq, waiting))
    }

    /// How much of it `reader` may see from `from` on and before `until`. Costs as much as lies before `from`,
    /// which the reader has just been through, what has come since `until`, and what is held; never as much as
    /// waits.
    pub(crate) fn count_visible(&self, from: Seq, until: Seq, reader: &Who) -> usize {
        if from >= until {
            return 0;
        }
        let before = self.waiting.range(..from).count();
        let since = self.waiting.range(until..).count();
        let hidden = self.held.range(from..until).filter(|(_, holder)| *holder != reader).count();
        self.waiting.len() - before - since - hidden
    }

    fn sees(&self, seq: Seq, reader: &Who) -> bool {
        self.held.is_empty() || self.held.get(&seq).is_none_or(|holder| holder == reader)
    }

    #[cfg(test)]
    pub(crate) fn waiting(&self) -> &BTreeMap<Seq, Waiting> {
        &self.waiting
    }

    #[cfg(test)]
    pub(crate) fn holder(&self, seq: Seq) -> Option<&Who> {
        self.held.get(&seq)
    }

    #[cfg(test)]
    pub(crate) fn held(&self) -> impl Iterator<Item = &Seq> {
        self.held.keys()
    }
}
