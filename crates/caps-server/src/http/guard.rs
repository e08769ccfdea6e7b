//! Who is let in, before any route is asked. With a secret everything needs a token, unless it is named here.

use std::time::SystemTime;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use caps_proto::{Code, Refusal};
use tower::{Layer as _, ServiceExt as _};
use tower_http::csrf::{CsrfLayer, ProtectionError};

use super::caller::{Caller, NOBODY};
use super::problem::Problem;
use super::{Sources, pages, session};
use crate::token::{Claims, Gate, Grant};

/// What anyone may ask for, beside what the page needs on which one signs in.
const OPEN: [&str; 3] = ["/healthz", "/readyz", session::PATH];

/// What is said to a request that a page of somebody else may have had sent.
const FORGED: &str = "This request came from another site, where a cookie does not count; send the token as `Authorization: Bearer <token>`.";

/// Tells the routes who is asking, and lets nobody else in.
pub(super) async fn guard(
    State(sources): State<Sources>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(gate) = &sources.intake.gate else {
        request.extensions_mut().insert(Caller::Anyone);
        return next.run(request).await;
    };
    let bearer = bearer(request.headers()).map(str::to_owned);
    let is_bearer = bearer.is_some();
    match check(gate, bearer.or_else(|| session::token(&request))) {
        Ok((claims, grant)) => {
            request.extensions_mut().insert(claims);
            request.extensions_mut().insert(Caller::Bearer(grant));
        }
        Err(_) if is_open(request.uri().path()) => {}
        Err(_) if pages::is_for_people(&request) => return pages::sign_in(),
        Err(why) => return Problem::from(why).into_response(),
    }
    if is_bearer {
        return next.run(request).await;
    }
    // A browser sends a cookie along whoever has it send something.
    let forged = |_: ProtectionError| -> Response {
        Problem::from(Refusal::new(Code::Forbidden, FORGED)).into_response()
    };
    let guarded = CsrfLayer::new().with_rejection_response(forged).layer(next);
    match guarded.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

fn check(gate: &Gate, token: Option<String>) -> Result<(Claims, Grant), Refusal> {
    let token = token.ok_or_else(|| Refusal::new(Code::Unauthorized, NOBODY))?;
    gate.read(&token, SystemTime::now().into())
}

fn is_open(path: &str) -> bool {
    OPEN.contains(&path) || pages::is_of_sign_in(path)
}

/// The token of `Bearer <token>`.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
