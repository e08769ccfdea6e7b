//! What the application has asked for, until the hub has answered.
//!
//! Calls go in the order in which they were made, one at a time. One that the hub refuses for now is tried again
//! after a while, and does not hold up the others, but for those that have to stay behind it: calls about the same
//! order, and calls of the same kind for the same store, whose messages go into one queue. So a queue that is full
//! holds up what goes into it, and nothing else; least of all the `received` that make room again, which have a
//! bound of their own for that reason.
//!
//! Where there is a file, `keeper` puts each call into it before it comes here, and what the file holds from
//! earlier goes first.

mod call;
mod file;
mod keeper;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use caps_proto::{Done, OrderRef, Verb};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use crate::Error;
use crate::ask::Ask;
use crate::backoff::Backoff;
pub use call::Resent;
pub(crate) use call::{Call, Made};
pub(crate) use file::OutboxFile;
pub use file::OutboxFileError;
use keeper::Note;

/// How long a disk is waited for that is to note the last answers. Without them they are asked for again.
const LAST_NOTES: Duration = Duration::from_secs(1);

/// The application's end, where calls are made.
#[derive(Debug, Clone)]
pub(crate) struct Calls {
    calls: mpsc::UnboundedSender<Call>,
    room: Room,
    /// Whether a file comes first, which says itself what is taken.
    is_kept: bool,
}

/// How many more calls may wait.
#[derive(Debug, Clone)]
struct Room {
    received: Arc<Semaphore>,
    others: Arc<Semaphore>,
}

impl Room {
    fn new(capacity: usize) -> Self {
        let room = || Arc::new(Semaphore::new(capacity));
        Self { received: room(), others: room() }
    }

    fn of(&self, verb: Verb) -> Arc<Semaphore> {
        Arc::clone(if verb == Verb::Received { &self.received } else { &self.others })
    }
}

impl Calls {
    /// Makes a call when there is room for it, and says where it is heard of; nowhere when no calls are taken any
    /// more.
    pub(crate) async fn make(&self, ask: Ask, order: Option<OrderRef>) -> Option<Made> {
        let room = self.room.of(ask.verb()).acquire_owned().await.ok()?;
        let (mut call, made) = Call::new(ask, order, room);
        if !self.is_kept {
            call.is_taken();
        }
        self.calls.send(call).ok()?;
        Some(made)
    }
}

/// The calls that the hub has not answered. Each stays until it is, through every outage.
#[derive(Debug)]
pub(crate) struct Outbox {
    made: mpsc::UnboundedReceiver<Call>,
    room: Room,
    /// What has been made. The head is the one that is on its way, if any is.
    calls: VecDeque<Call>,
    backoff: Backoff,
    is_closed: bool,
    keeper: Option<Keeper>,
}

#[derive(Debug)]
struct Keeper {
    notes: mpsc::UnboundedSender<Note>,
    task: JoinHandle<()>,
}

impl Outbox {
    /// An outbox in which at most `capacity` `received` and as many other calls wait. `backoff` tells for how
    /// long a call is put off.
    pub(crate) fn new(capacity: usize, backoff: Backoff) -> (Calls, Self) {
        let (calls, made) = mpsc::unbounded_channel();
        let room = Room::new(capacity);
        let calls = Calls { calls, room: room.clone(), is_kept: false };
        let waiting = VecDeque::new();
        (calls, Self { made, room, calls: waiting, backoff, is_closed: false, keeper: None })
    }

    /// The same with a file, which outlives the process. What it holds takes room as well, as far as there is any;
    /// what comes of it is told to `tell`.
    pub(crate) fn with_file(
        capacity: usize,
        backoff: Backoff,
        file: OutboxFile,
        tell: Option<&mpsc::UnboundedSender<Resent>>,
    ) -> (Calls, Self) {
        let (mut calls, mut outbox) = Self::new(capacity, backoff);
        let left = file.entries();
        if left.len() > 0 {
            tracing::info!("{} calls that an earlier run has left are sent first", left.len());
        }
        for (number, entry) in left {
            let room = calls.room.of(entry.verb).try_acquire_owned().ok();
            outbox.calls.push_back(Call::resent(number, entry, tell.cloned(), room));
        }
        let (to_keep, made) = mpsc::unbounded_channel();
        let (notes, noted) = mpsc::unbounded_channel();
        let kept = std::mem::replace(&mut calls.calls, to_keep);
        calls.is_kept = true;
        let task = tokio::spawn(keeper::keep(file, made, noted, kept));
        outbox.keeper = Some(Keeper { notes, task });
        (calls, outbox)
    }

    /// Waits for one more call. False when nothing is left and nothing will come. Safe to cancel.
    pub(crate) async fn fill(&mut self) -> bool {
        match self.made.recv().await {
            Some(call) => self.push(call),
            None if self.calls.is_empty() => return false,
            None => std::future::pending().await,
        }
        true
    }

    fn push(&mut self, call: Call) {
        // Whoever asks to listen does not, when no more is taken.
        if !(self.is_closed && call.ask.is_standing()) {
            self.calls.push_back(call);
        }
    }

    /// Makes the call whose turn it is the head.
    pub(crate) fn next(&mut self, now: Instant) -> Option<&Call> {
        let turn = (0..self.calls.len()).find(|&at| {
            let call = &self.calls[at];
            call.may_go(now) && !self.calls.range(..at).any(|earlier| earlier.keeps_back(call))
        })?;
        let call = self.calls.remove(turn)?;
        self.calls.push_front(call);
        self.head()
    }

    /// The call that is on its way, when one is.
    pub(crate) fn head(&self) -> Option<&Call> {
        self.calls.front()
    }

    /// Answers the head.
    pub(crate) fn answer(&mut self, result: Result<Done, Error>) {
        let Some(call) = self.calls.pop_front() else { return };
        if let Some(number) = call.number.filter(|_| call.is_answered_by(&result))
            && let Some(keeper) = &self.keeper
        {
            // An error means that the program ends; the hub will recognise the call.
            drop(keeper.notes.send(Note::Answered(number)));
        }
        call.answer(result);
    }

    /// Puts the head off, because the hub has refused it for now.
    pub(crate) fn put_off(&mut self) {
        if let Some(call) = self.calls.front_mut() {
            call.put_off(&self.backoff);
        }
    }

    /// When the first of the calls that are put off may go. None of them stays behind another call: there was no
    /// such call when it went first, and those that come are later.
    pub(crate) fn put_off_until(&self) -> Option<Instant> {
        self.calls.iter().filter_map(Call::put_off_until).min()
    }

    /// Takes no more calls, and drops those that only ask to listen: nobody will.
    pub(crate) fn close(&mut self) {
        self.is_closed = true;
        self.room.received.close();
        self.room.others.close();
        match &self.keeper {
            // What it has at hand still comes.
            Some(keeper) => drop(keeper.notes.send(Note::Close)),
            None => self.made.close(),
        }
        while let Ok(call) = self.made.try_recv() {
            self.push(call);
        }
        self.calls.retain(|call| !call.ask.is_standing());
    }

    /// What the hub has not answered and should have. Those who wait get their error when it is dropped.
    pub(crate) async fn into_unanswered(mut self) -> VecDeque<Call> {
        self.close();
        if let Some(Keeper { notes, task }) = self.keeper.take() {
            drop(notes);
            if timeout(LAST_NOTES, task).await.is_err() {
                tracing::warn!("the disk of the outbox file is stuck");
            }
            self.close();
        }
        self.calls
    }
}
