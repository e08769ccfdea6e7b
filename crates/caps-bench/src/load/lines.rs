//! Connections, all driven by one thread.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use clap::ValueEnum;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::frame::{self, Frame};
use super::handshake;
use super::heard::{self, Heard, NAMESPACE};

/// How long a server may take to let a client in, or to say what a job waits for.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// What is read at once, of all connections in turn.
const SCRATCH: usize = 256 * 1024;

/// How events get on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Writes {
    /// What a connection has to say at one moment leaves in one write
    Coalesced,
    /// Each event leaves in a write of its own, as from stock clients
    Single,
}

/// A connection, by its place among all of them.
pub(crate) type LineId = usize;

/// Connections to one server.
pub(crate) struct Lines {
    server: SocketAddr,
    poll: Poll,
    events: Events,
    scratch: Vec<u8>,
    /// The beginnings of frames that were not whole.
    carries: Vec<Vec<u8>>,
    pub(crate) out: Out,
}

/// What they say.
pub(crate) struct Out {
    writes: Writes,
    lines: Vec<Line>,
    /// Those with something to write.
    unwritten: Vec<LineId>,
}

struct Line {
    stream: TcpStream,
    buffer: Vec<u8>,
    asked: u64,
}

impl Out {
    /// Emits an event, which is to be answered. Returns its number.
    pub(crate) fn emit(
        &mut self,
        line: LineId,
        event: &str,
        payload: impl AsRef<[u8]>,
    ) -> anyhow::Result<u64> {
        let to = &mut self.lines[line];
        to.asked += 1;
        let mut digits = [0; 20];
        let number = decimal(to.asked, &mut digits);
        let pieces: [&[u8]; 8] = [
            b"42",
            NAMESPACE.as_bytes(),
            number,
            b"[\"",
            event.as_bytes(),
            b"\",",
            payload.as_ref(),
            b"]",
        ];
        let asked = to.asked;
        self.say(line, &pieces)?;
        Ok(asked)
    }

    fn say(&mut self, line: LineId, pieces: &[&[u8]]) -> anyhow::Result<()> {
        let to = &mut self.lines[line];
        let was_written = to.buffer.is_empty();
        frame::text(pieces, &mut to.buffer);
        if self.writes == Writes::Single {
            to.write()?;
        }
        if was_written && !to.buffer.is_empty() {
            self.unwritten.push(line);
        }
        Ok(())
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        let lines = &mut self.lines;
        let mut failed = Ok(());
        self.unwritten.retain(|line| {
            let line = &mut lines[*line];
            if let Err(why) = line.write() {
                failed = Err(why);
            }
            // It is written on when the system says that it can be.
            !line.buffer.is_empty()
        });
        failed
    }
}

impl Line {
    fn write(&mut self) -> anyhow::Result<()> {
        let mut written = 0;
        while written < self.buffer.len() {
            match self.stream.write(&self.buffer[written..]) {
                Ok(0) => bail!("the server takes no more"),
                Ok(more) => written += more,
                Err(why) if why.kind() == ErrorKind::WouldBlock => break,
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(why) => return Err(why).context("the server has hung up"),
            }
        }
        if written == self.buffer.len() {
            self.buffer.clear();
        } else {
            self.buffer.drain(..written);
        }
        Ok(())
    }
}

impl Lines {
    pub(crate) fn new(server: SocketAddr, writes: Writes) -> anyhow::Result<Self> {
        Ok(Self {
            server,
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            scratch: vec![0; SCRATCH],
            carries: Vec::new(),
            out: Out { writes, lines: Vec::new(), unwritten: Vec::new() },
        })
    }

