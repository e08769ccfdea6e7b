//! Who asks for something over HTTP: the bearer of a token where the hub asks for one, and in an open hub whoever they
//! say that they are.

use std::time::SystemTime;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use caps_hub::Identity;
use caps_proto::{Code, DriverName, Refusal};

use super::Sources;
use super::problem::Problem;

/// What one is told who brings no token.
const NOBODY: &str = "This hub asks for a token, as `Authorization: Bearer <token>`; its operator issues one with `caps-server token`.";

pub(super) enum Caller {
    /// Of an open hub.
    Anyone,
    /// Of a token.
    Bearer(Identity),
}

impl Caller {
    /// As one who does something that needs no driver.
    pub(super) fn identity(self) -> Identity {
        match self {
            Self::Anyone => Identity::Anyone { name: None },
            Self::Bearer(identity) => identity,
        }
    }

    /// As a driver, who is known by its name: so what it holds outlives the request.
    pub(super) fn driver(self, named: Option<DriverName>) -> Result<Identity, Problem> {
        match (self, named) {
            (Self::Anyone, Some(name)) => Ok(Identity::Driver { name: Some(name), vendors: None }),
            (Self::Anyone, None) => {
                Err(Problem::invalid(r#"A driver does this; name it, such as {"driver": "dana"}."#))
            }
            (Self::Bearer(identity), named) => match (&identity, named) {
                (
                    Identity::Driver { name: Some(own), .. } | Identity::Admin { name: own },
                    Some(named),
                ) if *own != named => {
                    let why =
                        format!("The token is that of `{own}`; `{named}` needs one of its own.");
                    Err(Refusal::new(Code::Forbidden, why).into())
                }
                _ => Ok(identity),
            },
        }
    }
}

impl FromRequestParts<Sources> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, sources: &Sources) -> Result<Self, Problem> {
        let Some(gate) = &sources.intake.gate else { return Ok(Self::Anyone) };
        let authorization = parts.headers.get(header::AUTHORIZATION);
        let token = authorization.and_then(|value| value.to_str().ok()).and_then(bearer);
        let token = token.ok_or_else(|| Refusal::new(Code::Unauthorized, NOBODY))?;
        let grant = gate.check(Some(token), SystemTime::now().into())?;
        Ok(Self::Bearer(grant.identity))
    }
}

/// The token of `Bearer <token>`.
fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
