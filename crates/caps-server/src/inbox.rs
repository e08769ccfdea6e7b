//! Where the edge submits what it has heard, for the owner to decide.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};

use caps_hub::{AckId, ConnId, Hub};
use caps_proto::{Code, Refusal, Request};
use socketioxide::adapter::LocalAdapter;
use socketioxide::socket::Socket;
use tokio::sync::{mpsc, oneshot};

use crate::edge::flow::Flushes;
use crate::token::Grant;

/// The most memory of events that are not yet decided and kept, in bytes. Events beyond it are answered `busy`.
const MAX_WAITING: usize = 64 * 1024 * 1024;

/// Beyond this not even an answer has room: who sends more is cut off.
const OVERFULL: usize = 2 * MAX_WAITING;

/// What the edge tells the owner.
pub(crate) enum Command {
    /// A client is about to be let in.
    Connected { conn: ConnId, grant: Grant, flushes: Arc<Flushes> },
    /// It has been told so, and packets may leave for it.
    Opened { conn: ConnId, socket: Weak<Socket<LocalAdapter>> },
    /// It has emitted an event.
    Heard(Heard),
    /// Its transport has flushed, which its line has asked for.
    Flushed { conn: ConnId },
    /// It is gone.
    Disconnected { conn: ConnId },
    /// Someone wants to see how the hub stands.
    Look(Box<dyn FnOnce(&Hub) + Send>),
}

/// An event of a client.
pub(crate) struct Heard {
    pub(crate) conn: ConnId,
    pub(crate) ack: Option<AckId>,
    pub(crate) request: Result<Request, Refusal>,
    /// The size of its packet.
    pub(crate) bytes: usize,
}

impl Heard {
    /// About how much memory it takes while it waits, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.bytes + size_of::<Command>()
    }
}

/// The hub cannot even take note of an event to refuse it.
pub(crate) struct Overfull;

/// Where the edge submits. Never waits.
#[derive(Clone)]
pub(crate) struct Inbox {
    commands: mpsc::UnboundedSender<Command>,
    gauge: Arc<Gauge>,
}

/// What the inbox and the owner both know.
#[derive(Default)]
pub(crate) struct Gauge {
    /// How many bytes of events were submitted and are not yet [done](Self::done).
    waiting: AtomicUsize,
    /// The hub is about to stop, and hears nothing more.
    is_closed: AtomicBool,
}

impl Gauge {
    /// Events of so many bytes are decided, and what they came to is kept.
    pub(crate) fn done(&self, bytes: usize) {
        self.waiting.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// From now on no event is heard.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
    }
}

/// The owner's end.
pub(crate) type Commands = mpsc::UnboundedReceiver<Command>;

pub(crate) fn inbox() -> (Inbox, Commands, Arc<Gauge>) {
    let (sender, commands) = mpsc::unbounded_channel();
    let gauge = Arc::new(Gauge::default());
    (Inbox { commands: sender, gauge: Arc::clone(&gauge) }, commands, gauge)
}

impl Inbox {
    pub(crate) fn submit(&self, command: Command) {
        // Fails when the owner has stopped: then the line is about to close, and nothing was promised.
        let _ = self.commands.send(command);
    }

    pub(crate) fn submit_heard(&self, mut heard: Heard) -> Result<(), Overfull> {
        if self.gauge.is_closed.load(Ordering::Relaxed) {
            return Ok(());
        }
        let size = heard.size();
        let waiting = self.gauge.waiting.fetch_add(size, Ordering::Relaxed);
        if waiting > OVERFULL {
            self.gauge.done(size);
            return Err(Overfull);
        }
        if waiting > MAX_WAITING {
            heard.request = Err(Refusal::new(
                Code::Busy,
                "The hub has more at hand than it can take; send this again in a moment.",
            ));
        }
        self.submit(Command::Heard(heard));
        Ok(())
    }

    /// Shows the hub to `look`, in turn with what others have submitted. `None` when the hub has stopped.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Hub) -> T + Send + 'static,
    ) -> Option<T> {
        let (seen, answer) = oneshot::channel();
        // Who has asked may have gone.
        self.submit(Command::Look(Box::new(move |hub| drop(seen.send(look(hub))))));
        answer.await.ok()
    }
}
