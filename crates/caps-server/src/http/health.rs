//! Whether the hub is alive, and whether it can keep what it is told.

use axum::extract::State;
use caps_proto::{Code, Refusal};

use super::Sources;
use super::problem::{Details, Problem};
use crate::journal::Trouble;

/// Whether the hub is alive
///
/// Says nothing of whether messages can be kept.
#[utoipa::path(
    get, path = "/healthz", operation_id = "isAlive", tag = "Health", security(()),
    responses((status = 200, description = "It is", body = String, content_type = "text/plain"))
)]
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// Whether the hub can keep what it is told
///
/// It cannot when it is about to stop, either.
#[utoipa::path(
    get, path = "/readyz", operation_id = "isReady", tag = "Health", security(()),
    responses(
        (status = 200, description = "It can", body = String, content_type = "text/plain"),
        (status = 503, description = "It cannot", body = Details, content_type = "application/problem+json")
    )
)]
pub(super) async fn ready(State(sources): State<Sources>) -> Result<&'static str, Problem> {
    if sources.stop.is_cancelled() {
        return Err(Problem::stopping());
    }
    match &sources.progress.borrow().trouble {
        None => Ok("ok\n"),
        Some(Trouble::ForNow(why) | Trouble::ForGood(why)) => {
            Err(Refusal::new(Code::Busy, format!("Nothing can be kept: {why}.")).into())
        }
    }
}
