//! What clients have sent that has come to no event: the part of a frame, of a request, or what only Socket.IO knows
//! of, such as an event whose attachments never come. It waits in memory, so there is a bound on all of it together.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::Instant;

/// What any connection may have of it at any time, and is not counted, in bytes.
pub(crate) const FREE: usize = 64 * 1024;

/// The most that is counted, of all connections together, in bytes.
const MOST: usize = 256 * 1024 * 1024;

/// What a packet and its frame have around an event, in bytes, roughly.
const AROUND: usize = 64;

/// What heartbeats take, in bytes a second.
const HEARTBEATS: u64 = 64;

/// How much a connection sends between two looks at it, in bytes.
const STEP: usize = 16 * 1024;

/// What all connections have of it.
#[derive(Clone, Default)]
pub(crate) struct Budget(Arc<AtomicUsize>);

impl Budget {
    pub(crate) fn is_spent(&self) -> bool {
        self.0.load(Ordering::Relaxed) > MOST
    }
}

/// One's share in a budget, which it has back when this is dropped.
struct Share {
    budget: Budget,
    bytes: usize,
}

impl Share {
    fn of(budget: Budget) -> Self {
        Self { budget, bytes: 0 }
    }

    /// Counts so much, unless it has been more.
    fn grow_to(&mut self, unheard: usize) {
        if unheard > FREE.max(self.bytes) {
            self.budget.0.fetch_add(unheard - self.bytes, Ordering::Relaxed);
            self.bytes = unheard;
        }
    }

    /// Whether it counts, and all together are more than there is room for.
    fn is_too_much(&self) -> bool {
        self.bytes > 0 && self.budget.is_spent()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// How many bytes an event counts for, with what is around it.
pub(crate) fn heard(packet: usize) -> u64 {
    (packet + AROUND) as u64
}

/// What one connection has sent beside its events.
pub(crate) struct Unheard {
    share: Share,
    most: usize,
    /// What it has sent since it was last looked at.
    lately: usize,
    /// What it had sent before that, of which nothing was heard.
    unheard: u64,
    /// What was heard of it until then.
    heard: u64,
    since: Instant,
}

impl Unheard {
    /// At most `most` bytes, beside what any connection may have.
    pub(crate) fn new(budget: Budget, most: usize) -> Self {
        let since = Instant::now();
        Self { share: Share::of(budget), most, lately: 0, unheard: 0, heard: 0, since }
    }

    /// Notes that it has sent so much more. `heard` tells how much has been heard of it in all.
    ///
    /// # Errors
    /// It has sent more than there is room for.
    pub(crate) fn sent(&mut self, bytes: usize, heard: impl FnOnce() -> u64) -> io::Result<()> {
        self.lately += bytes;
        if self.lately >= STEP {
            self.look(heard());
        }
        let unheard = usize::try_from(self.unheard).unwrap_or(usize::MAX);
        if unheard > self.most.saturating_add(FREE) || self.share.is_too_much() {
            let most = self.share.bytes;
            tracing::warn!(
                unheard,
                most,
                "cut off: so much was sent, or once was, and came to no event"
            );
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        Ok(())
    }

    fn look(&mut self, heard: u64) {
        // It begins anew where a session does.
        let lately_heard = heard.checked_sub(self.heard).unwrap_or(heard);
        let quiet = self.since.elapsed().as_secs();
        self.unheard = (self.unheard + self.lately as u64)
            .saturating_sub(lately_heard)
            .saturating_sub(quiet * HEARTBEATS);
        self.lately = 0;
        self.heard = heard;
        self.since += std::time::Duration::from_secs(quiet);
        self.share.grow_to(usize::try_from(self.unheard).unwrap_or(usize::MAX));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_sends_events_may_send_any_number_of_them() {
        let mut unheard = Unheard::new(Budget::default(), 1000);
        for events in 1..10_000 {
            unheard.sent(1000, || events * heard(940)).unwrap();
        }
    }

    #[tokio::test]
    async fn who_sends_what_comes_to_nothing_is_cut_off_in_time() {
        let mut unheard = Unheard::new(Budget::default(), 1_000_000);
        let mut sent = 0;
        while unheard.sent(1000, || 0).is_ok() {
            sent += 1000;
        }
        assert!((1_000_000..=1_000_000 + FREE + STEP).contains(&sent), "{sent}");
    }

    #[tokio::test]
    async fn all_together_have_a_bound_and_those_who_send_little_are_not_in_it() {
        const PART: usize = 4 * 1024 * 1024;
        let budget = Budget::default();
        let mut of_many: Vec<_> = (0..100).map(|_| Unheard::new(budget.clone(), PART)).collect();
        let cut_off = of_many.iter_mut().filter_map(|one| one.sent(PART, || 0).err()).count();
        assert_eq!(cut_off, 100 - MOST / PART);
        let mut of_one = Unheard::new(budget.clone(), PART);
        assert!(of_one.sent(FREE, || 0).is_ok() && of_one.sent(PART / 2, || 0).is_err());
        drop((of_many, of_one));
        assert_eq!(budget.0.load(Ordering::Relaxed), 0);
        assert!(Unheard::new(budget, PART).sent(PART, || 0).is_ok());
    }

    #[tokio::test]
    async fn who_has_sent_much_at_once_makes_room_by_going_when_there_is_none() {
        const PART: usize = 4 * 1024 * 1024;
        let budget = Budget::default();
        let mut large = Unheard::new(budget.clone(), PART);
        large.sent(PART, || 0).unwrap();
        let all_heard = || heard(PART);
        large.sent(STEP, all_heard).unwrap();
        assert_eq!(budget.0.load(Ordering::Relaxed), PART, "its buffer is still there");
        let mut small = Unheard::new(budget.clone(), PART);
        small.sent(FREE, || 0).unwrap();
        let mut others: Vec<_> =
            (0..MOST / PART).map(|_| Unheard::new(budget.clone(), PART)).collect();
        let last = others.iter_mut().map(|one| one.sent(PART, || 0)).last();
        assert!(last.unwrap().is_err());
        const HEARTBEAT: usize = 7;
        assert!(small.sent(HEARTBEAT, || 0).is_ok());
        assert!(large.sent(HEARTBEAT, all_heard).is_err());
        drop(large);
        assert!(others[0].sent(HEARTBEAT, || 0).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn heartbeats_are_no_burden() {
        let mut unheard = Unheard::new(Budget::default(), 0);
        for _ in 0..100_000 {
            tokio::time::advance(std::time::Duration::from_secs(25)).await;
            unheard.sent(7 + 6 * 25, || 0).unwrap();
        }
    }
}
