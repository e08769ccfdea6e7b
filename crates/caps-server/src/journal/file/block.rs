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
        if self.text.is_empty() {
            self.first = fact.seq;
        }
        let separator = if self.text.is_empty() { "" } else { "," };
        self.text.push(if self.text.is_empty() { b'[' } else { b',' });
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

#[cfg(test)]
mod tests {
    use caps_hub::Timestamp;
    use caps_proto::OrderRef;

    use super::super::schema;
    use super::*;

    /// Events with these numbers, the text of whose orders is so long.
    fn log(seqs: impl IntoIterator<Item = u64>, bytes: usize) -> Connection {
        let mut db = Connection::open_in_memory().unwrap();
        schema::migrate(&mut db).unwrap();
        let mut log = Appender::new(&db).unwrap();
        for seq in seqs {
            let order = format!(r#"{{"note":"{}"}}"#, "x".repeat(bytes));
            let which =
                OrderRef { client_id: "acme".parse().unwrap(), message_id: "7".parse().unwrap() };
            let change = Change::Placed(serde_json::from_str(&order).unwrap());
            let at = Timestamp::from_millis(seq);
            log.add(&Fact { seq: Seq(seq), at, which, previous: None, change }).unwrap();
        }
        log.finish().unwrap();
        db
    }

    fn blocks(db: &Connection) -> Vec<(u64, u64)> {
        let mut blocks = db.prepare("SELECT first, last FROM block ORDER BY first").unwrap();
        let blocks = blocks.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        blocks.map(Result::unwrap).collect()
    }

    fn found(db: &Connection, range: (u64, u64), sort: Sort) -> Vec<u64> {
        let mut found = Vec::new();
        let range = (Seq(range.0), Seq(range.1));
        let rest = scan(db, range, sort, |record| {
            found.push(record.seq.0);
            Ok(ControlFlow::Continue(()))
        });
        assert_eq!(rest.unwrap(), None);
        found
    }

    #[test]
    fn a_block_has_no_gap_and_neither_many_events_nor_many_bytes() {
        let gaps = (1..=40).chain(50..=51).chain([60]);
        assert_eq!(blocks(&log(gaps, 1)), [(1, 32), (33, 40), (50, 51), (60, 60)]);
        assert_eq!(blocks(&log(1..=5, ENOUGH_BYTES / 2)), [(1, 2), (3, 4), (5, 5)]);
        assert_eq!(blocks(&log([], 1)), []);
    }

    #[test]
    fn any_range_is_read_in_order_from_either_end() {
        let seqs: Vec<_> = (1..=2500).chain(3000..=3040).collect();
        let db = log(seqs.clone(), 1);
        let ends = [0, 1, 2, 31, 32, 33, 1024, 1025, 2499, 2500, 2501, 2999, 3000, 3040, 9999];
        for low in ends {
            for high in ends.into_iter().chain([LAST.0]) {
                let in_range = |seq: &u64| (low..=high).contains(seq);
                let mut expected: Vec<_> = seqs.iter().copied().filter(in_range).collect();
                assert_eq!(found(&db, (low, high), Sort::Oldest), expected, "{low} {high}");
                expected.reverse();
                assert_eq!(found(&db, (low, high), Sort::Newest), expected, "{low} {high}");
            }
        }
    }

    #[test]
    fn who_has_read_enough_is_told_how_far() {
        let db = log(1..=100, 1);
        let stop_at = |seq| {
            move |record: &Record<'_>| {
                let is_there = record.seq == Seq(seq);
                Ok(if is_there { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
            }
        };
        let all = (Seq(1), LAST);
        assert_eq!(scan(&db, all, Sort::Oldest, stop_at(70)).unwrap(), Some(Seq(70)));
        assert_eq!(pick(&db, &[90, 70, 3], stop_at(70)).unwrap(), Some(Seq(70)));
    }

    #[test]
    fn events_are_picked_by_their_numbers_and_those_that_are_gone_left_out() {
        let db = log((1..=40).chain(50..=99), 1);
        for (sought, in_log) in [
            (&[1, 2, 33, 41, 49, 50, 99, 100][..], &[1, 2, 33, 50, 99][..]),
            (&[200, 60, 45, 40, 32, 1], &[60, 40, 32, 1]),
            (&[], &[]),
        ] {
            let mut found = Vec::new();
            let picked = pick(&db, sought, |record| {
                found.push(record.seq.0);
                Ok(ControlFlow::Continue(()))
            });
            assert_eq!((picked.unwrap(), &found[..]), (None, in_log));
        }
        assert_eq!(get(&db, Seq(40), |record| Ok(record.seq)).unwrap(), Some(Seq(40)));
        assert_eq!(get(&db, Seq(41), |record| Ok(record.seq)).unwrap(), None);
    }

    #[test]
    fn a_block_that_does_not_have_the_events_that_it_names_is_damaged() {
        for sql in [
            "last = 9",
            "last = 0",
            "events = '[]'",
            "sizes = '9'",
            "sizes = ''",
            "sizes = replace(sizes, '5', '6')",
            "events = replace(events, 'pickup', 'pick\"p')",
        ] {
            let db = log(1..=10, 1);
            db.execute_batch(&format!("UPDATE block SET {sql}")).unwrap();
            let read = scan(&db, (Seq(1), LAST), Sort::Oldest, |_| Ok(ControlFlow::Continue(())));
            assert!(read.is_err(), "{sql}");
        }
    }
}
