//! What waits for the hub, in a file that outlives the process.
//!
//! Lines are only ever added: what is to be kept, and the number of what was answered. What was answered is swept
//! out now and then, into a new file that takes the old one's place. So whatever happens to the process or the
//! machine, the file says what was not answered, and perhaps a little of what was; the hub knows that again.

mod error;
mod lines;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufReader, ErrorKind, Seek as _, Write as _};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

pub use error::OutboxFileError;
pub(crate) use lines::Entry;
use lines::{Contents, Unreadable};

/// How many bytes of what was answered the file holds at least before they are swept out; and never less than
/// it holds of what was not.
const SWEEP_FROM: u64 = 1024 * 1024;

/// An outbox file that is open, and this process's alone.
#[derive(Debug)]
pub(crate) struct OutboxFile {
    path: PathBuf,
    file: File,
    /// Its lock ends with it.
    _lock: File,
    client: Value,
    /// What was not answered, and how many bytes its line has.
    open: BTreeMap<u64, (Entry, u64)>,
    next: u64,
    bytes: u64,
    open_bytes: u64,
    header_bytes: u64,
    /// Whether something has failed that leaves in doubt what the disk holds.
    is_in_doubt: bool,
}

impl OutboxFile {
    /// Opens the file at `path`, or makes one, for a client that says `client` of itself.
    ///
    /// # Errors
    /// [`OutboxFileError`]
    pub(crate) fn open(path: &Path, client: &Value) -> Result<Self, OutboxFileError> {
        // One file has one lock, by whatever name it goes.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let failed =
            |why: io::Error| OutboxFileError::Open { path: path.clone(), why: Arc::new(why) };
        let there = fs::metadata(&path).ok();
        if there.as_ref().is_some_and(|there| !there.is_file()) {
            return Err(OutboxFileError::Foreign { path });
        }
        let lock = lock(&path).map_err(failed)?;
        let lock = lock.ok_or_else(|| OutboxFileError::InUse { path: path.clone() })?;
        let file = if there.is_none_or(|there| there.len() == 0) {
            create(&path, client)
        } else {
            OpenOptions::new().read(true).append(true).open(&path)
        };
        let mut file = file.map_err(failed)?;
        file.rewind().map_err(failed)?;
        let contents = lines::read(BufReader::new(&file)).map_err(|why| match why {
            Unreadable::Io(why) => failed(why),
            Unreadable::Foreign => OutboxFileError::Foreign { path: path.clone() },
            Unreadable::Newer(version) => OutboxFileError::Newer { path: path.clone(), version },
            Unreadable::Line { line, why } => {
                OutboxFileError::Line { path: path.clone(), line, why }
            }
        })?;
        if let Some(of) = of_another(&contents.client, client) {
            return Err(OutboxFileError::OfAnother { path, of });
        }
        let Contents { client: written_by, header, open, next, whole, lacks_end } = contents;
        // Whoever has a name keeps it, even while somebody without one is at it.
        let client = if client["clientId"].is_null() { written_by } else { client.clone() };
        let mut opened = Self {
            file,
            _lock: lock,
            client,
            open_bytes: open.values().map(|(_, bytes)| bytes).sum(),
            open,
            next,
            bytes: whole,
            header_bytes: header,
            is_in_doubt: false,
            path: path.clone(),
        };
        opened.heal(lacks_end).map_err(failed)?;
        Ok(opened)
    }

    /// Mends the end of a file whose writer was stopped in the middle of a line, and sweeps out what was answered.
    fn heal(&mut self, lacks_end: bool) -> io::Result<()> {
        let torn = self.file.metadata()?.len() - self.bytes;
        if torn > 0 {
            tracing::warn!(
                path = %self.path.display(),
                "cut off {torn} bytes at the end of the outbox file, a line that was not finished; \
                 nobody was told that it is kept"
            );
            self.file.set_len(self.bytes)?;
        }
        if lacks_end {
            self.file.write_all(b"\n")?;
            self.bytes += 1;
        }
        if self.answered_bytes() > 0 {
            self.sweep();
        }
        Ok(())
    }

    /// What was not answered, oldest first.
    pub(crate) fn entries(&self) -> impl ExactSizeIterator<Item = (u64, Entry)> {
        self.open.iter().map(|(number, (entry, _))| (*number, entry.clone()))
    }

    /// Notes what was `answered`, and keeps what is `added`, on the disk. Returns its numbers.
    ///
    /// # Errors
    /// [`OutboxFileError::Write`], and then nothing of it is kept.
    pub(crate) fn keep(
        &mut self,
        added: Vec<Entry>,
        answered: &[u64],
    ) -> Result<Range<u64>, OutboxFileError> {
        for number in answered {
            self.open_bytes -= self.open.remove(number).map_or(0, |(_, bytes)| bytes);
        }
        let kept = self.write(added, answered).map_err(|why| OutboxFileError::Write {
            path: self.path.clone(),
            why: Arc::new(why),
        })?;
        if self.answered_bytes() > SWEEP_FROM.max(self.open_bytes) {
            self.sweep();
        }
        Ok(kept)
    }

