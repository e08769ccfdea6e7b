//! Tells when a client's transport has taken all that was handed to it, and how much it may send.
//!
//! Socket.IO's own buffer for a socket does not say how full it is, and a full one loses what is emitted and the
//! next heartbeat with it. So the edge counts: whoever writes for a socket empties that buffer, and flushes. A
//! WebSocket's flushes are seen on its TCP stream ([`ClientStream`](super::stream::ClientStream)), which is told
//! its session ([`StreamSession`]); long polling has flushed when a poll is answered ([`watch`]).
//!
//! The other way round, who sends far more events than it may is not listened to for a while, and who sends what comes
//! to no event is cut off ([`unheard`]): on the TCP stream of a WebSocket, and before a polling request.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, Method, StatusCode, Uri, header};
use socketioxide::socket::Sid;
use tokio::time::Instant;

use super::unheard::{self, Budget, FREE, Unheard};

/// The flushes of one client's transport, whichever that is at the moment, and what was heard of it.
pub(crate) struct Flushes {
    count: AtomicU64,
    wanted: AtomicBool,
    tell: Box<dyn Fn() + Send + Sync>,
    heard: AtomicU64,
    deaf_until: Mutex<Option<Instant>>,
    /// What long polling has brought beside that. `None` once it was too much.
    posted: OnceLock<Mutex<Option<Unheard>>>,
}

impl Flushes {
    /// `tell` is called after a flush, once for each [`want`](Self::want).
    pub(crate) fn new(tell: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            count: AtomicU64::new(0),
            wanted: AtomicBool::new(false),
            tell: Box::new(tell),
            heard: AtomicU64::new(0),
            deaf_until: Mutex::default(),
            posted: OnceLock::new(),
        }
    }

    /// Notes that an event of so many bytes was heard.
    pub(crate) fn heard(&self, packet: usize) {
        self.heard.fetch_add(unheard::heard(packet), Ordering::Relaxed);
    }

    /// Does not listen to the client for a while.
    pub(crate) fn be_deaf_for(&self, pause: Duration) {
        let mut until = self.deaf_until.lock().unwrap_or_else(PoisonError::into_inner);
        *until = Some(Instant::now() + pause);
    }

    fn deaf_until(&self) -> Option<Instant> {
        let mut until = self.deaf_until.lock().unwrap_or_else(PoisonError::into_inner);
        *until = until.filter(|until| *until > Instant::now());
        *until
    }

    /// Notes what a polling request has brought. Nothing more is taken after what was too much.
    fn posted(&self, bytes: usize, flow: &Flow) {
        let unheard = self.posted.get_or_init(|| Mutex::new(Some(flow.unheard())));
        let mut unheard = unheard.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = unheard.as_mut().map(|it| it.sent(bytes, || self.heard.load(Ordering::Relaxed)));
        if let Some(Err(_too_much)) = sent {
            *unheard = None;
        }
    }

    fn is_cut_off(&self) -> bool {
        self.posted
            .get()
            .is_some_and(|unheard| unheard.lock().unwrap_or_else(PoisonError::into_inner).is_none())
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
    budget: Budget,
    /// The most that one connection may send before it comes to something.
    most_unheard: usize,
}

impl Flow {
    /// `most_unheard` is the most that a frame or a polling request may have.
    pub(crate) fn new(most_unheard: usize) -> Self {
        Self { most_unheard, ..Self::default() }
    }

    /// For one more connection.
    pub(crate) fn unheard(&self) -> Unheard {
        Unheard::new(self.budget.clone(), self.most_unheard)
    }

    fn session(&self, session: Sid) -> Option<Arc<Flushes>> {
        self.sessions.read().unwrap_or_else(PoisonError::into_inner).get(&session).cloned()
    }

    /// How many bytes of events were heard in a session.
    pub(crate) fn heard(&self, session: Sid) -> u64 {
        self.session(session).map_or(0, |flushes| flushes.heard.load(Ordering::Relaxed))
    }

    /// Until when a session is not listened to.
    pub(crate) fn deaf_until(&self, session: Sid) -> Option<Instant> {
        self.session(session)?.deaf_until()
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
        if let Some(flushes) = self.session(session) {
            flushes.flushed();
        }
    }
}

/// What is known of a TCP stream.
#[derive(Clone, Default)]
pub(crate) struct StreamSession(Arc<Known>);

#[derive(Default)]
struct Known {
    /// The session of the WebSocket that it has become.
    session: OnceLock<Sid>,
    /// How many bytes have come.
    received: AtomicU64,
    /// How many had when the last request began.
    requested: AtomicU64,
}

impl StreamSession {
    pub(crate) fn received(&self, bytes: usize) {
        self.0.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// A request has come, so all before it was the last one's.
    pub(crate) fn requested(&self) {
        let received = self.0.received.load(Ordering::Relaxed);
        self.0.requested.store(received, Ordering::Relaxed);
    }

    /// How many bytes have come to something.
    pub(crate) fn heard(&self, flow: &Flow) -> u64 {
        let of_socket = self.get().map_or(0, |session| flow.heard(session));
        self.0.requested.load(Ordering::Relaxed) + of_socket
    }

    /// How many bytes of the last request have come, beside its head.
    fn body(&self) -> usize {
        let Known { received, requested, .. } = &*self.0;
        let body = received.load(Ordering::Relaxed) - requested.load(Ordering::Relaxed);
        usize::try_from(body).unwrap_or(usize::MAX)
    }

    /// To be called when the stream has become a WebSocket, for it stays one to its end.
    pub(crate) fn set(&self, session: Sid) {
        // Who comes second says the same.
        let _ = self.0.session.set(session);
    }

    pub(crate) fn get(&self) -> Option<Sid> {
        self.0.session.get().copied()
    }
}

impl Flow {
    /// Waits until a session is listened to that wants to post so much.
    async fn listen(&self, session: Sid, bytes: usize) -> Result<(), Response> {
        let flushes = self.session(session);
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
}

/// What a request says of its body's length.
fn length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Whether a request asks for a WebSocket, rather than being a part of long polling.
pub(crate) fn asks_for_websocket(uri: &Uri) -> bool {
    query_value(uri, "transport") == Some("websocket")
}

/// What is said to who posts and has not connected to the namespace, or posts what comes to no event.
const UNHEARD: &str = "So much was sent and came to no event that no more is taken.\n";

/// What is said to who posts much when much has been sent already.
const SPENT: &str = "The hub has more at hand than it can take; try again in a moment.\n";

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
    let response = next.run(request).await;
    if is_post && let Some(flushes) = flow.session(session) {
        let received = || stream.as_ref().map_or(0, StreamSession::body);
        flushes.posted(length.unwrap_or_else(received), &flow);
    }
    if response.status() == StatusCode::SWITCHING_PROTOCOLS
        && let Some(stream) = stream
    {
        stream.set(session);
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
