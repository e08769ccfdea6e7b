//! What is on its way to one client.
//!
//! A line hands packets to Socket.IO's buffer only while that has room to spare, because a buffer that is full
//! loses packets and heartbeats. The rest waits here, in order, for the transport's next flush. The hub emits no
//! more messages than its own window allows, so what waits here is mostly answers.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use caps_hub::AckId;
use caps_proto::{Answer, EXCEPTION, Message};
use socketioxide::adapter::LocalAdapter;
use socketioxide::extract::AckSender;
use socketioxide::handler::{FromMessageParts, Value};
use socketioxide::socket::Socket;
use socketioxide::{SendError, SocketError};
use tokio::sync::oneshot;

use super::flow::Flushes;

/// The packets that Socket.IO buffers for each socket.
pub(crate) const BUFFER: usize = 1024;

/// The most packets handed over between two flushes. Those from before the last flush may still be in the
/// buffer, so this is less than half of it, with room left for heartbeats.
const BETWEEN_FLUSHES: usize = 448;

/// The most bytes of answers among them, roughly.
const BYTES_BETWEEN_FLUSHES: usize = 64 * 1024;

/// The most packets that wait here, and the most bytes of them, roughly. A client that has so many answers and
/// reads none is cut off.
const MAX_WAITING: usize = 100_000;
const MAX_WAITING_BYTES: usize = 16 * 1024 * 1024;

/// The most bytes that wait at all lines together. Beyond it, a client with more than its share is cut off that needs
/// one more.
const MAX_WAITING_AT_ALL: usize = 256 * 1024 * 1024;
const SHARE: usize = 16 * 1024;

/// One packet to a client.
#[derive(Debug, Clone)]
pub(crate) enum Outgoing {
    Message(Arc<Message>),
    Answer(AckId, Answer),
    Exception(Answer),
}

impl Outgoing {
    /// About how much memory it takes while it waits, in bytes. A message is the queue's.
    fn size(&self) -> usize {
        let text = match self {
            Self::Message(_) => 0,
            Self::Answer(_, answer) | Self::Exception(answer) => match answer {
                Answer::Error(refusal) => refusal.message.len(),
                Answer::Ok(done) => done.already_claimed.iter().map(|id| id.as_str().len()).sum(),
            },
        };
        size_of::<Self>() + text
    }
}

/// How many bytes wait at all lines.
pub(crate) type AtAll = Arc<AtomicUsize>;

pub(crate) struct Line {
    /// `None` until the client has been told that it is connected: nothing may come before that.
    ///
    /// Weak, because the end of the socket is the end of the line, and not the other way round.
    socket: Option<Weak<Socket<LocalAdapter>>>,
    flushes: Arc<Flushes>,
    waiting: VecDeque<Outgoing>,
    waiting_bytes: usize,
    at_all: AtAll,
    /// How many packets were handed over since the flush counted as `seen`.
    handed: usize,
    handed_bytes: usize,
    seen: u64,
    watched: bool,
    /// Whether it ends when nothing waits any more.
    is_ending: bool,
    /// Who ends it then, and not by a goodbye over Socket.IO.
    goodbye: Option<oneshot::Sender<()>>,
}

/// What a flush has brought about.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Flushed {
    /// Nothing that the hub waits for.
    Nothing,
    /// All that was handed in before [`Line::watch`] has left.
    Drained,
}

impl Line {
    pub(crate) fn new(flushes: Arc<Flushes>, at_all: AtAll) -> Self {
        Self {
            socket: None,
            flushes,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            at_all,
            handed: 0,
            handed_bytes: 0,
            seen: 0,
            watched: false,
            is_ending: false,
            goodbye: None,
        }
    }

    /// From now on packets may leave.
    pub(crate) fn open(&mut self, socket: Weak<Socket<LocalAdapter>>) {
        self.socket = Some(socket);
        self.hand_over();
    }

    pub(crate) fn push(&mut self, packet: Outgoing) {
        if self.has_room() {
            self.waiting_bytes += packet.size();
            self.at_all.fetch_add(packet.size(), Ordering::Relaxed);
            self.waiting.push_back(packet);
            self.hand_over();
        } else {
            self.cut_off();
        }
    }

