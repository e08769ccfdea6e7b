//! Reads what the hub answers.

use caps_proto::{Answer, Code, Done, Refusal, Verb};
use serde::Deserialize;
use serde_json::Value;

use crate::Error;

/// The hub's answer to `verb`.
pub(super) fn read(verb: Verb, value: &Value) -> Result<Done, Error> {
    match serde_json::from_value(value.clone()) {
        Ok(Answer::Ok(done)) => Ok(done),
        Ok(Answer::Error(refusal)) => Err(Error::Refused(refusal)),
        Err(_) => Err(Error::UnreadableAnswer { verb, answer: value.to_string() }),
    }
}

/// Why the hub, or what answered in its place, has refused to take the client in.
///
/// Socket.IO servers put a sentence into `message`, and what is for programs into `data`.
pub(super) fn refusal(frame: &Value) -> Refusal {
    if let Some(refusal) = frame.get("data").and_then(|data| Refusal::deserialize(data).ok()) {
        return refusal;
    }
    let text = frame.get("message").and_then(Value::as_str);
    let text = text.map_or_else(|| frame.to_string(), str::to_owned);
    // A refusal that is written out ends in its code.
    let named = text.strip_suffix(')').and_then(|text| text.rsplit_once(" ("));
    let written = named.and_then(|(message, code)| {
        let code = Code::ALL.into_iter().find(|known| known.name() == code)?;
        Some(Refusal::new(code, message.to_owned()))
    });
    written.unwrap_or_else(|| match text.as_str() {
        "Invalid namespace" => Refusal::new(
            Code::Forbidden,
            "A Socket.IO server is at this address, but no CAPS hub; check the address.",
        ),
        // That is what the protocol calls a refused handshake.
        _ => Refusal::new(Code::Unauthorized, text),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_is_read() {
        let ok = read(Verb::Pickup, &json!({"status": "ok", "messageId": "7", "duplicate": true}));
        assert!(ok.unwrap().duplicate);
        let refused = json!({"status": "error", "code": "busy", "message": "m", "temporary": true});
        assert_eq!(
            read(Verb::Pickup, &refused).unwrap_err().refusal(),
            Some(&Refusal::new(Code::Busy, "m"))
        );
        for nonsense in [json!(null), json!("ok"), json!({"status": "fine"})] {
            let error = read(Verb::Pickup, &nonsense).unwrap_err().to_string();
            assert!(error.contains(&format!("`pickup` with `{nonsense}`")), "{error}");
        }
    }

    #[test]
    fn a_refused_connection_says_why() {
        let unauthorized = Refusal::new(Code::Unauthorized, "Who are you?");
        for frame in [
            json!({"message": "x", "data": unauthorized}),
            json!({"message": "Who are you? (unauthorized)"}),
        ] {
            assert_eq!(refusal(&frame), unauthorized, "{frame}");
        }
        assert!(refusal(&json!({"message": "Try later. (busy)"})).temporary);
        for (frame, words) in [
            (json!({"message": "Invalid namespace"}), "no CAPS hub"),
            (json!({"message": "a (b)"}), "a (b) (unauthorized)"),
            (json!("no"), "\"no\" (unauthorized)"),
        ] {
            let refusal = refusal(&frame);
            assert!(!refusal.temporary && refusal.to_string().contains(words), "{refusal}");
        }
    }
}
