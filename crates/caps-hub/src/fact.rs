//! What has changed: the small set of facts that a journal keeps, and that fold back into the same state.

use std::fmt;

use caps_proto::{DriverName, Event, Order, OrderRef};

use crate::input::ConnId;
use crate::time::Timestamp;

/// Who did it, as far as the hub can know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

/// One change to one order, and when the hub decided it.
#[derive(Debug, Clone)]
pub struct Fact {
    /// When.
    pub at: Timestamp,
    /// To which order.
    pub which: OrderRef,
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
        /// The order, where the hub did not know it.
        order: Option<Order>,
    },
    /// It has arrived: it is queued for the vendor, and leaves the other two queues.
    Delivered {
        /// The driver.
        by: Who,
        /// The order, where the hub did not know it.
        order: Option<Order>,
    },
    /// A reader has done with a message, which leaves its queue.
    Received {
        /// The queue's event.
        event: Event,
        /// The reader.
        by: Who,
    },
    /// Nobody holds it any longer: it is queued for drivers again, behind all that waits.
    Offered,
    /// Its nameless holder is gone, and had received it: anyone may carry it on, within the claim time.
    Voided,
}
