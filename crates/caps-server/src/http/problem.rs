//! Why a request failed, as problem details: RFC 9457.

use std::borrow::Cow;

use axum::Json;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use caps_proto::{Code, Refusal};
use serde::Serialize;
use utoipa::ToSchema;

use crate::journal::file::ReadError;
use crate::schema::CodeName;

/// The media type of problem details.
pub(super) const KIND: &str = "application/problem+json";

/// What went wrong, and the mend.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    /// The protocol's word for it, where it has one.
    code: Option<Code>,
    detail: Cow<'static, str>,
}

/// Why a request failed: problem details, RFC 9457.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct Details {
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong, and the mend, in a sentence.
    #[schema(value_type = String)]
    detail: Cow<'static, str>,
    /// The protocol's word for it, where it has one.
    #[schema(value_type = Option<CodeName>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Code>,
    /// Whether the same request may succeed later, unchanged.
    temporary: bool,
}

/// Goes with the response to a request that was refused, for those who count.
#[derive(Clone, Copy)]
pub(super) struct Refused(pub(super) Code);

impl Problem {
    pub(super) fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::of(StatusCode::NOT_FOUND, detail)
    }

    /// One for which the protocol has no word.
    pub(super) fn of(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code: None, detail: detail.into() }
    }

    pub(super) fn invalid(detail: impl Into<Cow<'static, str>>) -> Self {
        Refusal::new(Code::InvalidPayload, detail).into()
    }

    /// The hub is about to end.
    pub(super) fn stopping() -> Self {
        Refusal::new(Code::Busy, "The hub is stopping; ask again in a moment.").into()
    }
}

impl From<Refusal> for Problem {
    fn from(Refusal { code, message, .. }: Refusal) -> Self {
        let status = match code {
            Code::InvalidPayload | Code::UnknownEvent => StatusCode::BAD_REQUEST,
            Code::OrderConflict | Code::AlreadyClaimed | Code::AlreadyDelivered => {
                StatusCode::CONFLICT
            }
            Code::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Code::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Code::Unauthorized => StatusCode::UNAUTHORIZED,
            Code::Forbidden => StatusCode::FORBIDDEN,
            Code::QueueFull | Code::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self { status, code: Some(code), detail: message }
    }
}

impl From<QueryRejection> for Problem {
    fn from(why: QueryRejection) -> Self {
        Self::invalid(why.body_text())
    }
}

impl From<PathRejection> for Problem {
    fn from(why: PathRejection) -> Self {
        Self::invalid(why.body_text())
    }
}

impl From<BytesRejection> for Problem {
    fn from(why: BytesRejection) -> Self {
        Self::of(why.status(), why.body_text())
    }
}

impl From<ReadError> for Problem {
    fn from(why: ReadError) -> Self {
        let code = match why {
            ReadError::Busy => Code::Busy,
            ReadError::Sqlite(_) => {
                tracing::error!("{why}");
                Code::Internal
            }
        };
        Refusal::new(code, why.to_string()).into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { status, code, detail } = self;
        let details = Details {
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            detail,
            code,
            temporary: code.is_some_and(Code::is_temporary),
        };
        let mut response = (status, Json(details)).into_response();
        let content_type = HeaderValue::from_static(KIND);
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
        if let Some(code) = code {
            response.extensions_mut().insert(Refused(code));
        }
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}
