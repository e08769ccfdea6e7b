//! Where the hub is, who the client is, and how patient it is.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use caps_proto::{ClientId, DriverName, Handshake, Role};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use url::Url;

use crate::line::Endpoint;
use crate::{Error, Resent};

/// What a client needs to know to connect. The defaults suit a hub anywhere on the internet.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Options {
    /// The hub's address, such as `http://localhost:3001`. A path is Socket.IO's own, and ends in `/`.
    pub url: String,
    /// Who the client says it is.
    pub auth: Auth,
    /// How long one attempt to connect may take. 5 s.
    pub connect_timeout: Duration,
    /// How long the line may be silent while an answer is due, before it is taken for dead. 10 s.
    pub answer_timeout: Duration,
    /// How long the line may be silent while nothing is due, before the client asks how much waits, to see
    /// whether the hub is still there. Also the time from one page of a backlog to the next while the
    /// application acknowledges nothing. 20 s.
    pub silence: Duration,
    /// The longest wait before the second attempt to connect; it doubles from attempt to attempt. 200 ms.
    pub backoff_base: Duration,
    /// The longest wait between two attempts to connect. 4 s.
    pub backoff_cap: Duration,
    /// How many messages the application holds at most: those that wait for it, and those that it has taken
    /// and not yet let go of. What comes beyond stays with the hub, and is asked for when half of them are
    /// acknowledged. 16384.
    pub inbox: usize,
    /// How many calls wait for the hub at most, `received` and others each. A caller beyond waits for room.
    /// 1024.
    pub outbox: usize,
    /// Where reports and acknowledgements are kept until the hub has answered: a file of this client's own, which
    /// is made when it is not there, with a lock beside it. What an earlier process has left in it is sent before
    /// anything else, in order. A call then waits for the disk, too, and fails where that takes nothing.
    ///
    /// None: what was not answered ends with the process.
    pub outbox_file: Option<PathBuf>,
    /// Where to say what came of each call that an earlier process had left in the file. What the hub refuses of
    /// them is in the log in any case.
    pub resent: Option<mpsc::UnboundedSender<Resent>>,
    /// Who the client is, by what its maker says; the hub may go by a token.
    identity: Handshake,
}

/// Who a client says it is.
#[derive(Clone, PartialEq, Eq)]
pub enum Auth {
    /// A name taken on trust, in a hub that has no secret.
    Open(Handshake),
    /// A token that the hub's owner has issued; it says who the client is.
    Token(String),
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(handshake) => f.debug_tuple("Open").field(handshake).finish(),
            // A secret has no place in a log.
            Self::Token(_) => f.write_str("Token(…)"),
        }
    }
}

impl Options {
    /// Options of a client that says `handshake` of itself.
    pub fn new(url: impl Into<String>, handshake: Handshake) -> Self {
        Self {
            url: url.into(),
            identity: handshake.clone(),
            auth: Auth::Open(handshake),
            connect_timeout: Duration::from_secs(5),
            answer_timeout: Duration::from_secs(10),
            silence: Duration::from_secs(20),
            backoff_base: Duration::from_millis(200),
            backoff_cap: Duration::from_secs(4),
            inbox: 16_384,
            outbox: 1_024,
            outbox_file: None,
            resent: None,
        }
    }

    /// Options of a vendor.
    pub fn vendor(url: impl Into<String>, store: ClientId) -> Self {
        Self::new(url, Handshake { role: Some(Role::Vendor), client_id: Some(store) })
    }

    /// Options of a driver. A nameless one is known by its connection alone.
    pub fn driver(url: impl Into<String>, name: Option<&DriverName>) -> Self {
        // Every driver's name is a possible client id: they obey the same rules.
        let client_id = name.and_then(|name| ClientId::new(name.as_str()).ok());
        Self::new(url, Handshake { role: Some(Role::Driver), client_id })
    }

    /// The same with a token, where there is one: it says more than a handshake can. An empty one is none, as
    /// in an environment that sets every variable.
    #[must_use]
    pub fn with_token(mut self, token: Option<String>) -> Self {
        if let Some(token) = token.filter(|token| !token.is_empty()) {
            self.auth = Auth::Token(token);
        }
        self
    }

    /// Sees whether a hub can be at the address, before anything is connected.
    ///
    /// # Errors
    /// [`Error::InvalidUrl`]
    pub fn check(&self) -> Result<(), Error> {
        self.endpoint().map(drop)
    }

    /// Who the client is, for its outbox file.
    pub(crate) fn identity(&self) -> Value {
        json!(self.identity)
    }

    /// What a transport needs.
    pub(crate) fn endpoint(&self) -> Result<Endpoint, Error> {
        let invalid = |why: String| Error::InvalidUrl { url: self.url.clone(), why };
        let url = Url::parse(&self.url).map_err(|why| invalid(why.to_string()))?;
        if !matches!(url.scheme(), "http" | "https" | "ws" | "wss") {
            return Err(invalid(format!("`{}` is not spoken here", url.scheme())));
        }
        if !url.path().ends_with('/') {
            return Err(invalid(format!("its path `{}` does not end in `/`", url.path())));
        }
        let auth = match &self.auth {
            Auth::Open(handshake) => json!(handshake),
            Auth::Token(token) => json!({ "token": token }),
        };
        Ok(Endpoint { url: url.into(), auth })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> ClientId {
        ClientId::new("acme").unwrap()
    }

    fn auth(options: &Options) -> serde_json::Value {
        options.endpoint().unwrap().auth
    }

    #[test]
    fn a_client_says_who_it_is_and_a_token_says_it_better() {
        let vendor = Options::vendor("http://hub", store());
        assert_eq!(auth(&vendor), json!({"role": "vendor", "clientId": "acme"}));
        assert_eq!(auth(&vendor.with_token(Some("secret".into()))), json!({"token": "secret"}));
        assert_eq!(auth(&Options::driver("http://hub", None)), json!({"role": "driver"}));
        let ann = DriverName::new("ann").unwrap();
        assert_eq!(
            auth(&Options::driver("http://hub", Some(&ann)).with_token(Some(String::new()))),
            json!({"role": "driver", "clientId": "ann"})
        );
    }

    #[test]
    fn a_token_stays_out_of_the_log() {
        let options = Options::vendor("http://hub", store()).with_token(Some("secret".into()));
        assert!(!format!("{options:?}").contains("secret"));
    }

    #[test]
    fn an_impossible_address_is_refused_with_the_mend() {
        for url in ["localhost:3001", "", "ftp://hub", "http://hub/socket.io"] {
            let error = Options::vendor(url, store()).endpoint().err().unwrap().to_string();
            assert!(error.contains(&format!("`{url}`")), "{error}");
            assert!(error.contains("http://localhost:3001"), "{error}");
        }
        for url in ["http://hub:3001", "https://hub/", "ws://hub", "http://hub/socket.io/"] {
            assert!(Options::vendor(url, store()).endpoint().is_ok(), "{url}");
        }
    }
}
