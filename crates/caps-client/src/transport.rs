//! The Socket.IO library, and all that there is to know about it.
//!
//! rust_socketio 0.6 is safe to use in one way only: a client that is thrown away with its connection.
//! - A task that nobody can stop reads the socket, and may outlive both the client and `disconnect()`. So each
//!   connection has a thread with a runtime of its own; the end of that runtime ends the task and the socket.
//! - Nothing tells when that task has ended, be it by the end of the stream or by a panic. It is the only task
//!   of its runtime, so the runtime's count of tasks does.
//! - Its own way to reconnect can hang for good, and is switched off.
//! - Ids of acknowledgements are drawn from 1000, and one that is never answered is never forgotten. So there is
//!   one on its way at a time, and a session ends a connection that owes it an answer.
//! - Callbacks run in the reading task, one after another. They only forward, to a channel that the session
//!   empties whatever the application does.

use std::error::Error;
use std::time::Duration;

use caps_proto::NAMESPACE;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use rust_socketio::asynchronous::{Client, ClientBuilder};
use rust_socketio::{Event, Payload, TransportType};
use serde_json::Value;
use tokio::runtime::{Builder, Handle};
use tokio::sync::mpsc;
use tokio::time::{interval, timeout};

use crate::line::{Emit, Endpoint, Heard, Line};

/// How many messages the reading task may be ahead of the session.
const READ_AHEAD: usize = 256;

/// How often to look whether the reading task is still there.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long saying goodbye may take on a line that may be stuck.
const GOODBYE: Duration = Duration::from_millis(500);

/// The library keeps an answer from its callback when it comes later than this. The session gives up much
/// earlier, so this only has to be long.
const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How the library introduces a refusal of the CONNECT. What follows is the packet's JSON.
const REFUSED: &str = "Received an ConnectError frame: ";

/// What the library says when the line has ended, for whatever reason.
const CUT: &str = "EngineIO Error";

/// Opens one connection. Whether it succeeds is the first thing that is heard from the line.
pub(crate) fn open(endpoint: &Endpoint) -> Line {
    let (emits, to_emit) = mpsc::channel(1);
    let (hear, heard) = mpsc::channel(READ_AHEAD);
    let endpoint = endpoint.clone();
    let thread = std::thread::Builder::new().name("caps-connection".into());
    let carried = hear.clone();
    if let Err(why) = thread.spawn(move || carry(endpoint, to_emit, carried)) {
        // There is room: nobody has written to the channel yet.
        drop(hear.try_send(Heard::Lost(format!("no thread for the connection: {why}"))));
    }
    Line { emits, heard }
}

/// The life of a connection's thread.
fn carry(endpoint: Endpoint, to_emit: mpsc::Receiver<Emit>, hear: mpsc::Sender<Heard>) {
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(why) => {
            let why = format!("no runtime for the connection: {why}");
            // An error means that the session has gone, and nobody wants to know.
            drop(hear.blocking_send(Heard::Lost(why)));
            return;
        }
    };
    runtime.block_on(async {
        tokio::select! {
            () = hear.closed() => {}
            why = converse(endpoint, to_emit, &hear) => {
                if let Some(why) = why {
                    drop(hear.send(Heard::Lost(why)).await);
                }
            }
        }
    });
    // Unlike a drop this waits for nothing, such as a name that is still being looked up.
    runtime.shutdown_background();
}

