//! Writes the log out, as JSON Lines.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;

use caps_proto::ClientId;

use super::OpenError;
use super::archive::Archive;
use super::reader::{Query, Sort, ends, scan};
use crate::entry::Entry;
use crate::moment::Moment;

/// Which events are exported. Without any of these: all.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Those of this vendor.
    pub client_id: Option<ClientId>,
    /// Those of this name, one of [`Change::NAMES`](caps_hub::Change::NAMES).
    pub event: Option<&'static str>,
    /// Those no older than this.
    pub since: Option<Moment>,
}

/// Why an export has failed.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The log cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The events cannot be written where they should go.
    #[error("cannot write the events: {0}")]
    Write(#[from] io::Error),
}

/// Writes the log's events to `out`, oldest first, one JSON object a line, beside a hub that may be at work. `progress` is
/// told the number of the event that was written last, and that of the log's last event when the export began: the
/// numbers go up by one from event to event. Returns how many events were written.
///
/// # Errors
/// [`ExportError`], in a sentence that says the mend.
pub fn export(
    data_dir: &Path,
    selection: &Selection,
    mut out: impl Write,
    mut progress: impl FnMut(u64, u64),
) -> Result<u64, ExportError> {
    let archive = Archive::open(data_dir)?;
    let Selection { client_id, event, since } = selection.clone();
    let since = since.map(|Moment(since)| since);
    let query = Query { client_id, event, since, sort: Sort::Oldest, ..Query::default() };
    let ends = ends(&archive.db).map_err(|why| archive.explain(why))?;
    let last = ends.map(|(_, last)| last).unwrap_or_default();
    let (mut written, mut failed) = (0, None);
    let scanned = scan(&archive.db, &query, |record| {
        if !query.is_about(record) {
            return Ok(ControlFlow::Continue(()));
        }
        let fact = record.fact()?;
        if fact.seq > last {
            return Ok(ControlFlow::Break(()));
        }
        if let Err(why) = write(&mut out, Entry(&fact)) {
            failed = Some(why);
            return Ok(ControlFlow::Break(()));
        }
        written += 1;
        progress(fact.seq.0, last.0);
        Ok(ControlFlow::Continue(()))
    });
    scanned.map_err(|why| archive.explain(why))?;
    failed.map_or(Ok(()), Err)?;
    out.flush()?;
    Ok(written)
}

fn write(mut out: impl Write, entry: Entry<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut out, &entry)?;
    out.write_all(b"\n")
}
