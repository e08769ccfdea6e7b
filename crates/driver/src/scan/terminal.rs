//! A terminal: a line to type on at the bottom, with a history, and what is said above it.
//!
//! While a line is typed, the library prints in the typing thread; so what is said goes through a thread that may
//! wait for that, and nobody else does.

use std::io::{self, IsTerminal as _, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::thread;
use std::time::Duration;

use rustyline::config::Config;
use rustyline::error::ReadlineError;
use rustyline::{DefaultEditor, ExternalPrinter};

use super::input::Input;

const PROMPT: &str = "> ";

/// How many pieces of text wait to be printed at most. Who says more waits, as on any stdout.
const MOST_UNPRINTED: usize = 1024;

/// How long the last words may take to be printed.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A terminal in use. It is given back as it was at the [`end`](Self::end), or when this is dropped.
#[derive(Debug)]
pub(super) struct Terminal {
    printer: Printer,
    is_over: Arc<AtomicBool>,
    #[cfg(unix)]
    before: Option<nix::sys::termios::Termios>,
}

/// Prints above the line that is typed. Each write is one piece.
#[derive(Debug, Clone)]
pub(super) struct Printer(SyncSender<Piece>);

#[derive(Debug)]
enum Piece {
    Text(String),
    /// Tells that all before it is printed.
    Mark(SyncSender<()>),
}

/// Opens the terminal that stdin and stdout are; none where they are not, or cannot move their cursor.
///
/// # Errors
/// When the system lends no threads.
pub(super) fn open() -> io::Result<Option<(Input, Terminal)>> {
    if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
        return Ok(None);
    }
    // Bracketed paste would have to be switched off at the end, and codes need none.
    let config = Config::builder().auto_add_history(true).bracketed_paste(false).build();
    let Ok(mut editor) = DefaultEditor::with_config(config) else { return Ok(None) };
    let Ok(above) = editor.create_external_printer() else { return Ok(None) };
    let is_over = Arc::new(AtomicBool::new(false));
    let (send, pieces) = mpsc::sync_channel(MOST_UNPRINTED);
    let over = Arc::clone(&is_over);
    thread::Builder::new().name("printer".into()).spawn(move || print(above, &pieces, &over))?;
    let terminal = Terminal {
        printer: Printer(send),
        is_over,
        #[cfg(unix)]
        before: nix::sys::termios::tcgetattr(io::stdin()).ok(),
    };
    let input = Input::start(move || match editor.readline(PROMPT) {
        Ok(line) => Ok(Some(line)),
        Err(ReadlineError::Eof | ReadlineError::Interrupted) => Ok(None),
        Err(ReadlineError::Io(why)) => Err(why),
        Err(why) => Err(io::Error::other(why)),
    })?;
    Ok(Some((input, terminal)))
}

fn print(mut above: impl ExternalPrinter, pieces: &mpsc::Receiver<Piece>, is_over: &AtomicBool) {
    for piece in pieces {
        match piece {
            Piece::Text(text) => {
                // Where the typing has ended in this very moment, the text has no other way.
                let is_printed =
                    !is_over.load(Ordering::SeqCst) && above.print(text.clone()).is_ok();
                if !is_printed && direct(&text).is_err() {
                    // Who prints next is told.
                    return;
                }
            }
            // Who has set it may have gone.
            Piece::Mark(mark) => drop(mark.send(())),
        }
    }
}

fn direct(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

impl Terminal {
    pub(super) fn printer(&self) -> Printer {
        self.printer.clone()
    }

    /// Gives the terminal back. What is said from now on is printed as on any stdout.
    pub(super) fn end(&self) {
        if self.is_over.swap(true, Ordering::SeqCst) {
            return;
        }
        self.printer.flushed();
        // The line that is being typed goes; the thread that reads it cannot be stopped.
        if let Err(why) = direct("\r\u{1b}[K") {
            tracing::debug!(%why, "the terminal is gone");
        }
        #[cfg(unix)]
        if let Some(before) = &self.before {
            use nix::sys::termios::{SetArg, tcsetattr};
            if let Err(why) = tcsetattr(io::stdin(), SetArg::TCSANOW, before) {
                tracing::debug!(%why, "the terminal is not as it was");
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.end();
        self.printer.flushed();
    }
}

impl Printer {
    /// Waits until what was said is printed, for a while.
    fn flushed(&self) {
        let (mark, marked) = mpsc::sync_channel(1);
        // Where nobody prints any more, there is nothing to wait for.
        if self.0.try_send(Piece::Mark(mark)).is_ok() && marked.recv_timeout(LAST_WORDS).is_err() {
            tracing::debug!("the terminal takes nothing");
        }
    }
}

impl Write for Printer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes).into_owned();
        self.0.send(Piece::Text(text)).map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
