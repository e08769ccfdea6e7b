//! The core of CAPS: what is queued for whom, how far each order has come, who holds it, and who listens.
//!
//! [`Hub`] is a plain state machine. It is handed an [`Input`] and the time, and says in a [`Step`] which
//! [`Fact`]s to keep and which [`Effect`]s to carry out once they are kept. It owns no socket, no clock, no
//! thread and no disk, so everything that `docs/protocol.md` guarantees can be shown in one process:
//! `cargo run -p caps-hub --example event_pool`.
//!
//! Facts are what has changed, and folding them back gives the same orders and queues. Connections are no
//! facts: who is connected, who listens and how far each socket has caught up is gone when the hub is.

mod audience;
mod backlog;
mod book;
mod claims;
mod connection;
mod effect;
mod fact;
mod hub;
mod input;
mod life;
mod limits;
mod lives;
mod memory;
mod queue;
mod record;
mod replay;
mod restore;
mod rights;
mod scope;
mod shelf;
mod snapshot;
mod tally;
mod time;
mod vendors;
mod view;

pub use audience::{Replayed, Subscription};
pub use backlog::Backlog;
pub use effect::{AckId, Effect, Step};
pub use fact::{Change, Fact, Seq, Who};
pub use hub::Hub;
pub use input::{ConnId, Identity, Input};
pub use limits::Limits;
pub use lives::PARTITIONS;
pub use queue::QueueKey;
pub use record::EventRecord;
pub use restore::Restore;
pub use snapshot::Snapshot;
pub use tally::Tally;
pub use time::Timestamp;
pub use view::{ConnectionView, OrderState, OrderView, QueueView};

#[cfg(test)]
mod tests;
