//! One call of the application, until the hub has answered.

use caps_proto::{Code, Done, OrderRef, Verb};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};
use tokio::time::Instant;

use super::file::Entry;
use crate::Error;
use crate::ask::Ask;
use crate::backoff::Backoff;
use crate::line::Emit;

/// What came of a call that an earlier process had left in the outbox file.
#[derive(Debug, Clone)]
pub struct Resent {
    /// What the call was.
    pub verb: Verb,
    /// The order that it was about.
    pub order: OrderRef,
    /// What the hub has answered.
    pub result: Result<Done, Error>,
}

/// One call of the application.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) ask: Ask,
    /// The order that it is about, unless it asks to listen.
    pub(crate) order: Option<OrderRef>,
    /// Its number in the outbox file, if it is there.
    pub(super) number: Option<u64>,
    waits: Waits,
    /// Set when the hub has refused it for now.
    put_off: Option<PutOff>,
    /// Given back when the call is answered.
    _room: Option<OwnedSemaphorePermit>,
}

/// Who waits for the answer. When they no longer do, the call is made all the same.
#[derive(Debug)]
enum Waits {
    Caller {
        taken: Option<oneshot::Sender<()>>,
        answer: oneshot::Sender<Result<Done, Error>>,
    },
    /// Nobody: the process that has made it is gone. The application may want to know.
    Application(Option<mpsc::UnboundedSender<Resent>>),
}

#[derive(Debug)]
struct PutOff {
    until: Instant,
    backoff: Backoff,
}

/// What a caller hears of a call.
#[derive(Debug)]
pub(crate) struct Made {
    /// That it is made, whatever happens; where it is not, `answered` says why.
    pub(crate) taken: oneshot::Receiver<()>,
    pub(crate) answered: oneshot::Receiver<Result<Done, Error>>,
}

impl Call {
    /// A call, and where its caller hears of it.
    pub(super) fn new(
        ask: Ask,
        order: Option<OrderRef>,
        room: OwnedSemaphorePermit,
    ) -> (Self, Made) {
        let (taken, is_taken) = oneshot::channel();
        let (answer, answered) = oneshot::channel();
        let waits = Waits::Caller { taken: Some(taken), answer };
        let call = Self { ask, order, number: None, waits, put_off: None, _room: Some(room) };
        (call, Made { taken: is_taken, answered })
    }

    /// The call that is in the outbox file under this number.
    pub(super) fn resent(
        number: u64,
        Entry { verb, order, payload }: Entry,
        tell: Option<mpsc::UnboundedSender<Resent>>,
        room: Option<OwnedSemaphorePermit>,
    ) -> Self {
        Self {
            ask: Ask::Emit(Emit { verb, payload }),
            order: Some(order),
            number: Some(number),
            waits: Waits::Application(tell),
            put_off: None,
            _room: room,
        }
    }

    /// What to keep of it, if it is to outlive the process: what asks to listen is asked again anyway.
    pub(super) fn entry(&self) -> Option<Entry> {
        match (&self.ask, &self.order) {
            (Ask::Emit(Emit { verb, payload }), Some(order)) => {
                Some(Entry { verb: *verb, order: order.clone(), payload: payload.clone() })
            }
            _ => None,
        }
    }

    /// Tells the caller that the call is made, whatever happens.
    pub(super) fn is_taken(&mut self) {
        if let Waits::Caller { taken, .. } = &mut self.waits
            && let Some(taken) = taken.take()
        {
            // Nobody may wait for that.
            let _ = taken.send(());
        }
    }

    /// Whether it need be kept no longer. A hub that does not know who asks has not said no to what they ask, and
    /// one that does not let them may let another who has the same file.
    pub(super) fn is_answered_by(&self, result: &Result<Done, Error>) -> bool {
        let refusal = result.as_ref().err().and_then(Error::refusal);
        match refusal.map(|refusal| refusal.code) {
            Some(Code::Unauthorized) => false,
            Some(Code::Forbidden) => matches!(self.waits, Waits::Caller { .. }),
            _ => true,
        }
    }

    /// Tells whoever waits what came of it.
    pub(super) fn answer(self, result: Result<Done, Error>) {
        let tell = match self.waits {
            Waits::Caller { answer, .. } => {
                // An error means that nobody waits for the answer any more.
                drop(answer.send(result));
                return;
            }
            Waits::Application(tell) => tell,
        };
        let (verb, Some(order)) = (self.ask.verb(), self.order) else { return };
        match &result {
            Ok(_) => tracing::debug!(%verb, %order, "sent what an earlier run had left"),
            // Nothing was done yet for the order, and somebody else does it.
            Err(why) if verb == Verb::InTransit && is_anothers(why) => {
                tracing::debug!(%verb, %order, %why, "what an earlier run had left is refused");
            }
            Err(why) => {
                tracing::warn!(%verb, %order, %why, "what an earlier run had left is refused");
            }
        }
        if let Some(tell) = tell {
            drop(tell.send(Resent { verb, order, result }));
        }
    }

    /// Puts it off, because the hub has refused it for now. `backoff` is for the first time.
    pub(super) fn put_off(&mut self, backoff: &Backoff) {
        let now = Instant::now();
        let put_off =
            self.put_off.get_or_insert_with(|| PutOff { until: now, backoff: backoff.clone() });
        put_off.until = now + put_off.backoff.next();
    }

    pub(super) fn put_off_until(&self) -> Option<Instant> {
        Some(self.put_off.as_ref()?.until)
    }

    pub(super) fn may_go(&self, now: Instant) -> bool {
        self.put_off_until().is_none_or(|until| until <= now)
    }

    /// Whether `later` has to stay behind this call.
    pub(super) fn keeps_back(&self, later: &Self) -> bool {
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

fn is_anothers(why: &Error) -> bool {
    let code = why.refusal().map(|refusal| refusal.code);
    matches!(code, Some(Code::AlreadyClaimed | Code::AlreadyDelivered))
}
