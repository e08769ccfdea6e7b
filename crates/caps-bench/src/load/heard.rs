//! What a server says, looked at only as far as a job must.

use std::sync::LazyLock;

use anyhow::{Context as _, bail};
use memchr::memmem::Finder;

/// The hub's namespace on the wire.
pub(super) const NAMESPACE: &str = "/caps,";

static MESSAGE_ID: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(br#""messageId":""#));
static CLIENT_ID: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(br#""clientId":""#));

/// One thing that a server has said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard<'a> {
    /// An answer to the event of that number.
    Answer {
        to: u64,
        body: &'a str,
    },
    Message(Message<'a>),
}

/// What the hub tells of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    pub(crate) event: Event,
    pub(crate) client_id: &'a str,
    pub(crate) message_id: &'a str,
    /// All of it, as it came.
    pub(crate) json: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Pickup,
    InTransit,
    Delivered,
}

impl Event {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pickup => "pickup",
            Self::InTransit => "in-transit",
            Self::Delivered => "delivered",
        }
    }
}

/// Whether an answer says `ok`.
pub(crate) fn is_ok(body: &str) -> bool {
    body.starts_with(r#"[{"status":"ok""#)
}

/// Reads a packet that came on a connected line.
pub(super) fn read(packet: &str) -> anyhow::Result<Heard<'_>> {
    let heard = || format!("heard {packet}");
    let (kind, rest) = packet.split_once(NAMESPACE).with_context(heard)?;
    let (number, body) = rest.split_at(rest.find('[').with_context(heard)?);
    match kind {
        "43" => Ok(Heard::Answer { to: number.parse().with_context(heard)?, body }),
        "42" => message(body).map(Heard::Message).with_context(heard),
        _ => bail!(heard()),
    }
}

fn message(body: &str) -> Option<Message<'_>> {
    let (name, json) = body.strip_prefix("[\"")?.strip_suffix(']')?.split_once("\",")?;
    let event = [Event::Pickup, Event::InTransit, Event::Delivered]
        .into_iter()
        .find(|event| event.name() == name)?;
    Some(Message {
        event,
        client_id: field(json, &CLIENT_ID)?,
        message_id: field(json, &MESSAGE_ID)?,
        json,
    })
}

/// The field's text. The hub's own come before those of the order, and the ids of the jobs need no escapes.
fn field<'a>(json: &'a str, name: &Finder<'_>) -> Option<&'a str> {
    let from = name.find(json.as_bytes())? + name.needle().len();
    let rest = &json[from..];
    Some(&rest[..memchr::memchr(b'"', rest.as_bytes())?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_and_answers_are_told_apart() {
        let json =
            r#"{"event":"pickup","messageId":"7","clientId":"v0","order":{"messageId":"8"}}"#;
        assert_eq!(
            read(&format!(r#"42/caps,["pickup",{json}]"#)).unwrap(),
            Heard::Message(Message {
                event: Event::Pickup,
                client_id: "v0",
                message_id: "7",
                json
            })
        );
        let answer = read(r#"43/caps,12[{"status":"ok"}]"#).unwrap();
        assert_eq!(answer, Heard::Answer { to: 12, body: r#"[{"status":"ok"}]"# });
    }

    #[test]
    fn what_is_neither_is_an_error() {
        for packet in ["", "44/caps,{}", r#"42["pickup",{}]"#, r#"42/caps,["hello",{}]"#] {
            assert!(read(packet).is_err(), "{packet}");
        }
    }
}
