//! The thread that writes.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime};

use caps_hub::{Fact, PARTITIONS, Snapshot, Timestamp};
use rusqlite::types::Type;
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Row, TransactionBehavior, params};
use tokio::sync::watch;

use super::super::{Progress, Trouble};
use super::CHECKPOINT_PAGES;
use super::block::{self, Appender};
use super::listing::{self, Unlisted};
use crate::metrics::Commits;

/// How long to wait before what could not be kept is tried again.
const PAUSE: Duration = Duration::from_millis(500);

/// How often the log is looked at for what is too old, when nothing else happens.
const TICK: Duration = Duration::from_secs(1);

/// The most blocks that are removed after one commit, so that the next has not long to wait.
const TRIM: usize = 100;

/// SQLite's pages, in bytes.
const PAGE: u32 = 4096;

/// What the writer is handed.
pub(super) enum Work {
    Keep(Vec<Fact>),
    Save(Snapshot),
}

/// Reads a snapshot's `orders`.
pub(super) fn snapshot(row: &Row<'_>) -> rusqlite::Result<Snapshot> {
    let text = row.get_ref(0)?.as_str()?;
    serde_json::from_str(text)
        .map_err(|why| rusqlite::Error::FromSqlConversionFailure(0, Type::Text, why.into()))
}

pub(super) struct Writer {
    file: PathBuf,
    db: Connection,
    retention: Duration,
    progress: watch::Sender<Progress>,
    commits: Commits,
    unlisted: Unlisted,
    /// Whether all that a hub before this one has written is surely on the disk.
    is_settled: bool,
    /// When to look next for what is too old.
    next_look: Instant,
}

/// The writer can write no more.
struct GivenUp;

impl Writer {
    pub(super) fn new(
        file: PathBuf,
        db: Connection,
        unlisted: Unlisted,
        retention: Duration,
        progress: watch::Sender<Progress>,
        commits: Commits,
    ) -> Self {
        Self {
            file,
            db,
            retention,
            progress,
            commits,
            unlisted,
            is_settled: false,
            next_look: Instant::now(),
        }
    }

    /// Makes sure of what a hub before this one has written, or says what the trouble is.
    pub(super) fn begin(&mut self) {
        if let Err(why) = self.settle() {
            let trouble = self.explain(&why);
            self.progress.send_modify(|progress| progress.trouble = Some(trouble));
        }
    }

    /// Copies what is in the write-ahead log alone into the file itself, once. The hub before this one may have died
    /// when the disk had just failed to take the end of that log. The system goes on showing such an end to everyone,
    /// and does not write it once more, so all that is written after it would be gone with the power.
    ///
    /// Where another program reads the file just then, only as far as that allows.
    fn settle(&mut self) -> rusqlite::Result<()> {
        if !self.is_settled {
            self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
            self.is_settled = true;
            if self.has_much_room()
                && let Err(why) = self.grow()
            {
                tracing::debug!(%why, "commits will be slower until the write-ahead log has grown by itself");
            }
        }
        Ok(())
    }

    /// Whether the disk has so much room that nobody misses what the write-ahead log takes before it needs it.
    fn has_much_room(&self) -> bool {
        const MUCH: u64 = 1 << 30;
        rustix::fs::statvfs(&self.file).is_ok_and(|disk| disk.f_bavail * disk.f_frsize >= MUCH)
    }

    /// Grows the write-ahead log, which is empty, to the size that it is to have, so that a commit writes over what is
    /// there: that takes about 40 % less time than one that makes a file longer.
    fn grow(&self) -> rusqlite::Result<()> {
        // Every page goes into the write-ahead log twice: when it is filled, and when it is free again.
        const FILLING: u32 = CHECKPOINT_PAGES / 2 * PAGE;
        self.db.execute_batch("DROP TABLE IF EXISTS room; CREATE TABLE room (filling BLOB)")?;
        self.db.execute("INSERT INTO room VALUES (zeroblob(?1))", [FILLING])?;
        self.db.execute_batch("DROP TABLE room; PRAGMA wal_checkpoint")
    }

