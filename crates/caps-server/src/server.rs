//! Puts the parts together, and takes them apart again.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use axum::middleware;
use caps_hub::{ConnId, Hub, Step};
use socket2::SockRef;
use socketioxide::SocketIo;
use tokio::net::TcpListener;
use tokio::task::{JoinError, spawn_blocking};
use tokio_util::sync::CancellationToken;
use tower::util::option_layer;

use crate::accept::{self, Connections};
use crate::addresses::{self, Addresses};
use crate::config::{Config, ConfigError, Store};
use crate::edge::events::{self, Edge};
use crate::edge::flow::{self, Flow};
use crate::edge::line::BUFFER;
use crate::edge::upgrade;
use crate::event_log::EventLog;
use crate::goodbye::{self, Patience};
use crate::http::Sources;
use crate::intake::Intake;
use crate::journal::file::{OpenError, Reader, Restored};
use crate::journal::{self, FileJournal, Journal, MemoryJournal};
use crate::metrics::{Metrics, TurnedAway};
use crate::owner::{JournalFailed, Owner};
use crate::{cors, http, inbox};

/// How much the kernel holds of what a client has not read, and of what the hub has not. By itself it lets both grow
/// to megabytes for each connection.
const KERNEL_BUFFER: usize = 256 * 1024;

/// A hub that listens and does not yet serve.
pub struct Server {
    config: Config,
    listener: TcpListener,
    address: SocketAddr,
    begun: Begun,
    metrics: Metrics,
}

/// Why a hub could not start.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// A setting cannot be.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The address cannot be listened on.
    #[error(
        "cannot listen on `{host}:{port}`: {why}; set `--host` (CAPS_HOST) and `--port` (PORT) to a free address of this machine"
    )]
    Listen {
        /// The host that was asked for.
        host: String,
        /// The port that was asked for.
        port: u16,
        /// What the system says.
        why: io::Error,
    },
    /// What is kept cannot be brought back.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The journal's thread cannot be started.
    #[error("cannot start the journal: {0}")]
    Journal(#[from] io::Error),
}

