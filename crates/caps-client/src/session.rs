//! The life of one connection: restore what is listened to, then send what waits, one at a time.
//!
//! A session never waits for the application, and never for the hub without a bound.

mod answer;
mod catch_up;
mod hear;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use caps_proto::{Message, Refusal, Verb};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::ask::{Ask, Scope};
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
    /// What the client listens to: asked again on each connection, in the order in which it was first asked.
    pub(crate) standing: Vec<Emit>,
    /// What is replayed on each connection, after that.
    pub(crate) replayed: Vec<Scope>,
    pub(crate) closing: Closing,
    pub(crate) state: watch::Sender<State>,
    /// How many connections came to stand.
    pub(crate) sessions: u64,
}

impl Lasting {
    /// Takes nothing new from the application, and listens to nothing more.
    pub(crate) fn finish(&mut self) {
        self.standing.clear();
        self.replayed.clear();
        self.outbox.close();
    }
}

/// One connection.
pub(crate) struct Session<'a> {
    lasting: &'a mut Lasting,
    line: Line,
    since: Instant,
    is_taken_in: bool,
    /// Whether everything that the client listens to is restored.
    is_up: bool,
    restoring: VecDeque<Ask>,
    /// What has not caught up. The first is asked for next.
    behind: VecDeque<Scope>,
    /// When a page was asked for last.
    paged_at: Instant,
    /// Whether the hub has since deleted something that the client has acted on.
    has_acknowledged: bool,
    due: Option<Due>,
    heard_at: Instant,
    /// Until when the hub has asked to be left alone.
    paused_until: Option<Instant>,
    backoff: Backoff,
}

/// An answer that the hub owes.
#[derive(Debug)]
struct Due {
    ask: Ask,
    to: To,
    since: Instant,
    /// What has come since, where a page is due.
    heard: VecDeque<Message>,
}

/// What an answer is for.
#[derive(Debug, PartialEq, Eq)]
enum To {
    /// The session's own.
    Session,
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
            behind: VecDeque::new(),
            paged_at: now,
            has_acknowledged: false,
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
                is_there_more = self.lasting.outbox.fill() => (!is_there_more).then_some(End::Closed),
                () = until(deadline) => self.overdue(),
                () = self.lasting.inbox.let_go(), if !self.behind.is_empty() => None,
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
        let Lasting { standing, replayed, .. } = &*self.lasting;
        self.restoring.extend(standing.iter().cloned().map(Ask::Emit));
        self.restoring.extend(replayed.iter().cloned().map(Ask::Page));
        self.behind.extend(replayed.iter().cloned());
    }

    /// Sends what is left and listens to nothing more.
    fn finish(&mut self) {
        self.restoring.clear();
        self.behind.clear();
        // The outbox drops a call that asks to listen, so the answer to one is no longer for its head.
        if let Some(due) = &mut self.due
            && due.ask.is_standing()
        {
            due.to = To::Session;
        }
        self.lasting.finish();
    }

    /// Emits what comes next, if the hub is ready for it.
    fn emit_next(&mut self) {
        if !self.is_taken_in || self.due.is_some() || self.paused_until.is_some() {
            return;
        }
        let now = Instant::now();
        let (ask, to) = if let Some(ask) = self.restoring.pop_front() {
            (ask, To::Session)
        } else {
            self.stand();
            if let Some(scope) = self.next_page(now) {
                (Ask::Page(scope), To::Session)
            } else if let Some(call) = self.lasting.outbox.next(now) {
                (call.ask.clone(), To::Outbox)
            } else {
                return;
            }
        };
        if matches!(ask, Ask::Page(_)) {
            self.paged_at = now;
            self.has_acknowledged = false;
        }
        let emit = ask.emit(self.lasting.inbox.capacity());
        self.due = Some(Due { ask, to, since: now, heard: VecDeque::new() });
        // There is room, because nothing else is on its way. An error means that the connection is over, and
        // the next thing that is heard says why.
        drop(self.line.emits.try_send(emit));
    }

    /// Tells the application that all is restored, if it was not told.
    fn stand(&mut self) {
        if self.is_up {
            return;
        }
        self.is_up = true;
        self.lasting.sessions += 1;
        let session = self.lasting.sessions;
        tracing::info!(url = self.lasting.options.url, session, "connected to the hub");
        self.lasting.state.send_replace(State::Connected { session });
    }

    /// When something has to happen if nothing else does.
    fn deadline(&self) -> Option<Instant> {
        let options = &self.lasting.options;
        if !self.is_taken_in {
            return Some(self.since + options.connect_timeout);
        }
        if let Some(due) = &self.due {
            let silent = self.heard_at.max(due.since) + options.answer_timeout;
            let bounded = due.ask.verb() != Verb::GetAll;
            return Some(if bounded { silent.min(due.since + PATIENCE) } else { silent });
        }
        if self.paused_until.is_some() {
            return self.paused_until;
        }
        let silence = self.look_at();
        [silence, self.page_at(), self.lasting.outbox.put_off_until()].into_iter().flatten().min()
    }

    /// When to see whether the hub is still there. Who listens to nothing learns of a dead line from the next
    /// call, which is early enough.
    fn look_at(&self) -> Option<Instant> {
        let Lasting { options, standing, replayed, .. } = &*self.lasting;
        let listens = !(standing.is_empty() && replayed.is_empty());
        listens.then(|| self.heard_at + options.silence)
    }

    fn overdue(&mut self) -> Option<End> {
        if !self.is_taken_in {
            return Some(End::Lost("the hub did not answer the attempt to connect".into()));
        }
        if let Some(due) = &self.due {
            return Some(End::Lost(format!("the hub did not answer `{}`", due.ask.verb())));
        }
        let was_paused = self.paused_until.take().is_some();
        if !was_paused && self.look_at().is_some_and(|at| at <= Instant::now()) {
            self.look();
        }
        None
    }

    /// Asks for a sign of the hub. What waits there tells whether anything was missed.
    fn look(&mut self) {
        let Lasting { standing, replayed, .. } = &*self.lasting;
        self.restoring.extend(replayed.iter().cloned().map(Ask::Look));
        if self.restoring.is_empty() {
            self.restoring.extend(standing.first().cloned().map(Ask::Emit));
        }
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
