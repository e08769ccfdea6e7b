//! Message brokers that a user would run for the durable job: as much of their protocols as that takes.

mod nats;
mod rabbit;
mod redis;

use std::io::{BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::Context as _;

pub(crate) use nats::Nats;
pub(crate) use rabbit::Rabbit;
pub(crate) use redis::Redis;

/// How long a broker may say nothing.
const PATIENCE: Duration = Duration::from_secs(10);

/// One broker's way to store a message, hand it over, and forget it when that is acknowledged.
pub(crate) trait Broker: Sync {
    /// Makes the queue, whose messages are kept on the disk.
    fn declare(&self, line: &mut Line) -> anyhow::Result<()>;

    /// Prepares a connection to publish on.
    fn produce(&self, line: &mut Line) -> anyhow::Result<()>;

    /// Adds a message to what is to be written.
    fn publish(&self, text: &str, to: &mut Vec<u8>);

    /// Waits until the next of the messages that were published is stored. Returns how many are by then.
    fn confirmed(&self, line: &mut Line) -> anyhow::Result<u64>;

    /// Prepares a connection to consume on.
    fn subscribe(&self, line: &mut Line) -> anyhow::Result<()>;

    /// Waits for messages, hands over their texts in order, and acknowledges each.
    fn consume(
        &self,
        line: &mut Line,
        each: &mut dyn FnMut(&str) -> anyhow::Result<()>,
    ) -> anyhow::Result<()>;

    /// Fails unless nothing is left that is not acknowledged.
    fn check_that_nothing_is_left(&self, line: &mut Line) -> anyhow::Result<()>;
}

/// A connection, and what is to be written on it.
pub(crate) struct Line {
    pub(crate) from: BufReader<TcpStream>,
    pub(crate) to: Vec<u8>,
    /// How many messages of it were confirmed, where the broker confirms several at once.
    pub(crate) confirmed: u64,
}

impl Line {
    pub(crate) fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { from: BufReader::with_capacity(64 * 1024, stream), to: Vec::new(), confirmed: 0 })
    }

    /// Writes it.
    pub(crate) fn flush(&mut self) -> anyhow::Result<()> {
        self.from.get_ref().write_all(&self.to).context("the broker has hung up")?;
        self.to.clear();
        Ok(())
    }

    /// Whether something has come that is not read.
    pub(crate) fn has_more(&self) -> bool {
        !self.from.buffer().is_empty()
    }
}
