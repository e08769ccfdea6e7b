//! What the hub shows of itself to those who ask.

use caps_proto::{ClientId, Event, Order, OrderRef, Request};
use serde::Serialize;

use crate::audience::{Replayed, Subscription};
use crate::backlog::Backlog;
use crate::connection::Connection;
use crate::fact::{Seq, Who};
use crate::hub::Hub;
use crate::input::Identity;
use crate::life::{Life, Stage};
use crate::queue::QueueKey;
use crate::tally::Tally;
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

impl OrderState {
    /// All of them, in the order in which an order meets them.
    pub const ALL: [Self; 4] = [Self::Ready, Self::Claimed, Self::InTransit, Self::Delivered];

    /// What it is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Claimed => "claimed",
            Self::InTransit => "in-transit",
            Self::Delivered => "delivered",
        }
    }
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

/// Someone who is connected.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionView<'a> {
    /// Who.
    pub identity: &'a Identity,
    /// Whether something that it is to be sent waits for its line.
    pub is_behind: bool,
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
            waiting: life.waiting().map(|(event, _)| event).collect(),
            latest: *latest,
        })
    }

    /// Whether the hub knows the order that a request is about. It knows one that is being placed.
    pub fn knows_order_of(&self, request: &Request) -> bool {
        match request {
            Request::InTransit(which, _)
            | Request::Delivered(which, ..)
            | Request::Release(which) => self.remembered(self.book.find(which)).is_some(),
            // What waits of an order can be received even when all else of it is forgotten.
            Request::Received(_, which) => self.book.life(which).is_some(),
            Request::Pickup(..)
            | Request::ReceivedAll(..)
            | Request::Join(_)
            | Request::Subscribe(..)
            | Request::GetAll { .. } => true,
        }
    }

    /// The orders under way that a driver holds, in no order.
    pub fn held_by(&self, driver: &Who) -> impl Iterator<Item = OrderRef> {
        self.book.claims.held_by(driver).filter_map(|id| self.book.which(id))
    }

    /// How many orders of a vendor, or of all, have come how far.
    pub fn tally(&self, client_id: Option<&ClientId>) -> Tally {
        self.book.tally(client_id)
    }

    /// The vendors that have orders under way or messages waiting, or to whom somebody listens. In no order, and some
    /// more than once.
    pub fn clients(&self) -> impl Iterator<Item = &ClientId> {
        let known = self.book.vendors().map(|vendor| &vendor.client_id);
        let heard = self.subscriptions().filter_map(|subscription| subscription.client_id);
        known.chain(heard)
    }

    /// Every queue in which something waits, in no order.
    pub fn queues(&self) -> impl Iterator<Item = QueueView> {
        let queues = Event::ALL.into_iter().flat_map(|event| {
            self.book.queues(event).map(move |(vendor, queue)| (vendor, event, queue))
        });
        queues.filter_map(|(vendor, event, queue)| {
            let key = QueueKey { client_id: vendor.client_id.clone(), event };
            let oldest = self.book.oldest(event, queue)?;
            Some(QueueView { key, depth: queue.len(), oldest })
        })
    }

    /// What waits of an event, in the queues of all vendors.
    pub fn backlog(&self, event: Event) -> Backlog {
        self.book.backlog(event)
    }

    /// How many messages were sent out of their queues, and not when they were queued.
    pub fn replayed(&self) -> Replayed {
        self.audience.replayed
    }

    /// Everyone who is connected, in no order.
    pub fn connections(&self) -> impl Iterator<Item = ConnectionView<'_>> {
        self.audience.connections.values().map(|connection| {
            let Connection { identity, lags, replays, .. } = connection;
            ConnectionView { identity, is_behind: !lags.is_empty() || !replays.is_empty() }
        })
    }

    /// Who listens to what.
    pub fn subscriptions(&self) -> impl Iterator<Item = Subscription<'_>> {
        self.audience.subscriptions()
    }
}
