//! The body of a request: JSON, as it came.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use caps_proto::Refusal;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Sources;
use super::problem::Problem;

/// What came as `application/json`, and is JSON or is not. Other kinds are refused: a web page of someone else's
/// cannot send this kind unasked.
pub(super) struct Body(Bytes);

impl Body {
    pub(super) fn json(&self) -> Result<&RawValue, Problem> {
        serde_json::from_slice(&self.0)
            .map_err(|why| Problem::invalid(format!("The body is not JSON: {why}.")))
    }

    /// What it says. `example` is the mend.
    pub(super) fn read<'a, T: Deserialize<'a>>(&'a self, example: &str) -> Result<T, Problem> {
        serde_json::from_slice(&self.0).map_err(|why| {
            Problem::invalid(format!(
                "The body is not what this takes: {why}; send such as {example}."
            ))
        })
    }
}

impl FromRequest<Sources> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, sources: &Sources) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let why = "The body is JSON; send it with `Content-Type: application/json`.";
            return Err(Problem::of(StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
        }
        Bytes::from_request(request, sources).await.map(Self).map_err(|why| match why.status() {
            StatusCode::PAYLOAD_TOO_LARGE => too_large(sources).into(),
            _ => why.into(),
        })
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = content_type.and_then(|value| value.split(';').next()).unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

fn too_large(sources: &Sources) -> Refusal {
    sources.intake.too_large("is too large")
}
