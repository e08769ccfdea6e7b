//! What is common to all that the hub hears, over Socket.IO and over HTTP: the same gate lets in who says it, each event
//! is bounded, recorded and parsed, and goes into the same inbox.

use std::sync::Arc;
use std::time::SystemTime;

use caps_hub::{EventRecord, Timestamp};
use caps_proto::{ClientId, Code, MessageId, Refusal, Request, Verb};
use serde_json::value::RawValue;

use crate::event_log::EventLog;
use crate::inbox::Inbox;
use crate::metrics::Metrics;
use crate::token::Gate;

pub(crate) struct Intake {
    pub(crate) inbox: Inbox,
    pub(crate) event_log: EventLog,
    pub(crate) metrics: Arc<Metrics>,
    /// `None` where anyone may come in.
    pub(crate) gate: Option<Gate>,
    /// The most bytes of JSON that one event may carry.
    pub(crate) max_payload: usize,
}

impl Intake {
    /// Reads what came with `verb`. `mint` makes an id for an order that brings none.
    pub(crate) fn parse(
        &self,
        verb: Verb,
        payload: Option<&RawValue>,
        mint: impl FnOnce() -> MessageId,
    ) -> Result<Request, Refusal> {
        let size = payload.map_or(0, |payload| payload.get().len());
        if size > self.max_payload {
            return Err(self.too_large(format_args!("has {size} bytes")));
        }
        Request::parse(verb, payload, mint)
    }

    pub(crate) fn too_large(&self, what: impl std::fmt::Display) -> Refusal {
        let most = self.max_payload;
        Refusal::new(
            Code::PayloadTooLarge,
            format!("The payload {what}; at most {most} are taken (`--max-payload`)."),
        )
    }

    /// Notes an event in the log of all that is heard.
    pub(crate) fn record(
        &self,
        event: &str,
        request: Option<&Request>,
        payload: Option<&RawValue>,
    ) {
        let fits = |payload: &&RawValue| payload.get().len() <= self.max_payload;
        self.event_log.write(&EventRecord {
            at: Timestamp::from(SystemTime::now()),
            event,
            client: request.and_then(Request::client_id).map(ClientId::as_str),
            payload: payload.filter(fits),
        });
    }
}

/// An id for an order that brings none.
pub(crate) fn mint() -> MessageId {
    let id = uuid::Uuid::new_v4().to_string();
    MessageId::new(&id).unwrap_or_else(|why| unreachable!("a UUID is a valid id: {why}"))
}
