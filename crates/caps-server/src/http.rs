//! The plain HTTP routes.

use axum::Router;
use axum::routing::get;

pub(crate) fn routes() -> Router {
    Router::new().route("/", get(about)).route("/healthz", get(healthz))
}

/// Alive. Says nothing of whether messages can be kept.
async fn healthz() -> &'static str {
    "ok\n"
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
