//! Orders, as the log tells of them: where each began, how it went on, and how it ended.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::time::Instant;

use caps_hub::{Change, Fact, Seq, Timestamp, Who};
use caps_proto::{ClientId, Order, OrderRef};
use rusqlite::{Connection, OptionalExtension as _};

use super::reader::{self, PATIENCE, Query, ReadError, Reader, Sort, TIMELINE};
use super::row;
use crate::order_text::Needle;

/// How many deliveries are looked at to find those of orders that the hub has forgotten.
const DELIVERIES: usize = 5000;

/// Where an order began.
#[derive(Debug, Clone)]
pub(crate) struct Begun {
    pub(crate) seq: Seq,
    pub(crate) at: Timestamp,
    pub(crate) which: OrderRef,
    /// The size of the order's text.
    pub(crate) bytes: usize,
}

/// Orders, by where they began, the newest first.
#[derive(Debug, Default)]
pub(crate) struct Beginnings {
    pub(crate) orders: Vec<Begun>,
    /// The last row that was looked at, unless there are no more.
    pub(crate) next: Option<Seq>,
}

/// How an order has gone on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Course {
    /// Its first event.
    pub(crate) began: Seq,
    pub(crate) placed_at: Timestamp,
    pub(crate) changed_at: Timestamp,
    pub(crate) delivered_at: Option<Timestamp>,
}

/// What an order was, and how it ended, if that was found.
#[derive(Debug)]
pub(crate) struct Past {
    pub(crate) order: Option<Order>,
    pub(crate) delivered: Option<(Timestamp, Who)>,
}

impl Reader {
    /// The newest orders of a vendor, or of all, that began before the event `before`, and in which `needle` is found.
    /// At most `limit`; fewer, and perhaps none, when what is asked for is rare: then `next` says where to go on.
    pub(crate) async fn beginnings(
        &self,
        client_id: Option<ClientId>,
        needle: Option<Needle>,
        before: Option<Seq>,
        limit: usize,
    ) -> Result<Beginnings, ReadError> {
        let query = Query { client_id, after: before, sort: Sort::Newest, ..Query::default() };
        self.read(move |db| beginnings(db, &query, needle.as_ref(), limit)).await
    }

    /// How the orders have gone on of which these are events. `None` where the log no longer reaches back so far.
    pub(crate) async fn courses(&self, latest: Vec<Seq>) -> Result<Vec<Option<Course>>, ReadError> {
        self.read(move |db| latest.into_iter().map(|latest| course(db, latest)).collect()).await
    }

    /// What these orders were. How they ended is told of those that `ended`, if it was soon after.
    pub(crate) async fn pasts(
        &self,
        began: Vec<Seq>,
        ended: Vec<Begun>,
    ) -> Result<HashMap<Seq, Past>, ReadError> {
        self.read(move |db| {
            let mut pasts = HashMap::new();
            for seq in began {
                let order = fact(db, seq)?.and_then(|fact| fact.change.order().cloned());
                pasts.insert(seq, Past { order, delivered: None });
            }
            deliveries(db, &ended, |seq, delivered| {
                if let Some(past) = pasts.get_mut(&seq) {
                    past.delivered = Some(delivered);
                }
            })?;
            Ok(pasts)
        })
        .await
    }
}

