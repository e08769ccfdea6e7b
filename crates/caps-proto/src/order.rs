//! An order: a vendor's own JSON object, carried as it came.

use std::fmt;
use std::sync::Arc;

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// A vendor's order: the text of a JSON object, byte for byte as it came, and its fingerprint.
///
/// Cheap to clone: every message about the order shares one text.
#[derive(Clone)]
pub struct Order {
    text: Arc<RawValue>,
    digest: Digest,
}

impl Order {
    /// Takes the text of a JSON object.
    ///
    /// # Errors
    /// When it is not an object, or is nested deeper than the 127 levels that JSON readers commonly take.
    pub fn new(text: &RawValue) -> Result<Self, serde_json::Error> {
        if !text.get().starts_with('{') {
            return Err(serde_json::Error::custom("an order is a JSON object"));
        }
        Ok(Self { digest: Digest::of(text)?, text: text.to_owned().into() })
    }

    /// The order's text.
    pub fn text(&self) -> &str {
        self.text.get()
    }

    /// The order's fingerprint.
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

impl fmt::Debug for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl Serialize for Order {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Order {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        Self::new(&text).map_err(D::Error::custom)
    }
}

/// A fingerprint of what an order says, whatever its white space and the order of its fields: a vendor that
/// writes the same order again, perhaps with another JSON library, has sent the same order.
///
/// Numbers count as the integers and doubles that JSON readers make of them. XXH3, 64 bits: it tells orders
/// of one id apart, and is no defence against a vendor who wants two of their own orders to look alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(u64);

impl Digest {
    /// Fails for what JSON readers commonly cannot read.
    pub(crate) fn of(json: &RawValue) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json.get()).map(|Value(hash)| Self(hash))
    }
}

/// Reads any JSON value as the hash of what it says.
struct Value(u64);

/// Seeds, so that `"1"`, `1`, `[1]` and `{}` differ.
mod seed {
    pub(super) const NULL: u64 = 1;
    pub(super) const BOOL: u64 = 2;
    pub(super) const INTEGER: u64 = 3;
    pub(super) const DOUBLE: u64 = 4;
    pub(super) const STRING: u64 = 5;
    pub(super) const ARRAY: u64 = 6;
    pub(super) const OBJECT: u64 = 7;
}

fn mix(a: u64, b: u64) -> u64 {
    let mut both = [0; 16];
    both[..8].copy_from_slice(&a.to_le_bytes());
    both[8..].copy_from_slice(&b.to_le_bytes());
    xxh3_64(&both)
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value(mix(seed::NULL, 0)))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value(mix(seed::BOOL, u64::from(value))))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value(mix(seed::INTEGER, value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value(mix(seed::INTEGER, value.cast_unsigned())))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value(mix(seed::DOUBLE, value.to_bits())))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value(xxh3_64_with_seed(value.as_bytes(), seed::STRING)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut hash = seed::ARRAY;
        while let Some(Value(item)) = items.next_element()? {
            hash = mix(hash, item);
        }
        Ok(Value(mix(hash, seed::ARRAY)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        // A sum does not care in which order the fields came.
        let mut sum = 0u64;
        while let Some(Value(key)) = fields.next_key()? {
            let Value(value) = fields.next_value()?;
            sum = sum.wrapping_add(mix(key, value));
        }
        Ok(Value(mix(seed::OBJECT, sum)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(text: &str) -> Result<Order, serde_json::Error> {
        serde_json::from_str(text)
    }

    fn digest(text: &str) -> Digest {
        order(text).unwrap().digest()
    }

    #[test]
    fn the_same_order_written_otherwise_has_the_same_digest() {
        let one = digest(r#"{"id":7,"to":{"street":"Elm","no":1},"lines":["a","b"]}"#);
        let other = digest(
            "{ \"lines\": [\"a\", \"\\u0062\"],\n \"to\": {\"no\": 1, \"street\": \"Elm\"}, \"id\": 7 }",
        );
        assert_eq!(one, other);
    }

    #[test]
    fn another_order_has_another_digest() {
        let texts = [
            r#"{}"#,
            r#"{"a":null}"#,
            r#"{"a":0}"#,
            r#"{"a":1}"#,
            r#"{"a":-1}"#,
            r#"{"a":1.5}"#,
            r#"{"a":"1"}"#,
            r#"{"a":true}"#,
            r#"{"a":[1]}"#,
            r#"{"a":[1,2]}"#,
            r#"{"a":[2,1]}"#,
            r#"{"a":[[2],1]}"#,
            r#"{"a":{"a":1}}"#,
            r#"{"b":1}"#,
            r#"{"a":1,"b":1}"#,
            r#"{"a":"x","b":"y"}"#,
            r#"{"a":"y","b":"x"}"#,
        ];
        let digests: std::collections::HashSet<_> = texts.map(digest).into_iter().collect();
        assert_eq!(digests.len(), texts.len());
    }

    #[test]
    fn only_an_object_of_reasonable_depth_is_an_order() {
        for text in ["null", "7", "\"x\"", "[]", "[{}]"] {
            assert!(order(text).is_err(), "{text}");
        }
        let nested = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
        assert!(order(&nested(100)).is_ok());
        assert!(order(&nested(1_000)).is_err());
        assert!(order(&nested(100_000)).is_err());
    }
}
