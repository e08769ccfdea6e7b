//! When to take a snapshot of which part of the orders.
//!
//! One part at a time, in turn, so that none takes long. Often enough that a restart folds at most about
//! two facts for each order that the hub knows, or half a million; rarely enough that snapshots cost little beside
//! the facts themselves. In a quiet hub every part has its turn once a day, so that the log can be trimmed.

use std::time::{Duration, Instant};

use caps_hub::{Hub, PARTITIONS, Seq};

/// The fewest facts between two snapshots.
const FEWEST: usize = 2000;

/// The longest time between two snapshots, if anything has happened since the part's last one.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60 / PARTITIONS as u64);

#[derive(Debug, Clone)]
pub(super) struct Rotation {
    next: u8,
    facts: usize,
    since: Instant,
    /// How far the latest snapshot of any part goes.
    as_of: Seq,
}

impl Rotation {
    /// Goes on after so many facts since the latest snapshot, so that hubs which do not live long take theirs, too.
    pub(super) fn new(next: u8, facts: usize) -> Self {
        Self { next, facts, since: Instant::now(), as_of: Seq::default() }
    }

    /// So many facts were handed to the journal.
    pub(super) fn kept(&mut self, facts: usize) {
        self.facts += facts;
    }

    /// The part whose turn it is now, if there is one.
    pub(super) fn next(&mut self, hub: &Hub) -> Option<u8> {
        let is_much = self.facts >= FEWEST.max(2 * hub.known() / PARTITIONS);
        let is_long = self.since.elapsed() >= LONGEST && hub.last() != self.as_of;
        if !is_much && !is_long {
            return None;
        }
        let partition = self.next;
        *self = Self { next: partition.wrapping_add(1), as_of: hub.last(), ..Self::new(0, 0) };
        Some(partition)
    }
}
