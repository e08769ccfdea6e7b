//! Orders, as the log tells of them: where each began, how it went on, and how it ended.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::time::Instant;

use caps_hub::{Fact, Seq, Timestamp, Who};
use caps_proto::{ClientId, Order, OrderRef};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::reader::{self, CHUNK, PATIENCE, Query, ReadError, Reader, Sort, TIMELINE};
use super::{listing, row};
use crate::order_text::Needle;

/// How many deliveries are looked at to find those of orders that the hub has forgotten.
const DELIVERIES: usize = 5000;

/// How much of the log is looked through in one transaction for orders of all vendors, in events: a hundredth of a
/// second's work.
const STRETCH: u64 = 100_000;

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
        self.read(move |db| beginnings(db, client_id.as_ref(), needle.as_ref(), before, limit))
            .await
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
    client_id: Option<&ClientId>,
    needle: Option<&Needle>,
    before: Option<Seq>,
    limit: usize,
) -> rusqlite::Result<Beginnings> {
    let mut orders = Vec::new();
    let Some((first, last)) = reader::ends(db)? else { return Ok(Beginnings::default()) };
    let mut high = before.map_or(last, |before| last.min(Seq(before.0.saturating_sub(1))));
    let vendor = client_id.map(ClientId::as_str);
    let mut statement = match vendor {
        Some(_) => db.prepare_cached(&reader::chunk(true, Sort::Newest))?,
        None => db.prepare_cached(&stretch())?,
    };
    let began = Instant::now();
    while high >= first {
        let low =
            if vendor.is_some() { first } else { Seq(high.0.saturating_sub(STRETCH)).max(first) };
        let of_vendor = vendor.map(|vendor| begun_of(db, vendor, (low, high))).transpose()?;
        let mut rows = match &of_vendor {
            Some(of_vendor) => statement.query([listing::json(of_vendor)?])?,
            None => statement.query(params![low.0, high.0, CHUNK])?,
        };
        let (mut looked_at, mut next) = (0, low);
        while let Some(row) = rows.next()? {
            (looked_at, next) = (looked_at + 1, row::seq(row)?);
            orders.extend(begun(row, needle)?);
            if orders.len() >= limit {
                return Ok(Beginnings { orders, next: Some(next) });
            }
        }
        if let Some(of_vendor) = of_vendor {
            // Some of them may be gone from the log by now.
            looked_at = of_vendor.len();
            next = of_vendor.last().map_or(low, |last| Seq(*last));
        }
        if looked_at < CHUNK {
            next = low;
        }
        if began.elapsed() > PATIENCE {
            return Ok(Beginnings { orders, next: Some(next) });
        }
        high = Seq(next.0 - 1);
    }
    Ok(Beginnings { orders, next: None })
}

/// The newest events with which a vendor's orders began, at most [`CHUNK`].
fn begun_of(db: &Connection, vendor: &str, (low, high): (Seq, Seq)) -> rusqlite::Result<Vec<u64>> {
    let announced = ["pickup"];
    let mut begun = listing::of_client(db, vendor, &announced, (low, high), Sort::Newest, CHUNK)?;
    // SQLite takes no part of an index unless it is told to.
    let mut others = db.prepare_cached(
        "SELECT seq FROM log INDEXED BY log_unannounced \
         WHERE client_id = ?1 AND previous IS NULL AND event <> 'pickup' \
         AND seq BETWEEN ?2 AND ?3 ORDER BY seq DESC LIMIT ?4",
    )?;
    for other in others.query_map(params![vendor, low.0, high.0, CHUNK], |row| row.get(0))? {
        begun.push(other?);
    }
    begun.sort_unstable_by(|one, other| other.cmp(one));
    begun.truncate(CHUNK);
    Ok(begun)
}

/// The statement that reads the events with which orders of all vendors began off a stretch of the log, the newest first.
fn stretch() -> String {
    let columns = row::COLUMNS;
    format!(
        "SELECT {columns} FROM log WHERE (event = 'pickup' OR previous IS NULL) \
         AND seq BETWEEN ?1 AND ?2 ORDER BY seq DESC LIMIT ?3"
    )
}

/// The order that began with this event, if `needle` is found in it.
fn begun(row: &Row<'_>, needle: Option<&Needle>) -> rusqlite::Result<Option<Begun>> {
    let order = row::order_text(row)?;
    let is_wanted = match needle {
        None => true,
        Some(needle) => needle.is_in(row::message_id(row)?) || needle.is_in_order(order),
    };
    if !is_wanted {
        return Ok(None);
    }
    let (seq, at, which) = (row::seq(row)?, row::at(row)?, row::which(row)?);
    Ok(Some(Begun { seq, at, which, bytes: order.len() }))
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

/// Finds the deliveries of orders, by going on from where each vendor's first of them began.
fn deliveries(
    db: &Connection,
    orders: &[Begun],
    mut found: impl FnMut(Seq, (Timestamp, Who)),
) -> rusqlite::Result<()> {
    let mut vendors: HashMap<&ClientId, Sought<'_>> = HashMap::new();
    for Begun { seq, which, .. } in orders {
        vendors
            .entry(&which.client_id)
            .or_default()
            .entry(which.message_id.as_str())
            .or_default()
            .push(*seq);
    }
    let (mut looked_at, began) = (0, Instant::now());
    for (client_id, mut sought) in vendors {
        let first = sought.values().flatten().min().copied().unwrap_or_default();
        let query = Query {
            client_id: Some(client_id.clone()),
            event: Some("delivered"),
            after: Some(Seq(first.0.saturating_sub(1))),
            ..Query::default()
        };
        reader::scan(db, &query, |row, _| {
            if let Some(begun) = sought.get_mut(row::message_id(row)?) {
                let fact = row::read(row)?;
                let by = fact.change.by();
                begun.retain(|begun| {
                    let is_its = *begun <= fact.seq;
                    if is_its {
                        by.into_iter().for_each(|by| found(*begun, (fact.at, by.clone())));
                    }
                    !is_its
                });
                sought.retain(|_, begun| !begun.is_empty());
            }
            looked_at += 1;
            let is_enough = looked_at >= DELIVERIES || began.elapsed() > PATIENCE;
            let is_over = is_enough || sought.is_empty();
            Ok(if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
    }
    Ok(())
}

/// One vendor's orders by their ids, and where each of those that had the id began.
type Sought<'a> = HashMap<&'a str, Vec<Seq>>;

fn fact(db: &Connection, seq: Seq) -> rusqlite::Result<Option<Fact>> {
    db.prepare_cached(&one_row())?.query_row([seq.0], row::read).optional()
}

fn one_row() -> String {
    let columns = row::COLUMNS;
    format!("SELECT {columns} FROM log WHERE seq = ?1")
}
