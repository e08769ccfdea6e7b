//! Hears a client: its connection, its events, its end.
//!
//! Socket.IO spawns what is asynchronous in a handler, which loses the order of a socket's events. So these
//! handlers are plain calls: what they submit is in the order of the packets.

use std::fmt::Display;
use std::num::NonZeroU32;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

use caps_hub::{AckId, ConnId, Identity};
use caps_proto::{Code, Handshake, NAMESPACE, Refusal, Request, Verb};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use serde_json::value::RawValue;
use socketioxide::SocketIo;
use socketioxide::adapter::LocalAdapter;
use socketioxide::handler::{ConnectHandler, MessageHandler, Value};
use socketioxide::socket::{Sid, Socket};

use super::flow::{self, Flow, Flushes, StreamSession};
use super::packet::Packet;
use crate::inbox::{Command, Heard, Overfull};
use crate::intake::{Intake, mint};
use crate::token::Grant;

/// What one is told who brings no token.
const NOBODY: &str = "This hub asks for a token, as `auth: {token}`; its operator issues one with `caps-server token`.";

/// The longest that a client is not listened to, which its heartbeat outlives.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// What every client's handlers share.
pub(crate) struct Edge {
    pub(crate) intake: Arc<Intake>,
    pub(crate) flow: Flow,
    /// The most events a second of one connection.
    pub(crate) max_rate: NonZeroU32,
}

/// Opens the hub's namespace.
pub(crate) fn open(io: &SocketIo, edge: Arc<Edge>) {
    // Engine.IO 3 clients pass through the root namespace on their way.
    io.ns("/", async || {});
    io.ns(NAMESPACE, OnConnect(edge));
}

/// Lets a client in.
#[derive(Clone)]
struct OnConnect(Arc<Edge>);

impl ConnectHandler<LocalAdapter, Self> for OnConnect {
    /// Before the client is told that it is connected, so that its first event finds its handler.
    fn call_middleware<'a>(
        &'a self,
        socket: Arc<Socket<LocalAdapter>>,
        auth: &'a Option<Value>,
    ) -> Pin<Box<dyn Future<Output = Result<(), Box<dyn Display + Send>>> + Send + 'a>> {
        Box::pin(async move {
            let grant = self.0.admit(auth.as_ref()).map_err(|why| {
                self.0.intake.metrics.refusals.count(why.code);
                Box::new(why) as _
            })?;
            let client = Client::begin(&self.0, &socket, grant);
            socket.on_fallback(OnEvent(Arc::clone(&client)));
            socket.extensions.insert(client);
            Ok(())
        })
    }

    /// After it was told.
    fn call(&self, socket: Arc<Socket<LocalAdapter>>, _auth: Option<Value>) {
        if let Some(client) = socket.extensions.get::<Arc<Client>>() {
            let socket = Arc::downgrade(&socket);
            self.0.intake.inbox.submit(Command::Opened { conn: client.conn, socket });
        }
    }
}

impl Edge {
    /// Who a client is, by its token, or in an open hub by what it says of itself.
    fn admit(&self, auth: Option<&Value>) -> Result<Grant, Refusal> {
        let not_json = || Refusal::new(Code::InvalidPayload, "`auth` must be a JSON object.");
        let auth = match auth {
            None => None,
            Some(Value::Str(text, None)) => {
                Some(serde_json::from_str::<&RawValue>(text).map_err(|_| not_json())?)
            }
            Some(_) => return Err(not_json()),
        };
        match &self.intake.gate {
            Some(gate) => {
                // A cookie counts for nothing here: a browser would send it for a page of anyone's.
                let token = token(auth).ok_or_else(|| Refusal::new(Code::Unauthorized, NOBODY))?;
                gate.check(&token, SystemTime::now().into())
            }
            None => {
                let identity = Identity::from_handshake(Handshake::parse(auth)?)?;
                Ok(Grant { identity, until: None })
            }
        }
    }
}

fn token(auth: Option<&RawValue>) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Auth {
        token: String,
    }
    serde_json::from_str::<Auth>(auth?.get()).ok().map(|auth| auth.token)
}

/// Hears a client's events, whatever their names.
struct OnEvent(Arc<Client>);

impl MessageHandler<LocalAdapter, Self> for OnEvent {
    fn call(&self, socket: Arc<Socket<LocalAdapter>>, packet: Value, ack: Option<AckId>) {
        if self.0.hear(&packet, ack).is_err() {
            tracing::warn!(conn = %self.0.conn, "cut off: the hub has far more at hand than it can take");
            if let Err(why) = socket.disconnect() {
                tracing::debug!(%why, "left to the heartbeat");
            }
        }
    }
}

