//! Redis Streams: `XADD`, `XREADGROUP`, `XACK`.

use std::io::{BufRead as _, Read as _};

use anyhow::{Context as _, bail, ensure};

use super::{Broker, Line};

pub(crate) struct Redis;

/// What Redis answers.
#[derive(Debug)]
enum Reply {
    Text(String),
    Number(i64),
    List(Vec<Reply>),
    Nothing,
}

impl Broker for Redis {
    fn declare(&self, line: &mut Line) -> anyhow::Result<()> {
        command(&["XGROUP", "CREATE", "orders", "drivers", "$", "MKSTREAM"], &mut line.to);
        line.flush()?;
        reply(line).map(drop)
    }

    fn produce(&self, _line: &mut Line) -> anyhow::Result<()> {
        Ok(())
    }

    fn publish(&self, text: &str, to: &mut Vec<u8>) {
        command(&["XADD", "orders", "*", "order", text], to);
    }

    fn confirmed(&self, line: &mut Line) -> anyhow::Result<u64> {
        match reply(line)? {
            Reply::Text(_) => Ok(1),
            other => bail!("an order is answered {other:?}"),
        }
    }

    fn subscribe(&self, _line: &mut Line) -> anyhow::Result<()> {
        Ok(())
    }

    fn consume(
        &self,
        line: &mut Line,
        each: &mut dyn FnMut(&str) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let read = ["XREADGROUP", "GROUP", "drivers", "dora", "COUNT", "256", "BLOCK", "5000"];
        command(&[&read[..], &["STREAMS", "orders", ">"]].concat(), &mut line.to);
        line.flush()?;
        let mut batch = 0;
        for entry in entries(reply(line)?)? {
            let Reply::List(entry) = &entry else { bail!("an entry is {entry:?}") };
            let [Reply::Text(id), Reply::List(fields)] = entry.as_slice() else {
                bail!("an entry is {entry:?}")
            };
            let Some(Reply::Text(text)) = fields.get(1) else { bail!("an entry is {entry:?}") };
            each(text)?;
            command(&["XACK", "orders", "drivers", id], &mut line.to);
            batch += 1;
        }
        line.flush()?;
        for _ in 0..batch {
            let answer = reply(line)?;
            ensure!(matches!(answer, Reply::Number(1)), "`XACK` is answered {answer:?}");
        }
        Ok(())
    }

    fn check_that_nothing_is_left(&self, line: &mut Line) -> anyhow::Result<()> {
        command(&["XPENDING", "orders", "drivers"], &mut line.to);
        line.flush()?;
        match reply(line)? {
            Reply::List(pending) if matches!(pending.first(), Some(Reply::Number(0))) => Ok(()),
            other => bail!("Redis waits for more acknowledgements: {other:?}"),
        }
    }
}

/// Adds a command.
fn command(words: &[&str], to: &mut Vec<u8>) {
    to.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        to.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
}

/// The entries of `[["orders", [entry, …]]]`, or none where nothing came in time.
fn entries(reply: Reply) -> anyhow::Result<Vec<Reply>> {
    let mut streams = match reply {
        Reply::List(streams) => streams,
        Reply::Nothing => return Ok(Vec::new()),
        other => bail!("`XREADGROUP` is answered {other:?}"),
    };
    match streams.pop() {
        Some(Reply::List(mut named)) => match named.pop() {
            Some(Reply::List(entries)) => Ok(entries),
            other => bail!("`XREADGROUP` has {other:?} for a stream"),
        },
        other => bail!("`XREADGROUP` has {other:?} for streams"),
    }
}

fn reply(line: &mut Line) -> anyhow::Result<Reply> {
    let mut head = String::new();
    line.from.read_line(&mut head).context("Redis says nothing")?;
    let (kind, rest) = head.trim_end().split_at_checked(1).context("Redis has hung up")?;
    Ok(match kind {
        "+" => Reply::Text(rest.to_owned()),
        ":" => Reply::Number(rest.parse()?),
        "$" | "*" if rest == "-1" => Reply::Nothing,
        "$" => {
            let mut text = vec![0; rest.parse::<usize>()? + 2];
            line.from.read_exact(&mut text)?;
            text.truncate(text.len() - 2);
            Reply::Text(String::from_utf8(text)?)
        }
        "*" => {
            let count: usize = rest.parse()?;
            Reply::List((0..count).map(|_| reply(line)).collect::<anyhow::Result<_>>()?)
        }
        _ => bail!("Redis says {head}"),
    })
}
