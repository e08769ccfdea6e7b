//! Which queues a `getAll` means.

use caps_proto::{ClientId, Code, Event, Refusal};

use crate::audience::Rooms;
use crate::book::Book;
use crate::connection::Connection;
use crate::input::{ConnId, Identity};
use crate::queue::QueueKey;

/// What a driver may say for a client id, meaning every vendor that it serves.
const DRIVER: &str = "driver";

/// The queues that `conn` means by a `getAll` with these fields, in the order in which they are replayed.
pub(crate) fn queues(
    book: &Book,
    rooms: &Rooms,
    conn: ConnId,
    connection: &Connection,
    client_id: Option<ClientId>,
    event: Option<Event>,
) -> Result<Vec<QueueKey>, Refusal> {
    let one = |client_id: ClientId, event: Option<Event>, own: &[Event]| {
        let events = event.as_ref().map_or(own, std::slice::from_ref);
        let keys =
            events.iter().map(|event| QueueKey { client_id: client_id.clone(), event: *event });
        Ok(keys.collect())
    };
    const OF_A_VENDOR: &[Event] = &[Event::InTransit, Event::Delivered];

    match &connection.identity {
        Identity::Vendor(own) => return one(own.clone(), event, OF_A_VENDOR),
        identity => {
            if let Some(client_id) = client_id.filter(|named| !means_all(named, identity, event)) {
                let of_a_driver = matches!(identity, Identity::Driver { .. });
                let own = if of_a_driver { &[Event::Pickup] } else { OF_A_VENDOR };
                return one(client_id, event, own);
            }
        }
    }

    let asked_for = |event: Option<Event>| -> Vec<_> {
        rooms.of(conn).filter(|key| event.is_none_or(|event| key.event == event)).cloned().collect()
    };
    match event {
        Some(Event::InTransit | Event::Delivered) => {
            let keys = asked_for(event);
            if keys.is_empty() {
                return Err(Refusal::new(
                    Code::InvalidPayload,
                    "`getAll` of a vendor's events needs `clientId`, or a `join` before it.",
                ));
            }
            Ok(keys)
        }
        // A client without a role that has joined rooms reads those; any other is a driver.
        None if matches!(connection.identity, Identity::Anyone { .. })
            && rooms.of(conn).len() > 0 =>
        {
            Ok(asked_for(None))
        }
        None | Some(Event::Pickup) if rooms.hears_all_pickups(conn) => {
            let keys = book.queues().map(|(key, _)| key).filter(|key| key.event == Event::Pickup);
            let mut keys: Vec<_> = keys.cloned().collect();
            keys.sort_unstable();
            Ok(keys)
        }
        None | Some(Event::Pickup) => Ok(asked_for(Some(Event::Pickup))),
    }
}

/// Whether `named` stands for every vendor that the client serves.
fn means_all(named: &ClientId, identity: &Identity, event: Option<Event>) -> bool {
    if !matches!(event, None | Some(Event::Pickup)) {
        return false;
    }
    let is_itself = match identity {
        Identity::Driver { name: Some(name) } => name.as_str() == named.as_str(),
        _ => false,
    };
    named.as_str() == DRIVER || is_itself
}
