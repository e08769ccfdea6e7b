//! Keeps facts in a SQLite file, through a crash of the hub or the machine.
//!
//! One thread writes. It takes whatever has arrived while its last commit ran, so batches grow with the load and a
//! lone order waits for nobody. `synchronous=FULL`: a commit that has returned is on the disk.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use caps_hub::{ConnId, Fact, Hub, Limits, Restore, Seq, Snapshot, Step, Timestamp};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::sync::watch;

mod lock;
mod rotation;
mod row;
mod schema;
mod writer;

use super::{Journal, Progress};
use lock::Lock;
use rotation::Rotation;
use schema::Kind;
use writer::{Work, Writer};

/// The name of the file in the data directory.
const FILE: &str = "caps.db";

/// Why the file cannot be opened, in a sentence that says the mend.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data directory cannot be used.
    #[error(
        "cannot use the data directory `{dir}`: {why}; set `--data-dir` (CAPS_DATA_DIR) to a folder that this user may write to"
    )]
    Directory {
        /// Which.
        dir: PathBuf,
        /// What the system says.
        why: std::io::Error,
    },
    /// Another hub uses it.
    #[error(
        "another hub uses the data directory `{dir}`; stop that one first, or set `--data-dir` (CAPS_DATA_DIR) to a folder of this one's own"
    )]
    InUse {
        /// Which.
        dir: PathBuf,
    },
    /// A later release has written the file.
    #[error(
        "`{file}` was written by a later release of CAPS (its version is {version}); start that release, or set `--data-dir` (CAPS_DATA_DIR) to another folder"
    )]
    Newer {
        /// Which.
        file: PathBuf,
        /// The version of its schema.
        version: usize,
    },
    /// It is some other program's file.
    #[error(
        "`{file}` is not a file of CAPS; move it away, or set `--data-dir` (CAPS_DATA_DIR) to another folder"
    )]
    Foreign {
        /// Which.
        file: PathBuf,
    },
    /// The file is damaged.
    #[error(
        "`{file}` is damaged: {why}; put a backup in its place, or save what is whole with `caps-server salvage <NEW DIRECTORY>` and start with that"
    )]
    Damaged {
        /// Which.
        file: PathBuf,
        /// What was found.
        why: String,
    },
    /// The file cannot be read or written for another reason.
    #[error("cannot open `{file}`: {why}")]
    File {
        /// Which.
        file: PathBuf,
        /// What SQLite says.
        why: rusqlite::Error,
    },
}

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
    lock: Lock,
}

impl Store {
    /// Takes the directory, and opens the file, which is made if there is none.
    pub(crate) fn open(dir: &Path) -> Result<Self, OpenError> {
        let unusable = |why| OpenError::Directory { dir: dir.into(), why };
        fs::create_dir_all(dir).map_err(unusable)?;
        let lock = Lock::take(dir).map_err(unusable)?;
        let lock = lock.ok_or_else(|| OpenError::InUse { dir: dir.into() })?;
        let file = dir.join(FILE);
        let db = open(&file).map_err(|why| explain(&file, why))?;
        match schema::kind(&db).map_err(|why| explain(&file, why))? {
            Kind::Ours => {}
            Kind::Newer { version } => return Err(OpenError::Newer { file, version }),
            Kind::Foreign => return Err(OpenError::Foreign { file }),
        }
        let mut store = Self { file, db, lock };
        prepare(&mut store.db).map_err(|why| store.explain(why))?;
        Ok(store)
    }

    /// Where the file is.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Brings the hub back.
    pub(crate) fn restore(&self, limits: Limits, now: Timestamp) -> Result<Restored, OpenError> {
        let began = Instant::now();
        let mut restore = Restore::new(limits);
        let facts = self.read(&mut restore).map_err(|why| match why {
            Unreadable::Sqlite(why) => self.explain(why),
            Unreadable::Gap { after } => OpenError::Damaged {
                file: self.file.clone(),
                why: format!("what happened after number {after} of the log is missing"),
            },
        })?;
        let rotation = Rotation::new(restore.oldest_partition());
        let kept = restore.last();
        let mut step = Step::default();
        let (hub, conn) = restore.finish(now, &mut step);
        let messages: usize = hub.queues().map(|queue| queue.depth).sum();
        tracing::info!(
            messages,
            orders = hub.open(),
            remembered = hub.known(),
            facts,
            took = ?began.elapsed(),
            file = %self.file.display(),
            "brought back what waits"
        );
        Ok(Restored { hub, step, kept, rotation, conn })
    }

    fn read(&self, restore: &mut Restore) -> Result<u64, Unreadable> {
        let mut snapshots = self.db.prepare("SELECT orders FROM snapshot ORDER BY part")?;
        let mut rows = snapshots.query([])?;
        while let Some(row) = rows.next()? {
            restore.load(writer::snapshot(row)?);
        }
        let mut last = restore.as_of();
        let columns = row::COLUMNS;
        let log = format!("SELECT {columns} FROM log WHERE seq > ?1 ORDER BY seq");
        let mut log = self.db.prepare(&log)?;
        let mut rows = log.query([last.0])?;
        let mut facts = 0;
        while let Some(row) = rows.next()? {
            let fact = row::read(row)?;
            if fact.seq != last.next() {
                return Err(Unreadable::Gap { after: last });
            }
            last = fact.seq;
            facts += 1;
            restore.fold(&fact);
        }
        Ok(facts)
    }

    fn explain(&self, why: rusqlite::Error) -> OpenError {
        explain(&self.file, why)
    }
}

/// Why the file's content cannot be brought back.
enum Unreadable {
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

fn open(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(file, flags)
}

fn prepare(db: &mut Connection) -> rusqlite::Result<()> {
    // Pages are checkpointed from the write-ahead log in larger portions: fewer, longer writes.
    const CHECKPOINT_PAGES: u32 = 4000;
    /// In KiB, which SQLite writes as a negative number.
    const CACHE: i32 = -16 * 1024;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "cache_size", CACHE)?;
    db.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    schema::migrate(db)
}

/// Tells damage from other trouble.
fn explain(file: &Path, why: rusqlite::Error) -> OpenError {
    let file = file.to_owned();
    if is_damage(&why) {
        return OpenError::Damaged { file, why: why.to_string() };
    }
    match why.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::Foreign { file },
        _ => OpenError::File { file, why },
    }
}

/// Whether the file holds what SQLite or this program cannot have written.
fn is_damage(why: &rusqlite::Error) -> bool {
    match why.sqlite_error_code() {
        Some(code) => code == ErrorCode::DatabaseCorrupt,
        None => matches!(
            why,
            rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::Utf8Error(..)
        ),
    }
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
    ) -> std::io::Result<Self> {
        let kept = restored.kept;
        let rotation = restored.rotation.clone();
        let (work, arrived) = mpsc::channel();
        let (sender, progress) = watch::channel(Progress { kept, trouble: None });
        let Store { file, db, lock } = store;
        let thread = std::thread::Builder::new().name("journal".into()).spawn(move || {
            let _held = lock;
            Writer::new(file, db, retention, sender).run(&arrived);
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
