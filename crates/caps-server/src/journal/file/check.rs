//! Reads the whole file, and says whether it is well.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::SystemTime;

use caps_hub::{Limits, Seq, Timestamp};

use super::archive::Archive;
use super::reader::{LAST, Sort};
use super::{OpenError, block, bring_back, listing};

/// What is in a file that is well.
#[derive(Debug)]
pub struct Checked {
    /// How many events are in the log,
    pub events: u64,
    /// and the time of the oldest of them.
    pub since: Option<Timestamp>,
    /// How many messages wait for their readers.
    pub messages: usize,
    /// How many orders are open.
    pub orders: usize,
}

/// Checks the file from its first page to its last, and that a hub can start with it. Changes nothing, and a hub may be at
/// work meanwhile.
///
/// # Errors
/// [`OpenError`], in a sentence that says the mend.
pub fn check(data_dir: &Path) -> Result<Checked, OpenError> {
    let archive = Archive::open(data_dir)?;
    let db = &archive.db;
    let explain = |why| archive.explain(why);
    // All of it as of one moment.
    let _reading = db.unchecked_transaction().map_err(explain)?;
    let verdict: String =
        db.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(explain)?;
    if verdict != "ok" {
        return Err(OpenError::Damaged { file: archive.file, why: verdict });
    }
    let (events, since) = read_log(db).map_err(explain)?;
    if !listing::is_right(db).map_err(explain)? {
        let why = "the list of each vendor's events is not right".to_owned();
        return Err(OpenError::Damaged { file: archive.file, why });
    }
    let restored = bring_back(db, Limits::default()).map_err(|why| why.explain(&archive.file))?;
    let (hub, _) = restored.finish(SystemTime::now().into(), &mut Default::default());
    let messages = hub.queues().map(|queue| queue.depth).sum();
    Ok(Checked { events, since, messages, orders: hub.open() })
}

/// Sees that every event can be read.
fn read_log(db: &rusqlite::Connection) -> rusqlite::Result<(u64, Option<Timestamp>)> {
    let (mut events, mut since) = (0, None);
    block::scan(db, (Seq::default(), LAST), Sort::Oldest, |record| {
        since.get_or_insert(record.fact()?.at);
        events += 1;
        Ok(ControlFlow::Continue(()))
    })?;
    Ok((events, since))
}
