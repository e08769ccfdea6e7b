//! What the hub answers: `docs/protocol.md`, "Answers".

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::MessageId;

/// The hub's answer to one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum Answer {
    /// Done, and where the event changed anything, kept.
    Ok(Done),
    /// Refused; nothing has changed.
    Error(Refusal),
}

impl From<Result<Done, Refusal>> for Answer {
    fn from(result: Result<Done, Refusal>) -> Self {
        result.map_or_else(Self::Error, Self::Ok)
    }
}

/// What a successful answer tells; each event fills what is useful to its sender.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Done {
    /// The order that this is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
    /// The hub knew this already: nothing was queued or emitted again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub duplicate: bool,
    /// The order of a `pickup` was delivered before, and its vendor has received that: nothing more comes of it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub over: bool,
    /// How many messages `received` took out of the queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removed: Option<u64>,
    /// The pickups of a list of `received` that were left alone because another driver holds them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub already_claimed: Vec<MessageId>,
    /// How many messages `getAll` has sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// How many messages are left for the next `getAll`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remaining: Option<u64>,
}

/// Why an event was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message} ({code})")]
pub struct Refusal {
    /// The kind of refusal, for programs.
    pub code: Code,
    /// One sentence for people: what is wrong, and how to mend it.
    pub message: Cow<'static, str>,
    /// Whether the same event may succeed later, unchanged.
    pub temporary: bool,
}

impl Refusal {
    /// A refusal that lasts as long as `code` says by itself.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), temporary: code.is_temporary() }
    }
}

/// The kinds of refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The payload is not what the event takes.
    InvalidPayload,
    /// No event of that name is known.
    UnknownEvent,
    /// The id belongs to a different order that is still under way.
    OrderConflict,
    /// Another driver holds the order.
    AlreadyClaimed,
    /// Another driver has delivered the order, or it is delivered and cannot be given back.
    AlreadyDelivered,
    /// The queue has reached its bound.
    QueueFull,
    /// The payload is larger than the hub accepts.
    PayloadTooLarge,
    /// The connection sends more than it may.
    RateLimited,
    /// The hub has too much at hand right now.
    Busy,
    /// Nobody knows who is asking.
    Unauthorized,
    /// Whoever asks may not do this.
    Forbidden,
    /// The hub failed.
    Internal,
}

impl Code {
    /// Every code.
    pub const ALL: [Self; 12] = [
        Self::InvalidPayload,
        Self::UnknownEvent,
        Self::OrderConflict,
        Self::AlreadyClaimed,
        Self::AlreadyDelivered,
        Self::QueueFull,
        Self::PayloadTooLarge,
        Self::RateLimited,
        Self::Busy,
        Self::Unauthorized,
        Self::Forbidden,
        Self::Internal,
    ];

    /// The code on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidPayload => "invalid_payload",
            Self::UnknownEvent => "unknown_event",
            Self::OrderConflict => "order_conflict",
            Self::AlreadyClaimed => "already_claimed",
            Self::AlreadyDelivered => "already_delivered",
            Self::QueueFull => "queue_full",
            Self::PayloadTooLarge => "payload_too_large",
            Self::RateLimited => "rate_limited",
            Self::Busy => "busy",
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::Internal => "internal",
        }
    }

    /// Whether a refusal of this kind passes by itself.
    pub const fn is_temporary(self) -> bool {
        matches!(self, Self::QueueFull | Self::RateLimited | Self::Busy | Self::Internal)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_carries_what_is_useful_and_no_more() {
        let ok =
            Answer::Ok(Done { message_id: Some(MessageId::new("7").unwrap()), ..Done::default() });
        assert_eq!(serde_json::to_value(&ok).unwrap(), json!({"status": "ok", "messageId": "7"}));
        let error = Answer::Error(Refusal::new(Code::QueueFull, "full"));
        assert_eq!(
            serde_json::to_value(&error).unwrap(),
            json!({"status": "error", "code": "queue_full", "message": "full", "temporary": true})
        );
    }

    #[test]
    fn an_answer_is_read_back_as_it_was_written() {
        let answers = [
            Answer::Ok(Done::default()),
            Answer::Ok(Done {
                duplicate: true,
                over: true,
                removed: Some(2),
                remaining: Some(0),
                ..Done::default()
            }),
            Answer::Error(Refusal::new(Code::AlreadyClaimed, "taken")),
        ];
        for answer in answers {
            let text = serde_json::to_string(&answer).unwrap();
            assert_eq!(serde_json::from_str::<Answer>(&text).unwrap(), answer, "{text}");
        }
    }

    #[test]
    fn a_code_is_written_as_its_name() {
        for code in Code::ALL {
            assert_eq!(serde_json::to_value(code).unwrap(), code.name());
        }
    }
}
