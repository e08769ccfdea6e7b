//! An event of the log as people and programs read it.

use caps_hub::{Change, Fact};
use caps_proto::{ClientId, Code, MessageId, Order, Proof};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

use crate::schema::{CodeName, Id, LogEventName, OrderText, ProofText};

/// Written as one JSON object: `{"seq":1,"time":"…","event":"pickup","clientId":"acme","messageId":"7","by":null,…}`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a>(pub(crate) &'a Fact);

impl Serialize for Entry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Fact { seq, at, which, change, .. } = self.0;
        let code = match change {
            Change::Refused { code, .. } => Some(*code),
            _ => None,
        };
        let line = Line {
            seq: seq.0,
            time: at.to_string(),
            event: change.name(),
            client_id: &which.client_id,
            message_id: &which.message_id,
            by: change.by().map(ToString::to_string),
            of: change.of(),
            code,
            payload: change.order(),
            proof: change.proof(),
        };
        line.serialize(serializer)
    }
}

/// A list of them.
pub(crate) fn entries<S: Serializer>(facts: &[Fact], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(facts.iter().map(Entry))
}

/// An event of the log.
#[derive(Serialize, ToSchema)]
#[schema(as = Entry)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Line<'a> {
    /// Its number: 1, 2, 3, and so on.
    seq: u64,
    /// When.
    #[schema(format = DateTime)]
    time: String,
    #[schema(value_type = LogEventName)]
    event: &'static str,
    #[schema(value_type = Id)]
    client_id: &'a ClientId,
    #[schema(value_type = Id)]
    message_id: &'a MessageId,
    /// Who did it: a driver's name, or the connection of one without a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    /// What was received, or asked for and refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<&'static str>,
    /// Why it was refused.
    #[schema(value_type = Option<CodeName>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Code>,
    /// The order.
    #[schema(value_type = Option<OrderText>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a Order>,
    /// What there was to show for a delivery.
    #[schema(value_type = Option<ProofText>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<&'a Proof>,
}
