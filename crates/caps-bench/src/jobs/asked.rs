//! Events that wait for their answers: each is answered once, and with `ok`.

use std::collections::VecDeque;

use anyhow::{Context as _, ensure};

use crate::load::{LineId, is_ok};

/// What was asked on each connection, and what for.
pub(super) struct Asked<T> {
    lines: Vec<VecDeque<(u64, T)>>,
}

impl<T> Asked<T> {
    pub(super) fn on(lines: usize) -> Self {
        Self { lines: (0..lines).map(|_| VecDeque::new()).collect() }
    }

    pub(super) fn note(&mut self, line: LineId, number: u64, what: T) {
        self.lines[line].push_back((number, what));
    }

    /// Fails unless the event waits for its answer, and that is `ok`.
    pub(super) fn answered(&mut self, line: LineId, number: u64, body: &str) -> anyhow::Result<T> {
        let waiting = &mut self.lines[line];
        // They come in order, as a rule.
        let at = waiting.iter().position(|(asked, _)| *asked == number);
        let asked = at.and_then(|at| waiting.remove(at));
        let (_, what) =
            asked.with_context(|| format!("event {number} of a client is answered twice"))?;
        ensure!(is_ok(body), "event {number} of a client is answered {body}");
        Ok(what)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.iter().all(VecDeque::is_empty)
    }
}
