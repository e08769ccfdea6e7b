//! Which events of the log are of which vendor.
//!
//! An index of SQLite's would tell it, too, but has to be written wherever an event belongs: with many vendors on about as
//! many pages as a commit keeps events, which was half of what it cost to keep one. So events are listed thousands at
//! a time, one row for all of a vendor's that have the same name. Those that are not listed yet are the last of the log,
//! and few enough to be looked through.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use caps_hub::{Fact, Seq};
use caps_proto::ClientId;
use rusqlite::{Connection, Row, params};
use serde::Serialize;

use super::block;
use super::reader::{self, LAST, Sort};
use super::record::unreadable;

#[cfg(test)]
mod tests;

/// How many events are listed at once.
const BLOCK: usize = 4096;

/// How many may be left to the next time when a file is opened. There are more where a release before this one has
/// written it, or a file was salvaged.
const MANY: u64 = 16 * BLOCK as u64;

/// No limit: the largest number that SQLite has.
pub(super) const ALL: usize = LAST.0 as usize;

/// A row as it is written. `up_to` is the last event that was listed at the same time.
const INSERT: &str = "INSERT INTO listing (client_id, event, up_to, seqs) VALUES (?1, ?2, ?3, ?4)";

/// The events that are kept, and not listed.
#[derive(Debug, Default)]
pub(super) struct Unlisted {
    events: BTreeMap<(ClientId, &'static str), Vec<u64>>,
    count: usize,
    last: Seq,
}

impl Unlisted {
    /// What is not listed in a file. Where that is very much, it is listed but for the last of it before this returns.
    pub(super) fn of(db: &mut Connection) -> rusqlite::Result<Self> {
        let (mut unlisted, listed) = (Self::default(), listed(db)?);
        let last = reader::ends(db)?.map(|(_, last)| last).unwrap_or_default();
        let are_many = last.0.saturating_sub(listed.0) > MANY;
        let change = db.transaction()?;
        block::scan(&change, (listed.next(), LAST), Sort::Oldest, |record| {
            unlisted.add(record.seq, record.which()?.client_id, record.event()?);
            if are_many && unlisted.is_much() {
                unlisted.list(&change)?;
                unlisted.clear();
            }
            Ok(ControlFlow::Continue(()))
        })?;
        change.commit()?;
        Ok(unlisted)
    }

    /// Takes note of what is kept.
    pub(super) fn note(&mut self, fact: &Fact) {
        self.add(fact.seq, fact.which.client_id.clone(), fact.change.name());
    }

    fn add(&mut self, seq: Seq, client_id: ClientId, event: &'static str) {
        self.events.entry((client_id, event)).or_default().push(seq.0);
        self.count += 1;
        self.last = seq;
    }

    /// Whether it is time to list them.
    pub(super) fn is_much(&self) -> bool {
        self.count >= BLOCK
    }

    /// Lists them. They are to be cleared when that is kept.
    pub(super) fn list(&self, db: &Connection) -> rusqlite::Result<()> {
        let mut insert = db.prepare_cached(INSERT)?;
        for ((client_id, event), seqs) in &self.events {
            insert.execute(params![client_id.as_str(), event, self.last.0, json(seqs)?])?;
        }
        Ok(())
    }