fn beginnings(
    db: &Connection,
    query: &Query,
    needle: Option<&Needle>,
    limit: usize,
) -> rusqlite::Result<Beginnings> {
    let mut orders = Vec::new();
    let began = Instant::now();
    let next = reader::walk(db, &chunk(query), query, |row| {
        let order = row::order_text(row)?;
        let is_wanted = match needle {
            None => true,
            Some(needle) => needle.is_in(row::message_id(row)?) || needle.is_in_order(order),
        };
        if is_wanted {
            let (seq, at, which) = (row::seq(row)?, row::at(row)?, row::which(row)?);
            orders.push(Begun { seq, at, which, bytes: order.len() });
        }
        let is_enough = orders.len() >= limit || began.elapsed() > PATIENCE;
        Ok(if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(Beginnings { orders, next })
}

/// The statement that reads a chunk of the events with which orders began.
fn chunk(query: &Query) -> String {
    let columns = row::COLUMNS;
    let of_client = if query.client_id.is_some() { "client_id = :client AND" } else { "" };
    let newest = |from: &str, which: &str| {
        format!(
            "SELECT seq FROM (SELECT seq FROM log {from} WHERE {of_client} {which} \
             AND seq BETWEEN :low AND :high ORDER BY seq DESC LIMIT :limit)"
        )
    };
    let announced = newest("", "event = 'pickup'");
    // Without the index by its name, SQLite would rather read the whole log from its end.
    let others = newest("INDEXED BY log_unannounced", "previous IS NULL AND event <> 'pickup'");
    format!(
        "SELECT {columns} FROM log WHERE seq IN ({announced} UNION ALL {others}) \
         ORDER BY seq DESC LIMIT :limit"
    )
}

/// Goes back from an order's latest event to where it began.
fn course(db: &Connection, latest: Seq) -> rusqlite::Result<Option<Course>> {
    let mut step = db.prepare_cached("SELECT at, event, previous FROM log WHERE seq = ?1")?;
    let mut course: Option<Course> = None;
    let mut next = Some(latest);
    for _ in 0..TIMELINE {
        let Some(seq) = next else { break };
        let row = step.query_row([seq.0], |row| {
            let at = Timestamp::from_millis(row.get(0)?);
            let event = row.get_ref(1)?.as_str()?;
            Ok((at, event == "pickup", event == "delivered", row.get::<_, Option<u64>>(2)?))
        });
        let Some((at, is_pickup, is_delivery, previous)) = row.optional()? else { break };
        let course = course.get_or_insert(Course {
            began: seq,
            placed_at: at,
            changed_at: at,
            delivered_at: None,
        });
        (course.began, course.placed_at) = (seq, at);
        if is_delivery && course.delivered_at.is_none() {
            course.delivered_at = Some(at);
        }
        next = previous.map(Seq).filter(|_| !is_pickup);
    }
    Ok(course)
}

/// Finds the deliveries of orders, by going on from where the first of them began.
fn deliveries(
    db: &Connection,
    orders: &[Begun],
    mut found: impl FnMut(Seq, (Timestamp, Who)),
) -> rusqlite::Result<()> {
    let Some(first) = orders.iter().map(|order| order.seq).min() else { return Ok(()) };
    let mut sought: HashMap<&OrderRef, Vec<Seq>> = HashMap::new();
    for order in orders {
        sought.entry(&order.which).or_default().push(order.seq);
    }
    let client_id = &orders[0].which.client_id;
    let is_one_vendor = orders.iter().all(|order| order.which.client_id == *client_id);
    let query = Query {
        client_id: is_one_vendor.then(|| client_id.clone()),
        event: Some("delivered"),
        after: Some(Seq(first.0.saturating_sub(1))),
        ..Query::default()
    };
    let (mut looked_at, began) = (0, Instant::now());
    reader::scan(db, &query, |row| {
        let which = row::which(row)?;
        if let Some(begun) = sought.get_mut(&which) {
            let fact = row::read(row)?;
            if let Change::Delivered { by, .. } = &fact.change {
                begun.retain(|begun| {
                    let is_its = *begun <= fact.seq;
                    if is_its {
                        found(*begun, (fact.at, by.clone()));
                    }
                    !is_its
                });
            }
            if begun.is_empty() {
                sought.remove(&which);
            }
        }
        looked_at += 1;
        let is_enough = sought.is_empty() || looked_at >= DELIVERIES || began.elapsed() > PATIENCE;
        Ok(if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(())
}

fn fact(db: &Connection, seq: Seq) -> rusqlite::Result<Option<Fact>> {
    let columns = row::COLUMNS;
    let mut statement = db.prepare_cached(&format!("SELECT {columns} FROM log WHERE seq = ?1"))?;
    statement.query_row([seq.0], row::read).optional()
}
