//! Which web pages of others may ask the hub, over HTTP and by long polling. None, unless the operator names their origins.
//!
//! They bring a token as any client does: a browser is told to send no cookie of the hub's along.

use std::str::FromStr;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue, Method, Uri, header};
use tower_http::cors::{AllowOrigin, CorsLayer};

/// How long a browser remembers what it may ask.
const REMEMBERED: Duration = Duration::from_secs(10 * 60);

/// The origin of a web page, as a browser writes it: `https://shop.example`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(HeaderValue);

/// A text that no browser would write for an origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no origin; write it as a browser does, such as `https://shop.example` or `http://localhost:8080`: scheme and host in small letters, the port unless it is the usual one, and nothing after it"
)]
pub struct InvalidOrigin(String);

impl FromStr for Origin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        let invalid = || InvalidOrigin(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| invalid())?;
        let (scheme, host) = uri.scheme_str().zip(uri.host()).ok_or_else(invalid)?;
        let usual = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return Err(invalid()),
        };
        let port = uri.port_u16().filter(|port| *port != usual);
        let port = port.map_or_else(String::new, |port| format!(":{port}"));
        let written = format!("{scheme}://{host}{port}").to_lowercase();
        // A browser names no host that has such in it; `https://*.example` would be no pattern here.
        if written != text || text.contains('*') {
            return Err(invalid());
        }
        HeaderValue::from_str(text).map(Self).map_err(|_| invalid())
    }
}

/// Answers the pages of these origins, and their browsers when they ask beforehand.
pub(crate) fn layer(origins: &[Origin]) -> Option<CorsLayer> {
    let origins = origins.iter().map(|Origin(origin)| origin.clone());
    let cors = CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins.clone()))
        .allow_methods([Method::GET, Method::HEAD, Method::POST])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static("idempotency-key"),
            HeaderName::from_static("last-event-id"),
        ])
        .expose_headers([header::LOCATION])
        .max_age(REMEMBERED);
    (origins.len() > 0).then_some(cors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_writes_and_nothing_else() {
        for good in ["https://shop.example", "http://localhost:8080", "http://[::1]:3000"] {
            assert!(good.parse::<Origin>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "*",
            "null",
            "shop.example",
            "https://",
            "https://shop.example/",
            "https://shop.example/x",
            "https://Shop.example",
            "https://shop.example:443",
            "https://ann@shop.example",
            "ws://shop.example",
            "https://*.example",
        ] {
            let why = bad.parse::<Origin>();
            assert!(why.is_err(), "{bad}");
        }
    }
}
