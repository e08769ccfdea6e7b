//! A lean Socket.IO client: what it hears it looks at only as far as it must.

use std::net::SocketAddr;

use anyhow::{Context as _, bail, ensure};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async};

/// The hub's namespace on the wire.
const NAMESPACE: &str = "/caps,";

/// A client that is connected.
pub(crate) struct Socket {
    stream: WebSocketStream<TcpStream>,
    asked: u64,
}

/// What the hub has said.
pub(crate) enum Heard {
    /// An answer, which was `ok`.
    Ok,
    /// An event.
    Event { name: &'static str, message_id: String },
}

impl Socket {
    /// Connects as who `auth` says.
    pub(crate) async fn connect(hub: SocketAddr, auth: &str) -> anyhow::Result<Self> {
        let tcp = TcpStream::connect(hub).await?;
        tcp.set_nodelay(true)?;
        let url = format!("ws://{hub}/socket.io/?EIO=4&transport=websocket");
        let (stream, _) = client_async(url, tcp).await?;
        let mut socket = Self { stream, asked: 0 };
        let open = socket.packet().await?;
        ensure!(open.starts_with('0'), "the hub opens with {open}");
        socket.stream.send(Message::text(format!("40{NAMESPACE}{auth}"))).await?;
        let connected = socket.packet().await?;
        ensure!(connected.starts_with("40"), "the hub refuses: {connected}");
        Ok(socket)
    }

    /// Emits an event, when [`flush`](Self::flush) is called at the latest.
    pub(crate) async fn emit(&mut self, event: &str, payload: &str) -> anyhow::Result<()> {
        self.asked += 1;
        let packet = format!("42{NAMESPACE}{}[\"{event}\",{payload}]", self.asked);
        Ok(self.stream.feed(Message::text(packet)).await?)
    }

    pub(crate) async fn flush(&mut self) -> anyhow::Result<()> {
        Ok(self.stream.flush().await?)
    }

    /// Emits an event and waits for its answer; there must be nothing else to hear.
    pub(crate) async fn ask(&mut self, event: &str, payload: &str) -> anyhow::Result<()> {
        self.emit(event, payload).await?;
        self.flush().await?;
        match self.hear().await? {
            Heard::Ok => Ok(()),
            Heard::Event { name, .. } => bail!("heard `{name}` before the answer to `{event}`"),
        }
    }

    /// The next thing that the hub says.
    pub(crate) async fn hear(&mut self) -> anyhow::Result<Heard> {
        let packet = self.packet().await?;
        let Some((kind, rest)) = packet.as_str().split_once(NAMESPACE) else {
            bail!("heard {packet}");
        };
        let body = &rest[rest.find('[').context("a packet has a body")?..];
        match kind {
            "43" if body.starts_with(r#"[{"status":"ok""#) => Ok(Heard::Ok),
            "42" => event(body),
            _ => bail!("heard {packet}"),
        }
    }

    /// The next packet that is no heartbeat. The first of those may come before the hub has let the client in.
    async fn packet(&mut self) -> anyhow::Result<Utf8Bytes> {
        loop {
            match self.stream.next().await.context("the hub has hung up")?? {
                Message::Text(text) if text.as_str() == "2" => {
                    self.stream.send(Message::text("3")).await?;
                }
                Message::Text(text) => return Ok(text),
                other => bail!("heard {other:?}"),
            }
        }
    }
}

fn event(body: &str) -> anyhow::Result<Heard> {
    const ID: &str = r#""messageId":""#;
    let names = ["pickup", "in-transit", "delivered"];
    let name = names.into_iter().find(|name| body[2..].starts_with(name));
    let id = body.find(ID).map(|at| &body[at + ID.len()..]).and_then(|rest| rest.split_once('"'));
    let (name, (message_id, _)) = name.zip(id).with_context(|| format!("heard {body}"))?;
    Ok(Heard::Event { name, message_id: message_id.to_owned() })
}