    fn write(&mut self, added: Vec<Entry>, answered: &[u64]) -> io::Result<Range<u64>> {
        if self.is_in_doubt {
            self.rewrite()?;
        }
        let mut text = Vec::new();
        for number in answered {
            lines::write_answered(&mut text, *number);
        }
        let mut lengths = Vec::with_capacity(added.len());
        for (number, entry) in (self.next..).zip(&added) {
            let start = text.len();
            lines::write_added(&mut text, number, entry);
            lengths.push((text.len() - start) as u64);
        }
        if let Err(why) = self.file.write_all(&text) {
            // Nothing of it stays, so that nothing is kept of which the caller is told that it is not.
            self.is_in_doubt = self.file.set_len(self.bytes).is_err();
            return Err(why);
        }
        // What was answered need not be known for sure: the hub recognises what is sent again.
        if !added.is_empty()
            && let Err(why) = self.file.sync_data()
        {
            // Who asks again is told that all is well, even when it is not; only a new file can be trusted.
            self.is_in_doubt = true;
            return Err(why);
        }
        self.bytes += text.len() as u64;
        let first = self.next;
        for (entry, bytes) in added.into_iter().zip(lengths) {
            self.open.insert(self.next, (entry, bytes));
            self.open_bytes += bytes;
            self.next += 1;
        }
        Ok(first..self.next)
    }

    /// Leaves it for the next process, with all on the disk.
    pub(crate) fn close(mut self) {
        if self.open.is_empty() && self.answered_bytes() > 0 {
            self.sweep();
        } else if let Err(why) = self.file.sync_data() {
            tracing::warn!(%why, "the outbox file may say too little of what was answered");
        }
    }

    /// How many bytes could be swept out.
    fn answered_bytes(&self) -> u64 {
        self.bytes - self.header_bytes - self.open_bytes
    }

    /// Sweeps out what was answered. Where that fails the file stays as it is, which does no harm.
    fn sweep(&mut self) {
        if let Err(why) = self.rewrite() {
            tracing::warn!(%why, "what was answered stays in the outbox file for now");
        }
    }

    /// Puts a new file in the old one's place, which has only what was not answered.
    fn rewrite(&mut self) -> io::Result<()> {
        let mut text = Vec::new();
        lines::write_header(&mut text, &self.client);
        let header = text.len();
        for (number, (entry, bytes)) in &mut self.open {
            let start = text.len();
            lines::write_added(&mut text, *number, entry);
            *bytes = (text.len() - start) as u64;
        }
        self.file = replace(&self.path, &text)?;
        self.bytes = text.len() as u64;
        self.header_bytes = header as u64;
        self.open_bytes = self.bytes - self.header_bytes;
        self.is_in_doubt = true;
        sync_folder(&self.path)?;
        self.is_in_doubt = false;
        Ok(())
    }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

/// Takes the file beside it that says whose it is; nothing when another process has it. It dies with its process.
fn lock(path: &Path) -> io::Result<Option<File>> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).open(with_ending(path, ".lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(why)) => Err(why),
    }
}

fn create(path: &Path, client: &Value) -> io::Result<File> {
    let mut text = Vec::new();
    lines::write_header(&mut text, client);
    let file = replace(path, &text)?;
    sync_folder(path)?;
    Ok(file)
}

/// Puts a file with this text at `path`: all of it, or none.
fn replace(path: &Path, text: &[u8]) -> io::Result<File> {
    let new = with_ending(path, ".new");
    let replaced = write_new(&new, text).and_then(|file| {
        // Whoever may read the old one may read the new one, and nobody else.
        if let Ok(old) = fs::metadata(path) {
            file.set_permissions(old.permissions())?;
        }
        fs::rename(&new, path)?;
        Ok(file)
    });
    if replaced.is_err() {
        // It takes up room, which may be what is missing. Fails where it is not there.
        drop(fs::remove_file(&new));
    }
    replaced
}

fn write_new(path: &Path, text: &[u8]) -> io::Result<File> {
    if let Err(why) = fs::remove_file(path)
        && why.kind() != ErrorKind::NotFound
    {
        return Err(why);
    }
    let mut options = OpenOptions::new();
    options.read(true).append(true).create_new(true);
    // Where customers live is nobody else's business.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text)?;
    file.sync_all()?;
    Ok(file)
}

/// Sees to it that the folder of `path` has its new name on the disk.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    // Elsewhere a folder cannot be opened, and needs no such help.
    #[cfg(unix)]
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    Ok(())
}

/// The client that has written a file, unless it may be the one that opens it.
fn of_another(written_by: &Value, client: &Value) -> Option<String> {
    let is_another = ["role", "clientId"].into_iter().any(|field| {
        let (theirs, own) = (&written_by[field], &client[field]);
        !theirs.is_null() && !own.is_null() && theirs != own
    });
    is_another.then(|| {
        let words = ["role", "clientId"].into_iter().filter_map(|field| written_by[field].as_str());
        words.collect::<Vec<_>>().join(" ")
    })
}

#[cfg(test)]
mod tests;
