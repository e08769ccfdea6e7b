//! The two channels between a session and whatever carries its words.
//!
//! A transport is a function from an [`Endpoint`] to a [`Line`]. It carries one connection and then ends; it
//! holds no timers, retries nothing and knows nothing of orders.

use std::sync::Arc;
use std::time::Duration;

use caps_proto::Verb;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// How long a transport may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(1);

/// Where to connect, and what to say there.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) url: String,
    /// The `auth` of the Socket.IO CONNECT.
    pub(crate) auth: Value,
}

/// One event for the hub, which is to be answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Emit {
    pub(crate) verb: Verb,
    /// JSON text, sent as it stands.
    pub(crate) payload: Arc<str>,
}

/// What comes from the hub, in the order in which it came.
#[derive(Debug)]
pub(crate) enum Heard {
    /// The hub has taken the client in. Comes first, and nothing may be emitted before.
    Connected,
    /// The hub has refused to take the client in.
    Refused(Value),
    /// An event.
    Event { name: String, payload: Value },
    /// The answer to what was emitted.
    Answer(Value),
    /// The connection is over.
    Lost(String),
}

/// One connection, seen from the session. Dropping it ends the connection.
#[derive(Debug)]
pub(crate) struct Line {
    /// Takes one event at a time: the next only when the last was answered.
    pub(crate) emits: mpsc::Sender<Emit>,
    /// Ends when the connection is over, with [`Heard::Lost`] or without.
    pub(crate) heard: mpsc::Receiver<Heard>,
}

impl Line {
    /// Lets the transport take its leave of the hub.
    pub(crate) async fn hang_up(mut self) {
        drop(self.emits);
        let ended = async { while self.heard.recv().await.is_some() {} };
        if timeout(GOODBYE, ended).await.is_err() {
            tracing::debug!("the hub took no notice of the goodbye");
        }
    }
}
