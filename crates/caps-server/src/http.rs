//! The plain HTTP routes: whether the hub is well, what it knows, and the pages that show it.

mod acts;
mod body;
mod caller;
mod health;
mod label;
mod list;
mod log;
mod orders;
mod pages;
mod problem;
mod standing;
mod stats;
mod stream;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::routing::{get, post};
use caps_hub::Hub;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tower_http::compression::CompressionLayer;

use crate::intake::Intake;
use crate::journal::Progress;
use crate::journal::file::Reader;
use problem::Problem;

/// What the routes look at.
#[derive(Clone)]
pub(crate) struct Sources {
    intake: Arc<Intake>,
    progress: watch::Receiver<Progress>,
    /// `None` where nothing is kept.
    log: Option<Reader>,
    /// Places for streams of events.
    streams: Arc<Semaphore>,
    /// When the hub stops.
    stop: CancellationToken,
}

impl Sources {
    pub(crate) fn new(
        intake: Arc<Intake>,
        progress: watch::Receiver<Progress>,
        log: Option<Reader>,
        stop: CancellationToken,
    ) -> Self {
        let streams = Arc::new(Semaphore::new(stream::MOST_STREAMS));
        Self { intake, progress, log, streams, stop }
    }

    /// Shows the hub to `look`, in turn with what others have submitted.
    async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Hub) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        self.intake.inbox.look(look).await.ok_or_else(Problem::stopping)
    }
}

pub(crate) fn routes(sources: Sources) -> Router {
    let api = Router::new()
        .route("/log", get(log::page))
        .route("/events", get(stream::events))
        .route("/orders", get(list::orders).post(acts::place))
        .route("/orders/{client_id}/{message_id}", get(orders::order))
        .route("/orders/{client_id}/{message_id}/label.svg", get(label::label))
        .route("/orders/{client_id}/{message_id}/in-transit", post(acts::in_transit))
        .route("/orders/{client_id}/{message_id}/delivered", post(acts::delivered))
        .route("/orders/{client_id}/{message_id}/release", post(acts::release))
        .route("/orders/{client_id}/{message_id}/received", post(acts::received))
        .route("/drivers/{name}/orders", get(list::held))
        .route("/stats", get(stats::stats))
        .route("/vendors", get(stats::vendors))
        .route("/queues", get(standing::queues))
        .route("/subscriptions", get(standing::subscriptions))
        .fallback(async || {
            Problem::not_found("There is no such resource; README.md tells those that there are.")
        })
        .method_not_allowed_fallback(async || {
            let why =
                "This cannot be done here; README.md tells what can be done with which resource.";
            Problem::of(StatusCode::METHOD_NOT_ALLOWED, why)
        })
        .layer(DefaultBodyLimit::max(sources.intake.max_payload));
    Router::new()
        .route("/", get(pages::home))
        .route("/driver", get(pages::driver))
        .route("/assets/{version}/{*file}", get(pages::asset))
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .nest("/api", api)
        .with_state(sources)
        .layer(CompressionLayer::new())
}
