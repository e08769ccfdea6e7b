//! What the events about an order mean: which change each makes, or why it makes none.

use caps_proto::{Code, Done, Event, MessageId, Order, OrderRef, Proof, Refusal, Verb};

use super::Hub;
use crate::book::Found;
use crate::effect::Step;
use crate::fact::{Change, Who};
use crate::input::{ConnId, Identity};
use crate::life::{Life, Stage};
use crate::queue::QueueKey;

impl Hub {
    pub(super) fn pickup(
        &mut self,
        conn: ConnId,
        which: OrderRef,
        order: Order,
        step: &mut Step,
    ) -> Result<Done, Refusal> {
        let found = self.book.find(&which);
        if let Some(life) = self.book.get(found) {
            let same = life.digest == order.digest();
            match life.stage {
                Stage::Delivered(_) if same => {
                    let over = life.delivered.is_empty();
                    return Ok(Done { over, ..duplicate(which.message_id) });
                }
                Stage::Delivered(_) | Stage::Forgotten => {}
                _ if same => return Ok(duplicate(which.message_id)),
                _ => {
                    return Err(Refusal::new(
                        Code::OrderConflict,
                        format!(
                            "Order `{which}` is under way with another content; give the new order an id of its own.",
                        ),
                    ));
                }
            }
        }
        self.check_room(found, &which, Event::Pickup)?;
        self.check_open()?;
        let message_id = which.message_id.clone();
        self.change(found, which, Change::Placed(order), Some(conn), step);
        Ok(about(message_id))
    }

    pub(super) fn in_transit(
        &mut self,
        conn: ConnId,
        by: &Who,
        which: OrderRef,
        order: Order,
        step: &mut Step,
    ) -> Result<Done, Refusal> {
        let message_id = which.message_id.clone();
        let found = self.book.find(&which);
        self.check_driver(Verb::InTransit, by, found, &which, step)?;
        let life = self.remembered(found);
        if let Some(life) = life {
            let is_own = life.holder.as_ref() == Some(by);
            if !life.is_under_way() || (is_own && life.stage == Stage::InTransit) {
                return Ok(duplicate(message_id));
            }
        }
        if life.is_none_or(|life| !life.transit_told) {
            self.check_room(found, &which, Event::InTransit)?;
        }
        if life.is_none() {
            self.check_open()?;
        }
        // What the vendor announced is what it is told.
        let order = life.and_then(|life| life.order.clone()).unwrap_or(order);
        self.change(found, which, Change::InTransit { by: by.clone(), order }, Some(conn), step);
        Ok(about(message_id))
    }

    pub(super) fn delivered(
        &mut self,
        conn: ConnId,
        by: &Who,
        which: OrderRef,
        order: Order,
        proof: Option<Proof>,
        step: &mut Step,
    ) -> Result<Done, Refusal> {
        let message_id = which.message_id.clone();
        let found = self.book.find(&which);
        self.check_driver(Verb::Delivered, by, found, &which, step)?;
        let life = self.remembered(found);
        if life.is_some_and(|life| !life.is_under_way()) {
            return Ok(duplicate(message_id));
        }
        self.check_room(found, &which, Event::Delivered)?;
        if life.is_none() {
            self.check_open()?;
        }
        let order = life.and_then(|life| life.order.clone()).unwrap_or(order);
        let change = Change::Delivered { by: by.clone(), order, proof };
        self.change(found, which, change, Some(conn), step);
        Ok(about(message_id))
    }

    pub(super) fn release(
        &mut self,
        conn: ConnId,
        by: &Who,
        which: OrderRef,
        step: &mut Step,
    ) -> Result<Done, Refusal> {
        let message_id = which.message_id.clone();
        let is_admin = self.is_admin(conn);
        let found = self.book.find(&which);
        if !is_admin {
            self.check_driver(Verb::Release, by, found, &which, step)?;
        }
        let life = self.remembered(found);
        if life.is_some_and(|life| !life.is_under_way()) {
            return Err(Refusal::new(
                Code::AlreadyDelivered,
                format!(
                    "Order `{which}` is delivered and cannot be given back; there is nothing left to do."
                ),
            ));
        }
        // Nobody else holds it either, as after a first try whose answer was lost.
        let gives_back = |holder: &Who| is_admin || holder == by;
        if !life.and_then(|life| life.holder.as_ref()).is_some_and(gives_back) {
            return Ok(duplicate(message_id));
        }
        // It needs no room in the queue: a driver can always give back.
        self.change(found, which, Change::Released { by: by.clone() }, Some(conn), step);
        Ok(about(message_id))
    }

