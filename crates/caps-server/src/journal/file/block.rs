//! The log as it lies in the file: events that were kept together are one row, a block.
//!
//! A row for each event costs several times as much to write. A block is small enough for one event in it to be found
//! soon.

use std::fmt::Write as _;
use std::ops::ControlFlow;

use caps_hub::{Change, Fact, Seq};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, Row, params};

use super::reader::{LAST, Sort};
use super::record::{self, Record, unreadable};

#[cfg(test)]
mod tests;

/// The most events in a block.
const EVENTS: u64 = 32;

/// A block takes no more events when its text has come to so many bytes.
const ENOUGH_BYTES: usize = 16 * 1024;

/// How many blocks are read in one transaction.
const CHUNK: usize = 32;

/// The columns that a block is read from.
const COLUMNS: &str = "first, last, events, sizes";

/// Adds events to the log, in the order of their numbers.
pub(super) struct Appender<'db> {
    insert: CachedStatement<'db>,
    note: CachedStatement<'db>,
    /// The block that is being filled; its text is empty when there is none.
    text: Vec<u8>,
    sizes: String,
    first: Seq,
    last: Seq,
    at: u64,
}

impl<'db> Appender<'db> {
    pub(super) fn new(db: &'db Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            insert: db.prepare_cached(
                "INSERT INTO block (first, last, at, events, sizes) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?,
            note: db.prepare_cached("INSERT INTO unannounced (seq, client_id) VALUES (?1, ?2)")?,
            text: Vec::new(),
            sizes: String::new(),
            first: Seq::default(),
            last: Seq::default(),
            at: 0,
        })
    }

    pub(super) fn add(&mut self, fact: &Fact) -> rusqlite::Result<()> {
        let is_full = self.text.len() >= ENOUGH_BYTES || self.last.0 - self.first.0 + 1 >= EVENTS;
        if !self.text.is_empty() && (is_full || fact.seq != self.last.next()) {
            self.insert()?;
        }
        let (opens, separator) = if self.text.is_empty() { (b'[', "") } else { (b',', ",") };
        if self.text.is_empty() {
            self.first = fact.seq;
        }
        self.text.push(opens);
        let before = self.text.len();
        record::write(&mut self.text, fact)
            .map_err(|why| rusqlite::Error::ToSqlConversionFailure(why.into()))?;
        let size = self.text.len() - before;
        write!(self.sizes, "{separator}{size}")
            .map_err(|why| rusqlite::Error::ToSqlConversionFailure(why.into()))?;
        (self.last, self.at) = (fact.seq, fact.at.as_millis());
        if fact.previous.is_none() && !matches!(fact.change, Change::Placed(_)) {
            self.note.execute(params![fact.seq.0, fact.which.client_id.as_str()])?;
        }
        Ok(())
    }

    /// Adds what is left.
    pub(super) fn finish(mut self) -> rusqlite::Result<()> {
        if self.text.is_empty() { Ok(()) } else { self.insert() }
    }

    fn insert(&mut self) -> rusqlite::Result<()> {
        self.text.push(b']');
        let text = ToSqlOutput::Borrowed(ValueRef::Text(&self.text));
        self.insert.execute(params![self.first.0, self.last.0, self.at, text, self.sizes])?;
        self.text.clear();
        self.sizes.clear();
        Ok(())
    }
}

/// A block that was read.
pub(super) struct Block<'a> {
    pub(super) first: Seq,
    last: Seq,
    /// The text of each.
    events: Vec<&'a str>,
}

impl<'a> Block<'a> {
    /// Reads a row of [`COLUMNS`].
    pub(super) fn read(row: &'a Row<'_>) -> rusqlite::Result<Self> {
        let (first, last) = (Seq(row.get(0)?), Seq(row.get(1)?));
        let text = row.get_ref(2)?.as_str()?;
        // They need not all be read to find one of them.
        let mut begin = "[".len();
        let sizes = row.get_ref(3)?.as_str()?.split(',');
        let events = sizes.map(|size| {
            let size: usize = size.parse().ok()?;
            let event = text.get(begin..)?.get(..size)?;
            begin += size + ",".len();
            Some(event)
        });
        let events: Vec<_> = events
            .collect::<Option<_>>()
            .ok_or_else(|| unreadable("its sizes are not those of its events"))?;
        if last < first || last.0 - first.0 != (events.len() as u64).wrapping_sub(1) {
            return Err(unreadable("its numbers are not those of its events"));
        }
        Ok(Self { first, last, events })
    }

