//! Puts the parts together, and takes them apart again.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use axum::middleware;
use socketioxide::SocketIo;
use tokio::net::TcpListener;
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::accept;
use crate::config::{Config, ConfigError};
use crate::edge::events::{self, Edge};
use crate::edge::flow::{self, Flow};
use crate::edge::line::BUFFER;
use crate::event_log::EventLog;
use crate::http;
use crate::journal::MemoryJournal;
use crate::owner::{JournalEnded, Owner};

/// How long a stopping hub waits for its sockets to take what is on its way to them, and then for its
/// connections to end. A stuck client holds it no longer.
const GOODBYE: Duration = Duration::from_millis(1500);

/// A hub that listens and does not yet serve.
#[derive(Debug)]
pub struct Server {
    config: Config,
    listener: TcpListener,
    address: SocketAddr,
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
}

/// Why a hub could not go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The writer of event records could not be started.
    #[error("cannot start the event log: {0}")]
    EventLog(#[from] io::Error),
    /// A bug.
    #[error("the hub's owner failed: {0}")]
    Owner(#[from] JoinError),
    /// A bug, too.
    #[error("the journal has ended: nothing more can be kept")]
    Journal,
}

impl Server {
    /// Checks the settings and takes the address.
    ///
    /// # Errors
    /// [`BindError`], in a sentence that says the mend.
    pub async fn bind(config: Config) -> Result<Self, BindError> {
        config.check()?;
        let listen = async || {
            let listener = TcpListener::bind((config.host.as_str(), config.port)).await?;
            let address = listener.local_addr()?;
            Ok((listener, address))
        };
        match listen().await {
            Ok((listener, address)) => Ok(Self { config, listener, address }),
            Err(why) => {
                let Config { host, port, .. } = config;
                Err(BindError::Listen { host, port, why })
            }
        }
    }

    /// Where it listens: with port 0, where the system has put it.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop`: then takes no more connections, finishes what it has heard, says goodbye to its
    /// sockets, and returns within seconds.
    ///
    /// # Errors
    /// [`RunError`] when the hub itself has failed. Clients cannot make it fail.
    pub async fn run(self, stop: CancellationToken) -> Result<(), RunError> {
        let Self { config, listener, .. } = self;
        let (owner, inbox) = Owner::new(config.limits(), MemoryJournal::new());
        let flow = Flow::default();
        let edge = Arc::new(Edge {
            inbox,
            event_log: EventLog::start(config.log_format, io::stderr())?,
            flow: flow.clone(),
            max_payload: config.max_payload,
            connections: AtomicU64::new(1),
        });
        let (socket_layer, io) = socket_io(&config);
        events::open(&io, edge);
        let routes = http::routes()
            .layer(socket_layer)
            .layer(middleware::from_fn_with_state(flow.clone(), flow::watch));

        let connections = TaskTracker::new();
        let mut owner = tokio::spawn(owner.run(stop.clone()));
        let serving = accept::serve(listener, routes, flow, connections.clone(), stop.clone());
        let owned = tokio::select! {
            biased;
            () = serving => owner.await?,
            // What clients send would go nowhere, so the hub ends, too.
            failed = &mut owner => {
                stop.cancel();
                failed?
            }
        };
        owned.map_err(|JournalEnded| RunError::Journal)?;

        // It waits for ever for a client that takes nothing.
        if tokio::time::timeout(GOODBYE, io.close()).await.is_err() {
            tracing::warn!("some clients did not take their goodbye in time");
        }
        connections.close();
        if tokio::time::timeout(GOODBYE, connections.wait()).await.is_err() {
            tracing::warn!(open = connections.len(), "some connections did not end in time");
        }
        Ok(())
    }
}

fn socket_io(config: &Config) -> (socketioxide::layer::SocketIoLayer, SocketIo) {
    /// How much more than a payload a frame may hold. A payload that is too large is to be answered, and not
    /// to cost its sender the line; only what is larger than this does.
    const ROOM: usize = 16;
    let frame = (config.max_payload * ROOM).max(4 * 1024 * 1024);
    SocketIo::builder()
        .max_buffer_size(BUFFER)
        .max_payload(frame as u64)
        .ws_max_message_size(frame)
        .ws_max_frame_size(frame)
        .build_layer()
}
