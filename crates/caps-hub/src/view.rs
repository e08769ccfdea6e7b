//! What the hub shows of itself to those who ask.

use caps_proto::{Event, Order, OrderRef};
use serde::Serialize;

use crate::audience::Subscription;
use crate::fact::{Seq, Who};
use crate::hub::Hub;
use crate::life::{Life, Stage};
use crate::queue::QueueKey;
use crate::time::Timestamp;

/// How far an order has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderState {
    /// Nobody has it.
    Ready,
    /// A driver has it, and is not yet on the road; or the driver that had it on the road is gone.
    Claimed,
    /// It is on the road.
    InTransit,
    /// It has arrived.
    Delivered,
}

/// One order, as far as the hub remembers it.
#[derive(Debug, Clone)]
pub struct OrderView {
    /// How far it has come.
    pub state: OrderState,
    /// Who holds it, or has delivered it.
    pub holder: Option<Who>,
    /// When it is offered again, if it is claimed and nothing else happens.
    pub offered_again_at: Option<Timestamp>,
    /// What the vendor announced, until it is delivered; and then until the vendor has received that.
    pub order: Option<Order>,
    /// The events of which a message about it waits.
    pub waiting: Vec<Event>,
    /// The latest fact about it.
    pub latest: Seq,
}

/// One queue in which something waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueView {
    /// Which.
    pub key: QueueKey,
    /// How many messages wait.
    pub depth: usize,
    /// Since when the oldest of them waits.
    pub oldest: Timestamp,
}

impl Hub {
    /// An order that the hub remembers.
    pub fn order(&self, which: &OrderRef) -> Option<OrderView> {
        let life = self.book.life(which)?;
        let Life { stage, holder, latest, order, delivered, .. } = life;
        let state = match stage {
            Stage::Ready => OrderState::Ready,
            Stage::Claimed(_) => OrderState::Claimed,
            Stage::InTransit => OrderState::InTransit,
            Stage::Delivered(_) | Stage::Forgotten => OrderState::Delivered,
        };
        Some(OrderView {
            state,
            holder: holder.clone(),
            offered_again_at: life.lapse().map(|(at, _)| at),
            order: order.as_ref().or(delivered.last().map(|notice| &notice.order)).cloned(),
            waiting: life.waiting().map(|(event, ..)| event).collect(),
            latest: *latest,
        })
    }

    /// Every queue in which something waits, in no order.
    pub fn queues(&self) -> impl Iterator<Item = QueueView> {
        self.book.queues().filter_map(|(key, queue)| {
            let oldest = queue.oldest()?;
            Some(QueueView { key: key.clone(), depth: queue.len(), oldest })
        })
    }

    /// Who listens to what.
    pub fn subscriptions(&self) -> impl Iterator<Item = Subscription<'_>> {
        self.audience.subscriptions()
    }
}