    /// Reads the event of this number, which is in it.
    pub(super) fn event(&self, seq: Seq) -> rusqlite::Result<Record<'a>> {
        Record::read(seq, self.events[(seq.0 - self.first.0) as usize])
    }
}

/// Hands over the events between `low` and `high` until it is told to stop. Returns the number of the last one then, and
/// nothing when there are no more.
pub(super) fn scan(
    db: &Connection,
    (mut low, mut high): (Seq, Seq),
    sort: Sort,
    mut each: impl FnMut(&Record<'_>) -> rusqlite::Result<ControlFlow<()>>,
) -> rusqlite::Result<Option<Seq>> {
    let order = match sort {
        Sort::Oldest => "first",
        Sort::Newest => "first DESC",
    };
    let mut chunk = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM block WHERE first <= ?2 AND first >= coalesce( \
           (SELECT first FROM block WHERE first <= ?1 ORDER BY first DESC LIMIT 1), ?1) \
         ORDER BY {order} LIMIT {CHUNK}"
    ))?;
    while low <= high {
        let mut rows = chunk.query([low.0, high.0])?;
        let mut looked_at = 0;
        let (mut next_low, mut next_high) = (low, high);
        while let Some(row) = rows.next()? {
            let block = Block::read(row)?;
            let (from, to) = (block.first.max(low).0, block.last.min(high).0);
            let mut seqs = from..to.saturating_add(1);
            while let Some(seq) = match sort {
                Sort::Oldest => seqs.next(),
                Sort::Newest => seqs.next_back(),
            } {
                if each(&block.event(Seq(seq))?)?.is_break() {
                    return Ok(Some(Seq(seq)));
                }
            }
            looked_at += 1;
            (next_low, next_high) = (block.last.next(), Seq(block.first.0.saturating_sub(1)));
        }
        if looked_at < CHUNK {
            break;
        }
        match sort {
            Sort::Oldest => low = low.max(next_low),
            Sort::Newest => high = high.min(next_high),
        }
    }
    Ok(None)
}

/// The same for the events of these numbers, which all go up, or all go down. Those that are gone from the log are left
/// out.
pub(super) fn pick(
    db: &Connection,
    seqs: &[u64],
    mut each: impl FnMut(&Record<'_>) -> rusqlite::Result<ControlFlow<()>>,
) -> rusqlite::Result<Option<Seq>> {
    let mut one = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM block WHERE first <= ?1 ORDER BY first DESC LIMIT 1"
    ))?;
    let mut left = seqs;
    while let Some(sought) = left.first() {
        let mut rows = one.query([sought])?;
        let block = rows.next()?.map(Block::read).transpose()?;
        let is_in = |seq: u64| {
            block.as_ref().is_some_and(|block| (block.first.0..=block.last.0).contains(&seq))
        };
        let found = left.iter().take_while(|seq| is_in(**seq)).count();
        for seq in &left[..found] {
            let Some(block) = &block else { break };
            if each(&block.event(Seq(*seq))?)?.is_break() {
                return Ok(Some(Seq(*seq)));
            }
        }
        left = &left[found.max(1)..];
    }
    Ok(None)
}

/// Reads one event, if it is in the log.
pub(super) fn get<T>(
    db: &Connection,
    seq: Seq,
    read: impl FnOnce(&Record<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Option<T>> {
    let (mut read, mut found) = (Some(read), None);
    pick(db, &[seq.0], |record| {
        found = read.take().map(|read| read(record)).transpose()?;
        Ok(ControlFlow::Break(()))
    })?;
    Ok(found)
}

/// Forgets what was noted of events that are all gone from the log.
pub(super) fn forget(db: &Connection) -> rusqlite::Result<()> {
    let mut delete = db.prepare_cached(
        "DELETE FROM unannounced WHERE seq < (SELECT coalesce(min(first), ?1) FROM block)",
    )?;
    delete.execute([LAST.0])?;
    Ok(())
}
