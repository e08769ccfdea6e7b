//! The orders that are over, so that a late retry is known for one: bounded in time and in number.

use std::collections::BTreeMap;

use crate::fact::Seq;
use crate::life::Place;
use crate::limits::Limits;
use crate::lives::LifeId;
use crate::time::Timestamp;

/// Oldest first, by the fact of the delivery.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    over: BTreeMap<Seq, (Timestamp, LifeId)>,
}

impl Memory {
    pub(crate) fn remember(&mut self, Place { seq, at }: Place, id: LifeId) {
        self.over.insert(seq, (at, id));
    }

    /// Another order is placed under the same id.
    pub(crate) fn replace(&mut self, Place { seq, .. }: Place) {
        self.over.remove(&seq);
    }

    /// The next order to forget at `now`, if there is one.
    pub(crate) fn forget(&mut self, now: Timestamp, limits: &Limits) -> Option<LifeId> {
        let is_too_many = self.over.len() > limits.max_remembered;
        let oldest = self.over.first_entry()?;
        let (at, _) = oldest.get();
        let is_due = is_too_many || *at + limits.dedupe_window <= now;
        is_due.then(|| oldest.remove().1)
    }

    /// When the next order is to be forgotten.
    pub(crate) fn next_due(&self, limits: &Limits) -> Option<Timestamp> {
        self.over.first_key_value().map(|(_, (at, _))| *at + limits.dedupe_window)
    }

    #[cfg(test)]
    pub(crate) fn over(&self) -> &BTreeMap<Seq, (Timestamp, LifeId)> {
        &self.over
    }
}
