//! Orders, as the log tells of them: where each began, how it went on, and how it ended.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::time::Instant;

use caps_hub::{Seq, Timestamp, Who};
use caps_proto::{ClientId, Order, OrderRef};
use rusqlite::{Connection, params};

use super::reader::{self, CHUNK, PATIENCE, Query, ReadError, Reader, Sort, TIMELINE};
use super::record::Record;
use super::{block, listing};
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
                let order = block::get(db, seq, |record| record.fact())?
                    .and_then(|fact| fact.change.order().cloned());
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
    let began = Instant::now();
    let mut look = |record: &Record<'_>| {
        if record.is_beginning() {
            orders.extend(begun(record, needle)?);
        }
        let is_enough = orders.len() >= limit || began.elapsed() > PATIENCE;
        Ok(if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    };
    let next = match client_id {
        None => block::scan(db, (first, high), Sort::Newest, look)?,
        Some(client_id) => loop {
            let of_vendor = begun_of(db, client_id.as_str(), (first, high))?;
            if let Some(last) = block::pick(db, &of_vendor, &mut look)? {
                break Some(last);
            }
            match of_vendor.last() {
                Some(last) if of_vendor.len() == CHUNK => high = Seq(last - 1),
                _ => break None,
            }
        },
    };
    Ok(Beginnings { orders, next })
}

/// The newest events with which a vendor's orders began, at most [`CHUNK`].
fn begun_of(db: &Connection, vendor: &str, (low, high): (Seq, Seq)) -> rusqlite::Result<Vec<u64>> {
    let announced = ["pickup"];
    let mut begun = listing::of_client(db, vendor, &announced, (low, high), Sort::Newest, CHUNK)?;
    let mut others = db.prepare_cached(
        "SELECT seq FROM unannounced WHERE client_id = ?1 AND seq BETWEEN ?2 AND ?3 \
         ORDER BY seq DESC LIMIT ?4",
    )?;
    for other in others.query_map(params![vendor, low.0, high.0, CHUNK], |row| row.get(0))? {
        begun.push(other?);
    }
    begun.sort_unstable_by(|one, other| other.cmp(one));
    begun.truncate(CHUNK);
    Ok(begun)
}

/// The order that began with this event, if `needle` is found in it.
fn begun(record: &Record<'_>, needle: Option<&Needle>) -> rusqlite::Result<Option<Begun>> {
    let order = record.order_text()?;
    let is_wanted = match needle {
        None => true,
        Some(needle) => needle.is_in(record.message_id()) || needle.is_in_order(order),
    };
    if !is_wanted {
        return Ok(None);
    }
    let (seq, at, which) = (record.seq, record.at(), record.which()?);
    Ok(Some(Begun { seq, at, which, bytes: order.len() }))
}

/// Goes back from an order's latest event to where it began.
fn course(db: &Connection, latest: Seq) -> rusqlite::Result<Option<Course>> {
    let mut course: Option<Course> = None;
    let mut next = Some(latest);
    for _ in 0..TIMELINE {
        let Some(seq) = next else { break };
        let step = block::get(db, seq, |record| {
            Ok((record.at(), record.is("pickup"), record.is("delivered"), record.previous()))
        });
        let Some((at, is_pickup, is_delivery, previous)) = step? else { break };
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
        next = previous.filter(|_| !is_pickup);
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
        reader::scan(db, &query, |record| {
            if let Some(begun) = sought.get_mut(record.message_id()) {
                let fact = record.fact()?;
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
