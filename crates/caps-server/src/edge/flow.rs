//! Tells when a client's transport has taken all that was handed to it.
//!
//! Socket.IO's own buffer for a socket does not say how full it is, and a full one loses what is emitted and the
//! next heartbeat with it. So the edge counts: whoever writes for a socket empties that buffer, and flushes. A
//! WebSocket's flushes are seen on its TCP stream ([`ClientStream`](super::stream::ClientStream)), which is told
//! its session ([`StreamSession`]); long polling has flushed when a poll is answered ([`watch`]).

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use caps_hub::ConnId;
use foldhash::HashMap;
use http::{Method, StatusCode, Uri};
use socketioxide::socket::Sid;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::metrics::Transports;

mod flushes;

pub(crate) use flushes::Flushes;

/// The flushes of every client, by its Engine.IO session.
#[derive(Clone, Default)]
pub(crate) struct Flow {
    sessions: Arc<RwLock<HashMap<Sid, Session>>>,
    /// The WebSockets among them.
    streams: Arc<RwLock<HashMap<Sid, StreamSession>>>,
    transports: Transports,
}

/// A client's time in the namespace.
struct Session {
    conn: ConnId,
    flushes: Arc<Flushes>,
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

    /// Notes that a stream has become the WebSocket of a session, which it stays to its end. That may have been already.
    pub(crate) fn upgraded(&self, stream: &StreamSession, session: Sid) {
        let mut streams = write(&self.streams);
        let is_closed = stream.0.is_closed.load(Ordering::Relaxed);
        // Who comes second says the same.
        if !is_closed && stream.0.session.set(session).is_ok() {
            self.transports.http.dec();
            self.transports.websocket.inc();
            streams.insert(session, stream.clone());
        }
    }

    /// Notes the end of a stream.
    pub(crate) fn closed(&self, stream: &StreamSession) {
        // Under the lock, so that it comes before an upgrade or after it.
        let mut streams = write(&self.streams);
        stream.0.is_closed.store(true, Ordering::Relaxed);
        let Some(session) = stream.get() else {
            self.transports.http.dec();
            return;
        };
        self.transports.websocket.dec();
        if streams.get(&session).is_some_and(|held| Arc::ptr_eq(&held.0, &stream.0)) {
            streams.remove(&session);
        }
    }

    /// Everyone who is there.
    pub(crate) fn sessions(&self) -> Vec<(Sid, ConnId)> {
        read(&self.sessions).iter().map(|(sid, session)| (*sid, session.conn)).collect()
    }

    /// Has nothing more heard of a session. What was heard can still be answered.
    pub(crate) fn stop_hearing(&self, session: Sid) {
        if let Some(Session { flushes, .. }) = read(&self.sessions).get(&session) {
            flushes.stop_hearing();
        }
    }

    /// Ends a session, as if its client had: what was handed over still leaves, and the client is to come back.
    pub(crate) fn hang_up(&self, session: Sid) {
        if let Some(Session { flushes, .. }) = read(&self.sessions).get(&session) {
            flushes.over.set();
        }
        if let Some(stream) = read(&self.streams).get(&session) {
            stream.0.hung_up.cancel();
        }
    }

    /// Waits until the hub has hung up on a session, if it ever does.
    async fn is_over(&self, session: Sid) {
        let flushes = read(&self.sessions).get(&session).map(|held| Arc::clone(&held.flushes));
        match flushes {
            Some(flushes) => flushes.over.wait().await,
            None => std::future::pending().await,
        }
    }

    pub(crate) fn insert(&self, session: Sid, conn: ConnId, flushes: Arc<Flushes>) {
        write(&self.sessions).insert(session, Session { conn, flushes });
    }

    /// Takes out a session's flushes, unless others have taken their place.
    pub(crate) fn remove(&self, session: Sid, flushes: &Arc<Flushes>) {
        let mut sessions = write(&self.sessions);
        if sessions.get(&session).is_some_and(|held| Arc::ptr_eq(&held.flushes, flushes)) {
            sessions.remove(&session);
        }
    }

    pub(crate) fn flushed(&self, session: Sid) {
        let flushes = read(&self.sessions).get(&session).map(|held| Arc::clone(&held.flushes));
        if let Some(flushes) = flushes {
            flushes.flushed();
        }
    }
}

