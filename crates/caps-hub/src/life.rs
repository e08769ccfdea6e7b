//! One order's life: how far it has come, whose it is, and where it waits.

use caps_proto::{Digest, Event, Order, Proof};
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

/// What a message that waits tells of its order, and its place in the queue.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Notice {
    pub(crate) place: Place,
    pub(crate) order: Order,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) proof: Option<Proof>,
}

impl Notice {
    pub(crate) fn new(place: Place, order: Order) -> Self {
        Self { place, order, proof: None }
    }
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
    pub(crate) delivered: Vec<Notice>,
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

    /// What waits of it.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = (Event, Notice)> {
        let under_way = [(Event::Pickup, self.pickup), (Event::InTransit, self.in_transit)];
        let under_way = under_way.into_iter().filter_map(|(event, place)| {
            let (place, order) = place.zip(self.order.clone())?;
            Some((event, Notice::new(place, order)))
        });
        let delivered = self.delivered.iter().map(|notice| (Event::Delivered, notice.clone()));
        under_way.chain(delivered)
    }

    /// How many open orders it counts for.
    pub(crate) fn open(&self) -> usize {
        usize::from(self.is_under_way()) + self.delivered.len()
    }
}