/// Why a hub could not go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The writer of event records could not be started.
    #[error("cannot start the event log: {0}")]
    EventLog(#[from] io::Error),
    /// A bug.
    #[error("a task of the hub's failed: {0}")]
    Task(#[from] JoinError),
    /// Nothing can be kept any more.
    #[error("{0}")]
    Journal(Arc<str>),
}

impl Server {
    /// Checks the settings, takes the address, and brings back what is kept.
    ///
    /// # Errors
    /// [`BindError`], in a sentence that says the mend.
    pub async fn bind(config: Config) -> Result<Self, BindError> {
        config.check()?;
        let listen = async || {
            let listener = TcpListener::bind((config.host.as_str(), config.port)).await?;
            // Its connections have what it has.
            let socket = SockRef::from(&listener);
            socket.set_send_buffer_size(KERNEL_BUFFER)?;
            socket.set_recv_buffer_size(KERNEL_BUFFER)?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        let (listener, address) = listen().await.map_err(|why| BindError::Listen {
            host: config.host.clone(),
            port: config.port,
            why,
        })?;
        if config.auth_secret.is_none() {
            tracing::warn!(
                "this hub is open: anyone may do anything who reaches it; set CAPS_AUTH_SECRET to ask for tokens"
            );
        }
        let metrics = Metrics::new();
        let begun = Begun::from(&config, &metrics)?;
        Ok(Self { config, listener, address, begun, metrics })
    }

    /// Where it listens: with port 0, where the system has put it.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop`: then takes no more connections, parts with those that it has, one after the other, finishes
    /// what it has heard, and returns within the drain time.
    ///
    /// # Errors
    /// [`RunError`] when the hub itself has failed. Clients cannot make it fail.
    pub async fn run(self, stop: CancellationToken) -> Result<(), RunError> {
        let Self { config, listener, begun, metrics, .. } = self;
        let metrics = Arc::new(metrics);
        let Begun { hub, journal, log, step, conn } = begun;
        let (inbox, commands, gauge) = inbox::inbox(conn);
        let intake = Arc::new(Intake {
            inbox: inbox.clone(),
            event_log: EventLog::start(config.log_format, io::stderr())?,
            metrics: Arc::clone(&metrics),
            gate: config.gate(),
            max_payload: config.max_payload,
        });
        let sources = Sources::new(Arc::clone(&intake), journal.progress(), log, stop.clone());
        let owner = Owner::new(hub, journal, step, commands, gauge, Arc::clone(&metrics));
        let flow = Flow::new(metrics.transports.clone(), frame(&config));
        let (socket_layer, io) = socket_io(&config);
        let max_rate = config.max_rate;
        events::open(
            &io,
            Arc::new(Edge { intake: Arc::clone(&intake), flow: flow.clone(), max_rate }),
        );
        let routes = http::routes(sources)
            .layer(socket_layer)
            .layer(middleware::map_request(upgrade::detach))
            .layer(middleware::from_fn_with_state(flow.clone(), flow::watch))
            .layer(middleware::from_fn(addresses::watch))
            .layer(option_layer(cors::layer(&config.cors_origins)))
            .layer(middleware::from_fn(http::headers::secure));

        let TurnedAway { full, address } = metrics.turned_away.clone();
        let addresses = Addresses::new(
            config.max_connections_per_address,
            config.max_connections,
            config.proxies,
            address,
        );
        let connections = Connections::new(config.max_connections, addresses, full);
        let patience = Patience::of(config.drain_time);
        let quit = CancellationToken::new();
        let mut owner = tokio::spawn(owner.run(quit.clone(), patience.last_answers));
        let serving = async {
            let (flow, connections) = (flow.clone(), connections.clone());
            accept::serve(listener, routes, flow, connections, stop.clone(), quit.clone()).await;
        };
        let parting = async {
            serving.await;
            let late = goodbye::say(&flow, &inbox, patience).await;
            if late > 0 {
                tracing::warn!(late, "some clients did not take their last answers in time");
            }
        };
        let owned = tokio::select! {
            biased;
            () = parting => {
                quit.cancel();
                owner.await?
            }
            // What clients send would go nowhere, so the hub ends, too.
            failed = &mut owner => {
                stop.cancel();
                quit.cancel();
                failed?
            }
        };
        let open = connections.hang_up(patience.rest, patience.hang_up).await;
        if open > 0 {
            tracing::warn!(open, "some connections did not end in time");
        }
        // Nobody is heard any more.
        spawn_blocking(move || intake.event_log.close()).await?;
        owned.map_err(|JournalFailed { why }| RunError::Journal(why))
    }
}

/// A hub as it was brought back, and where it goes on being kept.
struct Begun {
    hub: Hub,
    journal: Box<dyn Journal>,
    /// `None` where nothing is kept.
    log: Option<Reader>,
    /// What the restart itself has changed.
    step: Step,
    /// The last connection of the hub before this one.
    conn: ConnId,
}

impl Begun {
    fn from(config: &Config, metrics: &Metrics) -> Result<Self, BindError> {
        match config.store {
            Store::Memory => {
                tracing::warn!(
                    "keeps everything in memory only (`--store memory`): it is gone when the hub is"
                );
                Ok(Self {
                    hub: Hub::new(config.limits()),
                    journal: Box::new(MemoryJournal::new()),
                    log: None,
                    step: Step::default(),
                    conn: ConnId(0),
                })
            }
            Store::File => {
                let store = journal::file::Store::open(&config.data_dir)?;
                let restored = store.restore(config.limits(), SystemTime::now().into())?;
                let log = Some(store.reader());
                let commits = metrics.commits.clone();
                let journal = FileJournal::start(store, &restored, config.log_retention, commits)?;
                let Restored { hub, step, conn, .. } = restored;
                Ok(Self { hub, journal: Box::new(journal), log, step, conn })
            }
        }
    }
}

/// The most that a frame of a WebSocket, or a polling request, may have, in bytes.
fn frame(config: &Config) -> usize {
    /// How much more than a payload a frame may hold. A payload that is too large is to be answered, and not
    /// to cost its sender the line; only what is larger than this does.
    const ROOM: usize = 16;
    (config.max_payload * ROOM).max(4 * 1024 * 1024)
}

fn socket_io(config: &Config) -> (socketioxide::layer::SocketIoLayer, SocketIo) {
    /// What is taken of a WebSocket at once, in bytes. Each has a buffer of it; and so many events, and no more, are still
    /// heard of one that is not to be listened to. Far more is read at once (`edge::stream`).
    const READ_BUFFER: usize = 256;
    let frame = frame(config);
    SocketIo::builder()
        .max_buffer_size(BUFFER)
        .ws_read_buffer_size(READ_BUFFER)
        .max_payload(frame as u64)
        .ws_max_message_size(frame)
        .ws_max_frame_size(frame)
        .build_layer()
}
