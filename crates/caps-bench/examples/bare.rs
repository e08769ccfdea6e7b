//! What socketioxide costs by itself: it passes on and answers what a hub does, and keeps nothing of it, so a message
//! that nobody hears is gone, and one that is sent twice is heard twice. `caps-bench compare` measures it beside the hub.

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;

use axum::serve::ListenerExt as _;
use futures_util::FutureExt as _;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;
use socketioxide::SocketIo;
use socketioxide::adapter::LocalAdapter;
use socketioxide::extract::{AckSender, Data, SocketRef};
use socketioxide::handler::{ConnectHandler as _, FromMessageParts as _, MessageHandler, Value};
use socketioxide::socket::Socket;
use tokio::net::TcpListener;

/// What waits for a socket in its own buffer. What is more than that is gone.
const BUFFER: usize = 100_000;

/// Of what a client says of itself.
#[derive(Deserialize)]
struct Auth {
    role: Option<String>,
}

/// What a client says of an order: the order itself, or a message.
#[derive(Deserialize)]
struct Said<'a> {
    #[serde(alias = "store", rename = "clientId")]
    client_id: &'a str,
    #[serde(alias = "orderId", rename = "messageId")]
    message_id: &'a str,
    #[serde(borrow)]
    order: Option<&'a RawValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    event: &'a str,
    message_id: &'a str,
    client_id: &'a str,
    order: &'a RawValue,
}

/// Hears every event in the order in which it came, which it would not as a future.
struct Hears;

impl MessageHandler<LocalAdapter, Self> for Hears {
    fn call(&self, socket: Arc<Socket<LocalAdapter>>, mut packet: Value, ack: Option<i64>) {
        let Ok(answer_to) = AckSender::from_message_parts(&socket, &mut packet, &ack);
        let Value::Str(text, _) = packet else { return };
        let answer = match hear(&socket, text.as_str()) {
            Ok(()) => json!({"status": "ok"}),
            Err(why) => json!({"status": "error", "message": why.to_string()}),
        };
        if let Err(why) = answer_to.send(&answer) {
            eprintln!("an answer is lost: {why}");
        }
    }
}

/// Before the client is told that it is connected, so that its first event is heard.
async fn let_in(socket: SocketRef, Data(auth): Data<Auth>) -> Result<(), Infallible> {
    if auth.role.is_none_or(|role| role != "vendor") {
        socket.join("drivers");
    }
    socket.on_fallback(Hears);
    Ok(())
}

fn hear(socket: &Socket<LocalAdapter>, text: &str) -> Result<(), Box<dyn Error>> {
    let (event, payload): (&str, &RawValue) = serde_json::from_str(text)?;
    match event {
        "join" => {
            socket.join(serde_json::from_str::<String>(payload.get())?);
            return Ok(());
        }
        "received" => return Ok(()),
        _ => {}
    }
    let said: Said<'_> = serde_json::from_str(payload.get())?;
    let order = said.order.unwrap_or(payload);
    let (message_id, client_id) = (said.message_id, said.client_id);
    let message = Message { event, message_id, client_id, order };
    let room = if event == "pickup" { "drivers" } else { client_id };
    // Within one process nothing has to be waited for.
    let sent = socket.to(room.to_owned()).emit(event, &message).now_or_never();
    Ok(sent.ok_or("the adapter waits")??)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (layer, io) = SocketIo::builder().max_buffer_size(BUFFER).build_layer();
    io.ns("/caps", (async || {}).with(let_in));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("bare socketioxide listens on http://{}", listener.local_addr()?);
    let listener = listener.tap_io(|stream| {
        if let Err(why) = stream.set_nodelay(true) {
            eprintln!("a connection writes late: {why}");
        }
    });
    axum::serve(listener, axum::Router::new().layer(layer)).await?;
    Ok(())
}
