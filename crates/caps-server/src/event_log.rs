//! Writes a record of every event that the hub hears, without ever making it wait.
//!
//! Records are formatted into one buffer, which a thread of its own writes to stderr. When the reader of stderr
//! is so slow that the buffer fills, records are left out and counted, and the count is written instead.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use caps_hub::EventRecord;

use crate::config::LogFormat;

/// The most bytes of records that wait to be written.
const MAX_WAITING: usize = 8 * 1024 * 1024;

/// How long records are gathered, so that one write takes many of them: a write for each would cost more than all
/// else that the hub does with an event.
const GATHER: Duration = Duration::from_millis(50);

/// So many bytes of records are not gathered any longer.
const ENOUGH: usize = 256 * 1024;

/// How long the end of the log waits for a slow reader to take what is left.
const LAST_WRITE: Duration = Duration::from_secs(1);

pub(crate) struct EventLog {
    shared: Arc<Shared>,
    format: LogFormat,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    left_out: u64,
    closed: bool,
    writer: Writer,
}

/// What the writer does.
#[derive(Default, PartialEq, Eq)]
enum Writer {
    #[default]
    Writes,
    /// Until there is a record.
    Sleeps,
    /// For [`GATHER`], or until there are [`ENOUGH`].
    Gathers,
    HasEnded,
}

impl EventLog {
    /// Starts a log to `out`, which is stderr but in tests.
    pub(crate) fn start(format: LogFormat, out: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        std::thread::Builder::new().name("event-log".into()).spawn({
            let shared = Arc::clone(&shared);
            move || write_all(&shared, out)
        })?;
        Ok(Self { shared, format })
    }

    /// Notes one event. Follows `RUST_LOG`: the target is `caps_server::event_log`, the level INFO.
    pub(crate) fn write(&self, record: &EventRecord<'_>) {
        if tracing::enabled!(tracing::Level::INFO) {
            self.append(record);
        }
    }

    fn append(&self, record: &EventRecord<'_>) {
        let mut state = self.shared.lock();
        if state.waiting.len() >= MAX_WAITING {
            state.left_out += 1;
            return;
        }
        let waiting = &mut state.waiting;
        // Writing to memory cannot fail.
        let _ = match self.format {
            LogFormat::Text => write!(waiting, "{record}"),
            LogFormat::Json => serde_json::to_writer(&mut *waiting, record).map_err(Into::into),
        };
        waiting.push(b'\n');
        let is_awaited = match state.writer {
            Writer::Sleeps => true,
            Writer::Gathers => state.waiting.len() >= ENOUGH,
            Writer::Writes | Writer::HasEnded => false,
        };
        if is_awaited {
            state.writer = Writer::Writes;
            self.shared.changed.notify_all();
        }
    }

    /// Writes what still waits, and then no more. Blocks until that is done, or has taken too long.
    pub(crate) fn close(&self) {
        let mut state = self.shared.lock();
        state.closed = true;
        self.shared.changed.notify_all();
        let writes = |state: &mut State| state.writer != Writer::HasEnded;
        // Whether in time or not: there is no more to be done.
        let _ = self.shared.changed.wait_timeout_while(state, LAST_WRITE, writes);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Whoever panicked while appending has left at worst a torn line.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write_all(shared: &Shared, mut out: impl Write) {
    let mut taken = Vec::new();
    loop {
        let mut state = shared.lock();
        while state.waiting.is_empty() && !state.closed {
            state.writer = Writer::Sleeps;
            state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.writer = Writer::Gathers;
        let are_few = |state: &mut State| state.waiting.len() < ENOUGH && !state.closed;
        let gathered = shared.changed.wait_timeout_while(state, GATHER, are_few);
        (state, _) = gathered.unwrap_or_else(PoisonError::into_inner);
        state.writer = Writer::Writes;
        let left_out = std::mem::take(&mut state.left_out);
        if state.waiting.is_empty() && left_out == 0 {
            state.writer = Writer::HasEnded;
            shared.changed.notify_all();
            return;
        }
        std::mem::swap(&mut state.waiting, &mut taken);
        drop(state);
        // Nobody is left to tell when stderr is gone; the hub goes on without it.
        let _ = out.write_all(&taken);
        taken.clear();
        if left_out > 0 {
            let _ = writeln!(
                out,
                "WARN {left_out} EVENT records left out: the log was read too slowly"
            );
        }
        let _ = out.flush();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use caps_hub::Timestamp;

    use super::*;

    const RECORD: EventRecord<'_> = EventRecord {
        at: Timestamp::from_millis(0),
        event: "pickup",
        client: Some("acme"),
        payload: None,
    };

    /// Hands over every write, and waits for leave before each.
    struct Gate {
        leave: mpsc::Receiver<()>,
        written: mpsc::Sender<Vec<u8>>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // An end of the sender is a leave for all that follows.
            let _ = self.leave.recv();
            self.written.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn log_through_gate(records: usize) -> String {
        let (leave, gate) = mpsc::channel();
        let (written, lines) = mpsc::channel();
        let log = EventLog::start(LogFormat::Text, Gate { leave: gate, written }).unwrap();
        for _ in 0..records {
            log.append(&RECORD);
        }
        drop(leave);
        log.close();
        String::from_utf8(lines.into_iter().flatten().collect()).unwrap()
    }

    #[test]
    fn every_record_is_written_before_the_log_is_gone() {
        let text = log_through_gate(3);
        assert_eq!(text, "EVENT pickup 1970-01-01T00:00:00.000Z acme -\n".repeat(3));
    }

    #[test]
    fn a_reader_who_stands_still_stops_nobody_and_is_told_what_was_left_out() {
        let records = 3 * MAX_WAITING / RECORD.to_string().len();
        let text = log_through_gate(records);
        let written = text.lines().filter(|line| line.starts_with("EVENT")).count();
        let left_out: usize = text
            .lines()
            .filter_map(|line| line.strip_prefix("WARN ")?.split(' ').next()?.parse::<usize>().ok())
            .sum();
        assert!(left_out > 0);
        assert_eq!(written + left_out, records);
    }
}
