//! A fact as a row of the log, and back.

use std::error::Error;

use caps_hub::{Change, ConnId, Fact, Seq, Timestamp, Who};
use caps_proto::{ClientId, Code, DriverName, Event, MessageId, Order, OrderRef, Proof, Verb};
use rusqlite::types::{FromSqlError, Type, ValueRef};
use rusqlite::{Row, Statement, ToSql, params};
use serde_json::value::RawValue;

pub(super) const INSERT: &str = "INSERT INTO log (seq, at, event, client_id, message_id, previous, by, of, code, payload, proof) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";

/// What [`read`] reads.
pub(super) const COLUMNS: &str =
    "seq, at, event, client_id, message_id, previous, by, of, code, payload, proof";

pub(super) fn insert(statement: &mut Statement<'_>, fact: &Fact) -> rusqlite::Result<()> {
    let Fact { seq, at, which: OrderRef { client_id, message_id }, previous, change } = fact;
    let by: Option<&dyn ToSql> = match change.by() {
        None => None,
        Some(Who::Named(name)) => Some(&name.as_str()),
        Some(Who::Nameless(ConnId(conn))) => Some(conn),
    };
    let code = match change {
        Change::Refused { code, .. } => Some(code.name()),
        _ => None,
    };
    statement.execute(params![
        seq.0,
        at.as_millis(),
        change.name(),
        client_id.as_str(),
        message_id.as_str(),
        previous.map(|seq| seq.0),
        by,
        change.of(),
        code,
        change.order().map(Order::text),
        change.proof().map(Proof::text),
    ])?;
    Ok(())
}

/// Reads a row of [`COLUMNS`].
pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<Fact> {
    let which = which(row)?;
    let change = match row.get_ref(2)?.as_str()? {
        "pickup" => Change::Placed(order(row)?),
        "claimed" => Change::Claimed(by(row)?),
        "in-transit" => Change::InTransit { by: by(row)?, order: order(row)? },
        "delivered" => Change::Delivered { by: by(row)?, order: order(row)?, proof: proof(row)? },
        "received" => Change::Received { event: parsed(row, 7, Event::from_name)?, by: by(row)? },
        "released" => Change::Released { by: by(row)? },
        "offered" => Change::Offered,
        "abandoned" => Change::Abandoned,
        "refused" => Change::Refused {
            verb: parsed(row, 7, Verb::from_name)?,
            by: by(row)?,
            code: parsed(row, 8, |name| Code::ALL.into_iter().find(|code| code.name() == name))?,
        },
        _ => return Err(unreadable(2, "no event of the log has this name")),
    };
    Ok(Fact {
        seq: seq(row)?,
        at: at(row)?,
        which,
        previous: row.get::<_, Option<u64>>(5)?.map(Seq),
        change,
    })
}

/// The number of a row of [`COLUMNS`].
pub(super) fn seq(row: &Row<'_>) -> rusqlite::Result<Seq> {
    Ok(Seq(row.get(0)?))
}

/// When what a row of [`COLUMNS`] tells has happened.
pub(super) fn at(row: &Row<'_>) -> rusqlite::Result<Timestamp> {
    Ok(Timestamp::from_millis(row.get(1)?))
}

/// The order that a row of [`COLUMNS`] is about.
pub(super) fn which(row: &Row<'_>) -> rusqlite::Result<OrderRef> {
    Ok(OrderRef {
        client_id: parsed(row, 3, |text| ClientId::new(text).ok())?,
        message_id: parsed(row, 4, |text| MessageId::new(text).ok())?,
    })
}

