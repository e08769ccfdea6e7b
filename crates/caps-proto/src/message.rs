//! The envelope: the only shape that the hub sends.

use serde::{Deserialize, Serialize};

use crate::{ClientId, Event, MessageId, Order, Proof};

/// What happened to which order of whose.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// What happened. Also the name under which the message is emitted.
    pub event: Event,
    /// The order's id.
    pub message_id: MessageId,
    /// The vendor whose order it is.
    pub client_id: ClientId,
    /// The order as its vendor wrote it.
    pub order: Order,
    /// What the driver had to show for it. Only what is delivered may have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_keeps_its_text_inside_a_message() {
        let text = r#"{"event":"pickup","messageId":"7","clientId":"acme","order":{"z":1.0, "a":12345678901234567890123,"é":"\u0041"}}"#;
        let message: Message = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&message).unwrap(), text);
    }

    #[test]
    fn a_proof_stands_beside_the_order() {
        let text = r#"{"event":"delivered","messageId":"7","clientId":"acme","order":{"proof":1},"proof":{"z":1.0, "a":2}}"#;
        let message: Message = serde_json::from_str(text).unwrap();
        assert_eq!(message.proof.as_ref().unwrap().text(), r#"{"z":1.0, "a":2}"#);
        assert_eq!(serde_json::to_string(&message).unwrap(), text);
    }
}
