//! The life of one connection: restore what is listened to, then send what waits, one at a time.
//!
//! A session never waits for the application, and never for the hub without a bound.

mod answer;
mod hear;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use caps_proto::{Refusal, Verb};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::backoff::Backoff;
use crate::closing::{Closing, Step};
use crate::inbox::Inbox;
use crate::line::{Emit, Line};
use crate::outbox::Outbox;
use crate::{Options, State};

/// How long an answer may take although the line is busy. A `getAll` is answered after its last message, and
/// may take as long as messages come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why a connection is over.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The application wants no more.
    Closed,
    /// The hub wants no more, for good.
    Refused(Refusal),
    /// Something failed that may work again.
    Lost(String),
}

/// What outlives a connection.
#[derive(Debug)]
pub(crate) struct Lasting {
    pub(crate) options: Options,
    pub(crate) outbox: Outbox,
    pub(crate) inbox: Inbox,
    /// What the client listens to: made again on each connection, in the order in which it was first made.
    pub(crate) standing: Vec<Emit>,
    pub(crate) closing: Closing,
    pub(crate) state: watch::Sender<State>,
    /// How many connections came to stand.
    pub(crate) sessions: u64,
}

/// One connection.
pub(crate) struct Session<'a> {
    lasting: &'a mut Lasting,
    line: Line,
    since: Instant,
    is_taken_in: bool,
    /// Whether everything that the client listens to is restored.
    is_up: bool,
    restoring: VecDeque<Emit>,
    due: Option<Due>,
    heard_at: Instant,
    /// Until when the hub has asked to be left alone.
    paused_until: Option<Instant>,
    backoff: Backoff,
}

/// An answer that the hub owes.
#[derive(Debug)]
struct Due {
    verb: Verb,
    since: Instant,
    to: To,
}

/// What an answer is for.
#[derive(Debug)]
enum To {
    /// A part of what is being restored.
    Restoring(Emit),
    /// The head of the outbox.
    Outbox,
}

impl<'a> Session<'a> {
    pub(crate) fn new(lasting: &'a mut Lasting, line: Line) -> Self {
        let now = Instant::now();
        let options = &lasting.options;
        Self {
            line,
            since: now,
            is_taken_in: false,
            is_up: false,
            restoring: VecDeque::new(),
            due: None,
            heard_at: now,
            paused_until: None,
            backoff: Backoff::new(options.backoff_base, options.backoff_cap),
            lasting,
        }
    }

    /// Lives until the connection is over, and says why it is, and for how long it stood.
    pub(crate) async fn run(mut self) -> (End, Duration) {
        let end = loop {
            self.emit_next();
            let deadline = self.deadline();
            let end = tokio::select! {
                heard = self.line.heard.recv() => self.hear(heard),
                has_head = self.lasting.outbox.fill(), if self.lasting.outbox.head().is_none() => {
                    (!has_head).then_some(End::Closed)
                }
                () = until(deadline) => self.overdue(),
                () = self.lasting.inbox.has_room_again() => {
                    self.restore();
                    None
                }
                step = self.lasting.closing.next() => match step {
                    Step::Finish => {
                        self.finish();
                        None
                    }
                    Step::GiveUp => Some(End::Closed),
                },
            };
            if let Some(end) = end {
                break end;
            }
        };
        let stood = if self.is_up { self.since.elapsed() } else { Duration::ZERO };
        // A line that is lost, or that owes an answer, may be stuck: it is dropped as it is.
        if self.is_taken_in && self.due.is_none() && end == End::Closed {
            self.line.hang_up().await;
        }
        (end, stood)
    }

    /// Makes the client listen as before, and asks for what it has missed.
    fn restore(&mut self) {
        self.restoring = self.lasting.standing.iter().cloned().collect();
        self.lasting.inbox.expect_replay();
    }

    /// Sends what is left and listens to nothing more.
    fn finish(&mut self) {
        self.restoring.clear();
        // The outbox drops a call that asks to listen, so the answer to one is no longer for its head.
        if let (Some(due), Some(call)) = (&mut self.due, self.lasting.outbox.head())
            && call.is_standing()
        {
            due.to = To::Restoring(call.emit.clone());
        }
        self.lasting.outbox.close();
    }

    /// Emits what comes next, if the hub is ready for it.
    fn emit_next(&mut self) {
        if !self.is_taken_in || self.due.is_some() || self.paused_until.is_some() {
            return;
        }
        if !self.is_up && self.restoring.is_empty() {
            self.is_up = true;
            self.lasting.sessions += 1;
            let session = self.lasting.sessions;
            tracing::info!(url = self.lasting.options.url, session, "connected to the hub");
            self.lasting.state.send_replace(State::Connected { session });
        }
        let (emit, to) = if let Some(emit) = self.restoring.pop_front() {
            (emit.clone(), To::Restoring(emit))
        } else if let Some(call) = self.lasting.outbox.head() {
            (call.emit.clone(), To::Outbox)
        } else {
            return;
        };
        self.due = Some(Due { verb: emit.verb, since: Instant::now(), to });
        // There is room, because nothing else is on its way. An error means that the connection is over, and
        // the next thing that is heard says why.
        drop(self.line.emits.try_send(emit));
    }

    /// When something has to happen if nothing else does.
    fn deadline(&self) -> Option<Instant> {
        let options = &self.lasting.options;
        if !self.is_taken_in {
            return Some(self.since + options.connect_timeout);
        }
        if let Some(due) = &self.due {
            let silent = self.heard_at.max(due.since) + options.answer_timeout;
            let bounded = due.verb != Verb::GetAll;
            return Some(if bounded { silent.min(due.since + PATIENCE) } else { silent });
        }
        // Who listens to nothing learns of a dead line from the next call, which is early enough.
        let listens = !self.lasting.standing.is_empty();
        self.paused_until.or(listens.then(|| self.heard_at + options.silence))
    }

    fn overdue(&mut self) -> Option<End> {
        if !self.is_taken_in {
            return Some(End::Lost("the hub did not answer the attempt to connect".into()));
        }
        if let Some(due) = &self.due {
            return Some(End::Lost(format!("the hub did not answer `{}`", due.verb)));
        }
        if self.paused_until.take().is_none() {
            // An answer shows that the hub is there; and what was missed, if anything was, comes with it.
            self.restore();
        }
        None
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
