//! The one owner of the hub: takes what the edge submits, decides it, has it kept, and carries it out.
//!
//! A batch's effects wait for its facts to be kept, and for all batches before it; the next batch is decided
//! meanwhile. So nothing is told to anybody that a crash could take back.
//!
//! While the journal cannot keep anything, what would change something is answered `busy`, and readers are served
//! what is kept.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use caps_hub::{ConnId, Effect, Hub, Input, Seq, Step, Timestamp};
use caps_proto::Answer;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::edge::line::{AtAll, Flushed, Line, Outgoing};
use crate::inbox::{Asked, Command, Commands, Gauge, Heard, UnknownOrder};
use crate::journal::{Journal, Progress, Trouble};
use crate::token::Grant;

mod trouble;

/// The most commands decided in one batch, so that answers are not put off for long.
const BATCH: usize = 1024;

/// How long a stopping hub waits for its facts to be kept, and for its clients to take their last answers.
const LAST_ANSWERS: Duration = Duration::from_secs(3);

/// The longest sleep, so that a machine's clock that was set ahead is noticed.
const MAX_SLEEP: Duration = Duration::from_secs(60);

/// Nothing can be kept any more.
#[derive(Debug)]
pub(crate) struct JournalFailed {
    /// The reason, in a sentence that says the mend.
    pub(crate) why: Arc<str>,
}

pub(crate) struct Owner {
    hub: Hub,
    clock: Clock,
    journal: Box<dyn Journal>,
    progress: watch::Receiver<Progress>,
    commands: Commands,
    gauge: Arc<Gauge>,
    lines: HashMap<ConnId, Line>,
    waiting_at_lines: AtAll,
    /// Those who are not connected and wait for an answer.
    askers: HashMap<ConnId, oneshot::Sender<Result<Answer, UnknownOrder>>>,
    batch: Vec<Command>,
    /// What is to be carried out when it is kept.
    undone: VecDeque<Undone>,
    /// Whether the journal can keep nothing for now.
    is_in_trouble: bool,
}

/// What a batch has come to.
struct Undone {
    /// Kept when this fact is.
    last: Seq,
    effects: Vec<Effect>,
    /// The size of the events in it.
    bytes: usize,
}

impl Owner {
    /// `begun` is what the hub's restart has changed.
    pub(crate) fn new(
        hub: Hub,
        journal: Box<dyn Journal>,
        begun: Step,
        commands: Commands,
        gauge: Arc<Gauge>,
    ) -> Self {
        let mut progress = journal.progress();
        // It may be in trouble from the start.
        progress.mark_changed();
        let mut owner = Self {
            clock: Clock::new(hub.now()),
            hub,
            progress,
            journal,
            commands,
            gauge,
            lines: HashMap::new(),
            waiting_at_lines: AtAll::default(),
            askers: HashMap::new(),
            batch: Vec::with_capacity(BATCH),
            undone: VecDeque::new(),
            is_in_trouble: false,
        };
        owner.keep(begun, 0);
        owner
    }

