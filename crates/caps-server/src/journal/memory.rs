//! A journal for hubs that keep nothing beyond their own life: the hub's memory is all there is.

use caps_hub::Fact;
use tokio::sync::watch;

use super::{Journal, Ticket};

pub(crate) struct MemoryJournal {
    kept: watch::Sender<Ticket>,
}

impl MemoryJournal {
    pub(crate) fn new() -> Self {
        Self { kept: watch::Sender::new(Ticket::default()) }
    }
}

impl Journal for MemoryJournal {
    fn keep(&mut self, _facts: Vec<Fact>) -> Ticket {
        let ticket = Ticket(self.kept.borrow().0 + 1);
        self.kept.send_replace(ticket);
        ticket
    }

    fn kept(&self) -> watch::Receiver<Ticket> {
        self.kept.subscribe()
    }
}
