//! A proof of delivery: a driver's own JSON object, carried as it came.

use std::fmt;
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::order::Digest;

/// The most bytes of text that a proof may have.
pub const MAX_PROOF_BYTES: usize = 4096;

/// What a driver has to show for a delivery, such as
/// `{"scannedAt": "2026-11-22T21:04:05Z", "driver": "dora", "code": "4711"}`: the text of a JSON object, byte for
/// byte as it came.
///
/// Cheap to clone. No more than a pointer, because every message has room for one and few have one.
#[derive(Clone)]
pub struct Proof(Arc<Box<RawValue>>);

/// Why a text is no proof.
#[derive(Debug, thiserror::Error)]
pub enum InvalidProof {
    /// It is not a JSON object.
    #[error("is not a JSON object")]
    NotAnObject,
    /// It is longer than [`MAX_PROOF_BYTES`].
    #[error("has {bytes} bytes; at most {MAX_PROOF_BYTES} are taken")]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// Common JSON readers cannot read it.
    #[error("could not be read by other clients ({0})")]
    Unreadable(serde_json::Error),
}

impl Proof {
    /// Takes the text of a JSON object.
    ///
    /// # Errors
    /// [`InvalidProof`] when it is not an object, is too long, or is nested deeper than the 127 levels that JSON
    /// readers commonly take.
    pub fn new(text: &RawValue) -> Result<Self, InvalidProof> {
        if !is_object(text) {
            return Err(InvalidProof::NotAnObject);
        }
        let bytes = text.get().len();
        if bytes > MAX_PROOF_BYTES {
            return Err(InvalidProof::TooLong { bytes });
        }
        Digest::of(text).map_err(InvalidProof::Unreadable)?;
        Ok(Self(Arc::new(text.to_owned())))
    }

    /// The proof's text.
    pub fn text(&self) -> &str {
        self.0.get()
    }
}

fn is_object(text: &RawValue) -> bool {
    text.get().starts_with('{')
}

impl fmt::Debug for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl Serialize for Proof {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Takes any object, because whoever wrote it has checked it: with other bounds perhaps, in another release.
impl<'de> Deserialize<'de> for Proof {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Box::<RawValue>::deserialize(deserializer)?;
        if !is_object(&text) {
            return Err(D::Error::custom(format_args!("a proof {}", InvalidProof::NotAnObject)));
        }
        Ok(Self(Arc::new(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(text: &str) -> Result<Proof, InvalidProof> {
        Proof::new(serde_json::from_str(text).unwrap())
    }

    /// An object of so many bytes.
    fn of_size(bytes: usize) -> String {
        format!(r#"{{"note":"{}"}}"#, "x".repeat(bytes - r#"{"note":""}"#.len()))
    }

    #[test]
    fn a_proof_keeps_its_text() {
        let text = r#"{ "scannedAt":1.50, "ünï": "\u0041", "a": [ ] }"#;
        let kept = proof(text).unwrap();
        assert_eq!(kept.text(), text);
        assert_eq!(serde_json::to_string(&kept).unwrap(), text);
        assert_eq!(serde_json::from_str::<Proof>(text).unwrap().text(), text);
    }

    #[test]
    fn only_an_object_is_a_proof() {
        for text in ["null", "7", "\"x\"", "[]", "[{}]"] {
            assert!(matches!(proof(text), Err(InvalidProof::NotAnObject)), "{text}");
            assert!(serde_json::from_str::<Proof>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_proof_is_bounded_where_it_is_made_and_not_where_it_is_read() {
        assert!(proof(&of_size(MAX_PROOF_BYTES)).is_ok());
        let giant = of_size(MAX_PROOF_BYTES + 1);
        assert!(matches!(proof(&giant), Err(InvalidProof::TooLong { bytes: 4097 })));
        assert!(serde_json::from_str::<Proof>(&giant).is_ok());
    }

    #[test]
    fn what_readers_could_not_parse_is_no_proof() {
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(1_000), "]".repeat(1_000));
        for text in [&deep, r#"{"a":"\ud83d"}"#, r#"{"a":1e999}"#] {
            assert!(matches!(proof(text), Err(InvalidProof::Unreadable(_))), "{text}");
        }
    }

    #[test]
    fn a_message_without_a_proof_is_larger_by_a_pointer() {
        assert_eq!(size_of::<Option<Proof>>(), size_of::<usize>());
    }
}
