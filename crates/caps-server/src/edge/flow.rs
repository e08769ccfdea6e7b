//! Tells when a client's transport has taken all that was handed to it.
//!
//! Socket.IO's own buffer for a socket does not say how full it is, and a full one loses what is emitted and the
//! next heartbeat with it. So the edge counts: whoever writes for a socket empties that buffer, and flushes. A
//! WebSocket's flushes are seen on its TCP stream ([`ClientStream`](super::stream::ClientStream)), which is told
//! its session ([`StreamSession`]); long polling has flushed when a poll is answered ([`watch`]).

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{Method, StatusCode, Uri};
use socketioxide::socket::Sid;

use crate::metrics::Transports;

/// The flushes of one client's transport, whichever that is at the moment.
pub(crate) struct Flushes {
    count: AtomicU64,
    wanted: AtomicBool,
    tell: Box<dyn Fn() + Send + Sync>,
}

impl Flushes {
    /// `tell` is called after a flush, once for each [`want`](Self::want).
    pub(crate) fn new(tell: impl Fn() + Send + Sync + 'static) -> Self {
        Self { count: AtomicU64::new(0), wanted: AtomicBool::new(false), tell: Box::new(tell) }
    }

    /// How many there were.
    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    /// Asks to be told of the first flush after the one counted as `seen`, which may have been already.
    pub(crate) fn want(&self, seen: u64) {
        self.wanted.store(true, Ordering::SeqCst);
        // Either the flush sees that it is wanted, or this sees that it has been.
        if self.count() > seen {
            self.tell_if_wanted();
        }
    }

    fn flushed(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
        self.tell_if_wanted();
    }

    fn tell_if_wanted(&self) {
        if self.wanted.swap(false, Ordering::SeqCst) {
            (self.tell)();
        }
    }
}

/// The flushes of every client, by its Engine.IO session.
#[derive(Clone, Default)]
pub(crate) struct Flow {
    sessions: Arc<RwLock<HashMap<Sid, Arc<Flushes>>>>,
    /// How many flushes there were in all.
    count: Arc<AtomicU64>,
    transports: Transports,
}

impl Flow {
    /// Counts the streams that are open.
    pub(crate) fn new(transports: Transports) -> Self {
        Self { transports, ..Self::default() }
    }

    /// Notes that there is one more stream.
    pub(crate) fn opened(&self) {
        self.transports.http.inc();
    }

    /// Notes that a stream has become the WebSocket of a session, which it stays to its end.
    pub(crate) fn upgraded(&self, stream: &StreamSession, session: Sid) {
        // Who comes second says the same.
        if stream.0.set(session).is_ok() {
            self.transports.http.dec();
            self.transports.websocket.inc();
        }
    }

    /// Notes the end of a stream.
    pub(crate) fn closed(&self, stream: &StreamSession) {
        match stream.get() {
            Some(_) => self.transports.websocket.dec(),
            None => self.transports.http.dec(),
        };
    }

    pub(crate) fn insert(&self, session: Sid, flushes: Arc<Flushes>) {
        self.sessions.write().unwrap_or_else(PoisonError::into_inner).insert(session, flushes);
    }

    /// Takes out a session's flushes, unless others have taken their place.
    pub(crate) fn remove(&self, session: Sid, flushes: &Arc<Flushes>) {
        let mut sessions = self.sessions.write().unwrap_or_else(PoisonError::into_inner);
        if sessions.get(&session).is_some_and(|held| Arc::ptr_eq(held, flushes)) {
            sessions.remove(&session);
        }
    }

    /// Waits until nothing has been flushed for a while: whatever was handed over has left, for all who read.
    pub(crate) async fn comes_to_rest(&self) {
        const WHILE: Duration = Duration::from_millis(100);
        let mut seen = None;
        while seen != Some(self.count.load(Ordering::SeqCst)) {
            seen = Some(self.count.load(Ordering::SeqCst));
            tokio::time::sleep(WHILE).await;
        }
    }

    pub(crate) fn flushed(&self, session: Sid) {
        self.count.fetch_add(1, Ordering::SeqCst);
        let sessions = self.sessions.read().unwrap_or_else(PoisonError::into_inner);
        let flushes = sessions.get(&session).cloned();
        drop(sessions);
        if let Some(flushes) = flushes {
            flushes.flushed();
        }
    }
}

/// The session of the WebSocket that a TCP stream has become, once that is known.
#[derive(Clone, Default)]
pub(crate) struct StreamSession(Arc<OnceLock<Sid>>);

impl StreamSession {
    pub(crate) fn get(&self) -> Option<Sid> {
        self.0.get().copied()
    }
}

/// Whether a request asks for a WebSocket, rather than being a part of long polling.
pub(crate) fn asks_for_websocket(uri: &Uri) -> bool {
    query_value(uri, "transport") == Some("websocket")
}

/// Notes an answered poll as a flush, and the stream of a session that has gone over to a WebSocket.
pub(crate) async fn watch(State(flow): State<Flow>, request: Request, next: Next) -> Response {
    let session = query_value(request.uri(), "sid").and_then(|sid| sid.parse::<Sid>().ok());
    let Some(session) = session.filter(|_| request.uri().path().starts_with("/socket.io")) else {
        return next.run(request).await;
    };
    let is_poll = request.method() == Method::GET && !asks_for_websocket(request.uri());
    let stream = request.extensions().get::<StreamSession>().cloned();
    let response = next.run(request).await;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS
        && let Some(stream) = stream
    {
        flow.upgraded(&stream, session);
    }
    if is_poll {
        flow.flushed(session);
    }
    response
}

fn query_value<'a>(uri: &'a Uri, name: &str) -> Option<&'a str> {
    let mut pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted() -> (Flushes, Arc<AtomicU64>) {
        let told = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&told);
        let flushes = Flushes::new(move || {
            counter.fetch_add(1, Ordering::SeqCst);
        });
        (flushes, told)
    }

    #[test]
    fn a_flush_is_told_once_to_who_wants_it() {
        let (flushes, told) = counted();
        flushes.flushed();
        assert_eq!(told.load(Ordering::SeqCst), 0);
        flushes.want(flushes.count());
        assert_eq!(told.load(Ordering::SeqCst), 0);
        flushes.flushed();
        flushes.flushed();
        assert_eq!(told.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_flush_that_came_before_it_was_wanted_is_told_at_once() {
        let (flushes, told) = counted();
        let seen = flushes.count();
        flushes.flushed();
        flushes.want(seen);
        assert_eq!(told.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_session_that_connects_again_is_not_cut_off_by_its_past() {
        let (flow, session) = (Flow::default(), Sid::new());
        let (old, new) = (Arc::new(counted().0), Arc::new(counted().0));
        flow.insert(session, Arc::clone(&old));
        flow.insert(session, Arc::clone(&new));
        flow.remove(session, &old);
        flow.flushed(session);
        assert_eq!((old.count(), new.count()), (0, 1));
    }
}
