//! Lines that are scanned or typed, read one at a time and only when one is wanted.

use std::io::{self, BufRead, BufReader, Read as _};
use std::sync::mpsc as blocking;
use std::thread;

use tokio::sync::mpsc;

/// The longest line that is read, in bytes; no code is as long.
const MAX_LINE: u64 = 4096;

/// Where lines come from: a thread of its own, because nobody can stop a read of stdin but the end of the process.
#[derive(Debug)]
pub(super) struct Input {
    lines: mpsc::Receiver<io::Result<String>>,
    want: blocking::Sender<()>,
    is_wanted: bool,
}

impl Input {
    /// Reads with `read`, which gives none at the end.
    ///
    /// # Errors
    /// When the system lends no thread.
    pub(super) fn start(
        mut read: impl FnMut() -> io::Result<Option<String>> + Send + 'static,
    ) -> io::Result<Self> {
        let (send, lines) = mpsc::channel(1);
        let (want, wanted) = blocking::channel();
        thread::Builder::new().name("input".into()).spawn(move || {
            while wanted.recv().is_ok() {
                let Some(line) = read().transpose() else { return };
                let is_last = line.is_err();
                // An error means that nobody wants to know any more.
                if send.blocking_send(line).is_err() || is_last {
                    return;
                }
            }
        })?;
        Ok(Self { lines, want, is_wanted: false })
    }

    /// Plain lines from stdin.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub(super) fn of_stdin() -> io::Result<Self> {
        let mut input = BufReader::new(io::stdin());
        Self::start(move || next(&mut input))
    }

    /// The next line; none at the end. Safe to cancel.
    ///
    /// # Errors
    /// Those of reading, and then nothing more comes.
    pub(super) async fn next(&mut self) -> io::Result<Option<String>> {
        if !self.is_wanted {
            // An error means that it has ended, which is what comes out.
            self.is_wanted = self.want.send(()).is_ok();
        }
        let line = self.lines.recv().await.transpose();
        self.is_wanted = false;
        line
    }
}

/// The next line, cut off where it is too long; none at the end.
fn next(input: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    if input.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.len() as u64 == MAX_LINE && !line.ends_with(b"\n") {
        input.skip_until(b'\n')?;
    }
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_one_by_one_and_the_last_needs_no_end() {
        let mut input = &b"7\r\n\xff\n\nlast"[..];
        let mut lines = vec![];
        while let Some(line) = next(&mut input).unwrap() {
            lines.push(line);
        }
        assert_eq!(lines, ["7\r\n", "\u{fffd}\n", "\n", "last"]);
    }

    #[test]
    fn a_line_that_is_too_long_is_cut_off_and_the_next_one_is_whole() {
        let text = format!("{}\nnext\n", "x".repeat(3 * MAX_LINE as usize));
        let mut input = text.as_bytes();
        assert_eq!(next(&mut input).unwrap().unwrap().len() as u64, MAX_LINE);
        assert_eq!(next(&mut input).unwrap().unwrap(), "next\n");
    }

    #[tokio::test]
    async fn nothing_is_read_before_it_is_wanted() {
        let (read, reads) = blocking::channel();
        let mut left = vec!["2", "1"];
        let mut input = Input::start(move || {
            read.send(()).unwrap();
            Ok(left.pop().map(str::to_owned))
        })
        .unwrap();
        assert!(reads.try_recv().is_err());
        assert_eq!(input.next().await.unwrap().as_deref(), Some("1"));
        assert_eq!(reads.try_iter().count(), 1);
        assert_eq!(input.next().await.unwrap().as_deref(), Some("2"));
        assert_eq!(input.next().await.unwrap(), None);
    }
}
