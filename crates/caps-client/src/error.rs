//! What can go wrong for good. Outages are not errors: the client lives through them.

use caps_proto::{Refusal, Verb};

use crate::OutboxFileError;

/// Why a call, or the whole client, has failed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is none that a hub can have.
    #[error("`{url}` is no address of a hub: {why}; write it like `http://localhost:3001`")]
    InvalidUrl {
        /// The address as it was given.
        url: String,
        /// What is wrong with it.
        why: String,
    },
    /// The hub has refused, and would refuse again.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The hub has answered in words that this client does not know.
    #[error(
        "the hub answered `{verb}` with `{answer}`, which this client cannot read; \
         use a client of the hub's own version"
    )]
    UnreadableAnswer {
        /// What was asked.
        verb: Verb,
        /// The answer as it came.
        answer: String,
    },
    /// The outbox file does not keep what it should. What was to be kept was not taken.
    #[error(transparent)]
    OutboxFile(#[from] OutboxFileError),
    /// The client was closed before the hub had answered.
    #[error("the client was closed before the hub had answered; connect a new one")]
    Closed,
}

impl Error {
    /// The hub's refusal, where this is one.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }
}
