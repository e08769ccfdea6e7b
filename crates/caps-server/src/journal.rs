//! The seam under the hub: where facts are kept.
//!
//! A journal takes facts in batches, in order, and tells by a watermark how far they are kept. Whoever handed a
//! batch in may decide the next one meanwhile; nothing of a batch is told to anybody before it is kept. What cannot
//! be kept for now is tried again, for as long as it takes, and the journal says so.

use std::sync::Arc;

use caps_hub::{Fact, Hub, Seq, Snapshot};
use tokio::sync::watch;

pub(crate) mod file;
mod memory;

pub(crate) use file::FileJournal;
pub(crate) use memory::MemoryJournal;

/// How far a journal has come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    /// The last fact that is kept, with all before it.
    pub(crate) kept: Seq,
    /// Why nothing more can be kept, and whether for now or for good.
    pub(crate) trouble: Option<Trouble>,
}

/// Why facts cannot be kept, in a sentence that says the mend.
#[derive(Debug, Clone)]
pub(crate) enum Trouble {
    /// It is tried again.
    ForNow(Arc<str>),
    /// The journal has given up.
    ForGood(Arc<str>),
}

/// Keeps facts.
pub(crate) trait Journal: Send {
    /// Takes a batch of facts. They are kept when [`Progress::kept`] has reached the last of them.
    fn keep(&mut self, facts: Vec<Fact>);

    /// Of which part of the orders it wants a snapshot now, if of any.
    fn wants_snapshot(&mut self, hub: &Hub) -> Option<u8>;

    /// Takes a snapshot of a part of the orders, with which a restart needs none of that part's facts up to it.
    fn save(&mut self, snapshot: Snapshot);

    /// How far it has come. Its sender is gone when the journal has failed by a bug.
    fn progress(&self) -> watch::Receiver<Progress>;
}