/// One client's time in the namespace. The socket owns it, so it ends with the socket, also for a client that
/// has gone before it was quite there.
struct Client {
    conn: ConnId,
    edge: Arc<Edge>,
    session: Sid,
    flushes: Arc<Flushes>,
    /// How many events it may still emit for now.
    allowance: DefaultDirectRateLimiter,
    /// How many it has emitted beyond that, since the last one that it might.
    over: AtomicU32,
}

impl Client {
    fn begin(edge: &Arc<Edge>, socket: &Socket<LocalAdapter>, grant: Grant) -> Arc<Self> {
        let inbox = edge.intake.inbox.clone();
        let conn = inbox.connection();
        let tell = inbox.clone();
        let flushes = Arc::new(Flushes::new(move || tell.submit(Command::Flushed { conn })));
        let request = socket.req_parts();
        if flow::asks_for_websocket(&request.uri)
            && let Some(stream) = request.extensions.get::<StreamSession>()
        {
            edge.flow.upgraded(stream, socket.id);
        }
        edge.flow.insert(socket.id, conn, Arc::clone(&flushes));
        tracing::debug!(%conn, identity = ?grant.identity, "connected");
        inbox.submit(Command::Connected { conn, grant, flushes: Arc::clone(&flushes) });
        let allowance = RateLimiter::direct(Quota::per_second(edge.max_rate));
        let (edge, session) = (Arc::clone(edge), socket.id);
        Arc::new(Self { conn, edge, session, flushes, allowance, over: AtomicU32::new(0) })
    }

    /// Logs an event and submits it, or the reason why it cannot be.
    fn hear(&self, packet: &Value, ack: Option<AckId>) -> Result<(), Overfull> {
        if self.flushes.is_mute() {
            // It is not answered, so it is sent again, to the hub that follows.
            return Ok(());
        }
        let (conn, bytes, arrived) = (self.conn, packet.len(), Instant::now());
        self.flushes.heard(bytes);
        if self.allowance.check().is_err() {
            self.pause();
            let request = Err(self.too_many());
            let heard = Heard { conn, ack, verb: None, request, bytes, arrived };
            return self.edge.intake.inbox.submit_heard(heard);
        }
        self.over.store(0, Ordering::Relaxed);
        let (text, is_binary) = match packet {
            Value::Str(text, attachments) => (text.as_str(), attachments.is_some()),
            Value::Bytes(_) => ("", true),
        };
        let packet = Packet::parse(text);
        let request = match &packet {
            Ok(packet) => self.parse(packet, is_binary),
            Err(refusal) => Err(refusal.clone()),
        };
        let (name, payload) = match &packet {
            Ok(packet) => (shorten(&packet.name), packet.first),
            Err(_) => ("-", None),
        };
        let verb = match &request {
            Ok(request) => Some(request.verb()),
            Err(_) => Verb::from_name(name),
        };
        let intake = &self.edge.intake;
        intake.record(name, request.as_ref().ok(), payload);
        intake.inbox.submit_heard(Heard { conn, ack, verb, request, bytes, arrived })
    }

    fn parse(&self, packet: &Packet<'_>, is_binary: bool) -> Result<Request, Refusal> {
        let Packet { name, first, others } = packet;
        let invalid = |why: String| Refusal::new(Code::InvalidPayload, why);
        let Some(verb) = Verb::from_name(name) else {
            let shown = shorten(name);
            return Err(Refusal::new(
                Code::UnknownEvent,
                format!(
                    "No event `{shown}` is known; see `join`, `subscribe`, `pickup`, `in-transit`, `delivered`, `release`, `received` and `getAll`.",
                ),
            ));
        };
        if is_binary {
            return Err(invalid(format!("`{verb}` takes no binary data; send one JSON argument.")));
        }
        if *others > 0 {
            return Err(invalid(format!("`{verb}` takes one argument, not {}.", others + 1)));
        }
        self.edge.intake.parse(verb, *first, mint)
    }

    /// Does not listen to a client that goes on emitting too much, for as long as what it has emitted too much would
    /// have taken: an answer costs about as much as an event.
    fn pause(&self) {
        let over = self.over.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let pause = Duration::from_secs(over.into()) / self.edge.max_rate.get();
        self.flushes.be_deaf_for(pause.min(LONGEST_PAUSE));
    }

    fn too_many(&self) -> Refusal {
        let most = self.edge.max_rate;
        Refusal::new(
            Code::RateLimited,
            format!(
                "A connection may emit {most} events a second (`--max-rate`); send this again in a moment."
            ),
        )
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.edge.flow.remove(self.session, &self.flushes);
        self.edge.intake.inbox.submit(Command::Disconnected { conn: self.conn });
        tracing::debug!(conn = %self.conn, "disconnected");
    }
}

/// The beginning of an event's name, which a client may have made as long as it likes.
fn shorten(name: &str) -> &str {
    const LONGEST: usize = 60;
    name.char_indices().nth(LONGEST).map_or(name, |(end, _)| &name[..end])
}
