//! The book of orders: how far each has come, what waits in which queue, and whose it is. It changes by
//! [`Fact`]s alone, so the same fold serves the running hub and a journal that is read back.

use std::collections::HashMap;
use std::sync::Arc;

use caps_proto::{Digest, Event, Message, Order, OrderRef};

use crate::claims::{Claims, Lapse};
use crate::fact::{Change, Fact, Who};
use crate::input::ConnId;
use crate::limits::Limits;
use crate::memory::Memory;
use crate::queue::{Queue, QueueKey, Queued, Seq, Waiting};
use crate::time::Timestamp;

/// How far an order has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Nobody has it.
    Ready,
    /// A driver has received it, or had it on the road and is gone; it is offered again at the lapse.
    Claimed(Lapse),
    /// It is on the road.
    InTransit,
    /// It has arrived, then; a retry is known for one.
    Delivered(Timestamp),
    /// It has arrived, and a retry is no longer known for one. Something still waits in a queue.
    Forgotten,
}

/// One order's life.
#[derive(Debug)]
pub(crate) struct Life {
    pub(crate) stage: Stage,
    pub(crate) digest: Digest,
    /// Who holds it, or held it to the end. `None` when nobody does, or the nameless holder is gone.
    pub(crate) holder: Option<Who>,
    /// Whether the vendor was told of its transit.
    pub(crate) transit_told: bool,
    /// The order itself, until it is over.
    order: Option<Order>,
    /// Its places in the three queues. An id that is used again may have several deliveries waiting.
    pickup: Option<Seq>,
    in_transit: Option<Seq>,
    delivered: Vec<Seq>,
}

