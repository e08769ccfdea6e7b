//! The ids of orders that are over, so that a late retry is known for one: bounded in time and in number.

use std::collections::VecDeque;

use caps_proto::OrderRef;

use crate::limits::Limits;
use crate::time::Timestamp;

#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Oldest first. The time tells one order from a later one of the same id.
    over: VecDeque<(Timestamp, OrderRef)>,
}

impl Memory {
    pub(crate) fn remember(&mut self, at: Timestamp, which: OrderRef) {
        self.over.push_back((at, which));
    }

    /// The next order to forget at `now`, if there is one.
    pub(crate) fn forget(
        &mut self,
        now: Timestamp,
        limits: &Limits,
    ) -> Option<(Timestamp, OrderRef)> {
        let (at, _) = self.over.front()?;
        let due = *at + limits.dedupe_window <= now || self.over.len() > limits.max_remembered;
        if due { self.over.pop_front() } else { None }
    }

    /// When the next order is to be forgotten.
    pub(crate) fn next_due(&self, limits: &Limits) -> Option<Timestamp> {
        self.over.front().map(|(at, _)| *at + limits.dedupe_window)
    }

    #[cfg(test)]
    pub(crate) fn over(&self) -> &VecDeque<(Timestamp, OrderRef)> {
        &self.over
    }
}
