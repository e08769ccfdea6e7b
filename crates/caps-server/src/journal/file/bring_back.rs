//! Reads what a restart needs.

use std::ops::ControlFlow;
use std::path::Path;

use caps_hub::{Limits, Restore, Seq};
use rusqlite::Connection;

use super::error::explain;
use super::reader::{LAST, Sort};
use super::{OpenError, block, writer};

/// Why the file's content cannot be brought back.
pub(super) enum Unreadable {
    Sqlite(rusqlite::Error),
    /// A number is missing.
    Gap {
        after: Seq,
    },
}

impl From<rusqlite::Error> for Unreadable {
    fn from(why: rusqlite::Error) -> Self {
        Self::Sqlite(why)
    }
}

impl Unreadable {
    pub(super) fn explain(self, file: &Path) -> OpenError {
        match self {
            Self::Sqlite(why) => explain(file, why),
            Self::Gap { after } => OpenError::Damaged {
                file: file.to_owned(),
                why: format!("what happened after number {after} of the log is missing"),
            },
        }
    }
}

/// Reads the snapshots, and of the log what came after the oldest of them.
pub(super) fn bring_back(db: &Connection, limits: Limits) -> Result<Restore, Unreadable> {
    let mut restore = Restore::new(limits);
    let mut snapshots = db.prepare("SELECT orders FROM snapshot ORDER BY part")?;
    let mut rows = snapshots.query([])?;
    while let Some(row) = rows.next()? {
        restore.load(writer::snapshot(row)?);
    }
    let mut last = restore.as_of();
    let mut gap = None;
    block::scan(db, (last.next(), LAST), Sort::Oldest, |record| {
        if record.seq != last.next() {
            gap = Some(Unreadable::Gap { after: last });
            return Ok(ControlFlow::Break(()));
        }
        last = record.seq;
        restore.fold(&record.fact()?);
        Ok(ControlFlow::Continue(()))
    })?;
    gap.map_or(Ok(restore), Err)
}
