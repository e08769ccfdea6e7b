//! What has changed: the small set of facts that a journal keeps, and that fold back into the same state.

use std::fmt;

use caps_proto::{Code, DriverName, Event, Order, OrderRef, Proof, Verb};
use serde::{Deserialize, Serialize};

use crate::input::ConnId;
use crate::time::Timestamp;

/// The number of a fact: 1 for a hub's first, and one more for each after it, without a gap and through every
/// restart. A message has the number of the fact that queued it.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// The number of the fact after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who did it, as far as the hub can know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Who {
    /// Someone with a name, on whichever connection.
    Named(DriverName),
    /// Whoever is behind this connection.
    Nameless(ConnId),
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => name.fmt(f),
            Self::Nameless(conn) => conn.fmt(f),
        }
    }
}

/// One thing that has happened to one order, and when the hub decided it.
#[derive(Debug, Clone)]
pub struct Fact {
    /// Its number.
    pub seq: Seq,
    /// When.
    pub at: Timestamp,
    /// To which order.
    pub which: OrderRef,
    /// The fact before it about the same order id, as far as the hub remembers the order: the order's timeline
    /// is read backwards along these.
    pub previous: Option<Seq>,
    /// What.
    pub change: Change,
}

/// What happened to an order.
#[derive(Debug, Clone)]
pub enum Change {
    /// Its vendor announced it: it is queued for drivers.
    Placed(Order),
    /// A driver took it, and is not yet on the road.
    Claimed(Who),
    /// A driver has it on the road: it is queued for the vendor, the first time.
    InTransit {
        /// The driver, who holds it from now on.
        by: Who,
        /// The order, which the hub may not have known before.
        order: Order,
    },
    /// It has arrived: it is queued for the vendor, and leaves the other two queues.
    Delivered {
        /// The driver.
        by: Who,
        /// The order, which the hub may not have known before.
        order: Order,
        /// What the driver had to show for it.
        proof: Option<Proof>,
    },
    /// A reader has done with a message, which leaves its queue.
    Received {
        /// The queue's event.
        event: Event,
        /// The reader.
        by: Who,
    },
    /// Its driver gave it back: it is queued for drivers again, behind all that waits.
    Released {
        /// The driver.
        by: Who,
    },
    /// Nobody holds it any longer: it is queued for drivers again, behind all that waits.
    Offered,
    /// Its nameless holder is gone, and had received it: anyone may carry it on, within the claim time.
    Abandoned,
    /// A driver asked for what is another's. It changes nothing, and is kept for those who ask what happened.
    Refused {
        /// What was asked.
        verb: Verb,
        /// By whom.
        by: Who,
        /// Why it was refused.
        code: Code,
    },
}

impl Change {
    /// The names of all kinds of change, in the order in which an order meets them.
    pub const NAMES: [&str; 9] = [
        "pickup",
        "claimed",
        "in-transit",
        "delivered",
        "received",
        "released",
        "offered",
        "abandoned",
        "refused",
    ];

    /// What it is called in the log.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Placed(_) => "pickup",
            Self::Claimed(_) => "claimed",
            Self::InTransit { .. } => "in-transit",
            Self::Delivered { .. } => "delivered",
            Self::Received { .. } => "received",
            Self::Released { .. } => "released",
            Self::Offered => "offered",
            Self::Abandoned => "abandoned",
            Self::Refused { .. } => "refused",
        }
    }

    /// Who did it, where that is somebody but the order's vendor or the hub.
    pub const fn by(&self) -> Option<&Who> {
        match self {
            Self::Claimed(by)
            | Self::InTransit { by, .. }
            | Self::Delivered { by, .. }
            | Self::Received { by, .. }
            | Self::Released { by }
            | Self::Refused { by, .. } => Some(by),
            Self::Placed(_) | Self::Offered | Self::Abandoned => None,
        }
    }

    /// The order that it brings or tells of.
    pub const fn order(&self) -> Option<&Order> {
        match self {
            Self::Placed(order) | Self::InTransit { order, .. } | Self::Delivered { order, .. } => {
                Some(order)
            }
            _ => None,
        }
    }

    /// The proof that it brings.
    pub const fn proof(&self) -> Option<&Proof> {
        match self {
            Self::Delivered { proof, .. } => proof.as_ref(),
            _ => None,
        }
    }

    /// The event that was received, or asked for and refused.
    pub fn of(&self) -> Option<&'static str> {
        match self {
            Self::Received { event, .. } => Some(event.name()),
            Self::Refused { verb, .. } => Some(verb.name()),
            _ => None,
        }
    }
}
