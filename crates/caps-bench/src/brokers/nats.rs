//! NATS JetStream: a stream in a file, of which an acknowledged message leaves.

use std::io::{BufRead as _, Read as _};

use anyhow::{Context as _, bail, ensure};

use super::{Broker, Line};

pub(crate) struct Nats;

/// Where answers come to, on each connection.
const INBOX: &str = "_INBOX.bench";

const STREAM: &str =
    r#"{"name":"ORDERS","subjects":["orders"],"retention":"workqueue","storage":"file"}"#;
const CONSUMER: &str = r#"{"stream_name":"ORDERS","config":{"durable_name":"dora","deliver_subject":"offers","ack_policy":"explicit","max_ack_pending":100000}}"#;

/// What came on a subject.
struct Message {
    /// Where its answer goes to.
    reply: String,
    text: String,
}

impl Broker for Nats {
    fn declare(&self, line: &mut Line) -> anyhow::Result<()> {
        greet(line)?;
        ask(line, "$JS.API.STREAM.CREATE.ORDERS", STREAM)?;
        ask(line, "$JS.API.CONSUMER.DURABLE.CREATE.ORDERS.dora", CONSUMER).map(drop)
    }

    fn produce(&self, line: &mut Line) -> anyhow::Result<()> {
        // The answers that come there are this connection's alone.
        greet_as(line, "_INBOX.producer")
    }

    fn publish(&self, text: &str, to: &mut Vec<u8>) {
        publish("orders", "_INBOX.producer", text, to);
    }

    fn confirmed(&self, line: &mut Line) -> anyhow::Result<u64> {
        let Message { text, .. } = next(line)?;
        ensure!(text.contains(r#""seq":"#), "an order is answered {text}");
        Ok(1)
    }

    fn subscribe(&self, line: &mut Line) -> anyhow::Result<()> {
        greet_as(line, "offers")
    }

    fn consume(
        &self,
        line: &mut Line,
        each: &mut dyn FnMut(&str) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        loop {
            let Message { reply, text } = next(line)?;
            each(&text)?;
            publish(&reply, "", "+ACK", &mut line.to);
            if !line.has_more() {
                return line.flush();
            }
        }
    }

    fn check_that_nothing_is_left(&self, line: &mut Line) -> anyhow::Result<()> {
        // What was written before is dealt with before the answer.
        line.to.extend_from_slice(b"PING\r\n");
        line.flush()?;
        ensure!(head(line)? == "PONG", "NATS does not answer");
        let mut other = Line::connect(line.from.get_ref().peer_addr()?)?;
        greet(&mut other)?;
        let mut info = String::new();
        // It takes acknowledgements in on a thread of its own.
        for _ in 0..1000 {
            info = ask(&mut other, "$JS.API.STREAM.INFO.ORDERS", "")?;
            if info.contains(r#""messages":0,"#) {
                return Ok(());
            }
        }
        bail!("NATS has something left that was acknowledged: {info}")
    }
}

fn greet(line: &mut Line) -> anyhow::Result<()> {
    greet_as(line, INBOX)
}

/// Says who we are, and listens to one subject.
fn greet_as(line: &mut Line, subject: &str) -> anyhow::Result<()> {
    let info = head(line)?;
    ensure!(info.starts_with("INFO "), "NATS says {info}");
    let hello =
        format!("CONNECT {{\"verbose\":false,\"pedantic\":false}}\r\nSUB {subject} 1\r\nPING\r\n");
    line.to.extend_from_slice(hello.as_bytes());
    line.flush()?;
    let pong = head(line)?;
    ensure!(pong == "PONG", "NATS says {pong}");
    Ok(())
}

/// Asks JetStream for something.
fn ask(line: &mut Line, subject: &str, text: &str) -> anyhow::Result<String> {
    publish(subject, INBOX, text, &mut line.to);
    line.flush()?;
    let Message { text, .. } = next(line)?;
    ensure!(!text.contains(r#""error""#), "`{subject}` is answered {text}");
    Ok(text)
}

fn publish(subject: &str, reply: &str, text: &str, to: &mut Vec<u8>) {
    to.extend_from_slice(format!("PUB {subject} {reply} {}\r\n{text}\r\n", text.len()).as_bytes());
}

/// The next message, past all heartbeats.
fn next(line: &mut Line) -> anyhow::Result<Message> {
    loop {
        let head = head(line)?;
        if head == "PING" {
            line.to.extend_from_slice(b"PONG\r\n");
            continue;
        }
        // `MSG subject 1 [reply] length`
        let words: Vec<_> = head.split(' ').collect();
        let (reply, length) = match words.as_slice() {
            ["MSG", _, _, reply, length] => (*reply, length),
            ["MSG", _, _, length] => ("", length),
            _ => bail!("NATS says {head}"),
        };
        let mut text = vec![0; length.parse::<usize>()? + 2];
        line.from.read_exact(&mut text)?;
        text.truncate(text.len() - 2);
        return Ok(Message { reply: reply.to_owned(), text: String::from_utf8(text)? });
    }
}

fn head(line: &mut Line) -> anyhow::Result<String> {
    let mut head = String::new();
    line.from.read_line(&mut head).context("NATS says nothing")?;
    ensure!(!head.is_empty(), "NATS has hung up");
    head.truncate(head.trim_end().len());
    Ok(head)
}
