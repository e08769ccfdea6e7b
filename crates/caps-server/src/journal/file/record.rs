//! A fact as it is written in a block of the log, and back: a JSON array of [`Fields`]. The last of them are left out where
//! they say nothing.

use std::borrow::Cow;
use std::error::Error;

use caps_hub::{Change, ConnId, Fact, Seq, Timestamp, Who};
use caps_proto::{ClientId, Code, Event, MessageId, Order, OrderRef, Proof, Verb};
use rusqlite::types::Type;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What is written of a fact, in this order.
#[derive(Debug, Deserialize)]
struct Fields<'a> {
    /// In milliseconds since 1970, UTC.
    at: u64,
    /// One of [`Change::NAMES`].
    event: &'a str,
    #[serde(borrow)]
    client_id: Cow<'a, str>,
    #[serde(borrow)]
    message_id: Cow<'a, str>,
    #[serde(default)]
    previous: Option<u64>,
    /// A driver's name, or the number of a nameless client's connection.
    #[serde(default, borrow)]
    by: Option<&'a RawValue>,
    /// What was received, or refused.
    #[serde(default)]
    of: Option<&'a str>,
    #[serde(default, borrow)]
    payload: Option<&'a RawValue>,
    #[serde(default, borrow)]
    proof: Option<&'a RawValue>,
    /// Why it was refused.
    #[serde(default)]
    code: Option<&'a str>,
}

/// Writes a fact at the end of `text`.
pub(super) fn write(text: &mut Vec<u8>, fact: &Fact) -> serde_json::Result<()> {
    let Fact { seq: _, at, which: OrderRef { client_id, message_id }, previous, change } = fact;
    text.push(b'[');
    serde_json::to_writer(&mut *text, &at.as_millis())?;
    let mut fields = Writing { text, absent: 0 };
    fields.put_text(change.name())?;
    fields.put_text(client_id.as_str())?;
    fields.put_text(message_id.as_str())?;
    fields.put(*previous)?;
    match change.by() {
        None => fields.put(None::<()>)?,
        Some(Who::Named(name)) => fields.put_text(name.as_str())?,
        Some(Who::Nameless(conn)) => fields.put(Some(conn))?,
    }
    match change.of() {
        None => fields.put(None::<()>)?,
        Some(of) => fields.put_text(of)?,
    }
    fields.put(change.order())?;
    fields.put(change.proof())?;
    let code = match change {
        Change::Refused { code, .. } => Some(code.name()),
        _ => None,
    };
    fields.put(code)?;
    text.push(b']');
    Ok(())
}

/// Fields after the first.
struct Writing<'a> {
    text: &'a mut Vec<u8>,
    /// How many before the next one say nothing.
    absent: usize,
}

impl Writing<'_> {
    /// The same as [`put`](Self::put), sooner for what needs no escapes: names and ids have no control characters, and hardly ever
    /// quotes.
    fn put_text(&mut self, field: &str) -> serde_json::Result<()> {
        let needs_escapes = field
            .bytes()
            .fold(false, |needs, byte| needs | matches!(byte, b'"' | b'\\') | (byte < b' '));
        if needs_escapes {
            return self.put(Some(field));
        }
        self.separate();
        self.text.push(b'"');
        self.text.extend_from_slice(field.as_bytes());
        self.text.push(b'"');
        Ok(())
    }

    fn separate(&mut self) {
        for _ in 0..std::mem::take(&mut self.absent) {
            self.text.extend_from_slice(b",null");
        }
        self.text.push(b',');
    }

    fn put(&mut self, field: Option<impl Serialize>) -> serde_json::Result<()> {
        let Some(field) = field else {
            self.absent += 1;
            return Ok(());
        };
        self.separate();
        serde_json::to_writer(&mut *self.text, &field)
    }
}

/// An event of the log, as far as it was read.
#[derive(Debug)]
pub(super) struct Record<'a> {
    pub(super) seq: Seq,
    fields: Fields<'a>,
}

impl<'a> Record<'a> {
    /// Reads what [`write`] has written of the fact of this number.
    pub(super) fn read(seq: Seq, text: &'a str) -> rusqlite::Result<Self> {
        let fields = serde_json::from_str(text).map_err(unreadable)?;
        Ok(Self { seq, fields })
    }

    pub(super) fn at(&self) -> Timestamp {
        Timestamp::from_millis(self.fields.at)
    }

    pub(super) fn client_id(&self) -> &str {
        &self.fields.client_id
    }

    pub(super) fn message_id(&self) -> &str {
        &self.fields.message_id
    }

    /// The order that it is about.
    pub(super) fn which(&self) -> rusqlite::Result<OrderRef> {
        Ok(OrderRef {
            client_id: parsed(self.client_id(), |text| ClientId::new(text).ok())?,
            message_id: parsed(self.message_id(), |text| MessageId::new(text).ok())?,
        })
    }

