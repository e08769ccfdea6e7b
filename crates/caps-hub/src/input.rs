//! What the hub is told.

use std::collections::BTreeSet;
use std::fmt;

use caps_proto::{ClientId, Code, DriverName, Handshake, Refusal, Request, Role};
use serde::{Deserialize, Serialize};

use crate::effect::AckId;
use crate::rights;
use crate::time::Timestamp;

/// One connection of one client. Never used again after it is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConnId(pub u64);

impl fmt::Display for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "conn-{}", self.0)
    }
}

/// Something that happened at the edge.
#[derive(Debug, Clone)]
pub enum Input {
    /// A client has connected.
    Connected {
        /// Its connection.
        conn: ConnId,
        /// Who it says it is.
        identity: Identity,
        /// Until when it may do what it may do, if not for ever.
        until: Option<Timestamp>,
    },
    /// A client asks for something. Answered exactly once.
    Asked {
        /// Who asks.
        conn: ConnId,
        /// Handed back with the answer.
        ack: Option<AckId>,
        /// What for.
        request: Request,
    },
    /// All that was emitted to a connection before its [`Effect::Watch`](crate::Effect::Watch) has left.
    Drained {
        /// Whose line can take more.
        conn: ConnId,
    },
    /// A connection is gone.
    Disconnected {
        /// Which.
        conn: ConnId,
    },
}

/// Who a connection speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// Nothing was said about a role: may do anything. The name counts where it acts as a driver.
    Anyone {
        /// The name from the handshake.
        name: Option<DriverName>,
    },
    /// A vendor; speaks for its own client id alone.
    Vendor(ClientId),
    /// A driver. Without a name it is known by its connection, and its claims end with it.
    Driver {
        /// The name under which its claims outlive its connections.
        name: Option<DriverName>,
        /// The vendors that it serves; `None` for all of them.
        vendors: Option<BTreeSet<ClientId>>,
    },
    /// Reads, and changes nothing.
    Observer,
    /// May do anything, and give back an order that is another's.
    Admin {
        /// The name that counts where it acts as a driver.
        name: DriverName,
    },
}

impl Identity {
    /// Whether it may know of a vendor's orders at all.
    pub fn serves(&self, client_id: &ClientId) -> bool {
        match self {
            Self::Vendor(own) => own == client_id,
            Self::Driver { vendors: Some(vendors), .. } => vendors.contains(client_id),
            Self::Anyone { .. } | Self::Driver { .. } | Self::Observer | Self::Admin { .. } => true,
        }
    }

    /// Checks that it may ask for `request`.
    ///
    /// # Errors
    /// [`Code::Forbidden`], with a sentence that says the mend.
    pub fn check(&self, request: &Request) -> Result<(), Refusal> {
        rights::check(self, request)
    }

    /// Who a client is in an open hub, by its handshake alone.
    ///
    /// # Errors
    /// [`Code::InvalidPayload`] for a vendor without a client id.
    pub fn from_handshake(handshake: Handshake) -> Result<Self, Refusal> {
        let Handshake { role, client_id } = handshake;
        // Both kinds of name have the same form, so what is one is also the other.
        let name = client_id.as_ref().and_then(|id| DriverName::new(id.as_str()).ok());
        match role {
            None => Ok(Self::Anyone { name }),
            Some(Role::Driver) => Ok(Self::Driver { name, vendors: None }),
            Some(Role::Observer) => Ok(Self::Observer),
            Some(Role::Vendor) => client_id.map(Self::Vendor).ok_or_else(|| {
                Refusal::new(Code::InvalidPayload, "A vendor's `auth` needs its `clientId`.")
            }),
        }
    }
}
