//! A hub brought back from what was kept of it.

use crate::book::Book;
use crate::effect::Step;
use crate::fact::{Fact, Seq, Who};
use crate::hub::Hub;
use crate::input::ConnId;
use crate::limits::Limits;
use crate::lives::{PARTITIONS, partition_of};
use crate::snapshot::Snapshot;
use crate::time::Timestamp;

/// Brings a hub back: first hand it all [`Snapshot`]s, then all facts after the oldest of them, in order.
#[derive(Debug)]
pub struct Restore {
    limits: Limits,
    book: Book,
    as_of: Vec<Seq>,
    at: Timestamp,
    /// The highest connection that anything is known of.
    conn: ConnId,
}

impl Restore {
    /// An empty hub, to begin with.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            book: Book::default(),
            as_of: vec![Seq::default(); PARTITIONS],
            at: Timestamp::default(),
            conn: ConnId(0),
        }
    }

    /// Takes in the orders of one part.
    pub fn load(&mut self, snapshot: Snapshot) {
        let Snapshot { partition, as_of, orders } = snapshot;
        self.as_of[usize::from(partition)] = as_of;
        self.book.restored_to(as_of);
        for (which, life) in orders {
            if let Some(holder) = &life.holder {
                self.heard_of(holder);
            }
            self.book.restore(which, life);
        }
    }

    /// The last fact that is in all the snapshots: those after it are to be folded.
    pub fn as_of(&self) -> Seq {
        self.as_of.iter().copied().min().unwrap_or_default()
    }

    /// The last fact that is in any of the snapshots.
    pub fn latest_snapshot(&self) -> Seq {
        self.as_of.iter().copied().max().unwrap_or_default()
    }

    /// The part whose snapshot is the oldest.
    pub fn oldest_partition(&self) -> u8 {
        (0..=u8::MAX)
            .min_by_key(|partition| self.as_of[usize::from(*partition)])
            .unwrap_or_default()
    }

    /// The last fact that was taken in.
    pub fn last(&self) -> Seq {
        self.book.last()
    }

    /// Takes in a fact, unless the snapshot of its order's part has it already.
    pub fn fold(&mut self, fact: &Fact) {
        self.at = self.at.max(fact.at);
        if let Some(by) = fact.change.by() {
            self.heard_of(by);
        }
        if fact.seq > self.as_of[usize::from(partition_of(&fact.which))] {
            let found = self.book.find(&fact.which);
            self.book.fold(fact, found, None, &self.limits);
        }
        self.book.restored_to(fact.seq);
    }

    fn heard_of(&mut self, who: &Who) {
        if let Who::Nameless(conn) = who {
            self.conn = self.conn.max(*conn);
        }
    }

    /// The book alone, which a test compares.
    #[cfg(test)]
    pub(crate) fn into_book(mut self, now: Timestamp) -> Book {
        self.book.settle();
        self.book.forget(now, &self.limits);
        self.book
    }

    /// The hub, and the last connection of the hub before it. All connections are gone, so what nameless drivers
    /// held is offered again, by facts in `step`.
    pub fn finish(mut self, now: Timestamp, step: &mut Step) -> (Hub, ConnId) {
        self.book.settle();
        let mut hub = Hub::restored(self.limits, self.book, self.at);
        hub.advance(now, step);
        for conn in hub.book.claims.nameless_holders() {
            hub.give_back(conn, step);
        }
        (hub, self.conn)
    }
}
