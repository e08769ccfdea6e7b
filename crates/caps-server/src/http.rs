//! The plain HTTP routes: whether the hub is well, what it knows, and the pages that show it.

mod acts;
mod body;
mod caller;
mod documents;
mod guard;
pub(crate) mod headers;
mod health;
mod label;
mod list;
mod log;
mod metrics;
mod orders;
mod pages;
mod problem;
mod refusals;
mod session;
mod standing;
mod stats;
mod stream;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware::map_response_with_state;
use axum::routing::get;
use axum::{Extension, Router, middleware};
use caps_hub::Hub;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tower_http::compression::CompressionLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::intake::Intake;
use crate::journal::Progress;
use crate::journal::file::Reader;
use documents::Documents;
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
    let api = OpenApiRouter::new()
        .routes(routes!(list::orders, acts::place))
        .routes(routes!(orders::order))
        .routes(routes!(label::label))
        .routes(routes!(acts::in_transit))
        .routes(routes!(acts::delivered))
        .routes(routes!(acts::release))
        .routes(routes!(acts::received))
        .routes(routes!(list::held))
        .routes(routes!(log::page))
        .routes(routes!(stream::events))
        .routes(routes!(stats::stats))
        .routes(routes!(stats::vendors))
        .routes(routes!(standing::queues))
        .routes(routes!(standing::subscriptions))
        .routes(routes!(session::read, session::sign_in, session::sign_out))
        .fallback(async || Problem::not_found("There is no such resource; see `/api`."))
        .layer(DefaultBodyLimit::max(sources.intake.max_payload));
    let (routes, document) = OpenApiRouter::with_openapi(documents::about())
        .nest("/api", api)
        .routes(routes!(documents::page))
        .routes(routes!(documents::openapi))
        .routes(routes!(documents::asyncapi))
        .routes(routes!(health::alive))
        .routes(routes!(health::ready))
        .routes(routes!(metrics::metrics))
        .split_for_parts();
    routes
        .route("/", get(pages::home))
        .route("/driver", get(pages::driver))
        .route("/assets/{version}/{*file}", get(pages::asset))
        .method_not_allowed_fallback(async || {
            let why =
                "This cannot be done here; `/api` tells what can be done with which resource.";
            Problem::of(StatusCode::METHOD_NOT_ALLOWED, why)
        })
        .layer(Extension(Documents::of(document)))
        .layer(middleware::from_fn_with_state(sources.clone(), guard::guard))
        .layer(map_response_with_state(sources.clone(), metrics::count_refusal))
        .with_state(sources)
        .layer(CompressionLayer::new())
}
