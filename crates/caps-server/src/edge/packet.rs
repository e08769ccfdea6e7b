//! Reads the JSON array that a Socket.IO event packet carries: `["pickup", {…}]`.

use std::fmt;

use caps_proto::{Code, Refusal};
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// An event's name and arguments, as they stand in the packet.
#[derive(Debug)]
pub(crate) struct Packet<'a> {
    pub(crate) name: String,
    pub(crate) first: Option<&'a RawValue>,
    pub(crate) others: usize,
}

impl<'a> Packet<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, Refusal> {
        serde_json::from_str(text).map_err(|why| {
            Refusal::new(
                Code::InvalidPayload,
                format!("The event is not valid JSON ({why}); send one JSON argument."),
            )
        })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Packet<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(PacketVisitor)
    }
}

struct PacketVisitor;

impl<'de> Visitor<'de> for PacketVisitor {
    type Value = Packet<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of an event's name and its arguments")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Packet<'de>, A::Error> {
        let Some(name) = items.next_element()? else {
            return Err(serde::de::Error::invalid_length(0, &self));
        };
        let first = items.next_element()?;
        let mut others = 0;
        while items.next_element::<IgnoredAny>()?.is_some() {
            others += 1;
        }
        Ok(Packet { name, first, others })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_a_name_and_arguments() {
        let packet = Packet::parse(r#"["pickup", {"z": 1.0,"a":2} ,3,[4]]"#).unwrap();
        assert_eq!(packet.name, "pickup");
        assert_eq!(packet.first.unwrap().get(), r#"{"z": 1.0,"a":2}"#);
        assert_eq!(packet.others, 2);
        assert!(Packet::parse(r#"["getAll"]"#).unwrap().first.is_none());
        for broken in ["", "[]", "{}", "7", "[7]", r#"["pickup",]"#, r#"["pickup",{]"#] {
            assert!(Packet::parse(broken).is_err(), "{broken}");
        }
    }
}
