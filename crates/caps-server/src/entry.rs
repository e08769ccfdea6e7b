//! An event of the log as people and programs read it.

use caps_hub::{Change, Fact};
use caps_proto::{ClientId, Code, MessageId, Order, Proof};
use serde::{Serialize, Serializer};

/// Written as one JSON object: `{"seq":1,"time":"…","event":"pickup","clientId":"acme","messageId":"7","by":null,…}`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a>(pub(crate) &'a Fact);

impl Serialize for Entry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Json<'a> {
            seq: u64,
            time: String,
            event: &'static str,
            client_id: &'a ClientId,
            message_id: &'a MessageId,
            #[serde(skip_serializing_if = "Option::is_none")]
            by: Option<String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            of: Option<&'static str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            code: Option<Code>,
            #[serde(skip_serializing_if = "Option::is_none")]
            payload: Option<&'a Order>,
            #[serde(skip_serializing_if = "Option::is_none")]
            proof: Option<&'a Proof>,
        }
        let Fact { seq, at, which, change, .. } = self.0;
        let code = match change {
            Change::Refused { code, .. } => Some(*code),
            _ => None,
        };
        let json = Json {
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
        json.serialize(serializer)
    }
}

/// A list of them.
pub(crate) fn entries<S: Serializer>(facts: &[Fact], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(facts.iter().map(Entry))
}