/// The name of a row of [`COLUMNS`], one of [`Change::NAMES`].
pub(super) fn event(row: &Row<'_>) -> rusqlite::Result<&'static str> {
    parsed(row, 2, |text| Change::NAMES.into_iter().find(|name| *name == text))
}

/// Whether a row of [`COLUMNS`] is of that event and about that order, where any is named.
pub(super) fn is_about(
    row: &Row<'_>,
    event: Option<&str>,
    message_id: Option<&MessageId>,
) -> rusqlite::Result<bool> {
    let is = |column, text: Option<&str>| -> rusqlite::Result<bool> {
        let Some(text) = text else { return Ok(true) };
        Ok(row.get_ref(column)?.as_str()? == text)
    };
    Ok(is(2, event)? && is(4, message_id.map(MessageId::as_str))?)
}

/// The id of the order that a row of [`COLUMNS`] is about.
pub(super) fn message_id<'a>(row: &'a Row<'_>) -> rusqlite::Result<&'a str> {
    Ok(row.get_ref(4)?.as_str()?)
}

/// The order in a row of [`COLUMNS`] that has one.
pub(super) fn order_text<'a>(row: &'a Row<'_>) -> rusqlite::Result<&'a str> {
    Ok(row.get_ref(9)?.as_str()?)
}

fn parsed<T>(
    row: &Row<'_>,
    column: usize,
    parse: impl FnOnce(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    parse(text).ok_or_else(|| unreadable(column, format!("`{text}` cannot be")))
}

fn order(row: &Row<'_>) -> rusqlite::Result<Order> {
    serde_json::from_str::<&RawValue>(order_text(row)?)
        .and_then(Order::new)
        .map_err(|why| unreadable(9, why))
}

fn proof(row: &Row<'_>) -> rusqlite::Result<Option<Proof>> {
    let text = row.get_ref(10)?.as_str_or_null()?;
    text.map(|text| serde_json::from_str(text).map_err(|why| unreadable(10, why))).transpose()
}

fn by(row: &Row<'_>) -> rusqlite::Result<Who> {
    match row.get_ref(6)? {
        ValueRef::Integer(_) => Ok(Who::Nameless(ConnId(row.get(6)?))),
        ValueRef::Text(_) => Ok(Who::Named(parsed(row, 6, |name| DriverName::new(name).ok())?)),
        _ => Err(FromSqlError::InvalidType.into()),
    }
}

pub(super) fn unreadable(
    column: usize,
    why: impl Into<Box<dyn Error + Send + Sync>>,
) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, why.into())
}

#[cfg(test)]
mod tests {
    use super::super::schema;
    use super::*;
    use rusqlite::Connection;

    /// One of each kind, in the order of [`Change::NAMES`]; and a delivery without a proof.
    fn changes() -> Vec<Change> {
        let order =
            || serde_json::from_str(r#"{ "orderId": 7, "total": 1.50, "é": "\u0041" }"#).unwrap();
        let proof = || serde_json::from_str(r#"{ "code": 1.50 }"#).unwrap();
        let dora = || Who::Named("dora".parse().unwrap());
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
        let mut db = Connection::open_in_memory().unwrap();
        schema::migrate(&mut db).unwrap();
        let changes = changes();
        let names: Vec<_> = changes.iter().map(Change::name).collect();
        assert_eq!(names[..Change::NAMES.len()], Change::NAMES);
        let facts = changes.into_iter().zip(1..).map(|(change, seq)| Fact {
            seq: Seq(seq),
            at: Timestamp::from_millis(1_795_381_445_123 + seq),
            which: OrderRef {
                client_id: "acme".parse().unwrap(),
                message_id: "7".parse().unwrap(),
            },
            previous: (seq > 1).then(|| Seq(seq - 1)),
            change,
        });
        let facts: Vec<_> = facts.collect();
        let mut log = db.prepare(INSERT).unwrap();
        facts.iter().for_each(|fact| insert(&mut log, fact).unwrap());

        let mut log = db.prepare(&format!("SELECT {COLUMNS} FROM log ORDER BY seq")).unwrap();
        let read_back: Vec<_> = log.query_map([], read).unwrap().map(Result::unwrap).collect();
        assert_eq!(format!("{read_back:#?}"), format!("{facts:#?}"));
    }
}
