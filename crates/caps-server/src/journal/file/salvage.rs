//! Saves what is whole of a damaged file.

use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use caps_hub::{Fact, Limits, PARTITIONS, Restore, Seq, Step};
use rusqlite::{Connection, OptionalExtension as _};

use super::archive::Archive;
use super::block::{self, Appender};
use super::lock::Lock;
use super::reader::{LAST, Sort};
use super::{OpenError, Store, writer};

/// How many events are written in one transaction.
const BATCH: usize = 10_000;

/// The longest run of events that can be missing before the end is taken for reached.
const LONGEST_RUN: u64 = 1 << 40;

/// What was saved.
#[derive(Debug)]
pub struct Saved {
    /// How many events are in the new log.
    pub events: u64,
    /// The first and the last number of each run of events that could not be read.
    pub lost: Vec<(u64, u64)>,
    /// How many of the snapshots could not be read. Orders in them that have no event in the log are lost.
    pub lost_snapshots: usize,
    /// How many messages wait for their readers.
    pub messages: usize,
}

/// Why nothing could be saved.
#[derive(Debug, thiserror::Error)]
pub enum SalvageError {
    /// The old or the new file cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is something in the new directory.
    #[error("`{dir}` is not empty; name a new directory to save to")]
    NotEmpty {
        /// Which.
        dir: PathBuf,
    },
    /// The new file cannot be written.
    #[error("cannot write to `{dir}`: {why}; name a new directory that has room")]
    Write {
        /// Which.
        dir: PathBuf,
        /// What SQLite says.
        why: rusqlite::Error,
    },
}

/// Reads all that can be read of a hub's file, and writes it to a new data directory, with which a hub can start. The old
/// file is left as it is; no hub may be at work on it.
///
/// # Errors
/// [`SalvageError`], in a sentence that says the mend.
pub fn salvage(data_dir: &Path, to: &Path) -> Result<Saved, SalvageError> {
    let old = Archive::open(data_dir)?;
    let unusable = |why| OpenError::Directory { dir: data_dir.into(), why };
    let lock = Lock::take(data_dir).map_err(unusable)?;
    let _alone = lock.ok_or_else(|| OpenError::InUse { dir: data_dir.into() })?;
    if is_filled(to).map_err(|why| OpenError::Directory { dir: to.into(), why })? {
        return Err(SalvageError::NotEmpty { dir: to.into() });
    }
    let mut new = Store::open(to)?;
    let unwritten = |why| SalvageError::Write { dir: to.into(), why };
    let mut restore = Restore::new(Limits::default());
    let lost_snapshots = read_snapshots(&old.db, &mut restore);
    let mut log = Events { db: &old.db, next: Seq(1), lost: Vec::new() };
    let mut events = 0;
    loop {
        let batch = log.next_batch();
        if batch.is_empty() {
            break;
        }
        batch.iter().for_each(|fact| restore.fold(fact));
        write(&mut new.db, &batch).map_err(unwritten)?;
        events += batch.len() as u64;
    }
    let mut step = Step::default();
    let (hub, _) = restore.finish(SystemTime::now().into(), &mut step);
    events += step.facts.len() as u64;
    write(&mut new.db, &step.facts).map_err(unwritten)?;
    // With these a restart needs nothing of the log, which may have gaps.
    let change = new.db.transaction().map_err(unwritten)?;
    for partition in 0..=u8::MAX {
        writer::save(&change, &hub.snapshot(partition)).map_err(unwritten)?;
    }
    change.commit().map_err(unwritten)?;
    let messages = hub.queues().map(|queue| queue.depth).sum();
    Ok(Saved { events, lost: log.lost, lost_snapshots, messages })
}

fn is_filled(dir: &Path) -> io::Result<bool> {
    match fs::read_dir(dir) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(why) => Err(why),
    }
}

/// Loads the snapshots that are whole. Returns how many are not.
fn read_snapshots(db: &Connection, restore: &mut Restore) -> usize {
    let mut lost = 0;
    for part in 0..PARTITIONS {
        let read = db.query_row("SELECT orders FROM snapshot WHERE part = ?1", [part], |row| {
            writer::snapshot(row)
        });
        match read.optional() {
            Ok(Some(snapshot)) => restore.load(snapshot),
            Ok(None) => {}
            Err(_) => lost += 1,
        }
    }
    lost
}

fn write(db: &mut Connection, facts: &[Fact]) -> rusqlite::Result<()> {
    let change = db.transaction()?;
    let mut log = Appender::new(&change)?;
    for fact in facts {
        log.add(fact)?;
    }
    log.finish()?;
    change.commit()
}

/// The events of a log, those left out that cannot be read.
struct Events<'a> {
    db: &'a Connection,
    next: Seq,
    lost: Vec<(u64, u64)>,
}

impl Events<'_> {
    /// The next events that can be read. Empty at the end.
    fn next_batch(&mut self) -> Vec<Fact> {
        let mut batch = Vec::new();
        // What was read before an error is whole.
        let failed = self.read(self.next, BATCH, &mut batch).is_err();
        if let Some(last) = batch.last() {
            self.next = last.seq.next();
        } else if failed && self.skip() {
            return self.next_batch();
        }
        batch
    }

    /// Reads at most `limit` events from `from` on.
    fn read(&self, from: Seq, limit: usize, into: &mut Vec<Fact>) -> rusqlite::Result<()> {
        block::scan(self.db, (from, LAST), Sort::Oldest, |record| {
            let fact = record.fact()?;
            if into.last().map_or(from, |last| last.seq.next()) > fact.seq {
                // A damaged file leads in circles.
                return Ok(ControlFlow::Break(()));
            }
            into.push(fact);
            let is_enough = into.len() >= limit;
            Ok(if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        Ok(())
    }

    /// Goes on to the next event that can be read, and notes what was lost before it. False when there is none.
    fn skip(&mut self) -> bool {
        let lost = self.next.0;
        let mut stride = 1;
        while self.first_from(lost + stride).is_none() {
            stride *= 2;
            if stride > LONGEST_RUN {
                return false;
            }
        }
        let (mut unreadable, mut readable) = (lost + stride / 2, lost + stride);
        while unreadable + 1 < readable {
            let middle = unreadable + (readable - unreadable) / 2;
            match self.first_from(middle) {
                Some(_) => readable = middle,
                None => unreadable = middle,
            }
        }
        let Some(first) = self.first_from(readable) else { return false };
        self.lost.push((lost, first.0 - 1));
        self.next = first;
        true
    }

    /// The number of the first event from `from` on, if that can be read.
    fn first_from(&self, from: u64) -> Option<Seq> {
        let mut found = Vec::new();
        self.read(Seq(from), 1, &mut found).ok()?;
        found.first().map(|fact| fact.seq)
    }
}
