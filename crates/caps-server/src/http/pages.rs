//! The pages: what people see of the hub in a browser, served from the binary itself.
//!
//! A page is asked for anew every time. What it refers to stands at an address that has the hash of all of the
//! pages' files in it, so a browser keeps that for good and still never mixes two versions of them.
//!
//! Where the hub asks for a token, who has none is shown a page to sign in on, at whatever address, and gets nothing
//! but the files of that.

use std::borrow::Cow;

use axum::extract::{Path, Request};
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::{HeaderName, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use rust_embed::{Embed, EmbeddedFile};
use xxhash_rust::xxh3::Xxh3;

#[derive(Embed)]
#[folder = "web/"]
struct Web;

/// Stands for the version in the addresses that pages refer to.
const VERSION: &str = "@version";

/// Nothing from elsewhere, nothing inline, and no text that turns into markup: what an order says stays text even
/// if a page has a bug.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
                      trusted-types caps-worker";

/// Beside what every response has: `headers.rs`.
const SAFE: [(HeaderName, &str); 3] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (HeaderName::from_static("permissions-policy"), "camera=(self), geolocation=(), microphone=()"),
    // The worker that keeps the driver's page is one of the assets.
    (HeaderName::from_static("service-worker-allowed"), "/driver"),
];

/// What a browser does with a copy that it has. A cache that many share is not to have one: some may not see it.
#[derive(Clone, Copy)]
enum Caching {
    Ask,
    Keep,
}

/// `GET /`: the dashboard for a browser, and in plain words what this is for `curl`.
pub(super) async fn home(headers: HeaderMap) -> Response {
    let mut response =
        if accepts_html(&headers) { page("index.html", &headers) } else { about().into_response() };
    response.headers_mut().append(header::VARY, HeaderValue::from_name(header::ACCEPT));
    response
}

fn accepts_html(headers: &HeaderMap) -> bool {
    let mut accepted =
        headers.get_all(header::ACCEPT).iter().filter_map(|accept| accept.to_str().ok());
    accepted.any(|accept| accept.contains("text/html"))
}

fn about() -> String {
    format!(
        "CAPS {}: a package-delivery event hub.\n\
         Connect any Socket.IO client to namespace {} of this address: vendors emit `pickup`,\n\
         drivers `in-transit` and `delivered`. See README.md and docs/protocol.md.\n\
         A browser shows the orders here, and the driver's page at /driver.\n",
        env!("CARGO_PKG_VERSION"),
        caps_proto::NAMESPACE,
    )
}

/// `GET /driver`: the driver's page.
pub(super) async fn driver(headers: HeaderMap) -> Response {
    page("driver.html", &headers)
}

/// The page to sign in on.
const SIGN_IN: &str = "sign-in.html";

/// Whether it is a person who asks, with a browser, and not a program or a page.
pub(super) fn is_for_people(request: &Request) -> bool {
    request.method() == Method::GET && accepts_html(request.headers())
}

/// What a person is shown of whom nobody knows who they are, in the place of what was asked for.
pub(super) fn sign_in() -> Response {
    let mut response = page(SIGN_IN, &HeaderMap::new());
    *response.status_mut() = StatusCode::UNAUTHORIZED;
    let headers = response.headers_mut();
    headers.remove(header::ETAG);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}

/// Whether it is a file that the page to sign in on refers to.
pub(super) fn is_of_sign_in(path: &str) -> bool {
    let name = path.strip_prefix("/assets/").and_then(|path| path.split_once('/'));
    let Some(((_, name), page)) = name.zip(Web::get(SIGN_IN)) else { return false };
    let reference = format!("\"/assets/{VERSION}/{name}\"");
    String::from_utf8_lossy(&page.data).contains(&reference)
}

/// What a page refers to. One of another version is served as it is now, for a page that was loaded just before
/// the hub became a new one.
pub(super) async fn asset(
    Path((asked, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let Some((file, kind)) = Web::get(&name).zip(kind(&name)) else { return missing() };
    let version = version();
    let caching = if asked == version { Caching::Keep } else { Caching::Ask };
    serve(&headers, &version, caching, kind, || file.data)
}

fn page(name: &str, headers: &HeaderMap) -> Response {
    let Some(EmbeddedFile { data, .. }) = Web::get(name) else { return missing() };
    let version = version();
    let filled = || String::from_utf8_lossy(&data).replace(VERSION, &version).into_bytes().into();
    serve(headers, &version, Caching::Ask, "text/html; charset=utf-8", filled)
}

fn missing() -> Response {
    (StatusCode::NOT_FOUND, "There is no such file.\n").into_response()
}

/// The hash of all files, by which a change of any of them shows.
fn version() -> String {
    let mut names: Vec<_> = Web::iter().collect();
    names.sort_unstable();
    let mut hash = Xxh3::new();
    for name in names {
        if let Some(file) = Web::get(&name) {
            hash.update(name.as_bytes());
            hash.update(&file.metadata.sha256_hash());
        }
    }
    format!("{:016x}", hash.digest())
}

/// The content type of what a page may refer to.
fn kind(name: &str) -> Option<&'static str> {
    let (_, extension) = name.rsplit_once('.')?;
    Some(match extension {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "webmanifest" => "application/manifest+json",
        _ => return None,
    })
}

fn serve(
    asked: &HeaderMap,
    version: &str,
    caching: Caching,
    kind: &'static str,
    content: impl FnOnce() -> Cow<'static, [u8]>,
) -> Response {
    // Weak, because the same content is sent in several encodings.
    let tag = format!("W/\"{version}\"");
    let has_it = |tags: &HeaderValue| tags.to_str().is_ok_and(|tags| tags.contains(&tag));
    let mut response = if asked.get_all(header::IF_NONE_MATCH).iter().any(has_it) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, kind)], content()).into_response()
    };
    let caching = match caching {
        Caching::Ask => "private, no-cache",
        Caching::Keep => "private, max-age=31536000, immutable",
    };
    let headers = response.headers_mut();
    headers.extend(SAFE.map(|(name, value)| (name, HeaderValue::from_static(value))));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}
