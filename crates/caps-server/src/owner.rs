//! The one owner of the hub: takes what the edge submits, decides it, has it kept, and carries it out.
//!
//! A batch's effects wait for its facts to be kept, and for all batches before it; the next batch is decided
//! meanwhile. So nothing is told to anybody that a crash could take back.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use caps_hub::{AckId, ConnId, Effect, Hub, Identity, Input, Limits, Step, Timestamp};
use caps_proto::{Answer, Code, Refusal, Request};
use socketioxide::adapter::LocalAdapter;
use socketioxide::socket::Socket;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::edge::flow::Flushes;
use crate::edge::line::{Flushed, Line, Outgoing};
use crate::journal::{Journal, Ticket};

/// The most commands decided in one batch, so that answers are not put off for long.
const BATCH: usize = 1024;

/// The most memory of events that wait to be decided, in bytes. Events beyond it are answered `busy`.
const MAX_WAITING: usize = 64 * 1024 * 1024;

/// Beyond this not even an answer has room: who sends more is cut off.
const OVERFULL: usize = 2 * MAX_WAITING;

/// How long a stopping hub waits for its clients to take their last answers.
const LAST_ANSWERS: Duration = Duration::from_millis(1500);

/// The longest sleep, so that a wall clock that was set is noticed.
const MAX_SLEEP: Duration = Duration::from_secs(60);

/// What the edge tells the owner.
pub(crate) enum Command {
    /// A client is about to be let in.
    Connected { conn: ConnId, identity: Identity, flushes: Arc<Flushes> },
    /// It has been told so, and packets may leave for it.
    Opened { conn: ConnId, socket: Weak<Socket<LocalAdapter>> },
    /// It has emitted an event.
    Heard(Heard),
    /// Its transport has flushed, which its line has asked for.
    Flushed { conn: ConnId },
    /// It is gone.
    Disconnected { conn: ConnId },
}

/// An event of a client.
pub(crate) struct Heard {
    pub(crate) conn: ConnId,
    pub(crate) ack: Option<AckId>,
    pub(crate) request: Result<Request, Refusal>,
    /// The size of its packet.
    pub(crate) bytes: usize,
}

impl Heard {
    /// About how much memory it takes while it waits, in bytes.
    fn size(&self) -> usize {
        self.bytes + size_of::<Command>()
    }
}

/// The hub cannot even take note of an event to refuse it.
pub(crate) struct Overfull;

/// Where the edge submits. Never waits.
#[derive(Clone)]
pub(crate) struct Inbox {
    commands: mpsc::UnboundedSender<Command>,
    waiting: Arc<AtomicUsize>,
    /// The hub is about to stop, and hears nothing more.
    is_closed: Arc<AtomicBool>,
}

impl Inbox {
    pub(crate) fn submit(&self, command: Command) {
        // Fails when the owner has stopped: then the line is about to close, and nothing was promised.
        let _ = self.commands.send(command);
    }

    pub(crate) fn submit_heard(&self, mut heard: Heard) -> Result<(), Overfull> {
        if self.is_closed.load(Ordering::Relaxed) {
            return Ok(());
        }
        let size = heard.size();
        let waiting = self.waiting.fetch_add(size, Ordering::Relaxed);
        if waiting > OVERFULL {
            self.waiting.fetch_sub(size, Ordering::Relaxed);
            return Err(Overfull);
        }
        if waiting > MAX_WAITING {
            heard.request = Err(Refusal::new(
                Code::Busy,
                "The hub has more at hand than it can take; send this again in a moment.",
            ));
        }
        self.submit(Command::Heard(heard));
        Ok(())
    }
}

/// The journal has ended, which only a bug makes it do: nothing can be kept any more.
#[derive(Debug)]
pub(crate) struct JournalEnded;

pub(crate) struct Owner<J> {
    hub: Hub,
    journal: J,
    kept: watch::Receiver<Ticket>,
    commands: mpsc::UnboundedReceiver<Command>,
    waiting: Arc<AtomicUsize>,
    is_closed: Arc<AtomicBool>,
    lines: HashMap<ConnId, Line>,
    batch: Vec<Command>,
    /// What is to be carried out when the ticket is kept.
    undone: VecDeque<(Ticket, Vec<Effect>)>,
}

impl<J: Journal> Owner<J> {
    pub(crate) fn new(limits: Limits, journal: J) -> (Self, Inbox) {
        let (sender, commands) = mpsc::unbounded_channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let is_closed = Arc::new(AtomicBool::new(false));
        let inbox = Inbox {
            commands: sender,
            waiting: Arc::clone(&waiting),
            is_closed: Arc::clone(&is_closed),
        };
        let owner = Self {
            hub: Hub::new(limits),
            kept: journal.kept(),
            journal,
            commands,
            waiting,
            is_closed,
            lines: HashMap::new(),
            batch: Vec::with_capacity(BATCH),
            undone: VecDeque::new(),
        };
        (owner, inbox)
    }

