//! The line that the hub writes for every event that it hears.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::time::Timestamp;

/// One event as it was heard: `EVENT pickup 2026-11-22T21:04:05.123Z acme-widgets {…}`.
#[derive(Debug, Clone, Copy)]
pub struct EventRecord<'a> {
    /// When the hub heard it.
    pub at: Timestamp,
    /// The event's name, as the client wrote it.
    pub event: &'a str,
    /// The vendor that it names, where one could be read.
    pub client: Option<&'a str>,
    /// What came with it.
    pub payload: Option<&'a RawValue>,
}

/// One line of text. What could break or forge a line, or steer a terminal, is written as an escape.
impl fmt::Display for EventRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EVENT ")?;
        write_safely(f, self.event)?;
        write!(f, " {} ", self.at)?;
        write_safely(f, self.client.unwrap_or("-"))?;
        f.write_str(" ")?;
        write_safely(f, self.payload.map_or("-", RawValue::get))
    }
}

fn write_safely(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let mut rest = if may_have_control(text) { text } else { return f.write_str(text) };
    while let Some(at) = rest.find(char::is_control) {
        let (before, after) = rest.split_at(at);
        f.write_str(before)?;
        let mut chars = after.chars();
        match chars.next() {
            // White space between a payload's tokens.
            Some('\n' | '\r' | '\t') | None => f.write_str(" ")?,
            Some(control) => write!(f, "\\u{:04x}", u32::from(control))?,
        }
        rest = chars.as_str();
    }
    f.write_str(rest)
}

/// Whether there may be a control character. Looks at every byte, which is many times as fast as to stop at the first.
fn may_have_control(text: &str) -> bool {
    // In UTF-8, 0xC2 begins the controls from U+0080 on, and some other characters.
    const C1: u8 = 0xc2;
    text.bytes().fold(false, |found, byte| found | byte.is_ascii_control() | (byte == C1))
}

/// One JSON object: `{"record":"EVENT","event":"pickup","time":"…","clientId":"acme-widgets","payload":{…}}`.
impl Serialize for EventRecord<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Json<'a> {
            record: &'static str,
            event: &'a str,
            time: String,
            client_id: Option<&'a str>,
            payload: Option<Cow<'a, RawValue>>,
        }
        let json = Json {
            record: "EVENT",
            event: self.event,
            time: self.at.to_string(),
            client_id: self.client,
            payload: self.payload.map(on_one_line),
        };
        json.serialize(serializer)
    }
}

/// Line breaks stand only between a JSON text's tokens, so a space says the same.
fn on_one_line(json: &RawValue) -> Cow<'_, RawValue> {
    const BREAKS: [char; 2] = ['\n', '\r'];
    if !json.get().contains(BREAKS) {
        return Cow::Borrowed(json);
    }
    let text = json.get().replace(BREAKS, " ");
    RawValue::from_string(text).map_or(Cow::Borrowed(json), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record<'a>(event: &'a str, payload: &'a str) -> EventRecord<'a> {
        EventRecord {
            at: Timestamp::from_millis(1_795_381_445_123),
            event,
            client: Some("acme-widgets"),
            payload: Some(serde_json::from_str(payload).unwrap()),
        }
    }

    #[test]
    fn a_record_is_one_line() {
        assert_eq!(
            record("pickup", "{\n\t\"orderId\": 7\r\n}").to_string(),
            "EVENT pickup 2026-11-22T21:04:05.123Z acme-widgets {  \"orderId\": 7  }"
        );
        let nothing = EventRecord { client: None, payload: None, ..record("getAll", "null") };
        assert_eq!(nothing.to_string(), "EVENT getAll 2026-11-22T21:04:05.123Z - -");
    }

    #[test]
    fn nobody_forges_a_line_or_steers_a_terminal() {
        let text = record("x\nEVENT delivered\u{1b}[2J", "\"\u{9b}2J\u{7f}\"").to_string();
        assert!(!text.contains(char::is_control), "{text:?}");
        assert!(text.contains("\\u001b[2J") && text.contains("\\u009b2J\\u007f"), "{text}");
    }

    #[test]
    fn as_json_it_keeps_the_payload_as_it_came() {
        assert_eq!(
            serde_json::to_string(&record("pickup", r#"{"z":1.0,"a":2}"#)).unwrap(),
            r#"{"record":"EVENT","event":"pickup","time":"2026-11-22T21:04:05.123Z","clientId":"acme-widgets","payload":{"z":1.0,"a":2}}"#
        );
        let broken = serde_json::to_string(&record("pickup", "{\r\n\"a\": 1\n}")).unwrap();
        assert!(broken.ends_with(r#""payload":{  "a": 1 }}"#), "{broken}");
    }
}
