//! What is asked of the hub, in two steps: taken by the outbox, then answered by the hub.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use caps_proto::{Done, OrderRef};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::{oneshot, watch};

use crate::ask::Ask;
use crate::outbox::Calls;
use crate::{Error, State};

/// Something to ask of the hub. Nothing is asked before it is awaited.
///
/// Awaited, it gives the hub's answer, however long the hub is away. Who would rather go on when it cannot be lost
/// any more waits with [`taken`](Self::taken).
#[must_use = "nothing is asked of the hub before this is awaited"]
pub struct Sending(Step);

enum Step {
    Taking(BoxFuture<'static, Result<Taken, Error>>),
    Taken(Taken),
}

impl fmt::Debug for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").finish_non_exhaustive()
    }
}

impl Sending {
    pub(crate) fn new(
        ask: Ask,
        order: Option<OrderRef>,
        calls: Calls,
        state: watch::Receiver<State>,
    ) -> Self {
        let take = async move {
            let made = calls.make(ask, order).await;
            // Whoever waits for an answer is no handle that keeps the client.
            drop(calls);
            let Some(made) = made else { return Err(state.borrow().error()) };
            let taken = Taken { answered: made.answered, state };
            match made.taken.await {
                Ok(()) => Ok(taken),
                // It was not, and the answer says why.
                Err(_) => Err(taken.await.err().unwrap_or(Error::Closed)),
            }
        };
        Self(Step::Taking(take.boxed()))
    }

    /// Something of which it is known without the hub that it would be refused.
    pub(crate) fn refused(why: Error) -> Self {
        Self(Step::Taking(async { Err(why) }.boxed()))
    }

    /// Waits until the outbox has taken it: there is room, and where there is an
    /// [outbox file](crate::Options::outbox_file), it is in there, on the disk. From then on it is sent, whoever
    /// waits for the answer.
    ///
    /// # Errors
    /// [`Error::OutboxFile`] when the disk takes nothing, [`Error::Refused`] when the hub could only refuse it,
    /// and those of a client that has ended.
    pub async fn taken(self) -> Result<Taken, Error> {
        match self.0 {
            Step::Taking(taking) => taking.await,
            Step::Taken(taken) => Ok(taken),
        }
    }
}

impl Future for Sending {
    type Output = Result<Done, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            match &mut self.0 {
                Step::Taking(taking) => {
                    let taken = ready!(taking.poll_unpin(cx))?;
                    self.0 = Step::Taken(taken);
                }
                Step::Taken(taken) => return taken.poll_unpin(cx),
            }
        }
    }
}

/// The hub's answer to something that the outbox has taken. Who drops it does not hear the answer; it is asked all
/// the same.
#[derive(Debug)]
pub struct Taken {
    answered: oneshot::Receiver<Result<Done, Error>>,
    state: watch::Receiver<State>,
}

impl Future for Taken {
    type Output = Result<Done, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answered = ready!(self.answered.poll_unpin(cx));
        Poll::Ready(answered.unwrap_or_else(|_| Err(self.state.borrow().error())))
    }
}
