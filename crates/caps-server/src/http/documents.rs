//! What can be asked of the hub, for programs to read and for people to browse.

use axum::Extension;
use axum::body::Bytes;
use axum::http::header;
use axum::response::IntoResponse;
use serde_json::Value;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ComponentsBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, SecurityRequirement,
};

use super::refusals::DocumentProblems;
use super::session::{COOKIE, COOKIE_OVER_TLS};

mod asyncapi;
mod browse;

/// What the page may do: be read.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// What the routes are about.
const TAGS: [(&str, &str); 6] = [
    ("Orders", "Placing, taking, delivering and finding orders."),
    ("Log", "What has happened, and what happens."),
    ("Standing", "How much there is, what waits, and who listens."),
    ("Session", "Signing in and out with a browser, where the hub asks for tokens."),
    ("Health", "Whether the hub is well."),
    ("Documents", "What can be asked of the hub."),
];

/// The documents, as they are sent.
#[derive(Clone)]
pub(super) struct Documents {
    openapi: Bytes,
    asyncapi: Bytes,
    page: Bytes,
}

impl Documents {
    pub(super) fn of(openapi: OpenApi) -> Self {
        // A document is made of strings, numbers, lists and maps.
        let value = serde_json::to_value(&openapi)
            .unwrap_or_else(|why| unreachable!("a document is JSON: {why}"));
        Self {
            openapi: as_bytes(&value),
            asyncapi: as_bytes(&asyncapi::document()),
            page: browse::page(&value).into(),
        }
    }
}

fn as_bytes(document: &Value) -> Bytes {
    document.to_string().into()
}

/// What the routes' own descriptions are added to.
pub(super) fn about() -> OpenApi {
    let description = "What can be looked up in a CAPS hub and done in it over HTTP. What is answered with a status below \
                       300 is kept. A failure is problem details (RFC 9457), with a sentence that says the mend.";
    let license =
        LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0"));
    let info = InfoBuilder::new()
        .title("CAPS")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(description))
        .license(Some(license.build()));
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("Of `caps-server token`, where the hub asks for one."));
    let cookie = |name: &str, over| {
        let description = format!("What `POST /api/session` sets for a browser{over}.");
        SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(
            name.to_owned(),
            description,
        )))
    };
    let components = ComponentsBuilder::new()
        .security_scheme("token", SecurityScheme::Http(bearer.build()))
        .security_scheme("cookie", cookie(COOKIE, ""))
        .security_scheme("cookieOverTls", cookie(COOKIE_OVER_TLS, " over TLS"));
    let tags =
        TAGS.map(|(name, about)| TagBuilder::new().name(name).description(Some(about)).build());
    OpenApiBuilder::new()
        .info(info.build())
        .tags(Some(tags))
        .components(Some(components.build()))
        // An open hub asks for none.
        .security(Some([
            SecurityRequirement::default(),
            SecurityRequirement::new("token", [""; 0]),
            SecurityRequirement::new("cookie", [""; 0]),
            SecurityRequirement::new("cookieOverTls", [""; 0]),
        ]))
        .build()
}

/// This document
///
/// OpenAPI 3.1.
#[utoipa::path(
    get, path = "/api/openapi.json", operation_id = "readOpenapi", tag = "Documents",
    responses((status = 200, description = "The document", body = Value), DocumentProblems)
)]
pub(super) async fn openapi(Extension(documents): Extension<Documents>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], documents.openapi)
}

/// The document of the Socket.IO events
///
/// AsyncAPI 3.
#[utoipa::path(
    get, path = "/api/asyncapi.json", operation_id = "readAsyncapi", tag = "Documents",
    responses((status = 200, description = "The document", body = Value), DocumentProblems)
)]
pub(super) async fn asyncapi(Extension(documents): Extension<Documents>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], documents.asyncapi)
}

/// This document, as a page
#[utoipa::path(
    get, path = "/api", operation_id = "browse", tag = "Documents",
    responses(
        (status = 200, description = "The page", body = String, content_type = "text/html"),
        DocumentProblems
    )
)]
pub(super) async fn page(Extension(documents): Extension<Documents>) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ];
    (headers, documents.page)
}
