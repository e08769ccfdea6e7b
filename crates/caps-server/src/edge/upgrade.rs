//! Keeps no more of a request that asks for a WebSocket than what it says.
//!
//! Engine.IO keeps such a request for as long as the WebSocket lives. Its address and its headers are slices of the
//! buffer that they were read into, so that a client of a few hundred bytes would hold 8 KiB.

use axum::extract::Request;
use http::header::SEC_WEBSOCKET_KEY;
use http::{HeaderValue, Uri};

/// Gives the request's parts memory of their own, if it asks for a WebSocket.
pub(crate) async fn detach(mut request: Request) -> Request {
    if !request.headers().contains_key(SEC_WEBSOCKET_KEY) {
        return request;
    }
    for value in request.headers_mut().values_mut() {
        let is_sensitive = value.is_sensitive();
        if let Ok(mut copy) = HeaderValue::from_bytes(value.as_bytes()) {
            copy.set_sensitive(is_sensitive);
            *value = copy;
        }
    }
    if let Ok(copy) = Uri::try_from(request.uri().to_string()) {
        *request.uri_mut() = copy;
    }
    request
}
