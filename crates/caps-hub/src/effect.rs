//! What the hub says is to be done.

use std::sync::Arc;

use caps_proto::{Answer, Message, Verb};

use crate::fact::{Fact, Seq};
use crate::input::ConnId;

/// The acknowledgement id of one event, as Socket.IO counts them on each connection.
pub type AckId = i64;

/// Something to carry out at the edge, in the order given, once the facts of its step are kept.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Emit a message, under the name of its event, to each of these.
    Emit {
        /// To whom; never empty.
        to: Vec<ConnId>,
        /// The fact that has queued it.
        seq: Seq,
        /// What.
        message: Arc<Message>,
    },
    /// Answer an event.
    Answer {
        /// Whose event it was.
        conn: ConnId,
        /// Its acknowledgement id, or `None` where the client wants no answer but to a failure.
        ack: Option<AckId>,
        /// What was asked; `None` for an event whose name says nothing to the hub.
        verb: Option<Verb>,
        /// The answer.
        answer: Answer,
    },
    /// Say [`Input::Drained`](crate::Input::Drained) once all that was emitted to this connection so far has
    /// left for the client.
    Watch {
        /// Whose line to watch.
        conn: ConnId,
    },
    /// End a connection whose time is up, when it has been told what was told before. Nothing more comes for it.
    HangUp {
        /// Whose.
        conn: ConnId,
    },
}

/// What one or more inputs came to. Handed in to be added to, so that a batch of inputs makes one step.
#[derive(Debug, Default)]
pub struct Step {
    /// What to keep, in order.
    pub facts: Vec<Fact>,
    /// What to carry out when all the facts are kept, in order.
    pub effects: Vec<Effect>,
}
