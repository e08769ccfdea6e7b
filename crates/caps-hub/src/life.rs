//! One order's life: how far it has come, whose it is, and where it waits.

use std::fmt;

use caps_proto::{Digest, Event, Order, Proof};
use serde::{Deserialize, Serialize};

use crate::claims::Lapse;
use crate::fact::{Seq, Who};
use crate::queue::Spot;
use crate::time::Timestamp;

/// How far an order has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Stage {
    /// Nobody has it.
    Ready,
    /// A driver has received it, or had it on the road and is gone; it is offered again at the lapse.
    Claimed(Lapse),
    /// It is on the road.
    InTransit,
    /// It has arrived, there and then; a retry is known for one.
    Delivered(Place),
    /// It has arrived, and a retry is no longer known for one. Something still waits in a queue.
    Forgotten,
}

/// Where and when something came to be: the fact that brought it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) seq: Seq,
    pub(crate) at: Timestamp,
}

/// A message that waits: the fact that queued it, and where it lies in its queue. Kept without the latter.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(from = "Place", into = "Place")]
pub(crate) struct Waits {
    pub(crate) place: Place,
    pub(crate) spot: Spot,
}

impl From<Place> for Waits {
    fn from(place: Place) -> Self {
        Self { place, spot: Spot::default() }
    }
}

impl From<Waits> for Place {
    fn from(Waits { place, .. }: Waits) -> Self {
        place
    }
}

/// Where it lies says nothing about the order.
impl fmt::Debug for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.place.fmt(f)
    }
}

/// What a `delivered` that waits tells of its order, whose text its life has no more.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Notice {
    pub(crate) place: Waits,
    pub(crate) order: Order,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) proof: Option<Proof>,
}

/// What most events look at comes first.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[repr(C)]
pub(crate) struct Life {
    /// The latest fact about it.
    pub(crate) latest: Seq,
    pub(crate) stage: Stage,
    /// Who holds it, or held it to the end. `None` when nobody does, or the nameless holder is gone.
    pub(crate) holder: Option<Who>,
    /// Its places in the three queues. An id that is used again may have several deliveries waiting.
    pub(crate) pickup: Option<Waits>,
    pub(crate) in_transit: Option<Waits>,
    pub(crate) delivered: Vec<Notice>,
    /// The order itself, until it is over.
    pub(crate) order: Option<Order>,
    pub(crate) digest: Digest,
    /// Whether the vendor was told of its transit.
    pub(crate) transit_told: bool,
}

impl Life {
    pub(crate) fn new(order: Order) -> Self {
        Self {
            stage: Stage::Ready,
            digest: order.digest(),
            holder: None,
            transit_told: false,
            latest: Seq::default(),
            order: Some(order),
            pickup: None,
            in_transit: None,
            delivered: Vec::new(),
        }
    }

    /// Whether it has been placed and has not arrived.
    pub(crate) fn is_under_way(&self) -> bool {
        matches!(self.stage, Stage::Ready | Stage::Claimed(_) | Stage::InTransit)
    }

    /// Whether the message that `received` for `event` takes away, the oldest, is there.
    pub(crate) fn waits(&self, event: Event) -> bool {
        match event {
            Event::Pickup => self.pickup.is_some(),
            Event::InTransit => self.in_transit.is_some(),
            Event::Delivered => !self.delivered.is_empty(),
        }
    }

    pub(crate) fn lapse(&self) -> Option<Lapse> {
        match self.stage {
            Stage::Claimed(lapse) => Some(lapse),
            _ => None,
        }
    }

    /// Where the messages about it wait.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = (Event, Waits)> {
        let pickup = self.pickup.map(|waits| (Event::Pickup, waits));
        let in_transit = self.in_transit.map(|waits| (Event::InTransit, waits));
        let delivered = self.delivered.iter().map(|notice| (Event::Delivered, notice.place));
        pickup.into_iter().chain(in_transit).chain(delivered)
    }

    /// The same, to be changed.
    pub(crate) fn waiting_mut(&mut self, event: Event, seq: Seq) -> Option<&mut Waits> {
        let waits = match event {
            Event::Pickup => self.pickup.as_mut(),
            Event::InTransit => self.in_transit.as_mut(),
            Event::Delivered => {
                let mut delivered = self.delivered.iter_mut().map(|notice| &mut notice.place);
                return delivered.find(|waits| waits.place.seq == seq);
            }
        };
        waits.filter(|waits| waits.place.seq == seq)
    }

    /// What the message says that fact `seq` has queued.
    pub(crate) fn says(&self, event: Event, seq: Seq) -> Option<(&Order, Option<&Proof>)> {
        if event != Event::Delivered {
            return Some((self.order.as_ref()?, None));
        }
        let notice = self.delivered.iter().find(|notice| notice.place.place.seq == seq)?;
        Some((&notice.order, notice.proof.as_ref()))
    }

    /// How many open orders it counts for.
    pub(crate) fn open(&self) -> usize {
        usize::from(self.is_under_way()) + self.delivered.len()
    }
}
