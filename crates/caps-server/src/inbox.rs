//! Where the edge and the HTTP routes submit what they have heard, for the owner to decide.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Instant;

use caps_hub::{AckId, ConnId, Hub, Identity};
use caps_proto::{Answer, Code, Refusal, Request, Verb};
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
    /// It is heard no more, and is to be told when it has been answered what it was heard of.
    Goodbye { conn: ConnId, said: oneshot::Sender<()> },
    /// It is gone.
    Disconnected { conn: ConnId },
    /// One who is not connected asks for one thing.
    Asked(Box<Asked>),
    /// Someone wants to see how the hub stands.
    Look(Box<dyn FnOnce(&Hub) + Send>),
}

/// An event of a client.
pub(crate) struct Heard {
    pub(crate) conn: ConnId,
    pub(crate) ack: Option<AckId>,
    /// What its name says, where that says something.
    pub(crate) verb: Option<Verb>,
    pub(crate) request: Result<Request, Refusal>,
    /// The size of its packet.
    pub(crate) bytes: usize,
    pub(crate) arrived: Instant,
}

impl Heard {
    /// About how much memory it takes while it waits, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.bytes + size_of::<Command>()
    }
}

/// What is asked over HTTP: a connection that lasts for one event, and changes nothing but orders that are known.
pub(crate) struct Asked {
    pub(crate) conn: ConnId,
    pub(crate) identity: Identity,
    pub(crate) request: Request,
    /// The size of its payload.
    bytes: usize,
    pub(crate) arrived: Instant,
    pub(crate) answer: oneshot::Sender<Result<Answer, UnknownOrder>>,
}

impl Asked {
    /// About how much memory it takes while it waits, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.bytes + size_of::<Self>()
    }
}

/// The hub knows no such order.
pub(crate) struct UnknownOrder;

/// The hub cannot even take note of an event to refuse it.
pub(crate) struct Overfull;

/// Where the edge submits. Never waits.
#[derive(Clone)]
pub(crate) struct Inbox {
    commands: mpsc::UnboundedSender<Command>,
    gauge: Arc<Gauge>,
    /// The last connection so far.
    last_conn: Arc<AtomicU64>,
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

/// `last` is the last connection before all that are to come.
pub(crate) fn inbox(last: ConnId) -> (Inbox, Commands, Arc<Gauge>) {
    let (sender, commands) = mpsc::unbounded_channel();
    let gauge = Arc::new(Gauge::default());
    let last_conn = Arc::new(AtomicU64::new(last.0));
    (Inbox { commands: sender, gauge: Arc::clone(&gauge), last_conn }, commands, gauge)
}

impl Inbox {
    /// A connection that there has not been before.
    pub(crate) fn connection(&self) -> ConnId {
        ConnId(self.last_conn.fetch_add(1, Ordering::Relaxed) + 1)
    }

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
            heard.request = Err(busy());
        }
        self.submit(Command::Heard(heard));
        Ok(())
    }

    /// Asks for one thing, as one who is not connected, and waits until what it has come to is kept. `None` when the
    /// hub has stopped.
    pub(crate) async fn ask(
        &self,
        identity: Identity,
        request: Request,
        bytes: usize,
    ) -> Option<Result<Answer, UnknownOrder>> {
        if self.gauge.is_closed.load(Ordering::Relaxed) {
            return None;
        }
        let (answer, answered) = oneshot::channel();
        let (conn, arrived) = (self.connection(), Instant::now());
        let asked = Asked { conn, identity, request, bytes, arrived, answer };
        let size = asked.size();
        if self.gauge.waiting.fetch_add(size, Ordering::Relaxed) > MAX_WAITING {
            self.gauge.done(size);
            return Some(Ok(Answer::Error(busy())));
        }
        self.submit(Command::Asked(Box::new(asked)));
        answered.await.ok()
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

fn busy() -> Refusal {
    Refusal::new(
        Code::Busy,
        "The hub has more at hand than it can take; send this again in a moment.",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;
    use crate::intake::mint;

    fn pickup() -> Request {
        let order: Box<RawValue> = serde_json::from_str(r#"{"store":"acme"}"#).unwrap();
        Request::parse(caps_proto::Verb::Pickup, Some(&order), mint).unwrap()
    }

    #[tokio::test]
    async fn who_asks_a_hub_that_has_too_much_at_hand_is_told_so_at_once() {
        let (inbox, mut commands, gauge) = inbox(ConnId(0));
        let bytes = 2 * MAX_WAITING;
        let heard = Heard {
            conn: inbox.connection(),
            ack: None,
            verb: Some(Verb::Pickup),
            request: Ok(pickup()),
            bytes,
            arrived: Instant::now(),
        };
        let size = heard.size();
        assert!(inbox.submit_heard(heard).is_ok());
        let ask = || inbox.ask(Identity::Anyone { name: None }, pickup(), 16);
        let Some(Ok(Answer::Error(refusal))) = ask().await else { panic!("it was not refused") };
        assert_eq!((refusal.code, refusal.temporary), (Code::Busy, true));
        assert!(matches!(commands.recv().await, Some(Command::Heard(_))));
        assert!(commands.try_recv().is_err(), "what is refused goes no further");

        gauge.done(size);
        let answer = async {
            let Some(Command::Asked(asked)) = commands.recv().await else { panic!("not asked") };
            assert!(asked.answer.send(Err(UnknownOrder)).is_ok());
        };
        assert!(matches!(tokio::join!(ask(), answer).0, Some(Err(UnknownOrder))));
        drop(commands);
        assert!(ask().await.is_none(), "the hub has stopped");
    }
}
