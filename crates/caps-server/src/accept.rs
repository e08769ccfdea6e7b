//! Takes connections and serves HTTP/1 on them.
//!
//! Our own loop, because `axum::serve` sets no timers, leaves Nagle's algorithm on, which makes a lone order take
//! 44 ms, and knows nothing of connections that have become WebSockets.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::edge::flow::{Flow, StreamSession};
use crate::edge::stream::ClientStream;

/// How long a connection may take for the head of its next request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How long to wait when the system has no more connections to give, such as at the limit of open files.
const PAUSE: Duration = Duration::from_millis(100);

/// The connections that are open, those included that have become WebSockets.
#[derive(Clone, Default)]
pub(crate) struct Connections {
    open: TaskTracker,
    hung_up: CancellationToken,
}

impl Connections {
    /// Ends them all. Returns how many have not ended in time.
    pub(crate) async fn hang_up(&self, patience: Duration) -> usize {
        self.hung_up.cancel();
        self.open.close();
        let ended = tokio::time::timeout(patience, self.open.wait()).await;
        ended.map_or(self.open.len(), |()| 0)
    }
}

/// Serves `routes` until `stop`.
pub(crate) async fn serve(
    listener: TcpListener,
    routes: Router,
    flow: Flow,
    connections: Connections,
    stop: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let session = StreamSession::default();
                let Connections { open, hung_up } = &connections;
                let stream = ClientStream::new(
                    stream,
                    session.clone(),
                    flow.clone(),
                    open.token(),
                    hung_up.clone(),
                );
                open.spawn(connection(stream, session, routes.clone(), stop.clone()));
            }
            Err(why) => {
                tracing::warn!(%why, "no connection could be taken");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn connection(
    stream: ClientStream,
    session: StreamSession,
    routes: Router,
    stop: CancellationToken,
) {
    if let Err(why) = stream.set_nodelay() {
        tracing::debug!(%why, "a connection was gone at once");
        return;
    }
    let service = routes.map_request(move |mut request: Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(session.clone());
        request.map(Body::new)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .with_upgrades();
    tokio::pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(why) = served {
        tracing::debug!(%why, "a connection ended in an error");
    }
}