/// Carries words both ways. Returns why the connection is over, or nothing when the session has hung up.
async fn converse(
    endpoint: Endpoint,
    mut to_emit: mpsc::Receiver<Emit>,
    hear: &mpsc::Sender<Heard>,
) -> Option<String> {
    // No timeout here: the session waits for `Heard::Connected` no longer than it likes.
    let client = match builder(endpoint, hear).connect().await {
        Ok(client) => client,
        Err(why) => return Some(root_cause(&why)),
    };
    let runtime = Handle::current().metrics();
    let mut look = interval(LOOK_EVERY);
    loop {
        tokio::select! {
            emit = to_emit.recv() => match emit {
                Some(emit) => {
                    if let Err(why) = send(&client, emit, hear.clone()).await {
                        return Some(root_cause(&why));
                    }
                }
                None => break,
            },
            _ = look.tick() => {
                if runtime.num_alive_tasks() == 0 {
                    return Some("the connection was cut".into());
                }
            }
        }
    }
    match timeout(GOODBYE, client.disconnect()).await {
        Ok(Ok(())) => {}
        Ok(Err(why)) => tracing::debug!("no goodbye: {why}"),
        Err(_) => tracing::debug!("no goodbye: the line is stuck"),
    }
    None
}

/// What has really gone wrong: the library's own words say no more than that something has.
fn root_cause(error: &dyn Error) -> String {
    let Some(mut cause) = error.source() else { return error.to_string() };
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

fn builder(endpoint: Endpoint, hear: &mpsc::Sender<Heard>) -> ClientBuilder {
    let (on_connect, on_close, on_error, on_any) =
        (hear.clone(), hear.clone(), hear.clone(), hear.clone());
    ClientBuilder::new(endpoint.url)
        .namespace(NAMESPACE)
        .auth(endpoint.auth)
        .transport_type(TransportType::Websocket)
        .reconnect(false)
        .reconnect_on_disconnect(false)
        .on(Event::Connect, move |_, _| forward(&on_connect, Heard::Connected))
        .on(Event::Close, move |_, _| {
            forward(&on_close, Heard::Lost("the hub has closed the connection".into()))
        })
        .on(Event::Error, move |payload, _| forward(&on_error, failure(payload)))
        .on_any(move |event, payload, _| {
            // Nothing that the hub sends has another form; its binary events would be none of ours.
            let Payload::Text(mut args) = payload else { return async {}.boxed() };
            let payload = if args.is_empty() { Value::Null } else { args.swap_remove(0) };
            forward(&on_any, Heard::Event { name: event.into(), payload })
        })
}

fn forward(hear: &mpsc::Sender<Heard>, heard: Heard) -> BoxFuture<'static, ()> {
    let hear = hear.clone();
    // An error means that the session has gone, and nobody wants to know.
    async move { drop(hear.send(heard).await) }.boxed()
}

/// What the library reports as an error: a refused CONNECT, or the end of the connection.
fn failure(payload: Payload) -> Heard {
    let text = match payload {
        Payload::Text(args) => match args.into_iter().next() {
            Some(Value::String(text)) => text,
            other => other.unwrap_or_default().to_string(),
        },
        other => format!("{other:?}"),
    };
    match text.strip_prefix(REFUSED) {
        Some(json) => Heard::Refused(
            serde_json::from_str(json).unwrap_or_else(|_| Value::String(json.to_owned())),
        ),
        None if text == CUT => Heard::Lost("the connection was cut".into()),
        None => Heard::Lost(text),
    }
}

async fn send(
    client: &Client,
    Emit { verb, payload }: Emit,
    hear: mpsc::Sender<Heard>,
) -> Result<(), rust_socketio::Error> {
    // The only payload that is sent as the text that it is. The others go through a `Value`, which would write
    // an order's numbers in its own way.
    #[expect(deprecated, reason = "its replacement parses the text")]
    let payload = Payload::String(payload.to_string());
    client
        .emit_with_ack(verb.name(), payload, NEVER, move |payload, _| {
            forward(&hear, Heard::Answer(answer(payload)))
        })
        .await
}

/// The first argument of an acknowledgement, which the library hands over as one array.
fn answer(payload: Payload) -> Value {
    let Payload::Text(mut args) = payload else { return Value::Null };
    match args.pop() {
        Some(Value::Array(mut args)) if !args.is_empty() => args.swap_remove(0),
        _ => Value::Null,
    }
}
