//! The flushes of one client's transport, and what was heard of it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::edge::unheard::{self, Unheard};

/// The flushes of one client's transport, whichever that is at the moment, and what was heard of it.
pub(crate) struct Flushes {
    count: AtomicU64,
    wanted: AtomicBool,
    tell: Box<dyn Fn() + Send + Sync>,
    /// Whether nothing more is heard of it.
    is_mute: AtomicBool,
    pub(super) over: Over,
    /// How many bytes of events were heard.
    heard: AtomicU64,
    /// Whether the next one may not be `None`.
    is_deaf: AtomicBool,
    deaf_until: Mutex<Option<Instant>>,
    /// What long polling has brought beside that. `None` once it was too much. Boxed, for a WebSocket has none.
    posted: OnceLock<Box<Mutex<Option<Unheard>>>>,
}

/// Whether the hub has hung up. Smaller than a token, for there is one for each client.
#[derive(Default)]
pub(super) struct Over {
    is_so: AtomicBool,
    changed: Notify,
}

impl Over {
    pub(super) fn set(&self) {
        self.is_so.store(true, Ordering::SeqCst);
        self.changed.notify_waiters();
    }

    pub(super) async fn wait(&self) {
        let mut changed = std::pin::pin!(self.changed.notified());
        // Before a look, so that it misses nothing.
        changed.as_mut().enable();
        if !self.is_so.load(Ordering::SeqCst) {
            changed.await;
        }
    }
}

impl Flushes {
    /// `tell` is called after a flush, once for each [`want`](Self::want).
    pub(crate) fn new(tell: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            count: AtomicU64::new(0),
            wanted: AtomicBool::new(false),
            tell: Box::new(tell),
            is_mute: AtomicBool::new(false),
            over: Over::default(),
            heard: AtomicU64::new(0),
            is_deaf: AtomicBool::new(false),
            deaf_until: Mutex::default(),
            posted: OnceLock::new(),
        }
    }

    /// Notes that an event of so many bytes was heard.
    pub(crate) fn heard(&self, packet: usize) {
        self.heard.fetch_add(unheard::heard(packet), Ordering::Relaxed);
    }

    pub(super) fn bytes_heard(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }

    /// Does not listen to the client for a while.
    pub(crate) fn be_deaf_for(&self, pause: Duration) {
        let mut until = lock(&self.deaf_until);
        *until = Some(Instant::now() + pause);
        self.is_deaf.store(true, Ordering::Relaxed);
    }

    /// Until when the client is not listened to.
    pub(in crate::edge) fn deaf_until(&self) -> Option<Instant> {
        if !self.is_deaf() {
            return None;
        }
        let mut until = lock(&self.deaf_until);
        *until = until.filter(|until| *until > Instant::now());
        self.is_deaf.store(until.is_some(), Ordering::Relaxed);
        *until
    }

    /// Whether the client may not be listened to, without a lock.
    pub(in crate::edge) fn is_deaf(&self) -> bool {
        self.is_deaf.load(Ordering::Relaxed)
    }

    /// Notes what a polling request has brought. Nothing more is taken after what was too much.
    pub(super) fn posted(&self, bytes: usize, begin: impl FnOnce() -> Unheard) {
        let mut unheard = lock(self.posted.get_or_init(|| Box::new(Mutex::new(Some(begin())))));
        let sent = unheard.as_mut().map(|unheard| unheard.sent(bytes, || self.bytes_heard()));
        if let Some(Err(_too_much)) = sent {
            *unheard = None;
        }
    }

    pub(super) fn is_cut_off(&self) -> bool {
        self.posted.get().is_some_and(|unheard| lock(unheard).is_none())
    }

    /// Whether nothing more is to be heard of the client, for the hub is about to hang up.
    pub(crate) fn is_mute(&self) -> bool {
        self.is_mute.load(Ordering::SeqCst)
    }

    pub(super) fn stop_hearing(&self) {
        self.is_mute.store(true, Ordering::SeqCst);
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

    pub(super) fn flushed(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
        self.tell_if_wanted();
    }

    fn tell_if_wanted(&self) {
        if self.wanted.swap(false, Ordering::SeqCst) {
            (self.tell)();
        }
    }
}

/// No step under a lock can panic and leave it half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use super::*;

    pub(in super::super) fn counted() -> (Flushes, Arc<AtomicU64>) {
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
}