    /// Connects as who `auth` says, and waits until the server lets it in.
    pub(crate) fn connect(&mut self, auth: &str) -> anyhow::Result<LineId> {
        let line = self.carries.len();
        let (tcp, heard) = handshake::connect(self.server, auth)?;
        tcp.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(tcp);
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, Token(line), interest)?;
        self.carries.push(heard);
        self.out.lines.push(Line { stream, buffer: Vec::new(), asked: 0 });
        Ok(line)
    }

    /// Emits an event and waits for its answer, which must be `ok`; there must be nothing else to hear.
    pub(crate) fn ask(
        &mut self,
        line: LineId,
        event: &str,
        payload: &str,
    ) -> anyhow::Result<String> {
        let number = self.out.emit(line, event, payload)?;
        let mut answer = None;
        while answer.is_none() {
            self.hear(&mut |_, from, heard| match heard {
                Heard::Answer { to, body } if from == line && to == number => {
                    ensure!(heard::is_ok(body), "the answer to `{event}` is {body}");
                    answer = Some(body.to_owned());
                    Ok(())
                }
                other => bail!("heard {other:?} before the answer to `{event}`"),
            })?;
        }
        answer.context("there is an answer")
    }

    /// Waits until something is said on any connection, and hands over all that was. Fails when nothing is for long.
    pub(crate) fn hear(
        &mut self,
        each: &mut impl FnMut(&mut Out, LineId, Heard<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let until = Instant::now() + PATIENCE;
        while !self.hear_for(until.saturating_duration_since(Instant::now()), each)? {
            ensure!(
                Instant::now() < until,
                "the server has said nothing for {PATIENCE:?}, and there is something to say: it has lost an event or \
                 an answer"
            );
        }
        Ok(())
    }

    /// The same for so long at most. Returns whether anything was said.
    pub(crate) fn hear_for(
        &mut self,
        wait: Duration,
        each: &mut impl FnMut(&mut Out, LineId, Heard<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<bool> {
        self.out.flush()?;
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(why) if why.kind() == ErrorKind::Interrupted => return Ok(false),
            polled => polled?,
        }
        let mut has_heard = false;
        for event in &self.events {
            if event.is_readable() {
                let Token(line) = event.token();
                let carry = &mut self.carries[line];
                has_heard |= read(line, carry, &mut self.scratch, &mut self.out, each)?;
            }
        }
        self.out.flush()?;
        Ok(has_heard)
    }
}

/// Reads all that a connection has, and hands over each packet.
fn read(
    line: LineId,
    carry: &mut Vec<u8>,
    scratch: &mut Vec<u8>,
    out: &mut Out,
    each: &mut impl FnMut(&mut Out, LineId, Heard<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<bool> {
    let mut has_heard = false;
    loop {
        let carried = carry.len();
        if scratch.len() < carried + SCRATCH {
            scratch.resize(carried + SCRATCH, 0);
        }
        scratch[..carried].copy_from_slice(carry);
        let read = match (&out.lines[line].stream).read(&mut scratch[carried..]) {
            Ok(0) => bail!("the server has hung up"),
            Ok(read) => read,
            Err(why) if why.kind() == ErrorKind::WouldBlock => return Ok(has_heard),
            Err(why) if why.kind() == ErrorKind::Interrupted => continue,
            Err(why) => return Err(why).context("the server has hung up"),
        };
        let is_all = carried + read < scratch.len();
        let mut rest = &scratch[..carried + read];
        while let Some((frame, length)) = frame::first(rest)? {
            match frame {
                Frame::Ping(payload) => {
                    if out.lines[line].buffer.is_empty() {
                        out.unwritten.push(line);
                    }
                    frame::pong(payload, &mut out.lines[line].buffer);
                }
                // Engine.IO's own heartbeat.
                Frame::Text(b"2") => out.say(line, &[b"3"])?,
                Frame::Text(text) => {
                    has_heard = true;
                    each(out, line, heard::read(std::str::from_utf8(text)?)?)?;
                }
            }
            rest = &rest[length..];
        }
        carry.clear();
        carry.extend_from_slice(rest);
        if is_all {
            return Ok(has_heard);
        }
    }
}

/// The number in digits.
fn decimal(mut number: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &digits[at..];
        }
    }
}
