//! A lean Socket.IO client: it sends as much as it likes before it hears the answers, and sees every one of them.

use std::net::SocketAddr;

use caps_hub::AckId;
use caps_proto::{Answer, Message, NAMESPACE};
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{self, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::ledger::{Key, Word};

/// A client that is connected.
pub(crate) struct Socket {
    stream: WebSocketStream<TcpStream>,
    asked: AckId,
}

/// What the hub has said.
#[derive(Debug)]
pub(crate) enum Heard {
    Answer(AckId, Answer),
    Message(Message),
}

/// The line is gone.
#[derive(Debug)]
pub(crate) struct Lost;

impl From<tungstenite::Error> for Lost {
    fn from(_: tungstenite::Error) -> Self {
        Self
    }
}

impl Socket {
    /// Connects as who `auth` says.
    pub(crate) async fn connect(hub: SocketAddr, auth: &str) -> Result<Self, Lost> {
        let tcp = TcpStream::connect(hub).await.map_err(|_| Lost)?;
        Self::begin(tcp, hub, auth).await
    }

    /// The same, on a connection that there is.
    pub(crate) async fn begin(tcp: TcpStream, hub: SocketAddr, auth: &str) -> Result<Self, Lost> {
        tcp.set_nodelay(true).map_err(|_| Lost)?;
        let url = format!("ws://{hub}/socket.io/?EIO=4&transport=websocket");
        let (stream, _) = client_async(url, tcp).await?;
        let mut socket = Self { stream, asked: 0 };
        let opened = socket.packet().await?;
        assert!(opened.starts_with('0'), "the hub opens with {opened}");
        socket.stream.send(tungstenite::Message::text(format!("40{NAMESPACE},{auth}"))).await?;
        let connected = socket.packet().await?;
        assert!(connected.starts_with("40"), "the hub refuses {auth}: {connected}");
        Ok(socket)
    }

    /// Emits an event, when [`flush`](Self::flush) is called at the latest. Returns what its answer will be known by.
    pub(crate) async fn emit(&mut self, event: &str, payload: &str) -> Result<AckId, Lost> {
        self.asked += 1;
        let packet = format!("42{NAMESPACE},{}[\"{event}\",{payload}]", self.asked);
        self.stream.feed(tungstenite::Message::text(packet)).await?;
        Ok(self.asked)
    }

    pub(crate) async fn flush(&mut self) -> Result<(), Lost> {
        Ok(self.stream.flush().await?)
    }

    /// Emits an event, and hears what comes until it is answered.
    pub(crate) async fn ask(
        &mut self,
        event: &str,
        payload: &str,
    ) -> Result<(Vec<Message>, Answer), Lost> {
        let asked = self.emit(event, payload).await?;
        self.flush().await?;
        self.hear_answer(asked).await
    }

    /// Says something about an order. Returns the answer.
    pub(crate) async fn say(&mut self, key: Key, word: Word) -> Answer {
        let (event, payload) = word.packet(key);
        self.ask(event, &payload).await.expect("a hub that is up").1
    }

    /// Hears what comes until an event is answered.
    pub(crate) async fn hear_answer(
        &mut self,
        asked: AckId,
    ) -> Result<(Vec<Message>, Answer), Lost> {
        let mut messages = Vec::new();
        loop {
            match self.hear().await? {
                Heard::Message(message) => messages.push(message),
                Heard::Answer(ack, answer) if ack == asked => return Ok((messages, answer)),
                Heard::Answer(..) => {}
            }
        }
    }

    /// The next thing that the hub says.
    pub(crate) async fn hear(&mut self) -> Result<Heard, Lost> {
        let packet = self.packet().await?;
        let (kind, rest) =
            packet.split_once(&format!("{NAMESPACE},")).unwrap_or_else(|| panic!("heard {packet}"));
        assert_ne!(kind, "41", "a goodbye after which stock clients do not come back");
        let (ack, body) = rest.split_at(rest.find('[').unwrap());
        Ok(match kind {
            "43" => {
                let (answer,) = serde_json::from_str(body).unwrap();
                Heard::Answer(ack.parse().unwrap(), answer)
            }
            "42" => {
                let (_, message): (String, Message) = serde_json::from_str(body).unwrap();
                Heard::Message(message)
            }
            _ => panic!("heard {packet}"),
        })
    }

    /// The next packet but for heartbeats, which it answers.
    async fn packet(&mut self) -> Result<Utf8Bytes, Lost> {
        loop {
            match self.stream.next().await.ok_or(Lost)?? {
                tungstenite::Message::Text(text) if text.as_str() == "2" => {
                    self.stream.send(tungstenite::Message::text("3")).await?;
                }
                tungstenite::Message::Text(text) => return Ok(text),
                tungstenite::Message::Close(_) => return Err(Lost),
                other => panic!("heard {other:?}"),
            }
        }
    }
}
