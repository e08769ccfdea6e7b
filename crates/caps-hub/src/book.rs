//! The book of orders: how far each has come, what waits in which queue, and whose it is. It changes by
//! [`Fact`]s alone, so the same fold serves the running hub and a journal that is read back.

use caps_proto::{ClientId, Event, MessageId, Order, OrderRef};

use crate::backlog::Backlogs;
use crate::claims::Claims;
use crate::fact::{Change, Fact, Seq, Who};
use crate::input::ConnId;
use crate::life::{Life, Notice, Place, Stage};
use crate::limits::Limits;
use crate::lives::{Key, Known, LifeId, Lives};
use crate::memory::Memory;
use crate::queue::Sight;
use crate::tally::Tally;
use crate::time::Timestamp;
use crate::vendors::{VendorId, Vendors};

mod ahead;
mod restoring;
mod waiting;

pub(crate) use waiting::Queued;

#[derive(Debug, Default)]
pub(crate) struct Book {
    vendors: Vendors,
    lives: Lives,
    pub(crate) claims: Claims,
    backlogs: Backlogs,
    memory: Memory,
    open: usize,
    last: Seq,
}

/// Where an order was found. An event looks for its order once, and what it changes is changed there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    /// `None` while no order of the vendor is known.
    home: Option<(VendorId, Key)>,
    life: Option<LifeId>,
}

impl Book {
    /// Looks for an order. What is found holds until the book changes.
    pub(crate) fn find(&self, which: &OrderRef) -> Found {
        let OrderRef { client_id, message_id } = which;
        let vendor = self.vendors.find(client_id);
        let Some((id, vendor)) = vendor.and_then(|id| Some((id, self.vendors.get(id)?))) else {
            return Found { home: None, life: None };
        };
        let key = self.lives.key(id, vendor.seed, message_id);
        Found { home: Some((id, key)), life: self.lives.find(key, id, message_id) }
    }

    pub(crate) fn get(&self, found: Found) -> Option<&Life> {
        self.lives.get(found.life?).map(|known| &known.life)
    }

    pub(crate) fn life(&self, which: &OrderRef) -> Option<&Life> {
        self.get(self.find(which))
    }

    /// The name of an order.
    pub(crate) fn which(&self, id: LifeId) -> Option<OrderRef> {
        self.lives.get(id).and_then(|known| self.name(known))
    }

    fn name(&self, Known { message_id, vendor, .. }: &Known) -> Option<OrderRef> {
        let client_id = self.vendors.get(*vendor)?.client_id.clone();
        Some(OrderRef { client_id, message_id: message_id.clone() })
    }

    /// How many orders are placed and not delivered, or delivered and not yet received by their vendor.
    pub(crate) fn open(&self) -> usize {
        self.open
    }

    /// How many orders it knows of, those included that are over and still remembered.
    pub(crate) fn known(&self) -> usize {
        self.lives.len()
    }

    /// How many orders of a vendor, or of all, have come how far.
    pub(crate) fn tally(&self, client_id: Option<&ClientId>) -> Tally {
        self.vendors.tally(client_id)
    }

    /// The number of the last fact.
    pub(crate) fn last(&self) -> Seq {
        self.last
    }

    /// The number that the next fact gets.
    pub(crate) fn end(&self) -> Seq {
        self.last.next()
    }

    /// The orders of one part, as they are now.
    pub(crate) fn partition(&self, partition: u8) -> impl Iterator<Item = (OrderRef, &Life)> {
        let known = self.lives.partition(partition);
        known.filter_map(|known| Some((self.name(known)?, &known.life)))
    }

    /// Changes what `fact` says has changed in the order that was `found`, and tells what it queued, as coming from
    /// `sender`.
    pub(crate) fn fold(
        &mut self,
        fact: &Fact,
        found: Found,
        sender: Option<ConnId>,
        limits: &Limits,
    ) -> Option<Queued> {
        let Fact { seq, at, which, change, .. } = fact;
        self.last = self.last.max(*seq);
        let is_under_way = self.get(found).is_some_and(Life::is_under_way);
        let id = match change {
            Change::Placed(order) => self.place(found, which, order),
            Change::InTransit { order, .. } | Change::Delivered { order, .. } if !is_under_way => {
                self.place(found, which, order)
            }
            _ => found.life?,
        };
        self.life_mut(id)?.latest = *seq;
        self.change(id, change, Place { seq: *seq, at: *at }, is_under_way, sender, limits)
    }

    fn change(
        &mut self,
        id: LifeId,
        change: &Change,
        here: Place,
        was_under_way: bool,
        sender: Option<ConnId>,
        limits: &Limits,
    ) -> Option<Queued> {
        match change {
            Change::Placed(_) => self.enqueue(id, Event::Pickup, here, sender),
            Change::Claimed(by) => {
                self.hold(id, Some(by));
                self.set_lapse(id, here, limits);
                None
            }
            Change::InTransit { by, .. } => {
                if was_under_way {
                    self.pass_on(id, by, here);
                }
                self.hold(id, Some(by));
                self.set_stage(id, Stage::InTransit);
                if std::mem::replace(&mut self.life_mut(id)?.transit_told, true) {
                    return None;
                }
                self.enqueue(id, Event::InTransit, here, sender)
            }
            Change::Delivered { by, proof, .. } => {
                self.dequeue(id, Event::Pickup);
                self.dequeue(id, Event::InTransit);
                // An order that is over is nobody's claim; its record still tells who delivered it.
                self.hold(id, None);
                self.set_stage(id, Stage::Delivered(here));
                self.memory.remember(here, id);
                self.open -= 1;
                let life = self.life_mut(id)?;
                life.holder = Some(by.clone());
                let order = life.order.take()?;
                if life.delivered.is_empty() {
                    // There is hardly ever a second one, and by itself a vector makes room for four.
                    life.delivered.reserve_exact(1);
                }
                life.delivered.push(Notice { place: here.into(), order, proof: proof.clone() });
                self.open += 1;
                self.enqueue(id, Event::Delivered, here, sender)
            }
            Change::Received { event, .. } => {
                self.dequeue(id, *event);
                let life = self.life_mut(id)?;
                if life.stage == Stage::Forgotten && life.delivered.is_empty() {
                    self.remove(id);
                }
                None
            }
            Change::Released { .. } | Change::Offered => {
                self.dequeue(id, Event::Pickup);
                self.hold(id, None);
                self.set_stage(id, Stage::Ready);
                self.life_mut(id)?.order.as_ref()?;
                self.enqueue(id, Event::Pickup, here, sender)
            }
            Change::Abandoned => {
                self.hold(id, None);
                if self.life_mut(id)?.stage == Stage::InTransit {
                    self.set_lapse(id, here, limits);
                }
                None
            }
            Change::Refused { .. } => None,
        }
    }

