//! What the application has asked for, in order, until the hub has answered.

use std::collections::VecDeque;

use caps_proto::{Done, MessageId, Verb};
use tokio::sync::{mpsc, oneshot};

use crate::Error;
use crate::line::Emit;

/// One call of the application.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) emit: Emit,
    /// The order that it is about: an answer about another is not its answer.
    pub(crate) message_id: Option<MessageId>,
    /// Who waits for the answer. When they no longer do, the call is made all the same.
    pub(crate) answer: oneshot::Sender<Result<Done, Error>>,
}

impl Call {
    /// Whether it asks to listen: that is for the client's life, and made again on each connection.
    pub(crate) fn is_standing(&self) -> bool {
        matches!(self.emit.verb, Verb::Join | Verb::Subscribe | Verb::GetAll)
    }
}

/// The calls that the hub has not answered. The first stays until it is, through every outage.
#[derive(Debug)]
pub(crate) struct Outbox {
    calls: mpsc::Receiver<Call>,
    /// The head; once the outbox is closed, all that is left.
    next: VecDeque<Call>,
}

impl Outbox {
    pub(crate) fn new(calls: mpsc::Receiver<Call>) -> Self {
        Self { calls, next: VecDeque::new() }
    }

    /// The call whose turn it is.
    pub(crate) fn head(&self) -> Option<&Call> {
        self.next.front()
    }

    /// Waits until there is a head. False when there will be none any more. Safe to cancel.
    pub(crate) async fn fill(&mut self) -> bool {
        if self.next.is_empty() {
            self.next.extend(self.calls.recv().await);
        }
        !self.next.is_empty()
    }

    /// Answers the head and makes room for the next.
    pub(crate) fn answer(&mut self, result: Result<Done, Error>) {
        if let Some(call) = self.next.pop_front() {
            // An error means that nobody waits for the answer any more.
            drop(call.answer.send(result));
        }
    }

    /// Takes no more calls, and drops those that only ask to listen: nobody will.
    pub(crate) fn close(&mut self) {
        self.calls.close();
        while let Ok(call) = self.calls.try_recv() {
            self.next.push_back(call);
        }
        self.next.retain(|call| !call.is_standing());
    }

    /// Whether everything was answered and nothing will come.
    pub(crate) fn is_over(&self) -> bool {
        self.next.is_empty() && self.calls.is_closed() && self.calls.is_empty()
    }

    /// What the hub has not answered and should have. Those who wait get their error when it is dropped.
    pub(crate) fn into_unanswered(mut self) -> VecDeque<Call> {
        self.close();
        self.next
    }
}