    pub(super) fn clear(&mut self) {
        self.events.clear();
        self.count = 0;
    }
}

/// Numbers or names as SQLite's own functions read them.
pub(super) fn json<T: Serialize>(list: &[T]) -> rusqlite::Result<String> {
    serde_json::to_string(list).map_err(|why| rusqlite::Error::ToSqlConversionFailure(why.into()))
}

/// How far the log is listed.
pub(super) fn listed(db: &Connection) -> rusqlite::Result<Seq> {
    // A release before this one has written a file that nobody has opened since but to read it.
    if !db.table_exists(None, "listing")? {
        return Ok(Seq::default());
    }
    let mut listed = db.prepare_cached("SELECT max(up_to) FROM listing")?;
    let up_to: Option<u64> = listed.query_row([], |row| row.get(0))?;
    Ok(Seq(up_to.unwrap_or_default()))
}

/// The first events, or the last, between `low` and `high` that are of a vendor and have one of these names. At most
/// `limit`, in order.
pub(super) fn of_client(
    db: &Connection,
    client_id: &str,
    events: &[&str],
    (low, high): (Seq, Seq),
    sort: Sort,
    limit: usize,
) -> rusqlite::Result<Vec<u64>> {
    let listed = listed(db)?;
    let mut found = Vec::new();
    let events_listed = if low <= listed { events } else { &[] };
    for event in events_listed {
        let range = (low, high.min(listed));
        found.extend(listed_of(db, client_id, event, range, sort, limit)?);
    }
    let range = (low.max(listed.next()), high);
    found.extend(unlisted_of(db, Some(client_id), events, range, sort, limit)?);
    match sort {
        Sort::Oldest => found.sort_unstable(),
        Sort::Newest => found.sort_unstable_by(|one, other| other.cmp(one)),
    }
    found.truncate(limit);
    Ok(found)
}

/// The same of what is not listed, of one vendor or all.
pub(super) fn unlisted_of(
    db: &Connection,
    client_id: Option<&str>,
    events: &[&str],
    (low, high): (Seq, Seq),
    sort: Sort,
    limit: usize,
) -> rusqlite::Result<Vec<u64>> {
    let mut found = Vec::new();
    block::scan(db, (low, high), sort, |record| {
        let is_of_client = client_id.is_none_or(|client_id| record.client_id() == client_id);
        if is_of_client && events.iter().any(|event| record.is(event)) {
            found.push(record.seq.0);
        }
        let is_enough = found.len() >= limit;
        Ok(if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(found)
}

/// The same of what is listed of a vendor under one name.
pub(super) fn listed_of(
    db: &Connection,
    client_id: &str,
    event: &str,
    (low, high): (Seq, Seq),
    sort: Sort,
    limit: usize,
) -> rusqlite::Result<Vec<u64>> {
    let order = match sort {
        Sort::Oldest => "up_to",
        Sort::Newest => "up_to DESC",
    };
    // The last that are read were listed together with `high`, or later where nothing of it was.
    let mut rows = db.prepare_cached(&format!(
        "SELECT seqs FROM listing WHERE client_id = ?1 AND event = ?2 AND up_to >= ?3 \
         AND up_to <= (SELECT min(up_to) FROM listing WHERE up_to >= ?4) ORDER BY {order}"
    ))?;
    let mut rows = rows.query(params![client_id, event, low.0, high.0])?;
    let mut found = Vec::new();
    while found.len() < limit
        && let Some(row) = rows.next()?
    {
        let seqs = seqs(row)?.into_iter().filter(|seq| (low.0..=high.0).contains(seq));
        match sort {
            Sort::Oldest => found.extend(seqs),
            Sort::Newest => found.extend(seqs.rev()),
        }
    }
    Ok(found)
}

fn seqs(row: &Row<'_>) -> rusqlite::Result<Vec<u64>> {
    let text = row.get_ref(0)?.as_str()?;
    serde_json::from_str(text).map_err(unreadable)
}

/// The vendors in the log, in order, at most `limit`.
pub(super) fn vendors(db: &Connection, limit: usize) -> rusqlite::Result<Vec<String>> {
    let listed = listed(db)?;
    let mut vendors = BTreeSet::new();
    block::scan(db, (listed.next(), LAST), Sort::Oldest, |record| {
        if !vendors.contains(record.client_id()) {
            vendors.insert(record.client_id().to_owned());
        }
        Ok(ControlFlow::Continue(()))
    })?;
    if listed > Seq::default() {
        // From one to the next, without reading what each has done.
        let mut next =
            db.prepare_cached("SELECT min(client_id) FROM listing WHERE client_id > ?1")?;
        let (mut last, mut count) = (String::new(), 0);
        while count < limit
            && let Some(vendor) = next.query_row([&last], |row| row.get::<_, Option<String>>(0))?
        {
            vendors.insert(vendor.clone());
            (last, count) = (vendor, count + 1);
        }
    }
    Ok(vendors.into_iter().take(limit).collect())
}

/// Forgets what was listed of events that are all gone from the log.
pub(super) fn forget(db: &Connection) -> rusqlite::Result<()> {
    let mut delete = db.prepare_cached(
        "DELETE FROM listing WHERE up_to < (SELECT coalesce(min(first), ?1) FROM block)",
    )?;
    delete.execute([LAST.0])?;
    Ok(())
}

/// Whether what is listed is in the log, and the other way round.
pub(super) fn is_right(db: &Connection) -> rusqlite::Result<bool> {
    let Some((first, _)) = reader::ends(db)? else { return Ok(true) };
    if listed(db)? == Seq::default() {
        return Ok(true);
    }
    let mut times = db.prepare("SELECT DISTINCT up_to FROM listing ORDER BY up_to")?;
    let mut rows = db.prepare("SELECT seqs, client_id, event FROM listing WHERE up_to = ?1")?;
    let mut low = first;
    for up_to in times.query_map([], |row| row.get(0).map(Seq))? {
        let up_to = up_to?;
        let mut in_log: BTreeMap<_, Vec<_>> = BTreeMap::new();
        block::scan(db, (low, up_to), Sort::Oldest, |record| {
            let client_and_event = (record.client_id().to_owned(), record.event()?.to_owned());
            in_log.entry(client_and_event).or_default().push(record.seq.0);
            Ok(ControlFlow::Continue(()))
        })?;
        let mut rows = rows.query([up_to.0])?;
        while let Some(row) = rows.next()? {
            let Ok(mut listed) = seqs(row) else { return Ok(false) };
            // Events that were removed from the log may still be listed.
            listed.retain(|seq| *seq >= first.0);
            let of_log = in_log.remove(&(row.get(1)?, row.get(2)?)).unwrap_or_default();
            if listed != of_log {
                return Ok(false);
            }
        }
        if !in_log.is_empty() {
            return Ok(false);
        }
        low = up_to.next();
    }
    Ok(true)
}