    /// One of [`Change::NAMES`].
    pub(super) fn event(&self) -> rusqlite::Result<&'static str> {
        let event = self.fields.event;
        parsed(event, |text| Change::NAMES.into_iter().find(|name| *name == text))
    }

    pub(super) fn is(&self, event: &str) -> bool {
        self.fields.event == event
    }

    /// The event before it about the same order.
    pub(super) fn previous(&self) -> Option<Seq> {
        self.fields.previous.map(Seq)
    }

    /// Whether it is the first that the log tells of its order.
    pub(super) fn is_beginning(&self) -> bool {
        self.is("pickup") || self.fields.previous.is_none()
    }

    /// The text of the order that it brings or tells of.
    pub(super) fn order_text(&self) -> rusqlite::Result<&'a str> {
        self.payload().map(RawValue::get)
    }

    fn payload(&self) -> rusqlite::Result<&'a RawValue> {
        self.fields.payload.ok_or_else(|| unreadable("an order is missing"))
    }

    fn order(&self) -> rusqlite::Result<Order> {
        Order::new(self.payload()?).map_err(unreadable)
    }

    fn proof(&self) -> rusqlite::Result<Option<Proof>> {
        let proof = self.fields.proof.map(|text| serde_json::from_str(text.get()));
        proof.transpose().map_err(unreadable)
    }

    fn by(&self) -> rusqlite::Result<Who> {
        let by = self.fields.by.ok_or_else(|| unreadable("it does not say by whom"))?.get();
        if by.starts_with('"') {
            serde_json::from_str(by).map(Who::Named).map_err(unreadable)
        } else {
            serde_json::from_str(by).map(|conn| Who::Nameless(ConnId(conn))).map_err(unreadable)
        }
    }

    fn of<T>(&self, parse: impl FnOnce(&str) -> Option<T>) -> rusqlite::Result<T> {
        parsed(self.fields.of.unwrap_or_default(), parse)
    }

    fn code(&self) -> rusqlite::Result<Code> {
        let code = self.fields.code.unwrap_or_default();
        parsed(code, |name| Code::ALL.into_iter().find(|code| code.name() == name))
    }

    /// The fact that was written.
    pub(super) fn fact(&self) -> rusqlite::Result<Fact> {
        let change = match self.fields.event {
            "pickup" => Change::Placed(self.order()?),
            "claimed" => Change::Claimed(self.by()?),
            "in-transit" => Change::InTransit { by: self.by()?, order: self.order()? },
            "delivered" => {
                Change::Delivered { by: self.by()?, order: self.order()?, proof: self.proof()? }
            }
            "received" => Change::Received { event: self.of(Event::from_name)?, by: self.by()? },
            "released" => Change::Released { by: self.by()? },
            "offered" => Change::Offered,
            "abandoned" => Change::Abandoned,
            "refused" => Change::Refused {
                verb: self.of(Verb::from_name)?,
                by: self.by()?,
                code: self.code()?,
            },
            _ => return Err(unreadable("no event of the log has this name")),
        };
        Ok(Fact {
            seq: self.seq,
            at: self.at(),
            which: self.which()?,
            previous: self.previous(),
            change,
        })
    }
}

fn parsed<T>(text: &str, parse: impl FnOnce(&str) -> Option<T>) -> rusqlite::Result<T> {
    parse(text).ok_or_else(|| unreadable(format!("`{text}` cannot be")))
}

/// What was read cannot have been written by a hub.
pub(super) fn unreadable(why: impl Into<Box<dyn Error + Send + Sync>>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, why.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each kind, in the order of [`Change::NAMES`]; and a delivery without a proof.
    fn changes() -> Vec<Change> {
        let order = || {
            serde_json::from_str("{ \"orderId\": 7,\n\"total\": 1.50, \"é\": \"\\u0041\" }")
                .unwrap()
        };
        let proof = || serde_json::from_str(r#"{ "code": 1.50 }"#).unwrap();
        let dora = || Who::Named(r#"dora "d" \"#.parse().unwrap());
        let nameless = || Who::Nameless(ConnId(9));
        vec![
            Change::Placed(order()),
            Change::Claimed(nameless()),
            Change::InTransit { by: dora(), order: order() },
            Change::Delivered { by: nameless(), order: order(), proof: proof() },
            Change::Received { event: Event::Delivered, by: dora() },
            Change::Released { by: nameless() },
            Change::Offered,
            Change::Abandoned,
            Change::Refused { verb: Verb::Release, by: dora(), code: Code::AlreadyClaimed },
            Change::Delivered { by: dora(), order: order(), proof: None },
        ]
    }

    #[test]
    fn a_fact_of_every_kind_is_read_back_as_it_was_written() {
        let changes = changes();
        let names: Vec<_> = changes.iter().map(Change::name).collect();
        assert_eq!(names[..Change::NAMES.len()], Change::NAMES);
        for (change, seq) in changes.into_iter().zip(1..) {
            let fact = Fact {
                seq: Seq(seq),
                at: Timestamp::from_millis(1_795_381_445_123 + seq),
                which: OrderRef {
                    client_id: r#"acme "& sons""#.parse().unwrap(),
                    message_id: "\\7".parse().unwrap(),
                },
                previous: (seq > 1).then(|| Seq(seq - 1)),
                change,
            };
            let mut text = Vec::new();
            write(&mut text, &fact).unwrap();
            let text = String::from_utf8(text).unwrap();
            let read_back = Record::read(fact.seq, &text).unwrap().fact().unwrap();
            assert_eq!(format!("{read_back:#?}"), format!("{fact:#?}"), "{text}");
        }
    }
}
