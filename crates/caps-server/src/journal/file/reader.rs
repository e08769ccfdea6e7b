//! Reads the log beside its writer, which it never holds up: each read is a short transaction of its own.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::slice;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use caps_hub::{Change, Fact, Seq, Timestamp};
use caps_proto::{ClientId, MessageId};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, params};
use tokio::sync::Semaphore;

use super::{listing, row};

/// The most reads at the same time.
const MOST_READS: usize = 4;

/// How long one who asks waits for the reads of others.
const TURN: Duration = Duration::from_secs(5);

/// How long one page may look for rows that are rare.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// A page holds no more when its orders' texts have come to so many bytes.
const ENOUGH_BYTES: usize = 1024 * 1024;

/// How many rows are looked at in one transaction.
pub(super) const CHUNK: usize = 1000;

/// The most events of one order's timeline, the latest.
pub(super) const TIMELINE: usize = 1000;

/// Beyond every row: the largest number that SQLite has.
pub(super) const LAST: Seq = Seq(i64::MAX as u64);

/// Which rows, and in which order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    /// Of this vendor.
    pub(crate) client_id: Option<ClientId>,
    /// Of this name, one of [`Change::NAMES`].
    pub(crate) event: Option<&'static str>,
    /// Of this order.
    pub(crate) message_id: Option<MessageId>,
    /// No older than this.
    pub(crate) since: Option<Timestamp>,
    /// Beyond this number, in the order of the query.
    pub(crate) after: Option<Seq>,
    pub(crate) sort: Sort,
}

/// In which order rows are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Sort {
    #[default]
    Oldest,
    Newest,
}

impl Sort {
    /// As SQL has it.
    pub(super) fn of_seq(self) -> &'static str {
        match self {
            Self::Oldest => "seq",
            Self::Newest => "seq DESC",
        }
    }
}

/// A part of what a query asks for.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) facts: Vec<Fact>,
    /// The last row that was looked at, unless there are no more.
    pub(crate) next: Option<Seq>,
}

/// Why a read failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("too many read the log at the same time; ask again in a moment")]
    Busy,
    #[error("the log cannot be read: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// Reads of the hub's own process.
#[derive(Clone)]
pub(crate) struct Reader(Arc<Shared>);

struct Shared {
    file: PathBuf,
    turns: Semaphore,
    idle: Mutex<Vec<Connection>>,
}

impl Reader {
    pub(crate) fn new(file: &Path) -> Self {
        let turns = Semaphore::new(MOST_READS);
        Self(Arc::new(Shared { file: file.to_owned(), turns, idle: Mutex::default() }))
    }

    /// At most `limit` rows. Fewer, and perhaps none, when what is asked for is rare, or large: then `next` says where to
    /// go on.
    pub(crate) async fn page(&self, query: Query, limit: usize) -> Result<Page, ReadError> {
        self.read(move |db| page(db, &query, limit)).await
    }

    /// All that happened to the order of which `latest` is an event, oldest first; of very much, the latest part.
    pub(crate) async fn timeline(&self, latest: Seq) -> Result<Vec<Fact>, ReadError> {
        self.read(move |db| timeline(db, latest)).await
    }

    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, ReadError> {
        let turn = tokio::time::timeout(TURN, self.0.turns.acquire()).await;
        let _turn = turn.ok().and_then(Result::ok).ok_or(ReadError::Busy)?;
        let shared = Arc::clone(&self.0);
        let done = tokio::task::spawn_blocking(move || shared.with_connection(read)).await;
        // A panic there is a panic here.
        done.unwrap_or_else(|why| std::panic::resume_unwind(why.into_panic())).map_err(Into::into)
    }
}

impl Shared {
    fn with_connection<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = idle().pop();
        let db = waiting.map_or_else(|| open(&self.file), Ok)?;
        let result = read(&db);
        if result.is_ok() {
            idle().push(db);
        }
        result
    }
}

/// Opens the file, and writes nothing to it.
pub(super) fn open(file: &Path) -> rusqlite::Result<Connection> {
    /// As many as there are.
    const STATEMENTS: usize = 32;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(file, flags)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(db)
}