    /// Works until `stop`, and then until all that was submitted before it is decided, kept, and taken by those
    /// whom it concerns, as far as that can be done in time.
    ///
    /// # Errors
    /// [`JournalFailed`] when nothing can be kept any more.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Result<(), JournalFailed> {
        while !stop.is_cancelled() {
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                worked = self.work() => worked?,
            }
        }
        self.gauge.close();
        let finished = tokio::time::timeout(LAST_ANSWERS, async {
            while !self.has_finished() {
                self.work().await?;
            }
            Ok(())
        });
        finished.await.unwrap_or_else(|_late| {
            let unkept = self.undone.len();
            tracing::warn!(
                unkept,
                "stopped before everything was kept and answered; what was answered is kept"
            );
            Ok(())
        })
    }

    fn has_finished(&self) -> bool {
        self.commands.is_empty()
            && self.undone.is_empty()
            && self.lines.values().all(Line::is_empty)
    }

    /// Does the next thing that there is to do. Safe to cancel.
    async fn work(&mut self) -> Result<(), JournalFailed> {
        let deadline = self.until_deadline();
        tokio::select! {
            biased;
            changed = self.progress.changed() => {
                let ended = || JournalFailed { why: "the journal has ended by a bug".into() };
                changed.map_err(|_| ended())?;
                self.progressed()?;
            }
            _ = self.commands.recv_many(&mut self.batch, BATCH) => self.decide(),
            () = tokio::time::sleep(deadline) => self.decide(),
        }
        Ok(())
    }

    fn until_deadline(&mut self) -> Duration {
        let now = self.clock.now();
        let until = |deadline: Timestamp| deadline.since(now);
        self.hub.next_deadline().map_or(MAX_SLEEP, until).min(MAX_SLEEP)
    }

    /// Sees how far the journal has come.
    fn progressed(&mut self) -> Result<(), JournalFailed> {
        let Progress { kept, trouble } = self.progress.borrow_and_update().clone();
        self.carry_out(kept);
        match trouble {
            Some(Trouble::ForGood(why)) => return Err(JournalFailed { why }),
            Some(Trouble::ForNow(why)) if !self.is_in_trouble => {
                tracing::error!("nothing can be kept for now: {why}");
                self.is_in_trouble = true;
                self.show_up_to(Some(kept));
                self.take_back();
            }
            None if self.is_in_trouble => {
                tracing::info!("everything can be kept again");
                self.is_in_trouble = false;
                self.show_up_to(None);
            }
            Some(Trouble::ForNow(_)) | None => {}
        }
        Ok(())
    }

    fn decide(&mut self) {
        let now = self.clock.now();
        let mut step = Step::default();
        let mut bytes = 0;
        self.hub.advance(now, &mut step);
        let mut batch = std::mem::take(&mut self.batch);
        for command in batch.drain(..) {
            if self.is_in_trouble {
                // What is only read must not wait for what cannot be kept.
                self.keep(std::mem::take(&mut step), std::mem::take(&mut bytes));
            }
            bytes += self.take(command, now, &mut step);
        }
        self.batch = batch;
        self.keep(step, bytes);
        if !self.is_in_trouble
            && let Some(partition) = self.journal.wants_snapshot(&self.hub)
        {
            self.journal.save(self.hub.snapshot(partition));
        }
    }

    /// Has the facts of a step kept, and its effects carried out when they are.
    fn keep(&mut self, Step { facts, effects }: Step, bytes: usize) {
        let last = match facts.last() {
            Some(fact) => fact.seq,
            // Shows nothing but what is kept.
            None if self.is_in_trouble => Seq::default(),
            // Nothing to keep, but not to be told before what was decided earlier.
            None => self.undone.back().map(|undone| undone.last).unwrap_or_default(),
        };
        if !facts.is_empty() {
            self.journal.keep(facts);
        }
        if last == Seq::default() {
            effects.into_iter().for_each(|effect| self.perform(effect));
            self.gauge.done(bytes);
            return;
        }
        self.undone.push_back(Undone { last, effects, bytes });
        let kept = self.progress.borrow().kept;
        self.carry_out(kept);
    }

    /// Takes a command in. Returns the size of its event.
    fn take(&mut self, command: Command, now: Timestamp, step: &mut Step) -> usize {
        let mut bytes = 0;
        let input = match command {
            Command::Heard(heard) => {
                bytes = heard.size();
                let Heard { conn, ack, request, .. } = heard;
                match request.and_then(|request| self.check_trouble(request)) {
                    Ok(request) => Input::Asked { conn, ack, request },
                    Err(refusal) => {
                        // In line with the answers to what the same client has sent before.
                        let answer = Answer::Error(refusal);
                        step.effects.push(Effect::Answer { conn, ack, answer });
                        return bytes;
                    }
                }
            }
            Command::Connected { conn, grant: Grant { identity, until }, flushes } => {
                let line = Line::new(flushes, Arc::clone(&self.waiting_at_lines));
                self.lines.insert(conn, line);
                Input::Connected { conn, identity, until }
            }
            Command::Opened { conn, socket } => {
                if let Some(line) = self.lines.get_mut(&conn) {
                    line.open(socket);
                }
                return bytes;
            }
            Command::Flushed { conn } => match self.lines.get_mut(&conn).map(Line::flushed) {
                Some(Flushed::Drained) => Input::Drained { conn },
                Some(Flushed::Nothing) | None => return bytes,
            },
            Command::Disconnected { conn } => {
                self.lines.remove(&conn);
                Input::Disconnected { conn }
            }
            Command::Asked(asked) => {
                bytes = asked.size();
                self.ask(*asked, now, step);
                return bytes;
            }
            Command::Look(look) => {
                look(&self.hub);
                return bytes;
            }
        };
        self.hub.handle(input, now, step);
        bytes
    }

    /// Decides what one who is not connected asks for, as if they had connected for it.
    fn ask(&mut self, asked: Asked, now: Timestamp, step: &mut Step) {
        let Asked { conn, identity, request, answer, .. } = asked;
        let refused = match self.check_trouble(request) {
            Ok(request) if self.hub.knows_order_of(&request) => {
                self.askers.insert(conn, answer);
                for input in [
                    Input::Connected { conn, identity, until: None },
                    Input::Asked { conn, ack: None, request },
                    Input::Disconnected { conn },
                ] {
                    self.hub.handle(input, now, step);
                }
                return;
            }
            Ok(_) => Err(UnknownOrder),
            Err(refusal) => Ok(Answer::Error(refusal)),
        };
        // Who has asked may have gone.
        let _ = answer.send(refused);
    }

    /// Carries out all whose facts are kept.
    fn carry_out(&mut self, kept: Seq) {
        while self.undone.front().is_some_and(|undone| undone.last <= kept) {
            let Some(Undone { effects, bytes, .. }) = self.undone.pop_front() else { return };
            effects.into_iter().for_each(|effect| self.perform(effect));
            self.gauge.done(bytes);
        }
    }

    fn perform(&mut self, effect: Effect) {
        // Who has gone meanwhile needs nothing any more; what was not received stays queued.
        match effect {
            Effect::Emit { to, message, .. } => {
                for conn in to {
                    if let Some(line) = self.lines.get_mut(&conn) {
                        line.push(Outgoing::Message(Arc::clone(&message)));
                    }
                }
            }
            Effect::Answer { conn, ack, answer } => {
                let Some(line) = self.lines.get_mut(&conn) else {
                    if let Some(asker) = self.askers.remove(&conn) {
                        let _ = asker.send(Ok(answer));
                    }
                    return;
                };
                match ack {
                    Some(ack) => line.push(Outgoing::Answer(ack, answer)),
                    None if matches!(answer, Answer::Error(_)) => {
                        line.push(Outgoing::Exception(answer))
                    }
                    None => {}
                }
            }
            Effect::HangUp { conn } => {
                if let Some(line) = self.lines.get_mut(&conn) {
                    line.hang_up();
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
