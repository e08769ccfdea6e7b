//! What waits: which messages are in which queue, and what they say.

use std::sync::Arc;

use caps_proto::{Event, Message};

use super::{Book, Found};
use crate::backlog::Backlog;
use crate::fact::{Seq, Who};
use crate::input::ConnId;
use crate::life::{Notice, Place};
use crate::lives::{Known, LifeId};
use crate::queue::{Queue, QueueKey, Sight, Slot};
use crate::time::Timestamp;
use crate::vendors::{Vendor, VendorId};

/// A message that has just been queued.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Queued {
    event: Event,
    seq: Seq,
    life: LifeId,
}

impl Book {
    pub(crate) fn queue(&self, QueueKey { client_id, event }: &QueueKey) -> Option<&Queue> {
        let vendor = self.vendors.get(self.vendors.find(client_id)?)?;
        Some(vendor.queue(*event)).filter(|queue| !queue.is_empty())
    }

    /// How many messages wait in the queue of an order that was looked for.
    pub(crate) fn waiting(&self, found: Found, event: Event) -> usize {
        let vendor = found.home.and_then(|(vendor, _)| self.vendors.get(vendor));
        vendor.map_or(0, |vendor| vendor.queue(event).len())
    }

    /// Every queue of an event in which something waits.
    pub(crate) fn queues(&self, event: Event) -> impl Iterator<Item = (&Vendor, &Queue)> {
        let vendors = self.backlogs.vendors(event).filter_map(|id| self.vendors.get(id));
        vendors.map(move |vendor| (vendor, vendor.queue(event)))
    }

    /// The vendors that have orders under way or messages waiting.
    pub(crate) fn vendors(&self) -> impl Iterator<Item = &Vendor> {
        self.vendors.iter().filter(|vendor| {
            vendor.tally != Default::default()
                || vendor.queues.iter().any(|queue| !queue.is_empty())
        })
    }

    /// What waits of an event, in the queues of all vendors.
    pub(crate) fn backlog(&self, event: Event) -> Backlog {
        let first = self.queues(event).next();
        let oldest = first.and_then(|(_, queue)| self.oldest(event, queue));
        Backlog { depth: self.backlogs.depth(event), oldest }
    }

    /// Since when the oldest message of a queue waits.
    pub(crate) fn oldest(&self, event: Event, queue: &Queue) -> Option<Timestamp> {
        let Slot { seq, life, .. } = *queue.front()?;
        let mut waiting = self.lives.get(life)?.life.waiting();
        let waits = waiting.find(|(of, waits)| (*of, waits.place.seq) == (event, seq));
        waits.map(|(_, waits)| waits.place.at)
    }

    /// What `reader` may see of a queue from `from` on, oldest first.
    pub(crate) fn visible<'a>(
        &'a self,
        queue: &'a Queue,
        from: Seq,
        reader: &'a Who,
    ) -> impl Iterator<Item = &'a Slot> {
        queue.from(from).filter(|slot| {
            slot.sight == Sight::All
                || self.lives.get(slot.life).and_then(|known| known.life.holder.as_ref())
                    == Some(reader)
        })
    }

    /// How much of a queue `reader` may see from `from` on and before `until`. Costs as much as lies before `from`,
    /// which the reader has just been through, what has come since `until`, and what the reader holds; never as much
    /// as waits.
    pub(crate) fn count_visible(
        &self,
        key: &QueueKey,
        from: Seq,
        until: Seq,
        reader: &Who,
    ) -> usize {
        let Some(vendor) = self.vendors.find(&key.client_id) else { return 0 };
        let Some(queue) = self.queue(key) else { return 0 };
        let (waiting, held) = queue.count(from, until);
        if held == 0 {
            return waiting;
        }
        let own = self.claims.held_by(reader).filter_map(|id| self.lives.get(id));
        let own = own.filter(|known| known.vendor == vendor).filter_map(|known| known.life.pickup);
        let own = own.filter(|waits| (from..until).contains(&waits.place.seq)).count();
        waiting - held + own
    }

    /// The message in a slot of a queue of that event.
    pub(crate) fn message(&self, event: Event, slot: &Slot) -> Option<Arc<Message>> {
        self.says(event, slot.seq, slot.life)
    }

    /// The message that has just been queued.
    pub(crate) fn queued(&self, queued: Queued) -> Option<(Seq, Arc<Message>)> {
        let Queued { event, seq, life } = queued;
        Some((seq, self.says(event, seq, life)?))
    }

    fn says(&self, event: Event, seq: Seq, life: LifeId) -> Option<Arc<Message>> {
        let Known { message_id, vendor, life, .. } = self.lives.get(life)?;
        let (order, proof) = life.says(event, seq)?;
        Some(Arc::new(Message {
            event,
            message_id: message_id.clone(),
            client_id: self.vendors.get(*vendor)?.client_id.clone(),
            order: order.clone(),
            proof: proof.cloned(),
        }))
    }

    /// Puts a message about an order into its queue. What a `delivered` says is in its life already.
    pub(super) fn enqueue(
        &mut self,
        id: LifeId,
        event: Event,
        here: Place,
        sender: Option<ConnId>,
    ) -> Option<Queued> {
        let Known { vendor: vendor_id, life, .. } = self.lives.get_mut(id)?;
        let vendor = self.vendors.get_mut(*vendor_id)?;
        let queue = &mut vendor.queues[event as usize];
        let was = queue.first();
        let is_held = event == Event::Pickup && life.holder.is_some();
        let sight = if is_held { Sight::Holder } else { Sight::All };
        let spot = queue.push(Slot { seq: here.seq, sender, life: id, sight });
        self.backlogs.added(event, *vendor_id, was, queue.first());
        match event {
            Event::Pickup => life.pickup = Some(here.into()),
            Event::InTransit => life.in_transit = Some(here.into()),
            Event::Delivered => {}
        }
        if let Some(waits) = life.waiting_mut(event, here.seq) {
            waits.spot = spot;
        }
        Some(Queued { event, seq: here.seq, life: id })
    }

    /// Takes the oldest message about an order out of its queue.
    pub(super) fn dequeue(&mut self, id: LifeId, event: Event) {
        let Some(Known { vendor: vendor_id, life, .. }) = self.lives.get_mut(id) else { return };
        let waits = match event {
            Event::Pickup => life.pickup.take(),
            Event::InTransit => life.in_transit.take(),
            Event::Delivered if life.delivered.is_empty() => None,
            Event::Delivered => {
                self.open -= 1;
                let Notice { place, .. } = life.delivered.remove(0);
                Some(place)
            }
        };
        let Some(waits) = waits else { return };
        let vendor_id = *vendor_id;
        let Some(vendor) = self.vendors.get_mut(vendor_id) else { return };
        let queue = &mut vendor.queues[event as usize];
        let was = queue.first();
        queue.remove(waits.spot);
        self.backlogs.removed(event, vendor_id, was, queue.first());
        if queue.is_empty() {
            *queue = Queue::default();
        } else if queue.is_hollow() {
            self.sweep(vendor_id, event);
        }
    }

    /// Sweeps a queue, and tells the lives where their messages have come to lie.
    pub(super) fn sweep(&mut self, vendor: VendorId, event: Event) {
        let Some(vendor) = self.vendors.get_mut(vendor) else { return };
        vendor.queues[event as usize].sweep(|slot, spot| {
            let life = self.lives.get_mut(slot.life).map(|known| &mut known.life);
            if let Some(waits) = life.and_then(|life| life.waiting_mut(event, slot.seq)) {
                waits.spot = spot;
            }
        });
    }
}
