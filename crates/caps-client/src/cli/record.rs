//! What a program says with `--json`.

use std::time::SystemTime;

use caps_proto::{ClientId, MessageId, Order, Proof};
use serde::Serialize;

/// The time now, as it is written in lines and records.
pub fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

/// One thing that has happened: a line of JSON. What is not known is left out.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record<'a> {
    /// When, in UTC: `2026-11-24T02:14:47Z`.
    pub time: String,
    /// What has happened.
    pub event: &'a str,
    /// The store whose order it happened to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<&'a ClientId>,
    /// The order's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_id: Option<&'a MessageId>,
    /// The order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<&'a Order>,
    /// What the driver had to show for its delivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proof: Option<&'a Proof>,
    /// The line of the orders' file that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The code that was scanned or typed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'a str>,
    /// How many reports wait for the hub.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unanswered: Option<usize>,
    /// What there is to know for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<&'a str>,
    /// What went wrong, and how to mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'a str>,
}

impl<'a> Record<'a> {
    /// That `event` has happened, now, to an order of this store.
    pub fn new(event: &'a str, client_id: &'a ClientId) -> Self {
        Self { client_id: Some(client_id), ..Self::of_none(event) }
    }

    /// That `event` has happened, now, and to no order that is known.
    pub fn of_none(event: &'a str) -> Self {
        Self {
            time: now(),
            event,
            client_id: None,
            message_id: None,
            order: None,
            proof: None,
            line: None,
            code: None,
            unanswered: None,
            text: None,
            error: None,
        }
    }
}
