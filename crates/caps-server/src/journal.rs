//! The seam under the hub: where facts are kept.
//!
//! A journal takes facts in batches, in order, and tells by a watermark how far they are kept. Whoever handed a
//! batch in may decide the next one meanwhile; nothing of a batch is told to anybody before it is kept.

use caps_hub::Fact;
use tokio::sync::watch;

mod memory;

pub(crate) use memory::MemoryJournal;

/// Counts the batches handed to a journal.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(pub(crate) u64);

/// Keeps facts.
pub(crate) trait Journal: Send {
    /// Takes a batch. It is kept when [`kept`](Self::kept) has reached the ticket.
    fn keep(&mut self, facts: Vec<Fact>) -> Ticket;

    /// The last batch that is kept, with all before it.
    fn kept(&self) -> watch::Receiver<Ticket>;
}
