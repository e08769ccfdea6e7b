//! The one owner of the hub: takes what the edge submits, decides it, has it kept, and carries it out.
//!
//! A batch's effects wait for its facts to be kept, and for all batches before it; the next batch is decided
//! meanwhile. So nothing is told to anybody that a crash could take back.
//!
//! While the journal cannot keep anything, what would change something is answered `busy`, and readers are served
//! what is kept.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use caps_hub::{ConnId, Effect, Hub, Input, Seq, Step, Timestamp};
use caps_proto::{Answer, Verb};
use foldhash::HashMap;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::edge::line::{AtAll, Flushed, Line};
use crate::inbox::{Asked, Command, Commands, Gauge, Heard, UnknownOrder};
use crate::journal::{Journal, Progress, Trouble};
use crate::metrics::Metrics;
use crate::token::Grant;

mod telling;
mod trouble;

/// The most commands decided in one batch, so that answers are not put off for long.
const BATCH: usize = 1024;

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
    metrics: Arc<Metrics>,
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
    load: Load,
}

/// The events of a batch.
#[derive(Default)]
struct Load {
    /// Their size.
    bytes: usize,
    /// When those arrived that are answered with the batch.
    arrived: Vec<Instant>,
}

impl Owner {
    /// `begun` is what the hub's restart has changed.
    pub(crate) fn new(
        hub: Hub,
        journal: Box<dyn Journal>,
        begun: Step,
        commands: Commands,
        gauge: Arc<Gauge>,
        metrics: Arc<Metrics>,
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
            lines: HashMap::default(),
            waiting_at_lines: AtAll::default(),
            askers: HashMap::default(),
            batch: Vec::with_capacity(BATCH),
            metrics,
            undone: VecDeque::new(),
            is_in_trouble: false,
        };
        owner.keep(begun, Load::default());
        owner
    }

    /// Works until `quit`, and then until all that was submitted before it is decided, kept, and taken by those
    /// whom it concerns, as far as that can be done in `last_answers`.
    ///
    /// # Errors
    /// [`JournalFailed`] when nothing can be kept any more.
    pub(crate) async fn run(
        mut self,
        quit: CancellationToken,
        last_answers: Duration,
    ) -> Result<(), JournalFailed> {
        while !quit.is_cancelled() {
            tokio::select! {
                biased;
                () = quit.cancelled() => {}
                worked = self.work() => worked?,
            }
        }
        self.gauge.close();
        let finished = tokio::time::timeout(last_answers, async {
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
        self.hub.advance(now, &mut step);
        let mut batch = std::mem::take(&mut self.batch);
        let mut load = Load { bytes: 0, arrived: Vec::with_capacity(batch.len()) };
        if !batch.is_empty() {
            self.metrics.batches.observe_number(batch.len());
        }
        self.hub.look_ahead(batch.iter().filter_map(|command| match command {
            Command::Heard(Heard { request: Ok(request), .. }) => Some(request),
            _ => None,
        }));
        for command in batch.drain(..) {
            if self.is_in_trouble {
                // What is only read must not wait for what cannot be kept.
                self.keep(std::mem::take(&mut step), std::mem::take(&mut load));
            }
            self.take(command, now, &mut step, &mut load);
        }
        self.batch = batch;
        self.keep(step, load);
        if !self.is_in_trouble
            && let Some(partition) = self.journal.wants_snapshot(&self.hub)
        {
            self.journal.save(self.hub.snapshot(partition));
        }
    }

    /// Has the facts of a step kept, and its effects carried out when they are.
    fn keep(&mut self, Step { facts, effects }: Step, load: Load) {
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
            self.finish(effects, load);
            return;
        }
        self.undone.push_back(Undone { last, effects, load });
        let kept = self.progress.borrow().kept;
        self.carry_out(kept);
    }

    /// Takes a command in.
    fn take(&mut self, command: Command, now: Timestamp, step: &mut Step, load: &mut Load) {
        let input = match command {
            Command::Heard(heard) => {
                load.bytes += heard.size();
                let Heard { conn, ack, verb, request, arrived, .. } = heard;
                // That to a `getAll` waits for what its line can take.
                if verb != Some(Verb::GetAll) {
                    load.arrived.push(arrived);
                }
                match request.and_then(|request| self.check_trouble(request)) {
                    Ok(request) => Input::Asked { conn, ack, request },
                    Err(refusal) => {
                        // In line with the answers to what the same client has sent before.
                        let answer = Answer::Error(refusal);
                        step.effects.push(Effect::Answer { conn, ack, verb, answer });
                        return;
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
                return;
            }
            Command::Flushed { conn } => match self.lines.get_mut(&conn).map(Line::flushed) {
                Some(Flushed::Drained) => Input::Drained { conn },
                Some(Flushed::Nothing) | None => return,
            },
            Command::Goodbye { conn, said } => {
                if let Some(line) = self.lines.get_mut(&conn) {
                    line.is_told_goodbye(said);
                    step.effects.push(Effect::HangUp { conn });
                }
                return;
            }
            Command::Disconnected { conn } => {
                self.lines.remove(&conn);
                Input::Disconnected { conn }
            }
            Command::Asked(asked) => {
                load.bytes += asked.size();
                load.arrived.push(asked.arrived);
                self.ask(*asked, now, step);
                return;
            }
            Command::Look(look) => {
                look(&self.hub);
                return;
            }
        };
        self.hub.handle(input, now, step);
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
}
