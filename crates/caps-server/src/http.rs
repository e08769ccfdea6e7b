//! The plain HTTP routes: whether the hub is well, and what it knows.

mod health;
mod log;
mod orders;
mod problem;
mod standing;

use axum::Router;
use axum::routing::get;
use tokio::sync::watch;

use crate::inbox::Inbox;
use crate::journal::Progress;
use crate::journal::file::Reader;
use problem::Problem;

/// What the routes look at.
#[derive(Clone)]
pub(crate) struct Sources {
    pub(crate) inbox: Inbox,
    pub(crate) progress: watch::Receiver<Progress>,
    /// `None` where nothing is kept.
    pub(crate) log: Option<Reader>,
}

pub(crate) fn routes(sources: Sources) -> Router {
    let api = Router::new()
        .route("/log", get(log::page))
        .route("/orders/{client_id}/{message_id}", get(orders::order))
        .route("/queues", get(standing::queues))
        .route("/subscriptions", get(standing::subscriptions))
        .fallback(async || {
            Problem::not_found("there is no such resource; see README.md, \"HTTP\"")
        });
    Router::new()
        .route("/", get(about))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .nest("/api", api)
        .with_state(sources)
}

async fn about() -> String {
    format!(
        "CAPS {}: a package-delivery event hub.\n\
         Connect any Socket.IO client to namespace {} of this address: vendors emit `pickup`,\n\
         drivers `in-transit` and `delivered`. See README.md and docs/protocol.md.\n",
        env!("CARGO_PKG_VERSION"),
        caps_proto::NAMESPACE,
    )
}
