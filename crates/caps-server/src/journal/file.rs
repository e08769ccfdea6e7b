//! Keeps facts in a SQLite file, through a crash of the hub or the machine.
//!
//! One thread writes. It takes whatever has arrived while its last commit ran, so batches grow with the load and a
//! lone order waits for nobody. `synchronous=FULL`: a commit that has returned is on the disk.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use caps_hub::{ConnId, Fact, Hub, Limits, Seq, Snapshot, Step, Timestamp};
use rusqlite::{Connection, OpenFlags};
use tokio::sync::watch;

mod archive;
mod backup;
mod block;
mod bring_back;
mod check;
mod counts;
mod error;
mod export;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod listing;
mod lock;
mod orders;
mod reader;
mod record;
mod rotation;
mod rows;
mod salvage;
mod schema;
#[cfg(test)]
mod tests;
mod writer;

use super::{Journal, Progress};
use crate::metrics::Commits;
pub use backup::{BackupError, backup};
use bring_back::bring_back;
pub use check::{Checked, check};
pub use error::OpenError;
use error::explain;
pub use export::{ExportError, Selection, export};
use listing::Unlisted;
use lock::Lock;
pub(crate) use orders::{Beginnings, Begun, Course};
pub(crate) use reader::{Page, Query, ReadError, Reader, Sort};
use rotation::Rotation;
pub use salvage::{SalvageError, Saved, salvage};
use schema::Kind;
use writer::{Work, Writer};

/// The name of the file in the data directory.
const FILE: &str = "caps.db";

/// Pages are checkpointed from the write-ahead log in larger portions than is usual: fewer, longer writes.
const CHECKPOINT_PAGES: u32 = 4000;

/// What was brought back from the file.
pub(crate) struct Restored {
    pub(crate) hub: Hub,
    /// What the restart itself has changed, and the journal is yet to keep.
    pub(crate) step: Step,
    kept: Seq,
    rotation: Rotation,
    /// The last connection of the hub before this one.
    pub(crate) conn: ConnId,
}

/// A data directory that is this process's alone, and its file.
pub(crate) struct Store {
    file: PathBuf,
    db: Connection,
    unlisted: Unlisted,
    lock: Lock,
}

impl Store {
    /// Takes the directory, and opens the file, which is made if there is none.
    pub(crate) fn open(dir: &Path) -> Result<Self, OpenError> {
        let unusable = |why| OpenError::Directory { dir: dir.into(), why };
        make(dir).map_err(unusable)?;
        let lock = Lock::take(dir).map_err(unusable)?;
        let lock = lock.ok_or_else(|| OpenError::InUse { dir: dir.into() })?;
        let file = dir.join(FILE);
        let mut db = open(&file).map_err(|why| explain(&file, why))?;
        if db.is_readonly(c"main").map_err(|why| explain(&file, why))? {
            let may_only_be_read = format!("`{FILE}` in it may only be read");
            return Err(unusable(io::Error::new(
                io::ErrorKind::PermissionDenied,
                may_only_be_read,
            )));
        }
        match schema::kind(&db).map_err(|why| explain(&file, why))? {
            Kind::Ours => {}
            Kind::Newer { version } => return Err(OpenError::Newer { file, version }),
            Kind::Foreign => return Err(OpenError::Foreign { file }),
        }
        let unlisted = prepare(&mut db).map_err(|why| explain(&file, why))?;
        Ok(Self { file, db, unlisted, lock })
    }

    /// Reads beside whoever writes to the file.
    pub(crate) fn reader(&self) -> Reader {
        Reader::new(&self.file)
    }

    /// Brings the hub back.
    pub(crate) fn restore(&self, limits: Limits, now: Timestamp) -> Result<Restored, OpenError> {
        let began = Instant::now();
        let restore = bring_back(&self.db, limits).map_err(|why| why.explain(&self.file))?;
        let kept = restore.last();
        let since = kept.0 - restore.latest_snapshot().0;
        let since = usize::try_from(since).unwrap_or(usize::MAX);
        let rotation = Rotation::new(restore.oldest_partition(), since);
        let mut step = Step::default();
        let (hub, conn) = restore.finish(now, &mut step);
        let messages: usize = hub.queues().map(|queue| queue.depth).sum();
        tracing::info!(
            messages,
            orders = hub.open(),
            remembered = hub.known(),
            took = ?began.elapsed(),
            file = %self.file.display(),
            "brought back what waits"
        );
        Ok(Restored { hub, step, kept, rotation, conn })
    }
}

/// Makes a directory, whose name is on the disk when this returns.
fn make(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(dir)?;
    match dir.canonicalize()?.parent() {
        Some(parent) => fs::File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

fn open(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(file, flags)
}

fn prepare(db: &mut Connection) -> rusqlite::Result<Unlisted> {
    /// In KiB, which SQLite writes as a negative number.
    const CACHE: i32 = -16 * 1024;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "cache_size", CACHE)?;
    db.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    schema::migrate(db)?;
    Unlisted::of(db)
}

/// The file's writer, from the hub's side.
pub(crate) struct FileJournal {
    /// `None` when it is being dropped.
    work: Option<mpsc::Sender<Work>>,
    progress: watch::Receiver<Progress>,
    rotation: Rotation,
    thread: Option<JoinHandle<()>>,
}

impl FileJournal {
    /// Starts to write what comes after `restored`. What is older than `retention` is removed from the log.
    pub(crate) fn start(
        store: Store,
        restored: &Restored,
        retention: Duration,
        commits: Commits,
    ) -> io::Result<Self> {
        let kept = restored.kept;
        let rotation = restored.rotation.clone();
        let (work, arrived) = mpsc::channel();
        let (sender, progress) = watch::channel(Progress { kept, trouble: None });
        let Store { file, db, unlisted, lock } = store;
        let mut writer = Writer::new(file, db, unlisted, retention, sender, commits);
        writer.begin();
        let thread = std::thread::Builder::new().name("journal".into()).spawn(move || {
            let _held = lock;
            writer.run(&arrived);
        })?;
        Ok(Self { work: Some(work), progress, rotation, thread: Some(thread) })
    }

    fn hand(&self, work: Work) {
        // Fails when the writer has given up, which its progress says.
        let _ = self.work.as_ref().map(|writer| writer.send(work));
    }
}

impl Journal for FileJournal {
    fn keep(&mut self, facts: Vec<Fact>) {
        self.rotation.kept(facts.len());
        self.hand(Work::Keep(facts));
    }

    fn wants_snapshot(&mut self, hub: &Hub) -> Option<u8> {
        self.rotation.next(hub)
    }

    fn save(&mut self, snapshot: Snapshot) {
        self.hand(Work::Save(snapshot));
    }

    fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }
}

/// Waits until the writer has closed the file.
impl Drop for FileJournal {
    fn drop(&mut self) {
        self.work = None;
        if let Some(Err(_panic)) = self.thread.take().map(JoinHandle::join) {
            tracing::error!("the journal's writer has failed by a bug");
        }
    }
}
