//! Which claims end by themselves: by time, or with the connection of a nameless holder.

use std::collections::{BTreeMap, HashMap, HashSet};

use caps_proto::OrderRef;

use crate::fact::Who;
use crate::input::ConnId;
use crate::time::Timestamp;

/// When a claim lapses, and which of those that lapse together it is.
pub(crate) type Lapse = (Timestamp, u64);

#[derive(Debug, Default)]
pub(crate) struct Claims {
    /// Claimed orders that are not in transit, by when they are offered again.
    lapses: BTreeMap<Lapse, OrderRef>,
    counter: u64,
    /// Orders under way that a nameless driver holds.
    nameless: HashMap<ConnId, HashSet<OrderRef>>,
}

impl Claims {
    pub(crate) fn lapse_at(&mut self, deadline: Timestamp, which: OrderRef) -> Lapse {
        self.counter += 1;
        let lapse = (deadline, self.counter);
        self.lapses.insert(lapse, which);
        lapse
    }

    pub(crate) fn cancel(&mut self, lapse: Lapse) {
        self.lapses.remove(&lapse);
    }

    pub(crate) fn next_lapse(&self) -> Option<(Timestamp, &OrderRef)> {
        self.lapses.first_key_value().map(|((at, _), which)| (*at, which))
    }

    /// Notes that the holder of an order has changed.
    pub(crate) fn moved(&mut self, which: &OrderRef, from: Option<&Who>, to: Option<&Who>) {
        if from == to {
            return;
        }
        if let Some(Who::Nameless(conn)) = from
            && let Some(held) = self.nameless.get_mut(conn)
        {
            held.remove(which);
            if held.is_empty() {
                self.nameless.remove(conn);
            }
        }
        if let Some(Who::Nameless(conn)) = to {
            self.nameless.entry(*conn).or_default().insert(which.clone());
        }
    }

    /// What the nameless driver behind `conn` holds, in a fixed order.
    pub(crate) fn held_by(&self, conn: ConnId) -> Vec<OrderRef> {
        let mut held: Vec<_> = self.nameless.get(&conn).into_iter().flatten().cloned().collect();
        held.sort_unstable();
        held
    }

    #[cfg(test)]
    pub(crate) fn lapses(&self) -> &BTreeMap<Lapse, OrderRef> {
        &self.lapses
    }

    #[cfg(test)]
    pub(crate) fn nameless(&self) -> &HashMap<ConnId, HashSet<OrderRef>> {
        &self.nameless
    }
}
