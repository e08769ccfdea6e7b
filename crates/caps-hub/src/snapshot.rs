//! A part of the hub's orders as they were at one moment, so that a restart need not fold all that ever happened.

use caps_proto::OrderRef;
use serde::{Deserialize, Serialize};

use crate::fact::Seq;
use crate::life::Life;

/// The orders of one of the [`PARTITIONS`](crate::PARTITIONS), after the fact `as_of` and before the next.
///
/// The snapshots of different parts need not be of the same moment. Together with the facts that came after each
/// they give the hub back: see [`Restore`](crate::Restore).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// Which part.
    pub partition: u8,
    /// The last fact that is in it.
    pub as_of: Seq,
    pub(crate) orders: Vec<(OrderRef, Life)>,
}
