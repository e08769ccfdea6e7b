//! `/api/session`: a browser signs in with a token, which it then keeps in a cookie where no script sees it.
//!
//! The cookie is the token itself. Nothing is kept here, so signing out takes it from one browser, and from no other.

use std::convert::Infallible;
use std::time::SystemTime;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::{Extension, Json};
use caps_hub::Timestamp;
use caps_proto::ClientId;
use cookie::time::Duration;
use cookie::{Cookie, SameSite};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Sources;
use super::body::Body;
use super::caller::Caller;
use super::problem::Problem;
use super::refusals::{PlaceProblems, ReadProblems};
use crate::addresses::Admission;
use crate::schema::Id;
use crate::token::{Claims, TokenRole};

pub(super) const PATH: &str = "/api/session";

/// What the cookie is called. Over TLS no other name is read, and one with this prefix is let be set by nobody but
/// this very host, over TLS.
pub(super) const COOKIE: &str = "caps";
pub(super) const COOKIE_OVER_TLS: &str = "__Host-caps";

/// The most bytes of a token that browsers keep, which are 4096 with the cookie's name.
const LONGEST: usize = 4000;

/// How to sign in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    /// Of `caps-server token`.
    token: String,
}

/// Who one is.
#[derive(Serialize, ToSchema)]
pub(super) struct Session {
    /// What one may do; `null` where the hub asks nobody for a token, and anyone may do anything.
    role: Option<TokenRole>,
    /// A vendor's client id, a driver's name, or whatever an observer or an admin is called.
    sub: Option<String>,
    /// The vendors that a driver serves; `null` for all of them.
    #[schema(value_type = Option<Vec<Id>>)]
    vendors: Option<Vec<ClientId>>,
    /// When the token expires, in seconds since 1970.
    exp: Option<u64>,
}

impl From<Claims> for Session {
    fn from(Claims { sub, role, vendors, exp }: Claims) -> Self {
        let vendors = vendors.map(|vendors| vendors.into_iter().collect());
        Self { role: Some(role), sub: Some(sub), vendors, exp: Some(exp) }
    }
}

/// Who I am
///
/// By the token, be it sent as `Authorization: Bearer` or kept in the cookie.
#[utoipa::path(
    get, path = "/session", operation_id = "readSession", tag = "Session",
    responses((status = 200, description = "Who one is", body = Session), ReadProblems)
)]
pub(super) async fn read(_: Caller, claims: Option<Extension<Claims>>) -> Json<Session> {
    const ANYONE: Session = Session { role: None, sub: None, vendors: None, exp: None };
    Json(claims.map_or(ANYONE, |Extension(claims)| claims.into()))
}

/// Sign in
///
/// For browsers: the token is kept in a cookie that no script sees, until it expires. The cookie counts for requests
/// of this hub's own pages alone.
#[utoipa::path(
    post, path = "/session", operation_id = "signIn", tag = "Session", request_body = SignIn,
    security(()),
    responses(
        (
            status = 200, description = "Signed in", body = Session,
            headers(("Set-Cookie" = String, description = "The token"))
        ),
        PlaceProblems
    )
)]
pub(super) async fn sign_in(
    State(sources): State<Sources>,
    over: Over,
    body: Body,
) -> Result<impl IntoResponse, Problem> {
    let SignIn { token } = body.read(r#"{"token": "<token>"}"#)?;
    let open = "This hub asks nobody for a token, so there is nothing to sign in to.";
    let gate = sources.intake.gate.as_ref().ok_or_else(|| Problem::invalid(open))?;
    let token = token.trim();
    if token.len() > LONGEST {
        let why = format!(
            "The token has {} bytes, and a browser keeps at most {LONGEST}; ask for one that names fewer vendors.",
            token.len()
        );
        return Err(Problem::invalid(why));
    }
    let now = Timestamp::from(SystemTime::now());
    let (claims, grant) = gate.read(token, now)?;
    let left = grant.until.unwrap_or(now).since(now).as_secs();
    let cookie = over.cookie(token.to_owned(), left.try_into().unwrap_or(i64::MAX));
    Ok(([(header::SET_COOKIE, cookie)], Json(Session::from(claims))))
}

/// Sign out
///
/// Takes the cookie from the browser. The token itself is good until it expires.
#[utoipa::path(
    delete, path = "/session", operation_id = "signOut", tag = "Session", security(()),
    responses(
        (
            status = 204, description = "Signed out",
            headers(("Set-Cookie" = String, description = "Nothing any more"))
        ),
        ReadProblems
    )
)]
pub(super) async fn sign_out(over: Over) -> impl IntoResponse {
    (StatusCode::NO_CONTENT, [(header::SET_COOKIE, over.cookie(String::new(), 0))])
}

/// What a request came over.
pub(super) enum Over {
    Tls,
    Plain,
}

impl Over {
    fn of(extensions: &Extensions, headers: &HeaderMap) -> Self {
        let admission = extensions.get::<Admission>();
        let is_over_tls = admission.is_some_and(|admission| admission.is_over_tls(headers));
        if is_over_tls { Self::Tls } else { Self::Plain }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Tls => COOKIE_OVER_TLS,
            Self::Plain => COOKIE,
        }
    }

    fn cookie(&self, token: String, seconds: i64) -> String {
        let cookie = Cookie::build((self.name(), token))
            .http_only(true)
            .same_site(SameSite::Strict)
            .path("/")
            .secure(matches!(self, Self::Tls))
            .max_age(Duration::seconds(seconds));
        cookie.to_string()
    }
}

impl FromRequestParts<Sources> for Over {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Sources) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions, &parts.headers))
    }
}

/// The token that a browser has kept.
pub(super) fn token(request: &Request) -> Option<String> {
    let name = Over::of(request.extensions(), request.headers()).name();
    let texts = request.headers().get_all(header::COOKIE).into_iter();
    let mut cookies = texts.filter_map(|text| text.to_str().ok()).flat_map(Cookie::split_parse);
    cookies.find_map(|cookie| {
        let cookie = cookie.ok().filter(|cookie| cookie.name() == name)?;
        Some(cookie.value().to_owned())
    })
}
