//! Copies the file while its hub is at work.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use rusqlite::backup::Backup;
use tempfile::NamedTempFile;

use super::OpenError;
use super::archive::Archive;

/// Every page at once: a copy in steps begins anew whenever the hub has written between two of them.
const ALL_PAGES: i32 = -1;

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The hub's file cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The copy cannot be made.
    #[error(
        "cannot copy to `{to}`: {why}; name a file in a folder that has room and that this user may write to"
    )]
    Copy {
        /// Where to.
        to: PathBuf,
        /// What SQLite says.
        why: rusqlite::Error,
    },
    /// The copy cannot be written to its place.
    #[error(
        "cannot write `{to}`: {why}; name a file that does not exist, in a folder that this user may write to"
    )]
    Write {
        /// Where to.
        to: PathBuf,
        /// What the system says.
        why: io::Error,
    },
}

/// Copies the hub's file to `to`, as it is at one moment, while the hub may be at work. The copy is on the disk when this
/// returns; named `caps.db` in a data directory of its own, a hub starts with it. Returns its size in bytes.
///
/// # Errors
/// [`BackupError`], in a sentence that says the mend. Then there is no file `to`, or the one that was there before.
pub fn backup(data_dir: &Path, to: &Path) -> Result<u64, BackupError> {
    let archive = Archive::open(data_dir)?;
    let unwritable = |why| BackupError::Write { to: to.into(), why };
    if to.exists() {
        return Err(unwritable(io::ErrorKind::AlreadyExists.into()));
    }
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let copy = NamedTempFile::new_in(folder).map_err(unwritable)?;
    fill(&archive.db, copy.path()).map_err(|why| BackupError::Copy { to: to.into(), why })?;
    copy.as_file().sync_all().map_err(unwritable)?;
    let bytes = copy.as_file().metadata().map_err(unwritable)?.len();
    copy.persist_noclobber(to).map_err(|why| unwritable(why.error))?;
    // The name, too, is to be on the disk.
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(unwritable)?;
    Ok(bytes)
}

fn fill(from: &Connection, to: &Path) -> rusqlite::Result<()> {
    let mut copy = Connection::open(to)?;
    Backup::new(from, &mut copy)?.step(ALL_PAGES)?;
    // One file, which needs no second one beside it.
    copy.pragma_update(None, "journal_mode", "DELETE")?;
    copy.close().map_err(|(_, why)| why)
}