    pub(super) fn received(
        &mut self,
        by: &Who,
        event: Event,
        which: OrderRef,
        step: &mut Step,
    ) -> Result<Done, Refusal> {
        let found = self.book.find(&which);
        if event == Event::Pickup && self.book.get(found).is_some_and(Life::is_under_way) {
            self.check_driver(Verb::Received, by, found, &which, step)?;
            // Claiming anew would put off the time at which the order is offered again.
            let is_to_be_claimed = self.book.get(found).is_some_and(|life| {
                life.stage != Stage::InTransit && life.holder.as_ref() != Some(by)
            });
            if is_to_be_claimed {
                self.change(found, which.clone(), Change::Claimed(by.clone()), None, step);
            }
        }
        let waits = self.book.get(found).is_some_and(|life| life.waits(event));
        if waits {
            self.change(found, which, Change::Received { event, by: by.clone() }, None, step);
        }
        Ok(removed(u64::from(waits)))
    }

    pub(super) fn received_all(
        &mut self,
        by: &Who,
        event: Event,
        whiches: impl Iterator<Item = OrderRef>,
        step: &mut Step,
    ) -> Result<Done, Refusal> {
        let mut total = 0;
        let mut already_claimed = Vec::new();
        for which in whiches {
            let message_id = which.message_id.clone();
            match self.received(by, event, which, step) {
                Ok(done) => total += done.removed.unwrap_or_default(),
                Err(_) => already_claimed.push(message_id),
            }
        }
        Ok(Done { already_claimed, ..removed(total) })
    }

    /// The order's life, unless the hub has forgotten the order but for what waits of it.
    pub(crate) fn remembered(&self, found: Found) -> Option<&Life> {
        self.book.get(found).filter(|life| life.stage != Stage::Forgotten)
    }

    /// Refuses who is not the order's driver, where it has one, and notes that.
    fn check_driver(
        &mut self,
        verb: Verb,
        by: &Who,
        found: Found,
        which: &OrderRef,
        step: &mut Step,
    ) -> Result<(), Refusal> {
        let Some(life) = self.remembered(found) else { return Ok(()) };
        let Some(holder) = &life.holder else { return Ok(()) };
        if holder == by || self.is_gone(holder) {
            return Ok(());
        }
        let (code, message) = if life.is_under_way() {
            let message = format!("Another driver holds order `{which}`; leave it to them.");
            (Code::AlreadyClaimed, message)
        } else {
            let message = format!(
                "Another driver has delivered order `{which}`; there is nothing left to do."
            );
            (Code::AlreadyDelivered, message)
        };
        let change = Change::Refused { verb, by: by.clone(), code };
        self.change(found, which.clone(), change, None, step);
        Err(Refusal::new(code, message))
    }

    fn is_admin(&self, conn: ConnId) -> bool {
        let connection = self.audience.connections.get(&conn);
        connection.is_some_and(|connection| matches!(connection.identity, Identity::Admin { .. }))
    }

    /// Whether it is a nameless driver whose connection is gone, so that nobody can speak for it.
    fn is_gone(&self, who: &Who) -> bool {
        match who {
            Who::Named(_) => false,
            Who::Nameless(conn) => !self.audience.connections.contains_key(conn),
        }
    }

    fn check_room(&self, found: Found, which: &OrderRef, event: Event) -> Result<(), Refusal> {
        let waiting = self.book.waiting(found, event);
        if waiting < self.limits.max_queue {
            return Ok(());
        }
        let key = QueueKey { client_id: which.client_id.clone(), event };
        Err(Refusal::new(
            Code::QueueFull,
            format!(
                "Queue `{key}` holds {waiting} messages and takes no more; try again when its reader has said `received`.",
            ),
        ))
    }

    /// Refuses to open one more order than the hub can hold.
    fn check_open(&self) -> Result<(), Refusal> {
        let open = self.book.open();
        if open < self.limits.max_orders {
            return Ok(());
        }
        Err(Refusal::new(
            Code::QueueFull,
            format!(
                "The hub holds {open} open orders and takes no more; try again when some are delivered and received.",
            ),
        ))
    }
}

fn about(message_id: MessageId) -> Done {
    Done { message_id: Some(message_id), ..Done::default() }
}

fn duplicate(message_id: MessageId) -> Done {
    Done { duplicate: true, ..about(message_id) }
}

fn removed(count: u64) -> Done {
    Done { removed: Some(count), ..Done::default() }
}