    /// Writes until the hub has gone and everything is kept, or nothing can be.
    pub(super) fn run(mut self, arrived: &Receiver<Work>) {
        let mut batch = Vec::new();
        loop {
            match arrived.recv_timeout(self.next_look.saturating_duration_since(Instant::now())) {
                Ok(work) => batch.push(work),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if (!batch.is_empty() || !self.is_settled) && self.keep(&mut batch, arrived).is_err() {
                return;
            }
            self.trim();
        }
    }

    /// Keeps the batch and whatever has arrived meanwhile, however often it has to try.
    fn keep(&mut self, batch: &mut Vec<Work>, arrived: &Receiver<Work>) -> Result<(), GivenUp> {
        loop {
            batch.extend(arrived.try_iter());
            let why = match self.settle().and_then(|()| self.commit(batch)) {
                Ok(()) => break,
                Err(why) => why,
            };
            let trouble = self.explain(&why);
            let is_for_good = matches!(trouble, Trouble::ForGood(_));
            self.progress.send_modify(|progress| progress.trouble = Some(trouble));
            if is_for_good {
                return Err(GivenUp);
            }
            match arrived.recv_timeout(PAUSE) {
                Ok(work) => batch.push(work),
                Err(RecvTimeoutError::Timeout) => {}
                // Nobody waits for it any more, and nobody was told that it is kept.
                Err(RecvTimeoutError::Disconnected) => return Err(GivenUp),
            }
        }
        let mut facts = batch.drain(..).filter_map(|work| match work {
            Work::Keep(facts) => facts.last().map(|fact| fact.seq),
            Work::Save(_) => None,
        });
        let kept = facts.next_back();
        drop(facts);
        self.progress.send_modify(|progress| {
            progress.kept = kept.unwrap_or(progress.kept);
            progress.trouble = None;
        });
        Ok(())
    }

    fn commit(&mut self, batch: &[Work]) -> rusqlite::Result<()> {
        let began = Instant::now();
        let mut kept = 0;
        let is_much = self.unlisted.is_much();
        let change = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut log = Appender::new(&change)?;
        for work in batch {
            match work {
                Work::Keep(facts) => {
                    for fact in facts {
                        log.add(fact)?;
                    }
                    kept += facts.len();
                }
                Work::Save(snapshot) => save(&change, snapshot)?,
            }
        }
        log.finish()?;
        if is_much {
            self.unlisted.list(&change)?;
        }
        change.commit()?;
        if is_much {
            self.unlisted.clear();
        }
        for work in batch {
            if let Work::Keep(facts) = work {
                facts.iter().for_each(|fact| self.unlisted.note(fact));
            }
        }
        self.commits.durations.observe_time(began.elapsed());
        self.commits.facts.observe_number(kept);
        Ok(())
    }

    fn explain(&self, why: &rusqlite::Error) -> Trouble {
        let file = self.file.display();
        match why.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Trouble::ForNow(
                format!("the disk of `{file}` is full ({why}); make room, and the hub goes on by itself").into(),
            ),
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                Trouble::ForNow(
                    format!("`{file}` cannot be written to ({why}); let this user write to it, and the hub goes on by itself").into(),
                )
            }
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Trouble::ForGood(
                format!("`{file}` is damaged ({why}); stop the hub and run `caps-server check`").into(),
            ),
            Some(
                ErrorCode::SystemIoFailure
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::OutOfMemory
                | ErrorCode::FileLockingProtocolFailed,
            ) => Trouble::ForNow(
                format!("`{file}` cannot be written to ({why}); the hub goes on by itself when it can").into(),
            ),
            _ => Trouble::ForGood(format!("cannot write to `{file}`: {why}").into()),
        }
    }

    /// Now and then, removes a little of what is too old from the log.
    fn trim(&mut self) {
        let now = Instant::now();
        if now < self.next_look {
            return;
        }
        let retention = u64::try_from(self.retention.as_millis()).unwrap_or(u64::MAX);
        let horizon = Timestamp::from(SystemTime::now()).as_millis().saturating_sub(retention);
        let removed = trim(&mut self.db, horizon).unwrap_or_else(|why| {
            // If it is serious, the next commit meets it, too, and tells.
            tracing::debug!(%why, "the log could not be trimmed");
            0
        });
        if removed < TRIM {
            self.next_look = now + TICK;
        }
    }
}

pub(super) fn save(db: &Connection, snapshot: &Snapshot) -> rusqlite::Result<()> {
    let orders = serde_json::to_string(snapshot)
        .map_err(|why| rusqlite::Error::ToSqlConversionFailure(why.into()))?;
    let mut statement = db.prepare_cached(
        "INSERT INTO snapshot (part, as_of, orders) VALUES (?1, ?2, ?3) \
         ON CONFLICT (part) DO UPDATE SET as_of = excluded.as_of, orders = excluded.orders",
    )?;
    statement.execute(params![snapshot.partition, snapshot.as_of.0, orders])?;
    Ok(())
}

/// Removes at most [`TRIM`] blocks from before `horizon` of which a restart has no need. Returns how many.
fn trim(db: &mut Connection, horizon: u64) -> rusqlite::Result<usize> {
    let change = db.transaction()?;
    let removed = remove(&change, horizon)?;
    if removed > 0 {
        block::forget(&change)?;
        listing::forget(&change)?;
    }
    change.commit()?;
    Ok(removed)
}

fn remove(db: &Connection, horizon: u64) -> rusqlite::Result<usize> {
    // Without a snapshot of every part, a restart needs the whole log.
    let mut floor = db.prepare_cached("SELECT min(as_of) FROM snapshot HAVING count(*) = ?1")?;
    let floor: Option<u64> = floor.query_row([PARTITIONS], |row| row.get(0)).optional()?;
    let Some(floor) = floor else { return Ok(0) };
    let mut delete = db.prepare_cached(
        "DELETE FROM block WHERE first IN \
         (SELECT first FROM block WHERE last <= ?1 AND at < ?2 ORDER BY first LIMIT ?3)",
    )?;
    delete.execute(params![floor, horizon, TRIM])
}
