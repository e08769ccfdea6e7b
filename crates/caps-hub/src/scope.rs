//! Which queues a `getAll` means.

use caps_proto::{ClientId, Code, Event, Refusal};

use crate::audience::Rooms;
use crate::book::Book;
use crate::connection::Connection;
use crate::input::{ConnId, Identity};
use crate::queue::QueueKey;

/// What a driver may say for a client id, meaning every vendor that it serves.
const DRIVER: &str = "driver";

/// What a client without further words means by a vendor's messages.
const OF_A_VENDOR: &[Event] = &[Event::InTransit, Event::Delivered];

/// What a `getAll` means. Small, because a connection may have several that wait; the queues are looked up when
/// its turn has come.
#[derive(Debug)]
pub(crate) enum Scope {
    /// These events of one vendor.
    Vendor(ClientId, &'static [Event]),
    /// What the connection has asked to hear: all of it, or of one event.
    AskedFor(Option<Event>),
    /// The pickups of every vendor.
    AllPickups,
}

impl Scope {
    /// What `conn` means by a `getAll` with these fields.
    pub(crate) fn of(
        rooms: &Rooms,
        conn: ConnId,
        connection: &Connection,
        client_id: Option<ClientId>,
        event: Option<Event>,
    ) -> Result<Self, Refusal> {
        match &connection.identity {
            Identity::Vendor(own) => return Ok(Self::vendor(own.clone(), event, OF_A_VENDOR)),
            identity => {
                if let Some(named) = client_id.filter(|named| !means_all(named, identity, event)) {
                    let of_a_driver = matches!(identity, Identity::Driver { .. });
                    let own = if of_a_driver { &[Event::Pickup] } else { OF_A_VENDOR };
                    return Ok(Self::vendor(named, event, own));
                }
            }
        }
        match event {
            Some(Event::InTransit | Event::Delivered) => {
                if rooms.of(conn).any(|key| Some(key.event) == event) {
                    return Ok(Self::AskedFor(event));
                }
                Err(Refusal::new(
                    Code::InvalidPayload,
                    "`getAll` of a vendor's events needs `clientId`, or a `join` before it.",
                ))
            }
            // A client without a role that has joined rooms reads those; any other is a driver.
            None if matches!(connection.identity, Identity::Anyone { .. })
                && rooms.of(conn).len() > 0 =>
            {
                Ok(Self::AskedFor(None))
            }
            None | Some(Event::Pickup) if rooms.hears_all_pickups(conn) => Ok(Self::AllPickups),
            None | Some(Event::Pickup) => Ok(Self::AskedFor(Some(Event::Pickup))),
        }
    }

    fn vendor(client_id: ClientId, event: Option<Event>, own: &'static [Event]) -> Self {
        let events = match event {
            None => own,
            Some(Event::Pickup) => &[Event::Pickup],
            Some(Event::InTransit) => &[Event::InTransit],
            Some(Event::Delivered) => &[Event::Delivered],
        };
        Self::Vendor(client_id, events)
    }

    /// Its queues, in the order in which they are replayed to one of that identity.
    pub(crate) fn queues(
        &self,
        book: &Book,
        rooms: &Rooms,
        conn: ConnId,
        identity: &Identity,
    ) -> Vec<QueueKey> {
        let key = |client_id: &ClientId, event| QueueKey { client_id: client_id.clone(), event };
        match self {
            Self::Vendor(client_id, events) => {
                events.iter().map(|event| key(client_id, *event)).collect()
            }
            Self::AskedFor(event) => {
                let keys =
                    rooms.of(conn).filter(|key| event.is_none_or(|event| key.event == event));
                keys.cloned().collect()
            }
            Self::AllPickups => {
                let vendors = book.queues(Event::Pickup).map(|(vendor, _)| &vendor.client_id);
                let served = vendors.filter(|client_id| identity.serves(client_id));
                let mut keys: Vec<_> = served.map(|it| key(it, Event::Pickup)).collect();
                keys.sort_unstable();
                keys
            }
        }
    }
}

/// Whether `named` stands for every vendor that the client serves.
pub(crate) fn means_all(named: &ClientId, identity: &Identity, event: Option<Event>) -> bool {
    if !matches!(event, None | Some(Event::Pickup)) {
        return false;
    }
    let is_itself = match identity {
        Identity::Driver { name: Some(name), .. } => name.as_str() == named.as_str(),
        _ => false,
    };
    named.as_str() == DRIVER || is_itself
}
