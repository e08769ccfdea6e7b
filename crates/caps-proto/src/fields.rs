//! Finds the fields that CAPS knows in a JSON object, under every name that they go by in the wild.

use std::borrow::Cow;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::id::InvalidId;

/// The names of a client id. Where an object has several, the first of these counts.
const CLIENT_ID: [&str; 9] = [
    "clientId",
    "clientID",
    "queueId",
    "store",
    "storeId",
    "storeName",
    "vendorId",
    "vendorID",
    "retailer",
];

/// The names of a message id. Where an object has several, the first of these counts.
const MESSAGE_ID: [&str; 5] = ["messageId", "messageID", "orderId", "orderID", "id"];

/// The known fields of one object, as they stand in its text. A field that is `null` counts as absent.
#[derive(Default)]
pub(crate) struct Fields<'a> {
    pub(crate) client_id: Option<Named<'a>>,
    pub(crate) message_id: Option<Named<'a>>,
    pub(crate) message_ids: Option<&'a RawValue>,
    pub(crate) event: Option<&'a RawValue>,
    pub(crate) order: Option<&'a RawValue>,
    pub(crate) proof: Option<&'a RawValue>,
    pub(crate) limit: Option<&'a RawValue>,
}

/// A field that goes by several names, under the one that counts.
#[derive(Clone, Copy)]
pub(crate) struct Named<'a> {
    rank: usize,
    pub(crate) name: &'static str,
    pub(crate) value: &'a RawValue,
}

impl<'a> Fields<'a> {
    /// The known fields of `payload`, or `None` when it is not an object.
    pub(crate) fn of(payload: &'a RawValue) -> Option<Self> {
        serde_json::from_str(payload.get()).ok()
    }
}

/// What an object's key stands for.
enum Key {
    ClientId(usize),
    MessageId(usize),
    MessageIds,
    Event,
    Order,
    Proof,
    Limit,
    Other,
}

impl Key {
    fn of(name: &str) -> Self {
        match name {
            "messageIds" => Self::MessageIds,
            "event" => Self::Event,
            "order" => Self::Order,
            "proof" => Self::Proof,
            "limit" => Self::Limit,
            _ => CLIENT_ID
                .iter()
                .position(|known| *known == name)
                .map(Self::ClientId)
                .or_else(|| {
                    let rank = MESSAGE_ID.iter().position(|known| *known == name)?;
                    Some(Self::MessageId(rank))
                })
                .unwrap_or(Self::Other),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
        let mut fields = Fields::default();
        while let Some(Text(name)) = map.next_key()? {
            let slot = match Key::of(&name) {
                Key::ClientId(rank) => {
                    prefer(&mut fields.client_id, rank, CLIENT_ID[rank], map.next_value()?);
                    continue;
                }
                Key::MessageId(rank) => {
                    prefer(&mut fields.message_id, rank, MESSAGE_ID[rank], map.next_value()?);
                    continue;
                }
                Key::Other => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
                Key::MessageIds => &mut fields.message_ids,
                Key::Event => &mut fields.event,
                Key::Order => &mut fields.order,
                Key::Proof => &mut fields.proof,
                Key::Limit => &mut fields.limit,
            };
            *slot = Some(map.next_value::<&RawValue>()?).filter(|value| !is_null(value));
        }
        Ok(fields)
    }
}

fn prefer<'a>(slot: &mut Option<Named<'a>>, rank: usize, name: &'static str, value: &'a RawValue) {
    let better = slot.is_none_or(|held| rank <= held.rank);
    if better && !is_null(value) {
        *slot = Some(Named { rank, name, value });
    }
}

pub(crate) fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

/// A JSON string, borrowed where it has no escapes.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

impl<'a> Text<'a> {
    /// The string that `value` is, or `None` when it is anything else.
    pub(crate) fn of(value: &'a RawValue) -> Option<Cow<'a, str>> {
        let Text(text) = serde_json::from_str(value.get()).ok()?;
        Some(text)
    }
}

/// Reads an id from a JSON string or a JSON integer: `7` and `"7"` are the same id.
pub(crate) fn id<T>(
    value: &RawValue,
    new: impl FnOnce(&str) -> Result<T, InvalidId>,
) -> Result<T, Cow<'static, str>> {
    let json = value.get();
    let digits = json.strip_prefix('-').unwrap_or(json);
    let parsed = if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        new(json)
    } else if let Some(text) = Text::of(value) {
        new(&text)
    } else {
        return Err("must be a string or an integer".into());
    };
    parsed.map_err(|why| why.to_string().into())
}
