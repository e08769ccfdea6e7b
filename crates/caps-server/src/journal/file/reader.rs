//! Reads the log beside its writer, which it never holds up: each read is a short transaction of its own.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::slice;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use caps_hub::{Change, Fact, Seq, Timestamp};
use caps_proto::{ClientId, MessageId};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use tokio::sync::Semaphore;

use super::record::Record;
use super::{block, listing};

/// The most reads at the same time.
const MOST_READS: usize = 4;

/// How long one who asks waits for the reads of others.
const TURN: Duration = Duration::from_secs(5);

/// How long one page may look for rows that are rare.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// A page holds no more when its orders' texts have come to so many bytes.
const ENOUGH_BYTES: usize = 1024 * 1024;

/// How many events of a vendor are looked up at once.
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

impl Query {
    /// Whether it asks for this event, as far as that is told by its name and by the order that it is about.
    pub(super) fn is_about(&self, record: &Record<'_>) -> bool {
        let is_its_order = |id: &MessageId| id.as_str() == record.message_id();
        self.event.is_none_or(|event| record.is(event))
            && self.message_id.as_ref().is_none_or(is_its_order)
    }
}

/// In which order rows are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Sort {
    #[default]
    Oldest,
    Newest,
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
    let next = scan(db, query, |record| {
        if query.is_about(record) {
            let fact = record.fact()?;
            bytes += fact.change.order().map_or(0, |order| order.text().len());
            page.facts.push(fact);
        }
        let is_full = page.facts.len() >= limit || bytes >= ENOUGH_BYTES;
        let is_enough = is_full || began.elapsed() > PATIENCE;
        Ok(if is_enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    })?;
    Ok(Page { next, ..page })
}

/// Hands over the events in which a query may find what it asks for, until it is told to stop. Returns the number of the last
/// one then, and nothing when there are no more.
pub(super) fn scan(
    db: &Connection,
    query: &Query,
    mut each: impl FnMut(&Record<'_>) -> rusqlite::Result<ControlFlow<()>>,
) -> rusqlite::Result<Option<Seq>> {
    let since = query.since.map(|since| first_since(db, since)).transpose()?;
    let (mut low, mut high) = (since.unwrap_or_default(), LAST);
    if let Some(after) = query.after {
        go_on(after, query.sort, &mut low, &mut high);
    }
    let Some(client_id) = &query.client_id else {
        // Most events are frequent enough for one to come soon.
        return block::scan(db, (low, high), query.sort, each);
    };
    let events = query.event.as_ref().map_or(Change::NAMES.as_slice(), slice::from_ref);
    loop {
        let range = (low, high);
        let listed = listing::of_client(db, client_id.as_str(), events, range, query.sort, CHUNK)?;
        if let Some(last) = block::pick(db, &listed, &mut each)? {
            return Ok(Some(last));
        }
        match listed.last() {
            Some(last) if listed.len() == CHUNK => {
                go_on(Seq(*last), query.sort, &mut low, &mut high);
            }
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

/// The first event of that time or later: times never go back. The end of the log, if there is none.
pub(super) fn first_since(db: &Connection, since: Timestamp) -> rusqlite::Result<Seq> {
    let Some((Seq(mut low), last)) = ends(db)? else { return Ok(Seq::default()) };
    let mut high = last.next().0;
    // The first block of which any event is of that time or later begins there.
    let mut block =
        db.prepare_cached("SELECT last, at FROM block WHERE first >= ?1 ORDER BY first LIMIT 1")?;
    while low < high {
        let middle = low + (high - low) / 2;
        let row = block.query_row([middle], |row| Ok((row.get::<_, u64>(0)?, row.get(1)?)));
        match row.optional()? {
            Some((last, at)) if Timestamp::from_millis(at) < since => low = last + 1,
            Some(_) | None => high = middle,
        }
    }
    let mut found = last.next();
    block::scan(db, (Seq(low), LAST), Sort::Oldest, |record| {
        if record.at() < since {
            return Ok(ControlFlow::Continue(()));
        }
        found = record.seq;
        Ok(ControlFlow::Break(()))
    })?;
    Ok(found)
}

/// The first and the last event of the log.
pub(super) fn ends(db: &Connection) -> rusqlite::Result<Option<(Seq, Seq)>> {
    let mut ends = db.prepare_cached(
        "SELECT (SELECT first FROM block ORDER BY first LIMIT 1), \
         (SELECT last FROM block ORDER BY first DESC LIMIT 1)",
    )?;
    let end = |end: Option<u64>| end.map(Seq);
    ends.query_row([], |row| Ok(end(row.get(0)?).zip(end(row.get(1)?))))
}

fn timeline(db: &Connection, latest: Seq) -> rusqlite::Result<Vec<Fact>> {
    let (mut timeline, mut next) = (Vec::new(), Some(latest));
    while let Some(seq) = next
        && timeline.len() < TIMELINE
    {
        let fact = block::get(db, seq, |record| record.fact())?;
        next = fact.as_ref().and_then(|fact| fact.previous);
        timeline.extend(fact);
    }
    timeline.reverse();
    Ok(timeline)
}
