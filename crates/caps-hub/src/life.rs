//! One order's life: how far it has come, whose it is, and where it waits.

use caps_proto::{Digest, Event, Order};
use serde::{Deserialize, Serialize};

use crate::claims::Lapse;
use crate::fact::{Seq, Who};
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

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Life {
    pub(crate) stage: Stage,
    pub(crate) digest: Digest,
    /// Who holds it, or held it to the end. `None` when nobody does, or the nameless holder is gone.
    pub(crate) holder: Option<Who>,
    /// Whether the vendor was told of its transit.
    pub(crate) transit_told: bool,
    /// The latest fact about it.
    pub(crate) latest: Seq,
    /// The order itself, until it is over.
    pub(crate) order: Option<Order>,
    /// Its places in the three queues. An id that is used again may have several deliveries waiting.
    pub(crate) pickup: Option<Place>,
    pub(crate) in_transit: Option<Place>,
    pub(crate) delivered: Vec<(Place, Order)>,
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

    /// What waits of it, and where.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = (Event, Place, &Order)> {
        let order = self.order.as_ref();
        let pickup = self.pickup.zip(order).map(|(place, order)| (Event::Pickup, place, order));
        let in_transit =
            self.in_transit.zip(order).map(|(place, order)| (Event::InTransit, place, order));
        let delivered = self.delivered.iter();
        let delivered = delivered.map(|(place, order)| (Event::Delivered, *place, order));
        pickup.into_iter().chain(in_transit).chain(delivered)
    }

    /// How many open orders it counts for.
    pub(crate) fn open(&self) -> usize {
        usize::from(self.is_under_way()) + self.delivered.len()
    }
}
