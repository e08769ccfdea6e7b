//! The book of orders: how far each has come, what waits in which queue, and whose it is. It changes by
//! [`Fact`]s alone, so the same fold serves the running hub and a journal that is read back.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use caps_proto::{Event, Message, Order, OrderRef};
use foldhash::HashMap;

use crate::backlog::Backlogs;
use crate::claims::Claims;
use crate::fact::{Change, Fact, Seq, Who};
use crate::input::ConnId;
use crate::life::{Life, Notice, Place, Stage};
use crate::limits::Limits;
use crate::lives::Lives;
use crate::memory::Memory;
use crate::queue::{Queue, QueueKey, Queued, Waiting};
use crate::tally::Tallies;
use crate::time::Timestamp;

#[derive(Debug, Default)]
pub(crate) struct Book {
    lives: Lives,
    queues: HashMap<QueueKey, Queue>,
    pub(crate) claims: Claims,
    pub(crate) tallies: Tallies,
    pub(crate) backlogs: Backlogs,
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

    /// How many orders it knows of, those included that are over and still remembered.
    pub(crate) fn known(&self) -> usize {
        self.lives.len()
    }

    /// The number of the last fact.
    pub(crate) fn last(&self) -> Seq {
        self.last
    }

    /// The number that the next fact gets.
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
        let Fact { seq, at, which, change, .. } = fact;
        let here = Place { seq: *seq, at: *at };
        self.last = self.last.max(*seq);
        let queued = self.change(which, change, here, sender, limits);
        if let Some(life) = self.lives.get_mut(which) {
            life.latest = *seq;
        }
        queued
    }

    fn change(
        &mut self,
        which: &OrderRef,
        change: &Change,
        here: Place,
        sender: Option<ConnId>,
        limits: &Limits,
    ) -> Option<Queued> {
        match change {
            Change::Placed(order) => {
                self.place(which, order);
                let notice = Notice::new(here, order.clone());
                Some(self.enqueue(which, Event::Pickup, notice, sender))
            }
            Change::Claimed(by) => {
                self.hold(which, Some(by));
                self.set_lapse(which, here, limits);
                None
            }
            Change::InTransit { by, order } => {
                if self.is_under_way(which) {
                    self.pass_on(which, by, here);
                } else {
                    self.place(which, order);
                }
                self.hold(which, Some(by));
                self.set_stage(which, Stage::InTransit);
                let life = self.lives.get_mut(which)?;
                if std::mem::replace(&mut life.transit_told, true) {
                    return None;
                }
                let notice = Notice::new(here, order.clone());
                Some(self.enqueue(which, Event::InTransit, notice, sender))
            }
            Change::Delivered { by, order, proof } => {
                if !self.is_under_way(which) {
                    self.place(which, order);
                }
                self.dequeue(which, Event::Pickup);
                self.dequeue(which, Event::InTransit);
                // An order that is over is nobody's claim; its record still tells who delivered it.
                self.hold(which, None);
                self.set_stage(which, Stage::Delivered(here));
                self.memory.remember(here, which.clone());
                let life = self.lives.get_mut(which)?;
                life.holder = Some(by.clone());
                life.order = None;
                self.open -= 1;
                let notice = Notice { proof: proof.clone(), ..Notice::new(here, order.clone()) };
                Some(self.enqueue(which, Event::Delivered, notice, sender))
            }
            Change::Received { event, .. } => {
                self.dequeue(which, *event);
                let life = self.lives.get(which)?;
                if life.stage == Stage::Forgotten && life.delivered.is_empty() {
                    self.lives.remove(which);
                }
                None
            }
            Change::Released { .. } | Change::Offered => {
                self.hold(which, None);
                self.set_stage(which, Stage::Ready);
                self.dequeue(which, Event::Pickup);
                let order = self.lives.get(which)?.order.clone()?;
                Some(self.enqueue(which, Event::Pickup, Notice::new(here, order), sender))
            }
            Change::Abandoned => {
                self.hold(which, None);
                if self.lives.get(which)?.stage == Stage::InTransit {
                    self.set_lapse(which, here, limits);
                }
                None
            }
            Change::Refused { .. } => None,
        }
    }

    /// Takes in an order as a [`Snapshot`](crate::Snapshot) has kept it.
    pub(crate) fn restore(&mut self, which: OrderRef, mut life: Life) {
        // It was read into room for four.
        life.delivered.shrink_to_fit();
        for (event, notice) in life.waiting() {
            self.push(&which, event, notice, None);
        }
        if let (Some(Place { seq, .. }), Some(holder)) = (life.pickup, &life.holder) {
            let key = QueueKey { client_id: which.client_id.clone(), event: Event::Pickup };
            self.queues.entry(key).or_default().hold(seq, holder.clone());
        }
        match life.stage {
            Stage::Claimed(lapse) => self.claims.lapse_at(lapse, which.clone()),
            Stage::Delivered(there) => self.memory.remember(there, which.clone()),
            Stage::Ready | Stage::InTransit | Stage::Forgotten => {}
        }
        if life.is_under_way() {
            self.claims.moved(&which, None, life.holder.as_ref());
        }
        self.tallies.moved(&which.client_id, None, life.stage);
        self.open += life.open();
        self.lives.entry(which).insert_entry(Box::new(life));
    }

    /// Notes that facts up to this one are in what was restored.
    pub(crate) fn restored_to(&mut self, seq: Seq) {
        self.last = self.last.max(seq);
    }

    /// The orders of one part, as they are now.
    pub(crate) fn partition(&self, partition: u8) -> impl Iterator<Item = (&OrderRef, &Life)> {
        self.lives.partition(partition).iter().map(|(which, life)| (which, life.as_ref()))
    }

    /// Forgets what has been remembered for long enough, or is too much to remember.
    pub(crate) fn forget(&mut self, now: Timestamp, limits: &Limits) {
        while let Some(which) = self.memory.forget(now, limits) {
            self.forget_one(&which);
        }
    }

    fn forget_one(&mut self, which: &OrderRef) {
        let Some(life) = self.lives.get_mut(which) else { return };
        if life.delivered.is_empty() {
            self.lives.remove(which);
        } else {
            life.stage = Stage::Forgotten;
        }
    }

    /// When something is to be forgotten next.
    pub(crate) fn next_forget(&self, limits: &Limits) -> Option<Timestamp> {
        self.memory.next_due(limits)
    }

    /// The same name, with the text of the client id shared by all that wait in the queue of its pickups.
    fn sharing(&self, which: &OrderRef) -> OrderRef {
        let key = QueueKey { client_id: which.client_id.clone(), event: Event::Pickup };
        match self.queues.get_key_value(&key) {
            Some((QueueKey { client_id, .. }, _)) => {
                OrderRef { client_id: client_id.clone(), message_id: which.message_id.clone() }
            }
            None => which.clone(),
        }
    }

    fn is_under_way(&self, which: &OrderRef) -> bool {
        self.lives.get(which).is_some_and(Life::is_under_way)
    }

    /// Opens a new life under the id. Deliveries of an earlier order that still wait stay its own.
    fn place(&mut self, which: &OrderRef, order: &Order) {
        let life = Box::new(Life::new(order.clone()));
        match self.lives.entry(self.sharing(which)) {
            Entry::Vacant(entry) => {
                entry.insert(life);
            }
            Entry::Occupied(mut entry) => {
                let earlier = entry.insert(life);
                if let Stage::Delivered(there) = earlier.stage {
                    self.memory.replace(there);
                }
                entry.get_mut().delivered = earlier.delivered;
            }
        }
        self.tallies.moved(&which.client_id, None, Stage::Ready);
        self.open += 1;
    }

    fn enqueue(
        &mut self,
        which: &OrderRef,
        event: Event,
        notice: Notice,
        sender: Option<ConnId>,
    ) -> Queued {
        if let Some(life) = self.lives.get_mut(which) {
            match event {
                Event::Pickup => life.pickup = Some(notice.place),
                Event::InTransit => life.in_transit = Some(notice.place),
                Event::Delivered => {
                    if life.delivered.is_empty() {
                        // There is hardly ever a second one, and by itself a vector makes room for four.
                        life.delivered.reserve_exact(1);
                    }
                    life.delivered.push(notice.clone());
                    self.open += 1;
                }
            }
        }
        self.push(which, event, notice, sender)
    }

    fn push(
        &mut self,
        which: &OrderRef,
        event: Event,
        Notice { place: Place { seq, at }, order, proof }: Notice,
        sender: Option<ConnId>,
    ) -> Queued {
        let OrderRef { client_id, message_id } = self.sharing(which);
        let key = QueueKey { client_id: client_id.clone(), event };
        let message = Arc::new(Message { event, message_id, client_id, order, proof });
        let waiting = Waiting { message: Arc::clone(&message), at, sender };
        let queue = self.queues.entry(key.clone()).or_default();
        let was = queue.front();
        queue.insert(seq, waiting);
        self.backlogs.added(event, was, queue.front());
        Queued { key, seq, message }
    }

    fn dequeue(&mut self, which: &OrderRef, event: Event) {
        let Some(life) = self.lives.get_mut(which) else { return };
        let place = match event {
            Event::Pickup => life.pickup.take(),
            Event::InTransit => life.in_transit.take(),
            Event::Delivered if life.delivered.is_empty() => None,
            Event::Delivered => {
                self.open -= 1;
                Some(life.delivered.remove(0).place)
            }
        };
        let Some(Place { seq, .. }) = place else { return };
        let key = QueueKey { client_id: which.client_id.clone(), event };
        if let Some(queue) = self.queues.get_mut(&key) {
            let was = queue.front();
            queue.remove(seq);
            self.backlogs.removed(event, was, queue.front());
            if queue.is_empty() {
                self.queues.remove(&key);
            }
        }
    }

    /// Queues the pickup of an order that another driver had received before it was gone: `to` carries it on,
    /// has received nothing, and must find it again when it restarts.
    fn pass_on(&mut self, which: &OrderRef, to: &Who, here: Place) {
        let Some(life) = self.lives.get(which) else { return };
        let is_anothers = life.pickup.is_none() && life.holder.as_ref() != Some(to);
        if let Some(order) = life.order.clone().filter(|_| is_anothers) {
            self.enqueue(which, Event::Pickup, Notice::new(here, order), None);
        }
    }

    /// Hands the order to `to`, and with it the sight of its pickup while that waits.
    fn hold(&mut self, which: &OrderRef, to: Option<&Who>) {
        let Some(life) = self.lives.get_mut(which) else { return };
        self.claims.moved(which, life.holder.as_ref(), to);
        life.holder = to.cloned();
        let (Some(Place { seq, .. }), Some(holder)) = (life.pickup, to) else { return };
        let key = QueueKey { client_id: which.client_id.clone(), event: Event::Pickup };
        if let Some(queue) = self.queues.get_mut(&key) {
            queue.hold(seq, holder.clone());
        }
    }

    fn set_lapse(&mut self, which: &OrderRef, Place { seq, at }: Place, limits: &Limits) {
        let lapse = (at + limits.claim_time, seq);
        self.claims.lapse_at(lapse, which.clone());
        self.set_stage(which, Stage::Claimed(lapse));
    }

    fn set_stage(&mut self, which: &OrderRef, stage: Stage) {
        let Some(life) = self.lives.get_mut(which) else { return };
        if let Some(lapse) = life.lapse() {
            self.claims.cancel(lapse);
        }
        self.tallies.moved(&which.client_id, Some(life.stage), stage);
        life.stage = stage;
    }
}

#[cfg(test)]
mod audit;
