//! How much waits of each event in the queues of all vendors, and since when, without a look at each of them.

use std::collections::BTreeMap;

use caps_proto::Event;

use crate::fact::Seq;
use crate::queue::Queue;
use crate::time::Timestamp;
use crate::vendors::VendorId;

/// What waits of one event, in all queues together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many messages wait.
    pub depth: usize,
    /// Since when the oldest of them waits.
    pub oldest: Option<Timestamp>,
}

/// Of every event, how many messages wait and in which queues.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Backlogs([Waits; Event::ALL.len()]);

#[derive(Debug, Default, PartialEq, Eq)]
struct Waits {
    depth: usize,
    /// The oldest message of each queue, and whose that is.
    fronts: BTreeMap<Seq, VendorId>,
}

impl Backlogs {
    pub(crate) fn depth(&self, event: Event) -> usize {
        self.0[event as usize].depth
    }

    /// The vendors in whose queues of that event something waits, by the oldest message of each.
    pub(crate) fn vendors(&self, event: Event) -> impl Iterator<Item = VendorId> {
        self.0[event as usize].fronts.values().copied()
    }

    /// Notes that a message has come into a vendor's queue, whose oldest message was and is these.
    pub(crate) fn added(&mut self, event: Event, vendor: VendorId, was: Front, is: Front) {
        let waits = &mut self.0[event as usize];
        waits.depth += 1;
        waits.moved(vendor, was, is);
    }

    /// Notes that a message has left it.
    pub(crate) fn removed(&mut self, event: Event, vendor: VendorId, was: Front, is: Front) {
        let waits = &mut self.0[event as usize];
        waits.depth -= 1;
        waits.moved(vendor, was, is);
    }

    /// Notes a queue as it stands.
    pub(crate) fn note(&mut self, event: Event, vendor: VendorId, queue: &Queue) {
        let waits = &mut self.0[event as usize];
        waits.depth += queue.len();
        waits.moved(vendor, None, queue.first());
    }
}

/// The oldest message of a queue, if there is one.
type Front = Option<Seq>;

impl Waits {
    fn moved(&mut self, vendor: VendorId, was: Front, is: Front) {
        if was == is {
            return;
        }
        if let Some(seq) = was {
            self.fronts.remove(&seq);
        }
        self.fronts.extend(is.map(|seq| (seq, vendor)));
    }
}
