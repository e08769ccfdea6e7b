//! Tells when a client's transport has taken all that was handed to it, and how much it may send.
//!
//! Socket.IO's own buffer for a socket does not say how full it is, and a full one loses what is emitted and the
//! next heartbeat with it. So the edge counts: whoever writes for a socket empties that buffer, and flushes. A
//! WebSocket's flushes are seen on its TCP stream ([`ClientStream`](super::stream::ClientStream)), which is told
//! its session ([`StreamSession`]); long polling has flushed when a poll is answered ([`watch`]).
//!
//! The other way round, who sends far more events than it may is not listened to for a while, and who sends what comes
//! to no event is cut off ([`unheard`]): on the TCP stream of a WebSocket, and before a polling request.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use caps_hub::ConnId;
use foldhash::HashMap;
use http::{HeaderMap, Method, StatusCode, Uri, header};
use socketioxide::socket::Sid;

use super::unheard::{Budget, FREE, Unheard};
use crate::metrics::Transports;

mod flushes;
mod stream_session;

pub(crate) use flushes::Flushes;
pub(crate) use stream_session::StreamSession;

/// The flushes of every client, by its Engine.IO session.
#[derive(Clone, Default)]
pub(crate) struct Flow {
    sessions: Arc<RwLock<HashMap<Sid, Session>>>,
    /// The WebSockets among them.
    streams: Arc<RwLock<HashMap<Sid, StreamSession>>>,
    transports: Transports,
    budget: Budget,
    /// The most that one connection may send before it comes to something.
    most_unheard: usize,
}

/// A client's time in the namespace.
struct Session {
    conn: ConnId,
    flushes: Arc<Flushes>,
}

impl Flow {
    /// Counts the streams that are open. `most_unheard` is the most that a frame or a polling request may have.
    pub(crate) fn new(transports: Transports, most_unheard: usize) -> Self {
        Self { transports, most_unheard, ..Self::default() }
    }

    /// For one more connection.
    pub(crate) fn unheard(&self) -> Unheard {
        Unheard::new(self.budget.clone(), self.most_unheard)
    }

    /// The flushes of a session.
    pub(super) fn flushes(&self, session: Sid) -> Option<Arc<Flushes>> {
        read(&self.sessions).get(&session).map(|held| Arc::clone(&held.flushes))
    }

    /// How many bytes of events were heard in a session.
    pub(super) fn heard(&self, session: Sid) -> u64 {
        self.flushes(session).map_or(0, |flushes| flushes.bytes_heard())
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
            stream.hang_up();
        }
    }

    /// Waits until the hub has hung up on a session, if it ever does.
    async fn is_over(&self, session: Sid) {
        match self.flushes(session) {
            Some(flushes) => flushes.over.wait().await,
            None => std::future::pending().await,
        }
    }

    /// Waits until a session is listened to that wants to post so much.
    async fn listen(&self, session: Sid, bytes: usize) -> Result<(), Response> {
        let flushes = self.flushes(session);
        if flushes.as_ref().map_or(bytes > FREE, |flushes| flushes.is_cut_off()) {
            return Err((StatusCode::BAD_REQUEST, UNHEARD).into_response());
        }
        if let Some(until) = flushes.and_then(|flushes| flushes.deaf_until()) {
            tokio::time::sleep_until(until).await;
        }
        if bytes > FREE && self.budget.is_spent() {
            let later = [(header::RETRY_AFTER, "1")];
            return Err((StatusCode::SERVICE_UNAVAILABLE, later, SPENT).into_response());
        }
        Ok(())
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
        if let Some(flushes) = self.flushes(session) {
            flushes.flushed();
        }
    }
}

/// Whether a request asks for a WebSocket, rather than being a part of long polling.
pub(crate) fn asks_for_websocket(uri: &Uri) -> bool {
    query_value(uri, "transport") == Some("websocket")
}

/// What Engine.IO says to one who polls for a session that is over.
const UNKNOWN_SESSION: &str = r#"{"code":1,"message":"Session ID unknown"}"#;

/// What is said to who posts and has not connected to the namespace, or posts what comes to no event.
const UNHEARD: &str = "So much was sent and came to no event that no more is taken.\n";

/// What is said to who posts much when much has been sent already.
const SPENT: &str = "The hub has more at hand than it can take; try again in a moment.\n";

// No step under a lock can panic and leave it half done.

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

/// What a request says of its body's length.
fn length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Notes an answered poll as a flush, and the stream of a session that has gone over to a WebSocket. Takes from a
/// client as much as it may send.
pub(crate) async fn watch(State(flow): State<Flow>, request: Request, next: Next) -> Response {
    let session = query_value(request.uri(), "sid").and_then(|sid| sid.parse::<Sid>().ok());
    let Some(session) = session.filter(|_| is_socket_io(request.uri())) else {
        return next.run(request).await;
    };
    let is_poll = request.method() == Method::GET && !asks_for_websocket(request.uri());
    let is_post = request.method() == Method::POST;
    let stream = request.extensions().get::<StreamSession>().cloned();
    let length = length(request.headers());
    if is_post && let Err(refused) = flow.listen(session, length.unwrap_or(0)).await {
        return refused;
    }
    let response = tokio::select! {
        biased;
        // What there is to tell comes first.
        response = next.run(request) => response,
        () = flow.is_over(session) => (StatusCode::BAD_REQUEST, UNKNOWN_SESSION).into_response(),
    };
    if is_post && let Some(flushes) = flow.flushes(session) {
        let received = || stream.as_ref().map_or(0, StreamSession::body);
        flushes.posted(length.unwrap_or_else(received), || flow.unheard());
    }
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

/// Whether a request opens a session of long polling.
pub(crate) fn opens_polling(method: &Method, uri: &Uri) -> bool {
    *method == Method::GET
        && is_socket_io(uri)
        && query_value(uri, "sid").is_none()
        && !asks_for_websocket(uri)
}

fn is_socket_io(uri: &Uri) -> bool {
    uri.path().starts_with("/socket.io")
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
        let (flow, session) = (Flow::new(transports.clone(), 0), Sid::new());
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
