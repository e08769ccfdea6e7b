//! How much waits of each event in the queues of all vendors, and since when, without a look at each of them.

use std::collections::BTreeMap;

use caps_proto::Event;

use crate::fact::Seq;
use crate::time::Timestamp;

/// What waits of one event, in all queues together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many messages wait.
    pub depth: usize,
    /// Since when the oldest of them waits.
    pub oldest: Option<Timestamp>,
}

/// The backlog of every event.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Backlogs([Waits; Event::ALL.len()]);

#[derive(Debug, Default, PartialEq, Eq)]
struct Waits {
    depth: usize,
    /// The oldest message of each queue.
    fronts: BTreeMap<Seq, Timestamp>,
}

impl Backlogs {
    pub(crate) fn of(&self, event: Event) -> Backlog {
        let Waits { depth, fronts } = &self.0[event as usize];
        Backlog { depth: *depth, oldest: fronts.first_key_value().map(|(_, at)| *at) }
    }

    /// Notes that a message has come into a queue, whose oldest message was and is these.
    pub(crate) fn added(&mut self, event: Event, was: Front, is: Front) {
        let waits = &mut self.0[event as usize];
        waits.depth += 1;
        waits.moved(was, is);
    }

    /// Notes that a message has left a queue.
    pub(crate) fn removed(&mut self, event: Event, was: Front, is: Front) {
        let waits = &mut self.0[event as usize];
        waits.depth -= 1;
        waits.moved(was, is);
    }
}

/// The oldest message of a queue, if there is one.
type Front = Option<(Seq, Timestamp)>;

impl Waits {
    fn moved(&mut self, was: Front, is: Front) {
        if was == is {
            return;
        }
        if let Some((seq, _)) = was {
            self.fronts.remove(&seq);
        }
        self.fronts.extend(is);
    }
}