    fn has_room(&self) -> bool {
        let has_share = || self.at_all.load(Ordering::Relaxed) < MAX_WAITING_AT_ALL;
        self.waiting.len() < MAX_WAITING
            && self.waiting_bytes < MAX_WAITING_BYTES
            && (self.waiting_bytes < SHARE || has_share())
    }

    /// Whether all packets have been handed over.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Ends the connection when all that waits has been handed over.
    pub(crate) fn hang_up(&mut self) {
        self.is_ending = true;
        self.hand_over();
    }

    /// From now on it ends by telling `said`, so that its client's transport can be closed.
    pub(crate) fn is_told_goodbye(&mut self, said: oneshot::Sender<()>) {
        self.goodbye = Some(said);
    }

    /// Asks for [`Flushed::Drained`].
    pub(crate) fn watch(&mut self) {
        self.watched = true;
        self.flushes.want(self.seen);
    }

    /// To be called after each flush that was wanted.
    pub(crate) fn flushed(&mut self) -> Flushed {
        self.hand_over();
        if !self.waiting.is_empty() || !self.watched {
            return Flushed::Nothing;
        }
        self.watched = false;
        Flushed::Drained
    }

    fn hand_over(&mut self) {
        let Some(socket) = &self.socket else { return };
        let Some(socket) = socket.upgrade() else { return self.clear() };
        while let Some(packet) = self.waiting.front() {
            let flushes = self.flushes.count();
            if flushes != self.seen {
                self.seen = flushes;
                self.handed = 0;
                self.handed_bytes = 0;
            }
            if self.handed >= BETWEEN_FLUSHES || self.handed_bytes >= BYTES_BETWEEN_FLUSHES {
                break;
            }
            match send(&socket, packet) {
                Ok(()) => self.handed += 1,
                Err(SendError::Socket(SocketError::InternalChannelFull)) => break,
                Err(SendError::Socket(SocketError::Closed)) => {
                    // The disconnect is on its way; the hub still has all that was not received.
                    self.clear();
                    return;
                }
                Err(SendError::Serialize(why)) => {
                    // Our own types always serialize; if one day one does not, the rest must still go out.
                    tracing::error!(%why, "a packet could not be written");
                }
            }
            let size = packet.size();
            self.handed_bytes += size;
            self.waiting_bytes -= size;
            self.at_all.fetch_sub(size, Ordering::Relaxed);
            self.waiting.pop_front();
        }
        if !self.waiting.is_empty() {
            self.flushes.want(self.seen);
        } else if std::mem::take(&mut self.is_ending) {
            match self.goodbye.take() {
                // Who waits for it may have lost patience.
                Some(said) => drop(said.send(())),
                None => self.disconnect(),
            }
        }
    }

    fn clear(&mut self) {
        self.waiting.clear();
        self.at_all.fetch_sub(self.waiting_bytes, Ordering::Relaxed);
        self.waiting_bytes = 0;
    }

    fn cut_off(&mut self) {
        let (packets, bytes) = (self.waiting.len(), self.waiting_bytes);
        tracing::warn!(packets, bytes, "cut off: so much waits and the client reads none");
        self.clear();
        self.disconnect();
    }

    fn disconnect(&mut self) {
        let Some(socket) = self.socket.take().and_then(|socket| socket.upgrade()) else { return };
        // On a full buffer this says so and closes nothing; the heartbeat, which finds no room either, does.
        if let Err(why) = socket.disconnect() {
            tracing::debug!(%why, "left to the heartbeat");
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.clear();
    }
}

fn send(socket: &Arc<Socket<LocalAdapter>>, packet: &Outgoing) -> Result<(), SendError> {
    match packet {
        Outgoing::Message(message) => socket.emit(message.event.name(), &**message),
        Outgoing::Exception(answer) => socket.emit(EXCEPTION, answer),
        Outgoing::Answer(ack, answer) => {
            // A sender is made anew for each try: a failed one is gone.
            let mut nothing = Value::Str("".into(), None);
            match AckSender::from_message_parts(socket, &mut nothing, &Some(*ack)) {
                Ok(sender) => sender.send(answer),
                Err(never) => match never {},
            }
        }
    }
}
