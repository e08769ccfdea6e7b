//! Keeps no more of the request that opens a session than what is still asked of it.
//!
//! Engine.IO keeps such a request for as long as the session lives, with all that it brought and what was noted of it on its
//! way. Its address and its headers are slices of the buffer that they were read into, so that a client of a few hundred
//! bytes would hold 8 KiB.

use axum::extract::Request;
use http::header::SEC_WEBSOCKET_KEY;
use http::{Extensions, HeaderMap, HeaderValue, Uri};
use hyper::upgrade::OnUpgrade;

use super::flow::{self, StreamSession};
use crate::addresses::Session;

/// Takes out of a request that opens a session, or goes over to a WebSocket, all that nobody asks for after this; and
/// gives the rest memory of its own.
pub(crate) async fn detach(mut request: Request) -> Request {
    let key = request.headers().get(SEC_WEBSOCKET_KEY);
    if key.is_none() && !flow::opens_polling(request.method(), request.uri()) {
        return request;
    }
    // A map that grows to hold its first header has room for six.
    let mut headers = HeaderMap::with_capacity(1);
    if let Some(Ok(key)) = key.map(|key| HeaderValue::from_bytes(key.as_bytes())) {
        headers.insert(SEC_WEBSOCKET_KEY, key);
    }
    *request.headers_mut() = headers;
    if let Ok(copy) = Uri::try_from(request.uri().to_string()) {
        *request.uri_mut() = copy;
    }
    let mut noted = std::mem::take(request.extensions_mut());
    let kept = request.extensions_mut();
    keep::<OnUpgrade>(&mut noted, kept);
    keep::<StreamSession>(&mut noted, kept);
    keep::<Session>(&mut noted, kept);
    request
}

fn keep<T: Clone + Send + Sync + 'static>(noted: &mut Extensions, kept: &mut Extensions) {
    if let Some(it) = noted.remove::<T>() {
        kept.insert(it);
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[derive(Clone)]
    struct Noted;

    fn request(query: &str, key: Option<&str>) -> Request {
        let uri = format!("/socket.io/?EIO=4&{query}");
        let mut request = Request::get(uri).header("user-agent", "a long text");
        if let Some(key) = key {
            request = request.header(SEC_WEBSOCKET_KEY, key);
        }
        let request = request.extension(Noted).extension(StreamSession::default());
        request.body(Body::empty()).unwrap()
    }

    #[tokio::test]
    async fn what_a_session_keeps_of_its_request_is_its_address_its_key_and_its_stream() {
        for (query, key) in [("transport=websocket", Some("abc")), ("transport=polling", None)] {
            let request = detach(request(query, key)).await;
            assert_eq!(request.uri().query(), Some(format!("EIO=4&{query}").as_str()));
            assert_eq!(request.headers().len(), usize::from(key.is_some()));
            let kept = request.headers().get(SEC_WEBSOCKET_KEY);
            assert_eq!(kept.map(|kept| kept.to_str().unwrap()), key);
            assert!(request.headers().get("user-agent").is_none());
            assert!(request.extensions().get::<StreamSession>().is_some());
            assert!(request.extensions().get::<Noted>().is_none());
        }
    }

    #[tokio::test]
    async fn other_requests_stay_as_they_came() {
        let request = detach(request("transport=polling&sid=AAAAAAAAAAAAAAAAAAAAAA", None)).await;
        assert!(request.headers().get("user-agent").is_some());
        assert!(request.extensions().get::<Noted>().is_some());
    }
}
