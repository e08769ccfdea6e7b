//! The names of events, each in one place.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a message tells of an order. Together with a [`ClientId`](crate::ClientId) it names a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// An order waits for a driver. Read by drivers.
    Pickup,
    /// A driver has the order. Read by the order's vendor.
    InTransit,
    /// The order has arrived. Read by the order's vendor.
    Delivered,
}

impl Event {
    /// All of them, in the order in which an order meets them.
    pub const ALL: [Self; 3] = [Self::Pickup, Self::InTransit, Self::Delivered];

    /// The event's name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pickup => "pickup",
            Self::InTransit => "in-transit",
            Self::Delivered => "delivered",
        }
    }

    /// The event of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.name() == name)
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a client may ask of the hub: the names of the events that it emits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// Listen to a vendor's `in-transit` and `delivered`.
    Join,
    /// Listen to one event of a vendor.
    Subscribe,
    /// Announce an order.
    Pickup,
    /// Take an order on the road.
    InTransit,
    /// Say that an order has arrived.
    Delivered,
    /// Give an order back, to be offered again.
    Release,
    /// Delete messages from a queue, having acted on them.
    Received,
    /// Replay what waits in queues.
    GetAll,
}

impl Verb {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Join,
        Self::Subscribe,
        Self::Pickup,
        Self::InTransit,
        Self::Delivered,
        Self::Release,
        Self::Received,
        Self::GetAll,
    ];

    /// Every name the hub hears, and what it means. `getall` is a spelling seen in the wild.
    const NAMES: [(&'static str, Self); 9] = [
        ("join", Self::Join),
        ("subscribe", Self::Subscribe),
        ("pickup", Self::Pickup),
        ("in-transit", Self::InTransit),
        ("delivered", Self::Delivered),
        ("release", Self::Release),
        ("received", Self::Received),
        ("getAll", Self::GetAll),
        ("getall", Self::GetAll),
    ];

    /// The verb's name on the wire.
    pub fn name(self) -> &'static str {
        let named = Self::NAMES.iter().find(|(_, verb)| *verb == self);
        named.map_or("", |(name, _)| name)
    }

    /// The verb that a client means by `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        let named = Self::NAMES.iter().find(|(known, _)| *known == name);
        named.map(|(_, verb)| *verb)
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_and_verb_is_found_by_its_name() {
        for event in Event::ALL {
            assert_eq!(Event::from_name(event.name()), Some(event));
            assert_eq!(serde_json::to_value(event).unwrap(), event.name());
        }
        assert!(Verb::ALL.iter().all(|verb| Verb::from_name(verb.name()) == Some(*verb)));
        for (name, verb) in Verb::NAMES {
            assert!(Verb::ALL.contains(&verb));
            assert_eq!(Verb::from_name(name), Some(verb));
            assert_eq!(Verb::from_name(verb.name()), Some(verb));
        }
        assert_eq!(Verb::from_name("Pickup"), None);
    }
}
