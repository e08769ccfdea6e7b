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
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::edge::flow::{Flow, StreamSession};
use crate::edge::stream::ClientStream;

/// How long a connection may take for the head of its next request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How long to wait when the system has no more connections to give, such as at the limit of open files.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves `routes` until `stop`. Every connection that is still open is counted by `open`.
pub(crate) async fn serve(
    listener: TcpListener,
    routes: Router,
    flow: Flow,
    open: TaskTracker,
    stop: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let connection =
                    connection(stream, routes.clone(), flow.clone(), open.clone(), stop.clone());
                open.spawn(connection);
            }
            Err(why) => {
                tracing::warn!(%why, "no connection could be taken");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn connection(
    stream: TcpStream,
    routes: Router,
    flow: Flow,
    open: TaskTracker,
    stop: CancellationToken,
) {
    if let Err(why) = stream.set_nodelay(true) {
        tracing::debug!(%why, "a connection was gone at once");
        return;
    }
    let session = StreamSession::default();
    let stream = ClientStream::new(stream, session.clone(), flow, open.token());
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