    /// Works until `stop`, and then until all that was submitted before it is decided, kept, and taken by those
    /// whom it concerns, as far as they take it in time.
    ///
    /// # Errors
    /// [`JournalEnded`] when nothing can be kept any more.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Result<(), JournalEnded> {
        while !stop.is_cancelled() {
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                worked = self.work() => worked?,
            }
        }
        self.is_closed.store(true, Ordering::Relaxed);
        let finished = tokio::time::timeout(LAST_ANSWERS, async {
            while !self.has_finished() {
                self.work().await?;
            }
            Ok(())
        });
        finished.await.unwrap_or_else(|_late| {
            let unkept = self.undone.len();
            tracing::warn!(unkept, "some clients did not take their last answers in time");
            Ok(())
        })
    }

    fn has_finished(&self) -> bool {
        self.commands.is_empty()
            && self.undone.is_empty()
            && self.lines.values().all(Line::is_empty)
    }

    /// Does the next thing that there is to do. Safe to cancel.
    async fn work(&mut self) -> Result<(), JournalEnded> {
        let deadline = self.until_deadline();
        tokio::select! {
            biased;
            changed = self.kept.changed(), if !self.undone.is_empty() => {
                changed.map_err(|_| JournalEnded)?;
                self.carry_out();
            }
            _ = self.commands.recv_many(&mut self.batch, BATCH) => self.decide(),
            () = tokio::time::sleep(deadline) => self.decide(),
        }
        Ok(())
    }

    fn until_deadline(&self) -> Duration {
        let until = |deadline: Timestamp| deadline.since(SystemTime::now().into());
        self.hub.next_deadline().map_or(MAX_SLEEP, until).min(MAX_SLEEP)
    }

    fn decide(&mut self) {
        let now = Timestamp::from(SystemTime::now());
        let mut step = Step::default();
        self.hub.advance(now, &mut step);
        let mut batch = std::mem::take(&mut self.batch);
        for command in batch.drain(..) {
            self.take(command, now, &mut step);
        }
        self.batch = batch;
        let ticket = if step.facts.is_empty() {
            // Nothing to keep, but not to be told before what was decided earlier.
            self.undone.back().map_or(*self.kept.borrow(), |(ticket, _)| *ticket)
        } else {
            self.journal.keep(step.facts)
        };
        if !step.effects.is_empty() {
            self.undone.push_back((ticket, step.effects));
            self.carry_out();
        }
    }

    fn take(&mut self, command: Command, now: Timestamp, step: &mut Step) {
        let input = match command {
            Command::Heard(heard) => {
                self.waiting.fetch_sub(heard.size(), Ordering::Relaxed);
                let Heard { conn, ack, request, .. } = heard;
                match request {
                    Ok(request) => Input::Asked { conn, ack, request },
                    Err(refusal) => {
                        // In line with the answers to what the same client has sent before.
                        let answer = Answer::Error(refusal);
                        return step.effects.push(Effect::Answer { conn, ack, answer });
                    }
                }
            }
            Command::Connected { conn, identity, flushes } => {
                self.lines.insert(conn, Line::new(flushes));
                Input::Connected { conn, identity }
            }
            Command::Opened { conn, socket } => {
                if let Some(line) = self.lines.get_mut(&conn) {
                    line.open(socket);
                }
                return;
            }
            Command::Flushed { conn } => match self.lines.get_mut(&conn).map(Line::flushed) {
                Some(Flushed::Drained) => Input::Drained { conn },
                Some(Flushed::Nothing) | None => return,
            },
            Command::Disconnected { conn } => {
                self.lines.remove(&conn);
                Input::Disconnected { conn }
            }
        };
        self.hub.handle(input, now, step);
    }

    /// Carries out all whose facts are kept.
    fn carry_out(&mut self) {
        let kept = *self.kept.borrow_and_update();
        while self.undone.front().is_some_and(|(ticket, _)| *ticket <= kept) {
            for effect in self.undone.pop_front().into_iter().flat_map(|(_, effects)| effects) {
                self.perform(effect);
            }
        }
    }

    fn perform(&mut self, effect: Effect) {
        // Who has gone meanwhile needs nothing any more; what was not received stays queued.
        match effect {
            Effect::Emit { to, message } => {
                for conn in to {
                    if let Some(line) = self.lines.get_mut(&conn) {
                        line.push(Outgoing::Message(Arc::clone(&message)));
                    }
                }
            }
            Effect::Answer { conn, ack, answer } => {
                let Some(line) = self.lines.get_mut(&conn) else { return };
                match ack {
                    Some(ack) => line.push(Outgoing::Answer(ack, answer)),
                    None if matches!(answer, Answer::Error(_)) => {
                        line.push(Outgoing::Exception(answer))
                    }
                    None => {}
                }
            }
            Effect::Watch { conn } => {
                if let Some(line) = self.lines.get_mut(&conn) {
                    line.watch();
                }
            }
        }
    }
}