impl Life {
    fn new(order: Order) -> Self {
        Self {
            stage: Stage::Ready,
            digest: order.digest(),
            holder: None,
            transit_told: false,
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

    /// The place of the message that `received` for `event` takes away: the oldest.
    pub(crate) fn waiting(&self, event: Event) -> Option<Seq> {
        match event {
            Event::Pickup => self.pickup,
            Event::InTransit => self.in_transit,
            Event::Delivered => self.delivered.first().copied(),
        }
    }

    fn lapse(&self) -> Option<Lapse> {
        match self.stage {
            Stage::Claimed(lapse) => Some(lapse),
            _ => None,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct Book {
    lives: HashMap<OrderRef, Life>,
    queues: HashMap<QueueKey, Queue>,
    pub(crate) claims: Claims,
    memory: Memory,
    open: usize,
    last: Seq,
}

impl Book {
    pub(crate) fn life(&self, which: &OrderRef) -> Option<&Life> {
        self.lives.get(which)
    }

    pub(crate) fn queue(&self, key: &QueueKey) -> Option<&Queue> {
        self.queues.get(key)
    }

    /// Every queue in which something waits.
    pub(crate) fn queues(&self) -> impl Iterator<Item = (&QueueKey, &Queue)> {
        self.queues.iter()
    }

    /// How many orders are placed and not delivered, or delivered and not yet received by their vendor.
    pub(crate) fn open(&self) -> usize {
        self.open
    }

    /// The place that the next message gets.
    pub(crate) fn end(&self) -> Seq {
        self.last.next()
    }

    /// Changes what `fact` says has changed, and tells what it queued, as coming from `sender`.
    pub(crate) fn fold(
        &mut self,
        fact: &Fact,
        sender: Option<ConnId>,
        limits: &Limits,
    ) -> Option<Queued> {
        let Fact { at, which, change } = fact;
        match change {
            Change::Placed(order) => {
                self.place(which, order);
                Some(self.enqueue(which, Event::Pickup, order.clone(), sender))
            }
            Change::Claimed(by) => {
                self.hold(which, Some(by));
                self.set_lapse(which, *at + limits.claim_time);
                None
            }
            Change::InTransit { by, order } => {
                match order {
                    Some(order) => self.place(which, order),
                    None => self.pass_on(which, by),
                }
                self.hold(which, Some(by));
                self.set_stage(which, Stage::InTransit);
                let life = self.lives.get_mut(which)?;
                let order = life.order.clone().filter(|_| !life.transit_told)?;
                life.transit_told = true;
                Some(self.enqueue(which, Event::InTransit, order, sender))
            }
            Change::Delivered { by, order } => {
                if let Some(order) = order {
                    self.place(which, order);
                }
                self.dequeue(which, Event::Pickup);
                self.dequeue(which, Event::InTransit);
                // An order that is over is nobody's claim; its record still tells who delivered it.
                self.hold(which, None);
                self.set_stage(which, Stage::Delivered(*at));
                self.memory.remember(*at, which.clone());
                let life = self.lives.get_mut(which)?;
                life.holder = Some(by.clone());
                let order = life.order.take()?;
                Some(self.enqueue(which, Event::Delivered, order, sender))
            }
            Change::Received { event, .. } => {
                self.dequeue(which, *event);
                let life = self.lives.get(which)?;
                if life.stage == Stage::Forgotten && life.delivered.is_empty() {
                    self.lives.remove(which);
                }
                None
            }
            Change::Offered => {
                self.hold(which, None);
                self.set_stage(which, Stage::Ready);
                self.dequeue(which, Event::Pickup);
                let order = self.lives.get(which)?.order.clone()?;
                Some(self.enqueue(which, Event::Pickup, order, sender))
            }
            Change::Voided => {
                self.hold(which, None);
                if self.lives.get(which)?.stage == Stage::InTransit {
                    self.set_lapse(which, *at + limits.claim_time);
                }
                None
            }
        }
    }

    /// Forgets what has been remembered for long enough, or is too much to remember.
    pub(crate) fn forget(&mut self, now: Timestamp, limits: &Limits) {
        while let Some((at, which)) = self.memory.forget(now, limits) {
            let Some(life) = self.lives.get_mut(&which) else { continue };
            // Another order may have been placed under the id since.
            if life.stage != Stage::Delivered(at) {
                continue;
            }
            if life.delivered.is_empty() {
                self.lives.remove(&which);
            } else {
                life.stage = Stage::Forgotten;
            }
        }
    }

    /// When something is to be forgotten next.
    pub(crate) fn next_forget(&self, limits: &Limits) -> Option<Timestamp> {
        self.memory.next_due(limits)
    }

    /// Opens a new life under the id. Deliveries of an earlier order that still wait stay its own.
    fn place(&mut self, which: &OrderRef, order: &Order) {
        let mut life = Life::new(order.clone());
        if let Some(earlier) = self.lives.remove(which) {
            life.delivered = earlier.delivered;
        }
        self.lives.insert(which.clone(), life);
        self.open += 1;
    }

    fn enqueue(
        &mut self,
        which: &OrderRef,
        event: Event,
        order: Order,
        sender: Option<ConnId>,
    ) -> Queued {
        let OrderRef { client_id, message_id } = which.clone();
        self.last = self.last.next();
        let seq = self.last;
        if let Some(life) = self.lives.get_mut(which) {
            match event {
                Event::Pickup => life.pickup = Some(seq),
                Event::InTransit => life.in_transit = Some(seq),
                Event::Delivered => life.delivered.push(seq),
            }
        }
        let key = QueueKey { client_id: client_id.clone(), event };
        let message = Arc::new(Message { event, message_id, client_id, order });
        let waiting = Waiting { message: Arc::clone(&message), sender };
        self.queues.entry(key.clone()).or_default().push(seq, waiting);
        Queued { key, seq, message }
    }

    fn dequeue(&mut self, which: &OrderRef, event: Event) {
        let Some(life) = self.lives.get_mut(which) else { return };
        let seq = match event {
            Event::Pickup => life.pickup.take(),
            Event::InTransit => life.in_transit.take(),
            Event::Delivered if life.delivered.is_empty() => None,
            Event::Delivered => Some(life.delivered.remove(0)),
        };
        let Some(seq) = seq else { return };
        self.open -= usize::from(event == Event::Delivered);
        let key = QueueKey { client_id: which.client_id.clone(), event };
        if let Some(queue) = self.queues.get_mut(&key) {
            queue.remove(seq);
            if queue.is_empty() {
                self.queues.remove(&key);
            }
        }
    }

    /// Queues the pickup of an order that another driver had received before it was gone: `to` carries it on,
    /// has received nothing, and must find it again when it restarts.
    fn pass_on(&mut self, which: &OrderRef, to: &Who) {
        let Some(life) = self.lives.get(which) else { return };
        let is_anothers = life.pickup.is_none() && life.holder.as_ref() != Some(to);
        if let Some(order) = life.order.clone().filter(|_| is_anothers) {
            self.enqueue(which, Event::Pickup, order, None);
        }
    }

    /// Hands the order to `to`, and with it the sight of its pickup while that waits.
    fn hold(&mut self, which: &OrderRef, to: Option<&Who>) {
        let Some(life) = self.lives.get_mut(which) else { return };
        self.claims.moved(which, life.holder.as_ref(), to);
        life.holder = to.cloned();
        let (Some(seq), Some(holder)) = (life.pickup, to) else { return };
        let key = QueueKey { client_id: which.client_id.clone(), event: Event::Pickup };
        if let Some(queue) = self.queues.get_mut(&key) {
            queue.hold(seq, holder.clone());
        }
    }

    fn set_lapse(&mut self, which: &OrderRef, deadline: Timestamp) {
        let lapse = self.claims.lapse_at(deadline, which.clone());
        self.set_stage(which, Stage::Claimed(lapse));
    }

    fn set_stage(&mut self, which: &OrderRef, stage: Stage) {
        let Some(life) = self.lives.get_mut(which) else { return };
        if let Some(lapse) = life.lapse() {
            self.claims.cancel(lapse);
        }
        life.stage = stage;
    }
}

#[cfg(test)]
mod audit;
