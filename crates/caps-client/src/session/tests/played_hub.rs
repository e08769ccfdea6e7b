//! A hub that is played by the test.

use std::sync::Mutex;
use std::time::Duration;

use caps_proto::{ClientId, Code, Done, Event, MessageId, Order, Refusal};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::line::{Emit, Endpoint, Heard, Line};
use crate::{Client, Error, Incoming, Options};

/// The hub's end of one connection.
pub(super) struct Hub {
    emits: mpsc::Receiver<Emit>,
    hear: mpsc::Sender<Heard>,
}

impl Hub {
    pub(super) async fn tell(&self, heard: Heard) {
        self.hear.send(heard).await.unwrap();
    }

    /// The next event of the client: its name, and its payload.
    pub(super) async fn next(&mut self) -> (&'static str, Value) {
        let Emit { verb, payload } = self.emits.recv().await.expect("the client has hung up");
        (verb.name(), serde_json::from_str(&payload).unwrap())
    }

    pub(super) async fn answer(&self, answer: Value) {
        self.tell(Heard::Answer(answer)).await;
    }

    pub(super) async fn refuse(&self, code: Code) {
        let refusal = caps_proto::Answer::Error(Refusal::new(code, "No."));
        self.answer(json!(refusal)).await;
    }

    /// Expects `verb`, says ok, and returns the payload.
    pub(super) async fn accept(&mut self, verb: &str) -> Value {
        let (name, payload) = self.next().await;
        assert_eq!(name, verb, "{payload}");
        self.answer(json!({"status": "ok"})).await;
        payload
    }

    pub(super) async fn emit(&self, event: &str, id: usize) {
        let payload = json!({"event": event, "messageId": id.to_string(), "clientId": "acme", "order": {"n": id}});
        self.tell(Heard::Event { name: event.into(), payload }).await;
    }

    /// Expects that the client hangs up.
    pub(super) async fn is_left(&mut self) {
        assert_eq!(self.emits.recv().await, None);
    }
}

/// The place where connections arrive.
pub(super) struct Door(mpsc::UnboundedReceiver<Hub>);

impl Door {
    /// A connection that nobody has greeted yet.
    pub(super) async fn knock(&mut self) -> Hub {
        self.0.recv().await.expect("the client has given up")
    }

    /// Expects that the client does not try again.
    pub(super) async fn is_left(&mut self) {
        assert!(self.0.recv().await.is_none());
    }

    /// A connection that the hub has taken in.
    pub(super) async fn open(&mut self) -> Hub {
        let hub = self.knock().await;
        hub.tell(Heard::Connected).await;
        hub
    }
}

pub(super) fn start(change: impl FnOnce(&mut Options)) -> (Client, Incoming, Door) {
    let (arrive, door) = mpsc::unbounded_channel();
    let arrive = Mutex::new(arrive);
    let mut options = Options::driver("http://hub", None);
    change(&mut options);
    let open = move |_: &Endpoint| {
        let (emits, to_emit) = mpsc::channel(1);
        let (hear, heard) = mpsc::channel(64);
        drop(arrive.lock().unwrap().send(Hub { emits: to_emit, hear }));
        Line { emits, heard }
    };
    let (client, incoming) = Client::start(options, open).unwrap();
    (client, incoming, Door(door))
}

pub(super) fn connect() -> (Client, Incoming, Door) {
    start(|_| {})
}

pub(super) fn acme() -> ClientId {
    ClientId::new("acme").unwrap()
}

/// Places order `id`, and leaves the answer for later.
pub(super) fn place(client: &Client, id: usize) -> JoinHandle<Result<Done, Error>> {
    let order = json!({"store": "acme", "orderId": id}).to_string();
    let order: Order = serde_json::from_str(&order).unwrap();
    let client = client.clone();
    tokio::spawn(async move { client.pickup(&order).await })
}

/// Asks for everything, and leaves the answer for later.
pub(super) fn replay(client: &Client) -> JoinHandle<Result<Done, Error>> {
    let client = client.clone();
    tokio::spawn(async move { client.get_all(None, None).await })
}

/// Says that a message was received, and leaves the answer for later.
pub(super) fn receive(client: &Client, event: Event, id: &str) -> JoinHandle<Result<Done, Error>> {
    let (client, id) = (client.clone(), MessageId::new(id).unwrap());
    tokio::spawn(async move { client.received(event, &acme(), &id).await })
}

/// What comes within a second; less than any of the client's own timeouts.
pub(super) async fn soon<T>(what: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(Duration::from_secs(1), what).await.ok()
}
