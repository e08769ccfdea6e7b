//! The order in which one connection hears what is in one queue.

/// Hears the messages in the order of their ranks; but for one step back for each time that the client has asked for
/// all of them, to where the replay begins.
#[derive(Debug)]
pub(crate) struct Hearing<R> {
    last: Option<R>,
    replays: usize,
}

impl<R: PartialOrd + Copy + std::fmt::Debug> Hearing<R> {
    /// The client has asked once.
    pub(crate) fn new() -> Self {
        Self { last: None, replays: 1 }
    }

    pub(crate) fn hear(&mut self, rank: R) {
        if let Some(last) = self.last.filter(|last| *last >= rank) {
            assert!(self.replays > 0, "out of order: {rank:?} after {last:?}");
            self.replays -= 1;
        }
        self.last = Some(rank);
    }

    /// The client was put off, and asks once more. What was on its way may come all the same.
    pub(crate) fn asked_again(&mut self) {
        self.replays += 1;
    }

    /// The replay is answered.
    pub(crate) fn caught_up(&mut self) {
        self.replays = 0;
    }
}
