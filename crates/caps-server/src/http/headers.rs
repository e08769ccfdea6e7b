//! What every response tells a browser, whoever it comes from: a route, Socket.IO, or a refusal on the way.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::addresses::Admission;

/// Unless a route has its own: nothing is loaded, framed, guessed, handed to another site or kept.
const SAFE: [(HeaderName, &str); 6] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
];

/// For a year after a response over TLS, the browser comes over TLS alone.
const STRICT: &str = "max-age=31536000";

pub(crate) async fn secure(request: Request, next: Next) -> Response {
    let admission = request.extensions().get::<Admission>();
    let is_over_tls = admission.is_some_and(|admission| admission.is_over_tls(request.headers()));
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in SAFE {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if is_over_tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(STRICT));
    }
    response
}
