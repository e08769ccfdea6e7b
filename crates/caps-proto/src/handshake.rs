//! What a client says of itself when it connects: `docs/protocol.md`, "Handshake".

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::fields::{Fields, Text, id, is_null};
use crate::{ClientId, Code, Refusal};

/// What a client may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A shop: speaks for its own client id, and for no other.
    Vendor,
    /// A driver: reads pickups, and reports on orders.
    Driver,
    /// Reads, and changes nothing.
    Observer,
}

impl Role {
    /// The role of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "vendor" => Some(Self::Vendor),
            "driver" => Some(Self::Driver),
            "observer" => Some(Self::Observer),
            _ => None,
        }
    }
}

/// The `auth` object of a Socket.IO CONNECT in an open hub: every field may be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Handshake {
    /// What the client wants to be. Without it the client may do anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The vendor's client id, or the driver's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<ClientId>,
}

impl Handshake {
    /// Reads a client's `auth`.
    ///
    /// # Errors
    /// [`Code::InvalidPayload`] when it is not an object, names an unknown role or an impossible id, or is a
    /// vendor's without its client id.
    pub fn parse(auth: Option<&RawValue>) -> Result<Self, Refusal> {
        let refuse = |why: String| Refusal::new(Code::InvalidPayload, why);
        let Some(auth) = auth.filter(|auth| !is_null(auth)) else {
            return Ok(Self::default());
        };
        let (Some(fields), Ok(Roles { role })) =
            (Fields::of(auth), serde_json::from_str(auth.get()))
        else {
            return Err(refuse("`auth` must be an object such as `{\"role\": \"vendor\", \"clientId\": \"acme-widgets\"}`.".into()));
        };
        let role = match role.filter(|role| !is_null(role)) {
            None => None,
            Some(role) => {
                Some(Text::of(role).and_then(|name| Role::from_name(&name)).ok_or_else(|| {
                    refuse(format!(
                        "`role` in `auth` must be \"vendor\", \"driver\" or \"observer\", not {}.",
                        role.get().chars().take(40).collect::<String>(),
                    ))
                })?)
            }
        };
        let client_id = fields
            .client_id
            .map(|named| {
                id(named.value, ClientId::new)
                    .map_err(|why| refuse(format!("`{}` in `auth` {why}.", named.name)))
            })
            .transpose()?;
        if role == Some(Role::Vendor) && client_id.is_none() {
            return Err(refuse("A vendor's `auth` needs its `clientId`, the store's name.".into()));
        }
        Ok(Self { role, client_id })
    }
}

#[derive(Deserialize)]
struct Roles<'a> {
    #[serde(borrow)]
    role: Option<&'a RawValue>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(auth: &str) -> Result<Handshake, Refusal> {
        Handshake::parse(Some(serde_json::from_str(auth).unwrap()))
    }

    #[test]
    fn nothing_needs_to_be_said() {
        assert_eq!(Handshake::parse(None).unwrap(), Handshake::default());
        for auth in ["null", "{}", r#"{"token":"x"}"#, r#"{"role":null}"#] {
            assert_eq!(parse(auth).unwrap(), Handshake::default(), "{auth}");
        }
    }

    #[test]
    fn a_vendor_and_a_driver_say_who_they_are() {
        let vendor = parse(r#"{"role":"vendor","clientId":"acme"}"#).unwrap();
        assert_eq!(vendor.role, Some(Role::Vendor));
        assert_eq!(vendor.client_id.unwrap().as_str(), "acme");
        let driver = parse(r#"{"role":"driver","clientId":7}"#).unwrap();
        assert_eq!(driver.client_id.unwrap().as_str(), "7");
    }

    #[test]
    fn nonsense_is_refused_with_the_mend() {
        for (auth, mend) in [
            ("7", "`auth` must be an object"),
            ("[]", "`auth` must be an object"),
            (r#"{"role":"king"}"#, "not \"king\""),
            (r#"{"role":["vendor"]}"#, "`role` in `auth` must be"),
            (r#"{"role":"vendor"}"#, "needs its `clientId`"),
            (r#"{"role":"driver","clientId":""}"#, "`clientId` in `auth` is empty"),
            (r#"{"clientId":{}}"#, "must be a string or an integer"),
        ] {
            let refusal = parse(auth).unwrap_err();
            assert_eq!(refusal.code, Code::InvalidPayload);
            assert!(refusal.message.contains(mend), "{auth}: {}", refusal.message);
        }
    }
}
