//! What is to be known of a TCP stream by those who do not have it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Context;

use futures_util::task::AtomicWaker;
use socketioxide::socket::Sid;

use super::Flow;

/// The session of the WebSocket that a TCP stream has become, once that is known; how much has come; and when it is to
/// end.
#[derive(Clone, Default)]
pub(crate) struct StreamSession(pub(super) Arc<Stream>);

#[derive(Default)]
pub(super) struct Stream {
    pub(super) session: OnceLock<Sid>,
    pub(super) is_closed: AtomicBool,
    is_hung_up: AtomicBool,
    /// Who is to be told of that.
    reader: AtomicWaker,
    /// How many bytes have come.
    received: AtomicU64,
    /// How many had when the last request began.
    requested: AtomicU64,
}

impl StreamSession {
    /// Ends the stream, as if its client had.
    pub(super) fn hang_up(&self) {
        self.0.is_hung_up.store(true, Ordering::SeqCst);
        self.0.reader.wake();
    }

    /// Whether it is to end. Who reads it is woken when it is.
    pub(crate) fn is_hung_up(&self, cx: &Context<'_>) -> bool {
        // Before a look, so that it misses nothing.
        self.0.reader.register(cx.waker());
        self.0.is_hung_up.load(Ordering::SeqCst)
    }

    pub(crate) fn get(&self) -> Option<Sid> {
        self.0.session.get().copied()
    }

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
    pub(super) fn body(&self) -> usize {
        let Stream { received, requested, .. } = &*self.0;
        let body = received.load(Ordering::Relaxed) - requested.load(Ordering::Relaxed);
        usize::try_from(body).unwrap_or(usize::MAX)
    }
}
