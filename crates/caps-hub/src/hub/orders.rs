//! What the events about an order mean: which change each makes, or why it makes none.

use caps_proto::{Code, Done, Event, MessageId, Order, OrderRef, Refusal};

use super::Hub;
use crate::book::{Life, Stage};
use crate::effect::Step;
use crate::fact::{Change, Who};
use crate::input::ConnId;
use crate::queue::QueueKey;

impl Hub {
    pub(super) fn pickup(
        &mut self,
        conn: ConnId,
        which: OrderRef,
        order: Order,
        step: &mut Step,
    ) -> Result<Done, Refusal> {
        if let Some(life) = self.book.life(&which) {
            let same = life.digest == order.digest();
            match life.stage {
                Stage::Delivered(_) if same => return Ok(duplicate(which.message_id)),
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
        self.check_room(&which, Event::Pickup)?;
        self.check_open()?;
        let message_id = which.message_id.clone();
        self.change(which, Change::Placed(order), Some(conn), step);
        Ok(about(message_id))
    }

    pub(super) fn in_transit(
        &mut self,
        conn: ConnId,
        by: Who,
        which: OrderRef,
        order: Order,
        step: &mut Step,
    ) -> Result<Done, Refusal> {
        let message_id = which.message_id.clone();
        let life = self.life_for(&by, &which)?;
        if let Some(life) = life {
            let is_own = life.holder.as_ref() == Some(&by);
            if !life.is_under_way() || (is_own && life.stage == Stage::InTransit) {
                return Ok(duplicate(message_id));
            }
        }
        if life.is_none_or(|life| !life.transit_told) {
            self.check_room(&which, Event::InTransit)?;
        }
        if life.is_none() {
            self.check_open()?;
        }
        let order = life.is_none().then_some(order);
        self.change(which, Change::InTransit { by, order }, Some(conn), step);
        Ok(about(message_id))
    }

    pub(super) fn delivered(
        &mut self,
        conn: ConnId,
        by: Who,
        which: OrderRef,
        order: Order,
        step: &mut Step,
    ) -> Result<Done, Refusal> {
        let message_id = which.message_id.clone();
        let life = self.life_for(&by, &which)?;
        if life.is_some_and(|life| !life.is_under_way()) {
            return Ok(duplicate(message_id));
        }
        self.check_room(&which, Event::Delivered)?;
        if life.is_none() {
            self.check_open()?;
        }
        let order = life.is_none().then_some(order);
        self.change(which, Change::Delivered { by, order }, Some(conn), step);
        Ok(about(message_id))
    }

    pub(super) fn received(
        &mut self,
        by: Who,
        event: Event,
        which: OrderRef,
        step: &mut Step,
    ) -> Result<Done, Refusal> {
        let Some(life) = self.book.life(&which) else { return Ok(removed(0)) };
        if event == Event::Pickup && life.is_under_way() {
            self.check_holder(life, &by, &which)?;
            // Claiming anew would put off the time at which the order is offered again.
            let is_own = life.holder.as_ref() == Some(&by);
            if !is_own && life.stage != Stage::InTransit {
                self.change(which.clone(), Change::Claimed(by.clone()), None, step);
            }
        }
        let waits = self.book.life(&which).is_some_and(|life| life.waiting(event).is_some());
        if waits {
            self.change(which, Change::Received { event, by }, None, step);
        }
        Ok(removed(u64::from(waits)))
    }

    pub(super) fn received_all(
        &mut self,
        by: Who,
        event: Event,
        whiches: impl Iterator<Item = OrderRef>,
        step: &mut Step,
    ) -> Result<Done, Refusal> {
        let mut total = 0;
        let mut already_claimed = Vec::new();
        for which in whiches {
            let message_id = which.message_id.clone();
            match self.received(by.clone(), event, which, step) {
                Ok(done) => total += done.removed.unwrap_or_default(),
                Err(_) => already_claimed.push(message_id),
            }
        }
        Ok(Done { already_claimed, ..removed(total) })
    }

    /// The order's life, where the hub knows it. Refuses who is not its driver.
    fn life_for(&self, by: &Who, which: &OrderRef) -> Result<Option<&Life>, Refusal> {
        let life = self.book.life(which).filter(|life| life.stage != Stage::Forgotten);
        if let Some(life) = life {
            self.check_holder(life, by, which)?;
        }
        Ok(life)
    }

    /// Refuses who is not the order's driver, where it has one.
    fn check_holder(&self, life: &Life, by: &Who, which: &OrderRef) -> Result<(), Refusal> {
        let Some(holder) = &life.holder else { return Ok(()) };
        if holder == by || self.is_gone(holder) {
            return Ok(());
        }
        Err(if life.is_under_way() {
            Refusal::new(
                Code::AlreadyClaimed,
                format!("Another driver holds order `{which}`; leave it to them."),
            )
        } else {
            Refusal::new(
                Code::AlreadyDelivered,
                format!(
                    "Another driver has delivered order `{which}`; there is nothing left to do."
                ),
            )
        })
    }

    /// Whether it is a nameless driver whose connection is gone, so that nobody can speak for it.
    fn is_gone(&self, who: &Who) -> bool {
        match who {
            Who::Named(_) => false,
            Who::Nameless(conn) => !self.audience.connections.contains_key(conn),
        }
    }

    fn check_room(&self, which: &OrderRef, event: Event) -> Result<(), Refusal> {
        let key = QueueKey { client_id: which.client_id.clone(), event };
        let waiting = self.book.queue(&key).map_or(0, |queue| queue.len());
        if waiting < self.limits.max_queue {
            return Ok(());
        }
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
