//! `GET /api/events`: what happens, as it is kept, as Server-Sent Events.
//!
//! A stream is a reader of the log that waits for more. So what is live and what was missed come the same way, nothing
//! waits in memory for a client but one page of the log, and a client that takes nothing costs nobody anything.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::{Duration, SystemTime};

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query as Params, State};
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use caps_hub::{Fact, Seq, Timestamp};
use caps_proto::{ClientId, Code, Refusal};
use futures_util::stream::{self, Stream, StreamExt as _};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::Instant;
use utoipa::IntoParams;

use super::Sources;
use super::caller::Caller;
use super::log::event_of_that_name;
use super::problem::Problem;
use super::refusals::FindProblems;
use crate::entry::Entry;
use crate::journal::Progress;
use crate::journal::file::{Page, Query, ReadError, Reader};
use crate::schema::{Id, LogEventName};

/// The most streams at the same time.
pub(super) const MOST_STREAMS: usize = 100;

/// The most events that are read at once.
const PAGE: usize = 64;

/// How long after one read of the log the next begins, when there was nothing more: however much happens that a
/// client does not want to hear of, it is looked for no more often than this.
const PAUSE: Duration = Duration::from_millis(100);

/// How often something is sent where nothing happens, so that nobody on the way takes the stream for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How soon a client comes back when its stream has ended.
const RETRY: Duration = Duration::from_secs(1);

/// Where the client of a stream was when that ended.
const LAST_EVENT_ID: &str = "Last-Event-ID";

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Of this vendor.
    #[param(value_type = Option<Id>)]
    client_id: Option<ClientId>,
    /// Of this name.
    #[param(value_type = Option<LogEventName>)]
    event: Option<String>,
    /// Where to go on, as the header `Last-Event-ID`, which counts before this.
    #[param(pattern = "^[0-9]{0,19}$")]
    last_event_id: Option<String>,
}

/// What happens, as it is kept
///
/// Server-Sent Events: the `id` of each is its number in the log, the `event` its name, and the `data` what `/api/log` shows
/// of it. After `Last-Event-ID` it goes on from there, without a gap or a repeat; without it, it begins with what is
/// new. The stream lasts until the hub stops, or its token expires.
#[utoipa::path(
    get, path = "/events", operation_id = "streamEvents", tag = "Log",
    params(
        Asked,
        (
            "Last-Event-ID" = Option<String>, Header,
            description = "Where to go on: the `id` of the last event that was heard"
        )
    ),
    responses(
        (
            status = 200, description = "Events, without an end",
            body = String, content_type = "text/event-stream"
        ),
        FindProblems
    )
)]
pub(super) async fn events(
    State(sources): State<Sources>,
    caller: Caller,
    headers: HeaderMap,
    asked: Result<Params<Asked>, QueryRejection>,
) -> Result<impl IntoResponse, Problem> {
    let Params(Asked { client_id, event, last_event_id }) = asked?;
    let client_id = caller.narrow(client_id)?;
    let event = event.map(|name| event_of_that_name(&name)).transpose()?;
    let log = sources.log()?.clone();
    let kept = sources.progress.borrow().kept;
    let heard = match headers.get(LAST_EVENT_ID) {
        Some(value) => Some(String::from_utf8_lossy(value.as_bytes()).into_owned()),
        None => last_event_id,
    };
    // What lies beyond the end is of another log, such as that of which this one is a backup.
    let after = heard.map(|id| seq_of(&id)).transpose()?.flatten().unwrap_or(kept).min(kept);
    let place = sources.streams.clone().try_acquire_owned().map_err(|_| {
        let why =
            format!("{MOST_STREAMS} streams of events are open, and no more are taken; close one.");
        Refusal::new(Code::Busy, why)
    })?;
    let tail = Tail {
        log,
        progress: sources.progress.clone(),
        query: Query { client_id, event, after: Some(after), ..Query::default() },
        read: VecDeque::new(),
        is_there_more: true,
        next_read: Instant::now(),
        _place: place,
    };
    // A client that has heard nothing before it comes back goes on from here, too.
    let begin = Event::default().id(after.to_string()).retry(RETRY);
    let events = stream::iter([begin]).chain(stream::unfold(tail, Tail::next));
    let over = end(caller.until());
    let events = events.take_until(sources.stop.cancelled_owned()).take_until(Box::pin(over));
    // There are orders in it.
    Ok(([(header::CACHE_CONTROL, "no-store")], alive(events)))
}

/// Waits until the rights of a stream's client end.
async fn end(until: Option<Timestamp>) {
    match until {
        Some(until) => tokio::time::sleep(until.since(SystemTime::now().into())).await,
        None => std::future::pending().await,
    }
}

fn alive(
    events: impl Stream<Item = Event> + Send + 'static,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    Sse::new(events.map(Ok)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

/// An id of an event, or nothing.
fn seq_of(id: &str) -> Result<Option<Seq>, Problem> {
    if id.is_empty() {
        return Ok(None);
    }
    let seq = id.parse().map_err(|_| {
        Problem::invalid(format!(
            "`{LAST_EVENT_ID}` is the `id` of an event, a number; it is not `{id}`."
        ))
    });
    seq.map(|seq| Some(Seq(seq)))
}

/// The end of the log, as one client is to hear of it.
struct Tail {
    log: Reader,
    progress: watch::Receiver<Progress>,
    /// What is wanted, after what has been looked at.
    query: Query,
    /// What was read and is not yet taken.
    read: VecDeque<Fact>,
    /// Whether there was more when it was last read.
    is_there_more: bool,
    /// When it is read again, at the earliest.
    next_read: Instant,
    _place: OwnedSemaphorePermit,
}

impl Tail {
    /// The next event, whenever it comes. Nothing when the log cannot be read, so that the client comes back for it.
    async fn next(mut self) -> Option<(Event, Self)> {
        loop {
            if let Some(fact) = self.read.pop_front() {
                return Some((as_event(&fact), self));
            }
            if !self.is_there_more {
                let after = self.query.after.unwrap_or_default();
                self.progress.wait_for(|progress| progress.kept > after).await.ok()?;
                tokio::time::sleep_until(self.next_read).await;
            }
            self.read().await?;
        }
    }

    async fn read(&mut self) -> Option<()> {
        // All of it is there to be read.
        let kept = self.progress.borrow().kept;
        self.next_read = Instant::now() + PAUSE;
        match self.log.page(self.query.clone(), PAGE).await {
            Ok(Page { facts, next }) => {
                self.is_there_more = next.is_some();
                let last = facts.last().map(|fact| fact.seq);
                self.query.after = next.or(last.max(self.query.after).max(Some(kept)));
                self.read = facts.into();
            }
            // Who reads so much leaves some for others.
            Err(ReadError::Busy) => tokio::time::sleep_until(self.next_read).await,
            Err(why @ ReadError::Sqlite(_)) => {
                tracing::error!("a stream of events has ended: {why}");
                return None;
            }
        }
        Some(())
    }
}

fn as_event(fact: &Fact) -> Event {
    let event = Event::default().id(fact.seq.to_string()).event(fact.change.name());
    event.json_data(Entry(fact)).unwrap_or_else(|why| unreachable!("an entry is JSON: {why}"))
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse as _;
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_stream_on_which_nothing_happens_is_kept_alive() {
        let mut body = alive(stream::pending()).into_response().into_body();
        let since = Instant::now();
        for times in 1..=3 {
            let frame = body.frame().await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), ":\n\n");
            assert_eq!(since.elapsed().as_secs(), 15 * times);
        }
    }
}
