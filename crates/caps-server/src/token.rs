//! Who someone is, by a token that the hub's operator has issued: a JSON Web Token (RFC 7519) signed with the hub's
//! secret by HMAC with SHA-256.
//!
//! Nothing about tokens is kept: a token is good until it expires, or the secret is changed.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use caps_hub::{Identity, Timestamp};
use caps_proto::{ClientId, Code, DriverName, Refusal};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

mod hs256;

/// The fewest bytes of a secret: as many as the hash has, by RFC 7518, section 3.2.
pub(crate) const SHORTEST_SECRET: usize = 32;

/// What a hub signs its tokens with. Shown to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub(crate) fn is_too_short(&self) -> bool {
        self.0.len() < SHORTEST_SECRET
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What the bearer of a token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum TokenRole {
    /// A shop: speaks for its own client id.
    Vendor,
    /// A driver, of some vendors or of all.
    Driver,
    /// Reads.
    Observer,
    /// Does anything, and gives back orders that others hold.
    Admin,
}

/// For whom a token is, and for how long.
#[derive(Debug, Clone)]
pub struct Bearer {
    /// What they may do.
    pub role: TokenRole,
    /// A vendor's client id, a driver's name, or whatever an observer or an admin is called.
    pub sub: String,
    /// The vendors that a driver serves; none for all of them.
    pub vendors: Vec<ClientId>,
    /// How long the token is good.
    pub ttl: Duration,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The name cannot be one.
    #[error("`--sub` {0}; give a name such as `acme-widgets`")]
    Sub(caps_proto::InvalidId),
    /// Vendors are named for someone who is no driver.
    #[error("`--vendors` is for drivers; leave it out for any other role")]
    Vendors,
    /// It could not be signed.
    #[error("cannot sign the token: {0}")]
    Sign(#[from] jsonwebtoken::errors::Error),
}

/// What a token says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) sub: String,
    pub(crate) role: TokenRole,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) vendors: Option<BTreeSet<ClientId>>,
    /// When it expires, in seconds since 1970.
    pub(crate) exp: u64,
}

/// Who someone is, and until when, if not for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) identity: Identity,
    pub(crate) until: Option<Timestamp>,
}

/// Writes a token for `bearer`.
///
/// # Errors
/// [`TokenError`], in a sentence that says the mend.
pub fn issue(secret: &Secret, bearer: &Bearer, now: Timestamp) -> Result<String, TokenError> {
    let Bearer { role, sub, vendors, ttl } = bearer;
    identify(*role, sub, None).map_err(TokenError::Sub)?;
    if *role != TokenRole::Driver && !vendors.is_empty() {
        return Err(TokenError::Vendors);
    }
    let vendors = (!vendors.is_empty()).then(|| vendors.iter().cloned().collect());
    let exp = (now + *ttl).as_millis() / 1000;
    let claims = Claims { sub: sub.clone(), role: *role, vendors, exp };
    hs256::install();
    Ok(encode(
        &Header::new(Algorithm::HS256),
        &claims,
        &EncodingKey::from_secret(secret.0.as_bytes()),
    )?)
}

fn identify(
    role: TokenRole,
    sub: &str,
    vendors: Option<BTreeSet<ClientId>>,
) -> Result<Identity, caps_proto::InvalidId> {
    let name = DriverName::new(sub);
    Ok(match role {
        TokenRole::Vendor => Identity::Vendor(ClientId::new(sub)?),
        TokenRole::Driver => Identity::Driver { name: Some(name?), vendors },
        TokenRole::Observer => Identity::Observer,
        TokenRole::Admin => Identity::Admin { name: name? },
    })
}

/// Checks tokens: those that the hub's secret has signed, or the one before it.
#[derive(Clone)]
pub(crate) struct Gate {
    keys: Vec<DecodingKey>,
    validation: Validation,
}

