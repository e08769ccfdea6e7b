//! What the application has asked for, until the hub has answered.
//!
//! Calls go in the order in which they were made, one at a time. One that the hub refuses for now is tried again
//! after a while, and does not hold up the others, but for those that have to stay behind it: calls about the same
//! order, and calls of the same kind for the same store, whose messages go into one queue. So a queue that is full
//! holds up what goes into it, and nothing else; least of all the `received` that make room again, which have a
//! bound of their own for that reason.

use std::collections::VecDeque;
use std::sync::Arc;

use caps_proto::{Done, OrderRef, Verb};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::Instant;

use crate::Error;
use crate::ask::Ask;
use crate::backoff::Backoff;

/// One call of the application.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) ask: Ask,
    /// The order that it is about, unless it asks to listen.
    pub(crate) order: Option<OrderRef>,
    /// Who waits for the answer. When they no longer do, the call is made all the same.
    answer: oneshot::Sender<Result<Done, Error>>,
    /// Set when the hub has refused it for now.
    put_off: Option<PutOff>,
    /// Given back when the call is answered.
    _room: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct PutOff {
    until: Instant,
    backoff: Backoff,
}

impl Call {
    fn may_go(&self, now: Instant) -> bool {
        self.put_off.as_ref().is_none_or(|put_off| put_off.until <= now)
    }

    /// Whether `later` has to stay behind this call.
    fn keeps_back(&self, later: &Self) -> bool {
        match (&self.order, &later.order) {
            (Some(order), Some(of_later)) => {
                let is_same_queue =
                    order.client_id == of_later.client_id && self.ask.verb() == later.ask.verb();
                is_same_queue || order == of_later
            }
            (None, None) => true,
            _ => false,
        }
    }
}

/// The application's end, where calls are made.
#[derive(Debug, Clone)]
pub(crate) struct Calls {
    calls: mpsc::UnboundedSender<Call>,
    room: Room,
}

/// How many more calls may wait.
#[derive(Debug, Clone)]
struct Room {
    received: Arc<Semaphore>,
    others: Arc<Semaphore>,
}

impl Calls {
    /// Makes a call when there is room for it, and says where the answer will come; nowhere when no calls are
    /// taken any more.
    pub(crate) async fn make(
        &self,
        ask: Ask,
        order: Option<OrderRef>,
    ) -> Option<oneshot::Receiver<Result<Done, Error>>> {
        let Room { received, others } = &self.room;
        let room = if ask.verb() == Verb::Received { received } else { others };
        let room = Arc::clone(room).acquire_owned().await.ok()?;
        let (answer, answered) = oneshot::channel();
        let call = Call { ask, order, answer, put_off: None, _room: room };
        self.calls.send(call).ok()?;
        Some(answered)
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
}

impl Outbox {
    /// An outbox in which at most `capacity` `received` and as many other calls wait. `backoff` tells for how
    /// long a call is put off.
    pub(crate) fn new(capacity: usize, backoff: Backoff) -> (Calls, Self) {
        let room = || Arc::new(Semaphore::new(capacity));
        let room = Room { received: room(), others: room() };
        let (calls, made) = mpsc::unbounded_channel();
        let calls = Calls { calls, room: room.clone() };
        (calls, Self { made, room, calls: VecDeque::new(), backoff })
    }

    /// Waits for one more call. False when nothing is left and nothing will come. Safe to cancel.
    pub(crate) async fn fill(&mut self) -> bool {
        match self.made.recv().await {
            Some(call) => self.calls.push_back(call),
            None if self.calls.is_empty() => return false,
            None => std::future::pending().await,
        }
        true
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
        if let Some(call) = self.calls.pop_front() {
            // An error means that nobody waits for the answer any more.
            drop(call.answer.send(result));
        }
    }

    /// Puts the head off, because the hub has refused it for now.
    pub(crate) fn put_off(&mut self) {
        let Some(call) = self.calls.front_mut() else { return };
        let now = Instant::now();
        let put_off = call
            .put_off
            .get_or_insert_with(|| PutOff { until: now, backoff: self.backoff.clone() });
        put_off.until = now + put_off.backoff.next();
    }

    /// When the first of the calls that are put off may go. None of them stays behind another call: there was no
    /// such call when it went first, and those that come are later.
    pub(crate) fn put_off_until(&self) -> Option<Instant> {
        self.calls.iter().filter_map(|call| Some(call.put_off.as_ref()?.until)).min()
    }

    /// Takes no more calls, and drops those that only ask to listen: nobody will.
    pub(crate) fn close(&mut self) {
        self.made.close();
        self.room.received.close();
        self.room.others.close();
        while let Ok(call) = self.made.try_recv() {
            self.calls.push_back(call);
        }
        self.calls.retain(|call| !call.ask.is_standing());
    }

    /// Whether everything was answered and nothing will come.
    pub(crate) fn is_over(&self) -> bool {
        self.calls.is_empty() && self.made.is_closed() && self.made.is_empty()
    }

    /// What the hub has not answered and should have. Those who wait get their error when it is dropped.
    pub(crate) fn into_unanswered(mut self) -> VecDeque<Call> {
        self.close();
        self.calls
    }
}
