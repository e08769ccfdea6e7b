//! Who holds what, and which claims end by themselves: by time, or with the connection of a nameless holder.

use std::collections::BTreeMap;

use foldhash::{HashMap, HashSet};

use crate::fact::{Seq, Who};
use crate::input::ConnId;
use crate::lives::LifeId;
use crate::time::Timestamp;

/// When a claim lapses, and the fact that has set that time: those that lapse together do so in this order.
pub(crate) type Lapse = (Timestamp, Seq);

#[derive(Debug, Default)]
pub(crate) struct Claims {
    /// Claimed orders that are not in transit, by when they are offered again.
    lapses: BTreeMap<Lapse, LifeId>,
    /// Orders under way that a driver holds.
    held: HashMap<Who, HashSet<LifeId>>,
}

impl Claims {
    pub(crate) fn lapse_at(&mut self, lapse: Lapse, id: LifeId) {
        self.lapses.insert(lapse, id);
    }

    pub(crate) fn cancel(&mut self, lapse: Lapse) {
        self.lapses.remove(&lapse);
    }

    pub(crate) fn next_lapse(&self) -> Option<Timestamp> {
        self.lapses.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes out the claim that lapses first, if it has by now. Each is taken once, also where a damaged file tells of an
    /// order that is not there.
    pub(crate) fn lapsed(&mut self, now: Timestamp) -> Option<LifeId> {
        let first = self.lapses.first_entry().filter(|first| first.key().0 <= now)?;
        Some(first.remove())
    }

    /// Notes that the holder of an order has changed.
    pub(crate) fn moved(&mut self, id: LifeId, from: Option<&Who>, to: Option<&Who>) {
        if from == to {
            return;
        }
        if let Some(from) = from
            && let Some(held) = self.held.get_mut(from)
        {
            held.remove(&id);
            if held.is_empty() {
                self.held.remove(from);
            }
        }
        if let Some(to) = to {
            self.held.entry(to.clone()).or_default().insert(id);
        }
    }

    /// The connections of all nameless drivers that hold anything, in a fixed order.
    pub(crate) fn nameless_holders(&self) -> Vec<ConnId> {
        let nameless = |who: &Who| match who {
            Who::Nameless(conn) => Some(*conn),
            Who::Named(_) => None,
        };
        let mut holders: Vec<_> = self.held.keys().filter_map(nameless).collect();
        holders.sort_unstable();
        holders
    }

    /// What a driver holds, in no order.
    pub(crate) fn held_by(&self, who: &Who) -> impl Iterator<Item = LifeId> {
        self.held.get(who).into_iter().flatten().copied()
    }

    #[cfg(test)]
    pub(crate) fn lapses(&self) -> &BTreeMap<Lapse, LifeId> {
        &self.lapses
    }

    #[cfg(test)]
    pub(crate) fn held(&self) -> &HashMap<Who, HashSet<LifeId>> {
        &self.held
    }
}