    /// Forgets what has been remembered for long enough, or is too much to remember.
    pub(crate) fn forget(&mut self, now: Timestamp, limits: &Limits) {
        while let Some(id) = self.memory.forget(now, limits) {
            self.forget_one(id);
        }
    }

    fn forget_one(&mut self, id: LifeId) {
        let Some(life) = self.life_mut(id) else { return };
        if life.delivered.is_empty() {
            self.remove(id);
        } else {
            life.stage = Stage::Forgotten;
        }
    }

    /// When something is to be forgotten next.
    pub(crate) fn next_forget(&self, limits: &Limits) -> Option<Timestamp> {
        self.memory.next_due(limits)
    }

    fn life_mut(&mut self, id: LifeId) -> Option<&mut Life> {
        self.lives.get_mut(id).map(|known| &mut known.life)
    }

    /// Opens a new life under the id. Deliveries of an earlier order that still wait stay its own.
    fn place(&mut self, found: Found, which: &OrderRef, order: &Order) -> LifeId {
        self.open += 1;
        let mut life = Life::new(order.clone());
        let Some(id) = found.life else {
            let OrderRef { client_id, message_id } = which;
            let vendor = self.vendors.enter(client_id);
            self.vendors.moved(vendor, None, Stage::Ready);
            return self.insert(vendor, message_id.clone(), life);
        };
        self.cut_short(id);
        if let Some(known) = self.lives.get_mut(id) {
            life.delivered = std::mem::take(&mut known.life.delivered);
            if let Stage::Delivered(there) = known.life.stage {
                self.memory.replace(there);
            }
            known.life = life;
            self.vendors.moved(known.vendor, None, Stage::Ready);
        }
        id
    }

    /// Ends what is under way and is placed again. Only a damaged file tells of that.
    fn cut_short(&mut self, id: LifeId) {
        if self.life_mut(id).is_some_and(|life| life.is_under_way()) {
            self.dequeue(id, Event::Pickup);
            self.dequeue(id, Event::InTransit);
            self.hold(id, None);
            self.set_stage(id, Stage::Forgotten);
            self.open -= 1;
        }
    }

    fn insert(&mut self, vendor: VendorId, message_id: MessageId, life: Life) -> LifeId {
        let seed = self.vendors.get(vendor).map_or(0, |vendor| vendor.seed);
        let key = self.lives.key(vendor, seed, &message_id);
        self.lives.insert(key, Known::new(vendor, message_id, life))
    }

    fn remove(&mut self, id: LifeId) {
        let Some(Known { vendor, message_id, .. }) = self.lives.get(id) else { return };
        let vendor = *vendor;
        let seed = self.vendors.get(vendor).map_or(0, |vendor| vendor.seed);
        let key = self.lives.key(vendor, seed, message_id);
        self.lives.remove(key, id);
        self.vendors.leave(vendor);
    }

    /// Queues the pickup of an order that another driver had received before it was gone: `to` carries it on,
    /// has received nothing, and must find it again when it restarts.
    fn pass_on(&mut self, id: LifeId, to: &Who, here: Place) {
        let is_anothers = self
            .life_mut(id)
            .is_some_and(|life| life.pickup.is_none() && life.holder.as_ref() != Some(to));
        if is_anothers {
            self.enqueue(id, Event::Pickup, here, None);
        }
    }

    /// Hands the order to `to`, and with it the sight of its pickup while that waits.
    fn hold(&mut self, id: LifeId, to: Option<&Who>) {
        let Some(Known { life, vendor, .. }) = self.lives.get_mut(id) else { return };
        if life.holder.as_ref() == to {
            return;
        }
        self.claims.moved(id, life.holder.as_ref(), to);
        life.holder = to.cloned();
        if let Some(waits) = life.pickup
            && let Some(vendor) = self.vendors.get_mut(*vendor)
        {
            let sight = if to.is_some() { Sight::Holder } else { Sight::All };
            vendor.queues[Event::Pickup as usize].show(waits.spot, sight);
        }
    }

    fn set_lapse(&mut self, id: LifeId, Place { seq, at }: Place, limits: &Limits) {
        let lapse = (at + limits.claim_time, seq);
        self.claims.lapse_at(lapse, id);
        self.set_stage(id, Stage::Claimed(lapse));
    }

    fn set_stage(&mut self, id: LifeId, stage: Stage) {
        let Some(Known { life, vendor, .. }) = self.lives.get_mut(id) else { return };
        if let Some(lapse) = life.lapse() {
            self.claims.cancel(lapse);
        }
        self.vendors.moved(*vendor, Some(life.stage), stage);
        life.stage = stage;
    }
}

#[cfg(test)]
mod audit;
