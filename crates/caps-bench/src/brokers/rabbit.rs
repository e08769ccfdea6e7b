//! RabbitMQ over AMQP 0-9-1: a quorum queue, which is on the disk before it confirms.

use std::io::Read as _;

use anyhow::{Context as _, bail, ensure};

use super::{Broker, Line};

pub(crate) struct Rabbit;

const QUEUE: &str = "orders";

/// Messages that a consumer may have that it has not acknowledged.
const PREFETCH: u16 = 256;

/// Methods, by their class and number.
const START: (u16, u16) = (10, 10);
const START_OK: (u16, u16) = (10, 11);
const TUNE: (u16, u16) = (10, 30);
const TUNE_OK: (u16, u16) = (10, 31);
const OPEN: (u16, u16) = (10, 40);
const OPEN_OK: (u16, u16) = (10, 41);
const CHANNEL_OPEN: (u16, u16) = (20, 10);
const CHANNEL_OPEN_OK: (u16, u16) = (20, 11);
const DECLARE: (u16, u16) = (50, 10);
const DECLARE_OK: (u16, u16) = (50, 11);
const QOS: (u16, u16) = (60, 10);
const QOS_OK: (u16, u16) = (60, 11);
const CONSUME: (u16, u16) = (60, 20);
const CONSUME_OK: (u16, u16) = (60, 21);
const PUBLISH: (u16, u16) = (60, 40);
const DELIVER: (u16, u16) = (60, 60);
const ACK: (u16, u16) = (60, 80);
const CONFIRM: (u16, u16) = (85, 10);
const CONFIRM_OK: (u16, u16) = (85, 11);

impl Broker for Rabbit {
    fn declare(&self, line: &mut Line) -> anyhow::Result<()> {
        greet(line)?;
        declare(line)
    }

    fn produce(&self, line: &mut Line) -> anyhow::Result<()> {
        greet(line)?;
        ask(line, 1, CONFIRM, &[0], CONFIRM_OK).map(drop)
    }

    fn publish(&self, text: &str, to: &mut Vec<u8>) {
        method(1, PUBLISH, &[&[0, 0, 0], &short(QUEUE)[..], &[0]].concat(), to);
        // Class, weight, the body's size, and of all properties the one that says that it is to be kept.
        let size = (text.len() as u64).to_be_bytes();
        frame(2, 1, &[&[0, 60, 0, 0], &size[..], &[0x10, 0, 2]].concat(), to);
        frame(3, 1, text.as_bytes(), to);
    }

    fn confirmed(&self, line: &mut Line) -> anyhow::Result<u64> {
        let arguments = expect(line, ACK)?;
        let (tag, multiple) = arguments.split_first_chunk().context("an ack has a tag")?;
        let before = line.confirmed;
        line.confirmed = if multiple == [0] { before + 1 } else { u64::from_be_bytes(*tag) };
        Ok(line.confirmed - before)
    }

    fn subscribe(&self, line: &mut Line) -> anyhow::Result<()> {
        greet(line)?;
        limit(line)?;
        // No consumer's name, no flags, no arguments.
        let consume = [&[0, 0], &short(QUEUE)[..], &[0], &[0], &[0; 4]].concat();
        ask(line, 1, CONSUME, &consume, CONSUME_OK).map(drop)
    }

    fn consume(
        &self,
        line: &mut Line,
        each: &mut dyn FnMut(&str) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        loop {
            let arguments = expect(line, DELIVER)?;
            // Behind the consumer's name.
            let name = 1 + usize::from(*arguments.first().context("a delivery has a consumer")?);
            let tag = arguments.get(name..name + 8).context("a delivery has a tag")?.to_vec();
            let (kind, _header) = read(line)?;
            ensure!(kind == 2, "RabbitMQ sends a delivery without a header");
            let (kind, body) = read(line)?;
            ensure!(kind == 3, "RabbitMQ sends a delivery without a body");
            each(std::str::from_utf8(&body)?)?;
            method(1, ACK, &[&tag[..], &[0]].concat(), &mut line.to);
            if !line.has_more() {
                return line.flush();
            }
        }
    }

