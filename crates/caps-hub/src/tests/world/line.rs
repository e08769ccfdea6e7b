//! The client's end of a line, and what is on its way there.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use caps_proto::{Answer, Message};

use crate::{AckId, Limits};

/// The client's end of one connection.
#[derive(Default)]
pub(super) struct Line {
    pub(super) heard: Vec<Arc<Message>>,
    pub(super) answers: BTreeMap<AckId, Answer>,
    pub(super) asked: AckId,
    pub(super) stalled: bool,
    /// What may not have left yet, oldest first, and how many messages and bytes that is.
    on_the_way: VecDeque<Sent>,
    messages: usize,
    bytes: usize,
}

enum Sent {
    /// A message, and how many bytes its text has.
    Message(usize),
    /// The hub wants to know when all before this has left.
    Watch,
}

impl Line {
    /// Nothing more comes; what has been heard stays.
    pub(super) fn cut(&mut self) {
        *self = Self { heard: std::mem::take(&mut self.heard), ..Self::default() };
    }

    pub(super) fn load(&mut self, message: &Message, limits: &Limits) {
        let Self { messages, bytes, .. } = *self;
        assert!(messages < limits.window_messages, "{messages} messages are on the way");
        assert!(bytes < limits.window_bytes, "{bytes} bytes are on the way");
        let proof = message.proof.as_ref().map_or(0, |proof| proof.text().len());
        let size = message.order.text().len() + proof;
        self.messages += 1;
        self.bytes += size;
        self.on_the_way.push_back(Sent::Message(size));
    }

    pub(super) fn watch(&mut self) {
        self.on_the_way.push_back(Sent::Watch);
    }

    pub(super) fn is_watched(&self) -> bool {
        self.on_the_way.iter().any(|sent| matches!(sent, Sent::Watch))
    }

    /// What was sent before the oldest watch leaves.
    pub(super) fn leave(&mut self) {
        while let Some(Sent::Message(size)) = self.on_the_way.pop_front() {
            self.messages -= 1;
            self.bytes -= size;
        }
    }
}
