//! `GET /metrics`: the hub in numbers, for Prometheus.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use caps_hub::Identity;
use caps_proto::{Code, Refusal};

use super::Sources;
use super::caller::Caller;
use super::problem::{Problem, Refused};
use super::refusals::ReadProblems;
use crate::token::Grant;

/// What Prometheus knows the text by.
const KIND: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The hub in numbers
///
/// For Prometheus, in the text format of OpenMetrics. A token must be that of an observer or an admin.
#[utoipa::path(
    get, path = "/metrics", operation_id = "readMetrics", tag = "Health",
    responses(
        (
            status = 200, description = "The numbers", body = String,
            content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8"
        ),
        ReadProblems
    )
)]
pub(super) async fn metrics(
    State(sources): State<Sources>,
    caller: Caller,
) -> Result<impl IntoResponse, Problem> {
    may_see_all(&caller)?;
    let metrics = Arc::clone(&sources.intake.metrics);
    sources.look(move |hub| metrics.observe(hub)).await?;
    let text = sources.intake.metrics.text();
    let text = text.map_err(|why| Refusal::new(Code::Internal, why.to_string()))?;
    Ok(([(header::CONTENT_TYPE, KIND)], text))
}

fn may_see_all(caller: &Caller) -> Result<(), Refusal> {
    match caller {
        Caller::Anyone
        | Caller::Bearer(Grant { identity: Identity::Observer | Identity::Admin { .. }, .. }) => {
            Ok(())
        }
        Caller::Bearer(_) => {
            let why = "This token is not for what concerns all vendors; ask for one of the role `observer`.";
            Err(Refusal::new(Code::Forbidden, why))
        }
    }
}

/// Counts what is refused over HTTP.
pub(super) async fn count_refusal(State(sources): State<Sources>, response: Response) -> Response {
    if let Some(Refused(code)) = response.extensions().get() {
        sources.intake.metrics.refusals.count(*code);
    }
    response
}