    /// RabbitMQ does not confirm acknowledgements, and tells nobody how many it waits for. It has taken all of them in when
    /// it answers what was asked after them.
    fn check_that_nothing_is_left(&self, line: &mut Line) -> anyhow::Result<()> {
        limit(line)
    }
}

/// Connects as RabbitMQ's own guest, and opens channel 1.
fn greet(line: &mut Line) -> anyhow::Result<()> {
    line.to.extend_from_slice(b"AMQP\x00\x00\x09\x01");
    line.flush()?;
    expect(line, START)?;
    let guest = b"\0guest\0guest";
    let length = (guest.len() as u32).to_be_bytes();
    let who = [&[0; 4], &short("PLAIN")[..], &length, guest, &short("en_US")].concat();
    ask(line, 0, START_OK, &who, TUNE)?;
    // One channel, frames of 128 KiB, no heartbeat.
    method(0, TUNE_OK, &[0, 1, 0, 2, 0, 0, 0, 0], &mut line.to);
    ask(line, 0, OPEN, &[&short("/")[..], &[0, 0]].concat(), OPEN_OK)?;
    ask(line, 1, CHANNEL_OPEN, &[0], CHANNEL_OPEN_OK).map(drop)
}

/// Bounds what a consumer may have that it has not acknowledged.
fn limit(line: &mut Line) -> anyhow::Result<()> {
    let bound = [&[0; 4], &PREFETCH.to_be_bytes()[..], &[0]].concat();
    ask(line, 1, QOS, &bound, QOS_OK).map(drop)
}

/// Makes the queue.
fn declare(line: &mut Line) -> anyhow::Result<()> {
    const DURABLE: u8 = 2;
    let kind = [&short("x-queue-type")[..], b"S", &6_u32.to_be_bytes(), b"quorum"].concat();
    let length = (kind.len() as u32).to_be_bytes();
    let queue = [&[0, 0], &short(QUEUE)[..], &[DURABLE], &length, &kind].concat();
    ask(line, 1, DECLARE, &queue, DECLARE_OK).map(drop)
}

fn short(text: &str) -> Vec<u8> {
    [&[text.len() as u8], text.as_bytes()].concat()
}

fn frame(kind: u8, channel: u16, payload: &[u8], to: &mut Vec<u8>) {
    to.push(kind);
    to.extend_from_slice(&channel.to_be_bytes());
    to.extend_from_slice(&(payload.len() as u32).to_be_bytes());
    to.extend_from_slice(payload);
    to.push(0xce);
}

fn method(channel: u16, (class, number): (u16, u16), arguments: &[u8], to: &mut Vec<u8>) {
    let method = [&class.to_be_bytes()[..], &number.to_be_bytes(), arguments].concat();
    frame(1, channel, &method, to);
}

/// Says something, and waits for what answers it.
fn ask(
    line: &mut Line,
    channel: u16,
    what: (u16, u16),
    arguments: &[u8],
    answer: (u16, u16),
) -> anyhow::Result<Vec<u8>> {
    method(channel, what, arguments, &mut line.to);
    line.flush()?;
    expect(line, answer)
}

/// The arguments of the next thing that it says, which is to be that.
fn expect(line: &mut Line, what: (u16, u16)) -> anyhow::Result<Vec<u8>> {
    match read(line)? {
        (1, payload) if is(&payload, what) => Ok(payload[4..].to_vec()),
        (_, payload) => bail!("RabbitMQ says {}", String::from_utf8_lossy(&payload)),
    }
}

fn is(payload: &[u8], (class, number): (u16, u16)) -> bool {
    let method = [class.to_be_bytes(), number.to_be_bytes()].concat();
    payload.starts_with(&method)
}

fn read(line: &mut Line) -> anyhow::Result<(u8, Vec<u8>)> {
    let mut head = [0; 7];
    line.from.read_exact(&mut head).context("RabbitMQ says nothing")?;
    let [kind, _, _, a, b, c, d] = head;
    let mut payload = vec![0; u32::from_be_bytes([a, b, c, d]) as usize + 1];
    line.from.read_exact(&mut payload)?;
    ensure!(payload.pop() == Some(0xce), "RabbitMQ's frames do not end where they say");
    Ok((kind, payload))
}