impl Gate {
    /// A gate for tokens that any of `secrets` has signed.
    pub(crate) fn new<'a>(secrets: impl Iterator<Item = &'a Secret>) -> Self {
        hs256::install();
        let keys = secrets.map(|secret| DecodingKey::from_secret(secret.0.as_bytes())).collect();
        let mut validation = Validation::new(Algorithm::HS256);
        // The hub's own clock decides, to the millisecond: it ends live connections by it, too.
        validation.validate_exp = false;
        Self { keys, validation }
    }

    /// Who the bearer of `token` is.
    pub(crate) fn check(&self, token: &str, now: Timestamp) -> Result<Grant, Refusal> {
        Ok(self.read(token, now)?.1)
    }

    /// What `token` says, and who its bearer is by it.
    pub(crate) fn read(&self, token: &str, now: Timestamp) -> Result<(Claims, Grant), Refusal> {
        let refuse = |why: &'static str| Refusal::new(Code::Unauthorized, why);
        let read = |key| decode::<Claims>(token, key, &self.validation).ok();
        let Some(token) = self.keys.iter().find_map(read) else {
            return Err(refuse("The token is not one of this hub's; ask its operator for one."));
        };
        let claims = token.claims;
        let until = Timestamp::from_millis(claims.exp.saturating_mul(1000));
        if until <= now {
            return Err(refuse("The token has expired; ask the hub's operator for a new one."));
        }
        let identity = identify(claims.role, &claims.sub, claims.vendors.clone())
            .map_err(|_| refuse("The token names nobody; ask the hub's operator for another."))?;
        Ok((claims, Grant { identity, until: Some(until) }))
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn secret(letter: &str) -> Secret {
        letter.repeat(SHORTEST_SECRET).into()
    }

    fn bearer(role: TokenRole, sub: &str) -> Bearer {
        Bearer { role, sub: sub.into(), vendors: Vec::new(), ttl: DAY }
    }

    fn token(letter: &str, bearer: &Bearer) -> String {
        issue(&secret(letter), bearer, SystemTime::now().into()).unwrap()
    }

    fn check(letters: &[&str], token: &str) -> Result<Grant, Refusal> {
        let secrets: Vec<_> = letters.iter().map(|letter| secret(letter)).collect();
        Gate::new(secrets.iter()).check(token, SystemTime::now().into())
    }

    #[test]
    fn a_token_tells_who_its_bearer_is_and_until_when() {
        let dora =
            Bearer { vendors: vec!["acme".parse().unwrap()], ..bearer(TokenRole::Driver, "dora") };
        for (bearer, identity) in [
            (bearer(TokenRole::Vendor, "acme"), Identity::Vendor("acme".parse().unwrap())),
            (bearer(TokenRole::Observer, "olga"), Identity::Observer),
            (bearer(TokenRole::Admin, "ann"), Identity::Admin { name: "ann".parse().unwrap() }),
            (
                dora,
                Identity::Driver {
                    name: Some("dora".parse().unwrap()),
                    vendors: Some(["acme".parse().unwrap()].into()),
                },
            ),
        ] {
            let grant = check(&["a"], &token("a", &bearer)).unwrap();
            assert_eq!(grant.identity, identity);
            let left = grant.until.unwrap().since(SystemTime::now().into());
            assert!(left <= DAY && left > DAY - Duration::from_secs(10), "{left:?}");
        }
    }

    #[test]
    fn a_token_is_good_for_the_secret_before_this_one_and_no_other() {
        let token = token("a", &bearer(TokenRole::Observer, "olga"));
        assert!(check(&["a"], &token).is_ok() && check(&["b", "a"], &token).is_ok());
        let refusal = check(&["b", "c"], &token).unwrap_err();
        assert_eq!(refusal.code, Code::Unauthorized);
        assert!(refusal.message.contains("not one of this hub's"), "{refusal}");
    }

    #[test]
    fn what_is_no_token_or_a_forged_one_is_refused() {
        let good = token("a", &bearer(TokenRole::Vendor, "acme"));
        let [header, claims, signature] = good.split('.').collect::<Vec<_>>()[..] else {
            panic!("{good}")
        };
        let other = token("a", &bearer(TokenRole::Admin, "ann"));
        let others_claims = other.split('.').nth(1).unwrap();
        // {"alg":"none","typ":"JWT"}
        let unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
        for forged in [
            String::new(),
            "x".into(),
            "a.b.c".into(),
            format!("{header}.{claims}."),
            format!("{header}.{others_claims}.{signature}"),
            format!("{unsigned}.{claims}."),
            format!("{unsigned}.{claims}.{signature}"),
            format!("{good}x"),
        ] {
            assert_eq!(check(&["a"], &forged).unwrap_err().code, Code::Unauthorized, "{forged}");
        }
    }

    #[test]
    fn an_expired_token_is_refused_and_says_so() {
        let long_ago = Timestamp::from_millis(1_000_000_000_000);
        let old = issue(&secret("a"), &bearer(TokenRole::Vendor, "acme"), long_ago).unwrap();
        let refusal = check(&["b", "a"], &old).unwrap_err();
        assert!(refusal.message.contains("has expired"), "{refusal}");
    }

    #[test]
    fn nobody_gets_a_token_that_cannot_be() {
        let now = SystemTime::now().into();
        let nameless = issue(&secret("a"), &bearer(TokenRole::Vendor, " "), now).unwrap_err();
        assert!(nameless.to_string().contains("`--sub` is empty"), "{nameless}");
        let shop =
            Bearer { vendors: vec!["acme".parse().unwrap()], ..bearer(TokenRole::Vendor, "acme") };
        assert!(issue(&secret("a"), &shop, now).unwrap_err().to_string().contains("`--vendors`"));
        assert!(!format!("{:?}", secret("a")).contains('a'));
    }
}
