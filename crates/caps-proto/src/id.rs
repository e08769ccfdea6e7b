//! The three kinds of name on the wire, each its own type so that none can stand in for another.

use std::borrow::Borrow;
use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// The most bytes of UTF-8 that an id may have.
pub const MAX_ID_BYTES: usize = 256;

/// Why a text is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidId {
    /// It is empty, or nothing but white space.
    #[error("is empty")]
    Blank,
    /// It is longer than [`MAX_ID_BYTES`].
    #[error("is {bytes} bytes long; at most {MAX_ID_BYTES} are accepted")]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
    },
    /// It has a control character, which would forge lines in logs and on terminals.
    #[error("has a control character")]
    ControlCharacter,
}

fn check(text: &str) -> Result<(), InvalidId> {
    if text.len() > MAX_ID_BYTES {
        return Err(InvalidId::TooLong { bytes: text.len() });
    }
    if text.chars().any(char::is_control) {
        return Err(InvalidId::ControlCharacter);
    }
    if text.trim().is_empty() {
        return Err(InvalidId::Blank);
    }
    Ok(())
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// 1 to [`MAX_ID_BYTES`] bytes, not blank, without control characters. Cheap to clone.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes `text` as it stands.
            ///
            /// # Errors
            /// [`InvalidId`] when it is blank, too long, or has a control character.
            pub fn new(text: &str) -> Result<Self, InvalidId> {
                check(text)?;
                Ok(Self(text.into()))
            }

            /// The id's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                Self::new(&text).map_err(|why| {
                    serde::de::Error::custom(format_args!(concat!(stringify!($name), " {}"), why))
                })
            }
        }
    };
}

id! {
    /// A vendor's store name, such as `acme-widgets`. It names the vendor's room and its queues.
    ClientId
}
id! {
    /// An order's id, unique within its vendor. Every message about the order carries it.
    MessageId
}
id! {
    /// The name by which a driver is known across its connections.
    DriverName
}

/// How many client ids a thread remembers to have read.
const REMEMBERED: usize = 256;

thread_local! {
    static LATELY: RefCell<[Option<ClientId>; REMEMBERED]> =
        const { RefCell::new([const { None }; REMEMBERED]) };
}

impl ClientId {
    /// Takes `text` as it stands, without a copy of its own where this thread has lately read the same: events are many
    /// and vendors few. What every event allocates and frees comes to lie among all orders that wait, and is slow there.
    pub(crate) fn shared(text: &str) -> Result<Self, InvalidId> {
        LATELY.with_borrow_mut(|lately| {
            let place = &mut lately[xxh3_64(text.as_bytes()) as usize % REMEMBERED];
            match place {
                Some(id) if id.as_str() == text => Ok(id.clone()),
                _ => Ok(place.insert(Self::new(text)?).clone()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_kept_as_it_is_written() {
        for text in ["1-800-flowers", "żółw & söhne", "7", " padded "] {
            assert_eq!(ClientId::new(text).unwrap().as_str(), text);
        }
        assert!(MessageId::new(&"x".repeat(MAX_ID_BYTES)).is_ok());
    }

    #[test]
    fn blank_giant_and_unprintable_ids_are_refused() {
        assert_eq!(MessageId::new(""), Err(InvalidId::Blank));
        assert_eq!(MessageId::new(" \u{a0} "), Err(InvalidId::Blank));
        assert_eq!(
            MessageId::new(&"x".repeat(MAX_ID_BYTES + 1)),
            Err(InvalidId::TooLong { bytes: 257 })
        );
        for text in ["a\nb", "\0", "\u{1b}[2J", "\u{9b}2J"] {
            assert_eq!(MessageId::new(text), Err(InvalidId::ControlCharacter), "{text:?}");
        }
    }

    #[test]
    fn a_client_id_that_is_read_again_shares_its_text() {
        let read = |text| ClientId::shared(text).unwrap();
        let (one, other, again) = (read("acme"), read("books"), read("acme"));
        assert_eq!((one.as_str(), other.as_str(), again.as_str()), ("acme", "books", "acme"));
        assert!(Arc::ptr_eq(&one.0, &again.0));
        assert_eq!(ClientId::shared(" "), Err(InvalidId::Blank));

        let many: Vec<_> = (0..2 * REMEMBERED).map(|number| format!("store-{number}")).collect();
        for text in many.iter().chain(&many) {
            assert_eq!(read(text).as_str(), text, "where several have one place");
        }
    }
}