fn page(db: &Connection, query: &Query, limit: usize) -> rusqlite::Result<Page> {
    let mut page = Page::default();
    let mut bytes = 0;
    let began = Instant::now();
    let scan = scan(db, query, |row, is_asked_for| {
        if is_asked_for {
            let fact = row::read(row)?;
            bytes += fact.change.order().map_or(0, |order| order.text().len());
            page.facts.push(fact);
        }
        let is_full = page.facts.len() >= limit || bytes >= ENOUGH_BYTES;
        let is_enough = is_full || began.elapsed() > PATIENCE;
        Ok(if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(Page { next: scan, ..page })
}

/// Hands over the rows in which a query may find what it asks for, and says of each whether it has, until it is told to
/// stop. Returns the number of the last one then, and nothing when there are no more.
pub(super) fn scan(
    db: &Connection,
    query: &Query,
    mut each: impl FnMut(&Row<'_>, bool) -> rusqlite::Result<ControlFlow<()>>,
) -> rusqlite::Result<Option<Seq>> {
    let since = query.since.map(|since| first_since(db, since)).transpose()?;
    let (mut low, mut high) = (since.unwrap_or_default(), LAST);
    if let Some(after) = query.after {
        go_on(after, query.sort, &mut low, &mut high);
    }
    let of_client = query.client_id.as_ref().map(|client_id| {
        let events = query.event.as_ref().map_or(Change::NAMES.as_slice(), slice::from_ref);
        (client_id.as_str(), events)
    });
    let mut statement = db.prepare_cached(&chunk(of_client.is_some(), query.sort))?;
    loop {
        let listed = of_client.map(|(client_id, events)| {
            listing::of_client(db, client_id, events, (low, high), query.sort, CHUNK)
        });
        let listed = listed.transpose()?;
        let mut rows = match &listed {
            Some(listed) => statement.query([listing::json(listed)?])?,
            None => statement.query(params![low.0, high.0, CHUNK])?,
        };
        let (mut looked_at, mut last) = (0, None);
        while let Some(row) = rows.next()? {
            let seq = row::seq(row)?;
            let is_asked_for = row::is_about(row, query.event, query.message_id.as_ref())?;
            if each(row, is_asked_for)?.is_break() {
                return Ok(Some(seq));
            }
            last = Some(seq);
            looked_at += 1;
        }
        if let Some(listed) = listed {
            // Some of them may be gone from the log by now.
            (looked_at, last) = (listed.len(), listed.last().copied().map(Seq));
        }
        match last {
            Some(last) if looked_at == CHUNK => go_on(last, query.sort, &mut low, &mut high),
            _ => return Ok(None),
        }
    }
}

/// Narrows what is left to what lies behind `seq`.
fn go_on(seq: Seq, sort: Sort, low: &mut Seq, high: &mut Seq) {
    match sort {
        Sort::Oldest => *low = (*low).max(Seq(seq.0.saturating_add(1)).min(LAST)),
        Sort::Newest => *high = Seq(seq.0.saturating_sub(1)).min(LAST),
    }
}

/// The statement that reads a chunk of the log: the events of one vendor by their numbers, or a range of all.
pub(super) fn chunk(of_client: bool, sort: Sort) -> String {
    let (columns, order) = (row::COLUMNS, sort.of_seq());
    if of_client {
        return format!(
            "SELECT {columns} FROM log WHERE seq IN (SELECT value FROM json_each(?1)) ORDER BY {order}"
        );
    }
    // Most events are frequent enough for one to come soon.
    format!("SELECT {columns} FROM log WHERE seq BETWEEN ?1 AND ?2 ORDER BY {order} LIMIT ?3")
}

/// The first row of that time or later: times never go back. The end of the log, if there is none.
pub(super) fn first_since(db: &Connection, since: Timestamp) -> rusqlite::Result<Seq> {
    let Some((Seq(mut low), Seq(last))) = ends(db)? else { return Ok(Seq::default()) };
    let mut high = last + 1;
    let mut at =
        db.prepare_cached("SELECT seq, at FROM log WHERE seq >= ?1 ORDER BY seq LIMIT 1")?;
    while low < high {
        let middle = low + (high - low) / 2;
        let row = at.query_row([middle], |row| Ok((row.get::<_, u64>(0)?, row.get::<_, u64>(1)?)));
        match row.optional()? {
            Some((seq, at)) if at < since.as_millis() => low = seq + 1,
            Some(_) | None => high = middle,
        }
    }
    Ok(Seq(low))
}

/// The first and the last event of the log.
pub(super) fn ends(db: &Connection) -> rusqlite::Result<Option<(Seq, Seq)>> {
    // Both in one query would read the whole log.
    let mut ends =
        db.prepare_cached("SELECT (SELECT min(seq) FROM log), (SELECT max(seq) FROM log)")?;
    let end = |end: Option<u64>| end.map(Seq);
    ends.query_row([], |row| Ok(end(row.get(0)?).zip(end(row.get(1)?))))
}

fn timeline(db: &Connection, latest: Seq) -> rusqlite::Result<Vec<Fact>> {
    let columns = row::COLUMNS;
    let mut statement = db.prepare_cached(&format!(
        "WITH RECURSIVE chain (seq, previous) AS ( \
           SELECT seq, previous FROM log WHERE seq = ?1 \
           UNION ALL SELECT log.seq, log.previous FROM chain JOIN log ON log.seq = chain.previous \
           LIMIT {TIMELINE} \
         ) SELECT {columns} FROM log WHERE seq IN (SELECT seq FROM chain) ORDER BY seq"
    ))?;
    statement.query_map([latest.0], row::read)?.collect()
}
