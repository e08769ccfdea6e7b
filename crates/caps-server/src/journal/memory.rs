//! A journal for hubs that keep nothing beyond their own life: the hub's memory is all there is.

use caps_hub::{Fact, Hub, Seq, Snapshot};
use tokio::sync::watch;

use super::{Journal, Progress};

pub(crate) struct MemoryJournal {
    progress: watch::Sender<Progress>,
}

impl MemoryJournal {
    pub(crate) fn new() -> Self {
        Self { progress: watch::Sender::new(Progress { kept: Seq::default(), trouble: None }) }
    }
}

impl Journal for MemoryJournal {
    fn keep(&mut self, facts: Vec<Fact>) {
        if let Some(last) = facts.last() {
            self.progress.send_modify(|progress| progress.kept = last.seq);
        }
    }

    /// Nothing is ever read back.
    fn wants_snapshot(&mut self, _hub: &Hub) -> Option<u8> {
        None
    }

    fn save(&mut self, _snapshot: Snapshot) {}

    fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }
}
