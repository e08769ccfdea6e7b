//! How the client stands with the hub.

use caps_proto::Refusal;

use crate::Error;

/// How the client stands with the hub, now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// There is no connection; the client is trying to make one.
    Connecting,
    /// The connection stands, and everything that the client listens to is restored.
    Connected {
        /// Counts the connections that came to stand, from 1: another number is another connection.
        session: u64,
    },
    /// The hub has refused the client for good. Nothing more will come or go.
    Refused(Refusal),
    /// The client was closed. Nothing more will come or go.
    Closed {
        /// How many reports and acknowledgements the hub had not answered.
        unsent: usize,
    },
}

impl State {
    /// Whether the client has ended.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::Closed { .. })
    }

    /// What to tell a caller whose call can no longer be answered.
    pub(crate) fn error(&self) -> Error {
        match self {
            Self::Refused(refusal) => Error::Refused(refusal.clone()),
            Self::Connecting | Self::Connected { .. } | Self::Closed { .. } => Error::Closed,
        }
    }
}
