//! How far a program has come, at the bottom of a terminal.

use std::fmt;
use std::io::{self, IsTerminal as _, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often the bar is drawn while nothing happens, for the sake of the time that is left.
const TICK: Duration = Duration::from_millis(500);

const BAR: &str = "{bar:32} {pos}/{len} {msg}, {per_sec}, {eta} left";

/// A bar with its rate and the time that is left. There is none where nobody sees it.
#[derive(Clone, Default)]
pub struct Progress(Option<ProgressBar>);

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Progress").field(&self.0.as_ref().map(ProgressBar::position)).finish()
    }
}

impl Progress {
    /// A bar for so much of `what`, such as "delivered", if stdout is a terminal. `total` is asked for only then;
    /// where it is not known there is no bar.
    pub fn on_terminal(what: &'static str, total: impl FnOnce() -> Option<u64>) -> Self {
        if !io::stdout().is_terminal() {
            return Self::default();
        }
        Self(total().map(|total| {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stdout());
            // A template that cannot be read leaves the library's own.
            if let Ok(style) = ProgressStyle::with_template(BAR) {
                bar.set_style(style);
            }
            bar.set_message(what);
            bar.enable_steady_tick(TICK);
            bar
        }))
    }

    /// So much is done.
    pub fn set(&self, done: u64) {
        if let Some(bar) = &self.0 {
            bar.set_position(done);
        }
    }

    /// Leaves the bar as it is, with the cursor below it.
    pub fn end(&self) {
        if let Some(bar) = &self.0 {
            bar.abandon();
        }
    }

    /// Does `what` writes to the terminal above the bar.
    pub fn aside<T>(&self, what: impl FnOnce() -> T) -> T {
        match &self.0 {
            Some(bar) => bar.suspend(what),
            None => what(),
        }
    }

    /// Writes to `writer` above the bar.
    pub(super) fn beside<W: Write>(&self, writer: W) -> impl Write + use<W> {
        Beside { progress: self.clone(), writer }
    }
}

struct Beside<W> {
    progress: Progress,
    writer: W,
}

impl<W: Write> Write for Beside<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Self { progress, writer } = self;
        progress.aside(|| writer.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
