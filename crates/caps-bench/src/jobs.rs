//! What is measured. Each job checks as it goes that every message comes once, none is lost, and the order is kept.

mod asked;
mod backlog;
mod disk;
mod durable;
mod fanout;
mod idle;
mod ingest;
pub(crate) mod log;
mod roundtrip;
pub(crate) mod soak;
pub(crate) mod waiting;

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

pub(crate) use disk::fsync;
pub(crate) use roundtrip::RoundTrip;

use crate::load::Writes;
use crate::meter::Measured;
use crate::server::Server;

/// Who is who, of those who say nothing of themselves.
const ANYONE: &str = "{}";

/// A job that any server can be given.
#[derive(Debug, Clone)]
pub(crate) enum Job {
    RoundTrip(RoundTrip),
    Ingest { amount: Amount, window: u64 },
    Fanout { amount: Amount, drivers: u64, window: u64 },
    Idle { connections: u64 },
    Backlog { waiting: u64, orders: u64 },
    Durable { orders: u64, window: u64 },
}

/// How much there is to do: so many orders, or fewer when the time is over.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Amount {
    pub(crate) orders: u64,
    pub(crate) time: Option<Duration>,
}

impl Job {
    pub(crate) fn name(&self) -> String {
        match self {
            Self::RoundTrip(job) => job.name(),
            Self::Ingest { window, .. } => format!("acknowledged pickups, window {window}"),
            Self::Fanout { drivers, .. } => format!("fan-out to {drivers} drivers"),
            Self::Idle { connections } => format!("{connections} idle connections"),
            Self::Backlog { waiting, .. } => format!("{waiting} messages waiting"),
            Self::Durable { window, .. } => durable::name(*window),
        }
    }

    pub(crate) fn run(&self, server: &Server, writes: Writes) -> anyhow::Result<Vec<Measured>> {
        match self {
            Self::RoundTrip(job) => Ok(vec![job.run(server, writes)?]),
            Self::Ingest { amount, window } => ingest::run(server, writes, *amount, *window),
            Self::Fanout { amount, drivers, window } => {
                Ok(vec![fanout::run(server, writes, *amount, *drivers, *window)?])
            }
            Self::Idle { connections } => Ok(vec![idle::run(server, *connections)?]),
            Self::Backlog { waiting, orders } => backlog::run(server, writes, *waiting, *orders),
            Self::Durable { orders, window } => Ok(vec![match server.broker {
                Some(broker) => durable::run_on_broker(server, broker, *orders, *window)?,
                None => durable::run(server, writes, *orders, *window)?,
            }]),
        }
    }
}

/// How much of an [`Amount`] is left.
struct Left {
    orders: u64,
    until: Option<Instant>,
}

impl Amount {
    /// The first orders of it only warm the server up, and are not measured.
    fn warm_up(self) -> u64 {
        (self.orders / 10).min(2000)
    }

    /// Whether that is over, which it is for a slow server after a third of the time.
    fn is_warm(self, done: u64, began: Instant) -> bool {
        done >= self.warm_up() || self.time.is_some_and(|time| began.elapsed() >= time / 3)
    }

    fn start(self) -> Left {
        Left { orders: self.orders, until: self.time.map(|time| Instant::now() + time) }
    }
}

impl Left {
    /// Takes one, if there is one.
    fn take(&mut self) -> bool {
        if self.until.is_some_and(|until| Instant::now() >= until) {
            self.orders = 0;
        }
        let is_left = self.orders > 0;
        self.orders = self.orders.saturating_sub(1);
        is_left
    }
}

/// The name of a vendor.
fn store(vendor: usize) -> String {
    format!("store-{vendor}")
}

/// An order as vendors write them: some hundred bytes.
fn order(store: &str, id: impl std::fmt::Display) -> String {
    format!(
        r#"{{"store":"{store}","orderId":"{id}","customer":"Ada Lovelace","address":"12 Elm Street, Springfield"}}"#
    )
}

/// What says that a message is received.
fn receipt(store: &str, event: &str, id: impl std::fmt::Display) -> String {
    format!(r#"{{"clientId":"{store}","event":"{event}","messageId":"{id}"}}"#)
}

/// Asks for the messages of a queue, or for how many there are.
fn queue(store: &str, event: &str, limit: Option<u64>) -> String {
    let limit = limit.map(|limit| format!(r#","limit":{limit}"#)).unwrap_or_default();
    format!(r#"{{"clientId":"{store}","event":"{event}"{limit}}}"#)
}

/// Counts what is heard of one queue.
#[derive(Debug, Clone, Copy, Default)]
struct InOrder {
    next: u64,
}

impl InOrder {
    /// The same where messages may be passed over: a transit is when its vendor is behind, and the order is delivered by
    /// then.
    fn heard_with_gaps(&mut self, who: &str, what: &str, id: &str) -> anyhow::Result<u64> {
        self.next = self.next.max(id.parse().unwrap_or_default());
        self.heard(who, what, id)
    }

    /// Fails unless this is the next of them.
    fn heard(&mut self, who: &str, what: &str, id: &str) -> anyhow::Result<u64> {
        let number: u64 = id.parse().with_context(|| format!("nobody has placed order {id}"))?;
        let next = self.next;
        ensure!(number >= next, "{who} heard `{what}` of order {number} twice, or late");
        ensure!(
            number == next,
            "{who} heard `{what}` of order {number} where that of order {next} was due: it is lost or late"
        );
        self.next += 1;
        Ok(number)
    }
}
