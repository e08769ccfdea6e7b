//! Takes connections and serves HTTP/1 on them.
//!
//! Our own loop, because `axum::serve` sets no timers, leaves Nagle's algorithm on, which makes a lone order take
//! 44 ms, and knows nothing of connections that have become WebSockets.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use prometheus_client::metrics::counter::Counter;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

use crate::addresses::{Addresses, Admission, TOO_MANY, TooMany};
use crate::edge::flow::{Flow, StreamSession};
use crate::edge::stream::ClientStream;
use crate::timely_body::TimelyBody;

/// How long a connection may take for the head of its next request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// The most bytes that a request's head may have. A client that is slow with it holds no more.
const MAX_HEAD: usize = 16 * 1024;

/// How long to wait when the system has no more connections to give, such as at the limit of open files.
const PAUSE: Duration = Duration::from_millis(100);

/// How many connections are taken in a [`TURN`]; the next wait in the kernel. Letting one in takes longer than an event,
/// so a crowd that comes at once would hold up those who are there already.
const AT_A_TIME: usize = 8;

/// As exact as the runtime's timers are.
const TURN: Duration = Duration::from_millis(1);

/// The longest that one who is turned away is listened to.
const TURNING_AWAY: Duration = Duration::from_secs(1);

/// The most who are turned away at the same time; more are closed without a word.
const MOST_TURNED_AWAY: usize = 100;

/// What is said when there are as many connections as there may be.
const FULL: &str = "The hub has as many connections as it may have; try again in a moment.\n";

/// The connections that are open, those included that have become WebSockets.
#[derive(Clone)]
pub(crate) struct Connections {
    most: usize,
    addresses: Arc<Addresses>,
    turned_away: Counter,
    open: TaskTracker,
    hung_up: CancellationToken,
}

impl Connections {
    /// At most `most`, and of each address as many as `addresses` says. Counts those beyond `most`.
    pub(crate) fn new(most: usize, addresses: Arc<Addresses>, turned_away: Counter) -> Self {
        let (open, hung_up) = (TaskTracker::new(), CancellationToken::new());
        Self { most, addresses, turned_away, open, hung_up }
    }

    /// Lets one in, or says why not.
    fn admit(&self, peer: IpAddr) -> Result<Admission, &'static str> {
        if self.open.len() >= self.most {
            self.turned_away.inc();
            return Err(FULL);
        }
        Admission::of(&self.addresses, peer).map_err(|TooMany| TOO_MANY)
    }

    /// Waits until they have ended by themselves, as those do whose last request is answered, and ends those that have
    /// not in time. Returns how many are left after all.
    pub(crate) async fn hang_up(&self, rest: Duration, patience: Duration) -> usize {
        self.open.close();
        if tokio::time::timeout(rest, self.open.wait()).await.is_err() {
            self.hung_up.cancel();
        }
        let ended = tokio::time::timeout(patience, self.open.wait()).await;
        ended.map_or(self.open.len(), |()| 0)
    }
}

/// Takes connections until `stop`, and serves `routes` on them until `quit`.
pub(crate) async fn serve(
    listener: TcpListener,
    routes: Router,
    flow: Flow,
    connections: Connections,
    stop: CancellationToken,
    quit: CancellationToken,
) {
    let turned_away = Arc::new(Semaphore::new(MOST_TURNED_AWAY));
    let flow = Arc::new(flow);
    let (mut taken, mut since) = (0, Instant::now());
    loop {
        if taken == AT_A_TIME {
            tokio::time::sleep_until(since + TURN).await;
            (taken, since) = (0, Instant::now());
        }
        taken += 1;
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let admission = match connections.admit(peer.ip()) {
                    Ok(admission) => admission,
                    Err(why) => {
                        tracing::debug!(%peer, why, "turned away");
                        if let Ok(turn) = Arc::clone(&turned_away).try_acquire_owned() {
                            tokio::spawn(async move {
                                let turned =
                                    tokio::time::timeout(TURNING_AWAY, turn_away(stream, why));
                                if !matches!(turned.await, Ok(Ok(()))) {
                                    tracing::debug!(%peer, "did not hear why");
                                }
                                drop(turn);
                            });
                        }
                        continue;
                    }
                };
                let Connections { open, hung_up, .. } = &connections;
                let session = StreamSession::default();
                let stream = ClientStream::new(
                    stream,
                    session.clone(),
                    Arc::clone(&flow),
                    open.token(),
                    hung_up,
                    admission.clone(),
                );
                let about = About { session, admission };
                // It counts as open by its stream, and no second time by its task.
                tokio::spawn(connection(stream, about, routes.clone(), quit.clone()));
            }
            Err(why) => {
                tracing::warn!(%why, "no connection could be taken");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// What every request of a connection is to know of it.
#[derive(Clone)]
struct About {
    session: StreamSession,
    admission: Admission,
}

/// Says why there is no connection, and closes it.
async fn turn_away(mut stream: TcpStream, why: &str) -> io::Result<()> {
    let length = why.len();
    let response = format!(
        "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\n\
         Content-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{why}"
    );
    stream.write_all(response.as_bytes()).await?;
    stream.shutdown().await?;
    // Closing it with something unread would take back what was said.
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
    Ok(())
}

async fn connection(stream: ClientStream, about: About, routes: Router, quit: CancellationToken) {
    if let Err(why) = stream.set_nodelay() {
        tracing::debug!(%why, "a connection was gone at once");
        return;
    }
    let service = routes.map_request(move |mut request: Request<hyper::body::Incoming>| {
        let About { session, admission } = about.clone();
        session.requested();
        request.extensions_mut().insert(session);
        request.extensions_mut().insert(admission);
        request.map(|body| Body::new(TimelyBody::new(body)))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
        .with_upgrades();
    tokio::pin!(connection);
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = quit.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(why) = served {
        tracing::debug!(%why, "a connection ended in an error");
    }
}