/// What is to be known of a TCP stream by those who do not have it: the session of the WebSocket that it has become,
/// once that is known; and when it is to end.
#[derive(Clone, Default)]
pub(crate) struct StreamSession(Arc<Stream>);

#[derive(Default)]
struct Stream {
    session: OnceLock<Sid>,
    is_closed: AtomicBool,
    hung_up: CancellationToken,
}

impl StreamSession {
    /// Of a stream that ends with `hung_up`, if not before.
    pub(crate) fn new(hung_up: CancellationToken) -> Self {
        Self(Arc::new(Stream { hung_up, ..Stream::default() }))
    }

    /// Waits until it is to end.
    pub(crate) fn hung_up(&self) -> WaitForCancellationFutureOwned {
        self.0.hung_up.clone().cancelled_owned()
    }

    pub(crate) fn get(&self) -> Option<Sid> {
        self.0.session.get().copied()
    }
}

/// Whether a request asks for a WebSocket, rather than being a part of long polling.
pub(crate) fn asks_for_websocket(uri: &Uri) -> bool {
    query_value(uri, "transport") == Some("websocket")
}

/// What Engine.IO says to one who polls for a session that is over.
const UNKNOWN_SESSION: &str = r#"{"code":1,"message":"Session ID unknown"}"#;

// No step under a lock can panic and leave it half done.

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

/// Notes an answered poll as a flush, and the stream of a session that has gone over to a WebSocket.
pub(crate) async fn watch(State(flow): State<Flow>, request: Request, next: Next) -> Response {
    let session = query_value(request.uri(), "sid").and_then(|sid| sid.parse::<Sid>().ok());
    let Some(session) = session.filter(|_| request.uri().path().starts_with("/socket.io")) else {
        return next.run(request).await;
    };
    let is_poll = request.method() == Method::GET && !asks_for_websocket(request.uri());
    let stream = request.extensions().get::<StreamSession>().cloned();
    let response = tokio::select! {
        biased;
        // What there is to tell comes first.
        response = next.run(request) => response,
        () = flow.is_over(session) => (StatusCode::BAD_REQUEST, UNKNOWN_SESSION).into_response(),
    };
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
    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use tower::ServiceExt as _;

    use super::flushes::tests::counted;
    use super::*;

    #[test]
    fn a_stream_is_counted_as_what_it_is_until_its_end() {
        let transports = Transports::default();
        let (flow, session) = (Flow::new(transports.clone()), Sid::new());
        let count = || (transports.http.get(), transports.websocket.get());
        let [quick, lasting] = [(); 2].map(|()| StreamSession::default());
        flow.opened();
        flow.opened();
        flow.upgraded(&lasting, session);
        flow.upgraded(&lasting, session);
        assert_eq!(count(), (1, 1));
        flow.closed(&quick);
        flow.upgraded(&quick, Sid::new());
        assert_eq!(count(), (0, 1), "its end had come before");
        flow.closed(&lasting);
        assert_eq!((count(), read(&flow.streams).len()), ((0, 0), 0));
    }

    #[tokio::test]
    async fn who_polls_is_told_that_the_hub_has_hung_up() {
        let (flow, session) = (Flow::default(), Sid::new());
        flow.insert(session, ConnId(1), Arc::new(counted().0));
        let routes = Router::new()
            .route("/socket.io/", get(std::future::pending::<()>))
            .layer(from_fn_with_state(flow.clone(), watch));
        let uri = format!("/socket.io/?EIO=4&transport=polling&sid={session}");
        let poll = || {
            let request = Request::get(&uri).body(Body::empty()).unwrap();
            routes.clone().oneshot(request)
        };
        let hang_up = async { flow.hang_up(session) };
        for answer in [tokio::join!(poll(), hang_up).0, poll().await] {
            assert_eq!(answer.unwrap().status(), StatusCode::BAD_REQUEST);
        }
    }

    #[test]
    fn a_session_that_connects_again_is_not_cut_off_by_its_past() {
        let (flow, session) = (Flow::default(), Sid::new());
        let (old, new) = (Arc::new(counted().0), Arc::new(counted().0));
        flow.insert(session, ConnId(1), Arc::clone(&old));
        flow.insert(session, ConnId(2), Arc::clone(&new));
        flow.remove(session, &old);
        flow.flushed(session);
        assert_eq!((old.count(), new.count()), (0, 1));
    }
}
