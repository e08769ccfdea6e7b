//! Bringing the book back from what was kept of it.

use caps_proto::{Event, OrderRef};

use super::Book;
use crate::backlog::Backlogs;
use crate::fact::Seq;
use crate::life::{Life, Stage};

impl Book {
    /// Takes in an order as a [`Snapshot`](crate::Snapshot) has kept it.
    pub(crate) fn restore(&mut self, which: OrderRef, mut life: Life) {
        if self.find(&which).life.is_some() {
            // Only a damaged file tells of an order twice.
            return;
        }
        // It was read into room for four.
        life.delivered.shrink_to_fit();
        let OrderRef { client_id, message_id } = which;
        let vendor = self.vendors.enter(&client_id);
        self.vendors.moved(vendor, None, life.stage);
        self.open += life.open();
        let (stage, holder) = (life.stage, life.holder.clone());
        let is_under_way = life.is_under_way();
        let waiting: Vec<_> = life.waiting().collect();
        let id = self.insert(vendor, message_id, life);
        for (event, waits) in waiting {
            self.enqueue(id, event, waits.place, None);
        }
        match stage {
            Stage::Claimed(lapse) => self.claims.lapse_at(lapse, id),
            Stage::Delivered(there) => self.memory.remember(there, id),
            Stage::Ready | Stage::InTransit | Stage::Forgotten => {}
        }
        if is_under_way {
            self.claims.moved(id, None, holder.as_ref());
        }
    }

    /// Notes that facts up to this one are in what was restored.
    pub(crate) fn restored_to(&mut self, seq: Seq) {
        self.last = self.last.max(seq);
    }

    /// Puts the queues in order when all is taken in, because parts of different moments come in any order.
    pub(crate) fn settle(&mut self) {
        self.backlogs = Backlogs::default();
        for id in self.vendors.ids() {
            for event in Event::ALL {
                let vendor = self.vendors.get(id);
                if vendor.is_some_and(|vendor| vendor.queue(event).is_unsorted()) {
                    self.sweep(id, event);
                }
                if let Some(vendor) = self.vendors.get(id) {
                    self.backlogs.note(event, id, vendor.queue(event));
                }
            }
        }
    }
}
