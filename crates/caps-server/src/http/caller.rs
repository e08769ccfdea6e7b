//! Who asks for something over HTTP: the bearer of a token where the hub asks for one, and in an open hub whoever they
//! say that they are.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use caps_hub::{Identity, Timestamp};
use caps_proto::{ClientId, Code, DriverName, Refusal};

use super::Sources;
use super::problem::Problem;
use crate::token::Grant;

/// What one is told who brings no token.
pub(super) const NOBODY: &str = "This hub asks for a token, as `Authorization: Bearer <token>`; its operator issues one with `caps-server token`.";

#[derive(Clone)]
pub(super) enum Caller {
    /// Of an open hub.
    Anyone,
    /// Of a token.
    Bearer(Grant),
}

impl Caller {
    /// As one who does something that needs no driver.
    pub(super) fn identity(self) -> Identity {
        match self {
            Self::Anyone => Identity::Anyone { name: None },
            Self::Bearer(grant) => grant.identity,
        }
    }

    /// Until when it is the caller, if not for ever.
    pub(super) fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Anyone => None,
            Self::Bearer(grant) => grant.until,
        }
    }

    /// Checks that it may know of this vendor's orders.
    pub(super) fn may_see(&self, client_id: &ClientId) -> Result<(), Problem> {
        match self {
            Self::Bearer(grant) if !grant.identity.serves(client_id) => {
                let why =
                    format!("This token does not speak for `{client_id}`; ask for one that does.");
                Err(Refusal::new(Code::Forbidden, why).into())
            }
            Self::Anyone | Self::Bearer(_) => Ok(()),
        }
    }

    /// Checks that it may know what this driver holds.
    pub(super) fn may_see_driver(&self, name: &DriverName) -> Result<(), Problem> {
        let Self::Bearer(grant) = self else { return Ok(()) };
        match &grant.identity {
            Identity::Driver { name: Some(own), .. } if own == name => Ok(()),
            Identity::Anyone { .. } | Identity::Observer | Identity::Admin { .. } => Ok(()),
            Identity::Driver { .. } | Identity::Vendor(_) => {
                let why = format!("This token does not speak for `{name}`; ask for one that does.");
                Err(Refusal::new(Code::Forbidden, why).into())
            }
        }
    }

    /// The vendor that is asked for, or else the only one that the caller may see. `None` for all of them.
    pub(super) fn narrow(&self, asked: Option<ClientId>) -> Result<Option<ClientId>, Problem> {
        if let Some(asked) = asked {
            self.may_see(&asked)?;
            return Ok(Some(asked));
        }
        let Self::Bearer(grant) = self else { return Ok(None) };
        match &grant.identity {
            Identity::Vendor(own) => Ok(Some(own.clone())),
            Identity::Driver { vendors: Some(vendors), .. } => match vendors.first() {
                Some(only) if vendors.len() == 1 => Ok(Some(only.clone())),
                _ => {
                    let why = "This token is for some vendors; name one of them as `clientId`.";
                    Err(Refusal::new(Code::Forbidden, why).into())
                }
            },
            Identity::Anyone { .. }
            | Identity::Driver { vendors: None, .. }
            | Identity::Observer
            | Identity::Admin { .. } => Ok(None),
        }
    }

    /// As a driver, who is known by its name: so what it holds outlives the request.
    pub(super) fn driver(self, named: Option<DriverName>) -> Result<Identity, Problem> {
        match (self, named) {
            (Self::Anyone, Some(name)) => Ok(Identity::Driver { name: Some(name), vendors: None }),
            (Self::Anyone, None) => {
                Err(Problem::invalid(r#"A driver does this; name it, such as {"driver": "dana"}."#))
            }
            (Self::Bearer(Grant { identity, .. }), named) => match (&identity, named) {
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

    /// As the guard has found out.
    async fn from_request_parts(parts: &mut Parts, _: &Sources) -> Result<Self, Problem> {
        let caller = parts.extensions.get().cloned();
        caller.ok_or_else(|| Refusal::new(Code::Unauthorized, NOBODY).into())
    }
}
