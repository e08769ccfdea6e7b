//! What a client asks for: one verb and its payload, parsed once at the edge and trusted inside.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::fields::{Fields, Named, Text, id, is_null};
use crate::{ClientId, Code, Event, InvalidProof, MessageId, Order, Proof, Refusal, Verb};

/// Which order of whose.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderRef {
    /// The vendor.
    pub client_id: ClientId,
    /// The order's id.
    pub message_id: MessageId,
}

impl fmt::Display for OrderRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.client_id, self.message_id)
    }
}

/// A well-formed event of a client.
#[derive(Debug, Clone)]
pub enum Request {
    /// Listen to everything a vendor is told.
    Join(ClientId),
    /// Listen to one event of a vendor.
    Subscribe(ClientId, Event),
    /// Announce an order.
    Pickup(OrderRef, Order),
    /// Take an order on the road. The text counts only where the hub does not know the order.
    InTransit(OrderRef, Order),
    /// Say that an order has arrived, and perhaps what there is to show for it. The order's text counts only
    /// where the hub does not know the order.
    Delivered(OrderRef, Order, Option<Proof>),
    /// Give an order back.
    Release(OrderRef),
    /// Delete one message from a queue.
    Received(Event, OrderRef),
    /// Delete several messages from a queue.
    ReceivedAll(Event, ClientId, Vec<MessageId>),
    /// Replay what waits, oldest first.
    GetAll {
        /// Whose queues; `None` leaves it to who is asking.
        client_id: Option<ClientId>,
        /// Which of them; `None` for all that are the client's own to read.
        event: Option<Event>,
        /// The most messages to send; `None` for all.
        limit: Option<u64>,
    },
}

impl Request {
    /// Reads the payload of `verb`. `mint` makes an id for an order that brings none.
    ///
    /// # Errors
    /// [`Code::InvalidPayload`], with a sentence that says what to mend.
    pub fn parse(
        verb: Verb,
        payload: Option<&RawValue>,
        mint: impl FnOnce() -> MessageId,
    ) -> Result<Self, Refusal> {
        let parse = Parse { verb };
        let payload = payload.filter(|payload| !is_null(payload));
        match verb {
            Verb::Join => parse.join(payload),
            Verb::Subscribe => {
                let fields = parse.object(payload)?;
                Ok(Self::Subscribe(parse.client_id(fields.client_id)?, parse.event(&fields)?))
            }
            Verb::Pickup => {
                parse.order(payload, Some(mint)).map(|(which, order, _)| Self::Pickup(which, order))
            }
            Verb::InTransit => parse
                .order(payload, None::<fn() -> _>)
                .map(|(which, order, _)| Self::InTransit(which, order)),
            Verb::Delivered => {
                let (which, order, proof) = parse.order(payload, None::<fn() -> _>)?;
                let proof = proof.map(|proof| parse.proof(proof)).transpose()?;
                Ok(Self::Delivered(which, order, proof))
            }
            Verb::Release => parse.release(payload),
            Verb::Received => parse.received(payload),
            Verb::GetAll => parse.get_all(payload),
        }
    }

    /// What is asked.
    pub const fn verb(&self) -> Verb {
        match self {
            Self::Join(_) => Verb::Join,
            Self::Subscribe(..) => Verb::Subscribe,
            Self::Pickup(..) => Verb::Pickup,
            Self::InTransit(..) => Verb::InTransit,
            Self::Delivered(..) => Verb::Delivered,
            Self::Release(_) => Verb::Release,
            Self::Received(..) | Self::ReceivedAll(..) => Verb::Received,
            Self::GetAll { .. } => Verb::GetAll,
        }
    }

    /// The vendor that the request names.
    pub fn client_id(&self) -> Option<&ClientId> {
        match self {
            Self::Join(client_id)
            | Self::Subscribe(client_id, _)
            | Self::ReceivedAll(_, client_id, _) => Some(client_id),
            Self::Pickup(which, _)
            | Self::InTransit(which, _)
            | Self::Delivered(which, ..)
            | Self::Release(which)
            | Self::Received(_, which) => Some(&which.client_id),
            Self::GetAll { client_id, .. } => client_id.as_ref(),
        }
    }
}

/// How to write what other clients can read.
const READABLE: &str =
    "send whole characters, numbers in the range of a double, and at most 127 levels";

/// The parse of one payload; it knows the verb for the sake of its sentences.
#[derive(Clone, Copy)]
struct Parse {
    verb: Verb,
}

impl Parse {
    fn refuse(self, why: impl fmt::Display) -> Refusal {
        Refusal::new(Code::InvalidPayload, format!("`{}` {why}", self.verb))
    }

    fn object<'a>(self, payload: Option<&'a RawValue>) -> Result<Fields<'a>, Refusal> {
        payload
            .and_then(Fields::of)
            .ok_or_else(|| self.refuse(format_args!("takes a JSON object: {}.", self.example())))
    }

    fn example(self) -> &'static str {
        match self.verb {
            Verb::Join => r#""acme-widgets" or {"clientId": "acme-widgets"}"#,
            Verb::Subscribe => r#"{"clientId": "acme-widgets", "event": "delivered"}"#,
            Verb::Pickup => {
                r#"an order such as {"store": "acme-widgets", "orderId": "7", "customer": "…", "address": "…"}"#
            }
            Verb::InTransit | Verb::Delivered => {
                r#"the message as it came, {"clientId": "acme-widgets", "messageId": "7", "order": {…}}"#
            }
            Verb::Release => r#"{"clientId": "acme-widgets", "messageId": "7"}"#,
            Verb::Received => {
                r#"{"clientId": "acme-widgets", "event": "delivered", "messageId": "7"}"#
            }
            Verb::GetAll => r#"{"clientId": "acme-widgets", "event": "delivered"}, or nothing"#,
        }
    }

    fn client_id(self, field: Option<Named<'_>>) -> Result<ClientId, Refusal> {
        let Some(Named { name, value, .. }) = field else {
            return Err(self.refuse("needs `clientId`, the store's name."));
        };
        id(value, ClientId::shared)
            .map_err(|why| self.refuse(format_args!("has a `{name}` that {why}.")))
    }

    fn message_id(self, field: Option<Named<'_>>) -> Result<MessageId, Refusal> {
        let Some(Named { name, value, .. }) = field else {
            return Err(self.refuse("needs `messageId`, the order's id."));
        };
        id(value, MessageId::new)
            .map_err(|why| self.refuse(format_args!("has a `{name}` that {why}.")))
    }

    fn event(self, fields: &Fields<'_>) -> Result<Event, Refusal> {
        let Some(event) = fields.event else {
            return Err(self.refuse("needs `event`: \"pickup\", \"in-transit\" or \"delivered\"."));
        };
        Text::of(event).and_then(|name| Event::from_name(&name)).ok_or_else(|| {
            self.refuse(
                "has an `event` that is none of \"pickup\", \"in-transit\" and \"delivered\".",
            )
        })
    }

    fn join(self, payload: Option<&RawValue>) -> Result<Request, Refusal> {
        if let Some(name) = payload.and_then(Text::of) {
            return ClientId::new(&name)
                .map(Request::Join)
                .map_err(|why| self.refuse(format_args!("names a store that {why}.")));
        }
        let fields = self.object(payload)?;
        Ok(Request::Join(self.client_id(fields.client_id)?))
    }

    /// An order, or a message around one. Ids of the message count before those of the order in it. The text of
    /// a proof, which a message alone may have: in an order, it would be a field of the vendor's own.
    fn order(
        self,
        payload: Option<&RawValue>,
        mint: Option<impl FnOnce() -> MessageId>,
    ) -> Result<(OrderRef, Order, Option<&RawValue>), Refusal> {
        let outer = self.object(payload)?;
        let inner = outer.order.and_then(|order| Some((order, Fields::of(order)?)));
        let (text, inner, proof) = match inner {
            Some((text, fields)) => (Some(text), fields, outer.proof),
            // Only a message has an `event`: its `order` is no field of a vendor's own.
            None if outer.order.is_some() && outer.event.is_some() => {
                return Err(self.refuse("carries a message whose `order` is not a JSON object."));
            }
            None => (payload, Fields::default(), None),
        };
        let client_id = self.client_id(outer.client_id.or(inner.client_id))?;
        let message_id = match (outer.message_id.or(inner.message_id), mint) {
            (None, Some(mint)) => mint(),
            (field, _) => self.message_id(field)?,
        };
        let order = text.ok_or_else(|| self.refuse("needs an order.")).and_then(|text| {
            Order::new(text).map_err(|why| {
                self.refuse(format_args!(
                    "carries an order that other clients could not read ({why}); {READABLE}."
                ))
            })
        })?;
        Ok((OrderRef { client_id, message_id }, order, proof))
    }

    fn proof(self, text: &RawValue) -> Result<Proof, Refusal> {
        Proof::new(text).map_err(|why| match why {
            InvalidProof::NotAnObject => self.refuse(format_args!(
                "has a `proof` that {why}; send one such as {{\"scannedAt\": \"2026-11-22T21:04:05Z\", \"driver\": \"dora\", \"code\": \"4711\"}}."
            )),
            InvalidProof::TooLong { .. } => Refusal::new(
                Code::PayloadTooLarge,
                format!("The `proof` {why}, so send a link to what is longer."),
            ),
            InvalidProof::Unreadable(_) => {
                self.refuse(format_args!("has a `proof` that {why}; {READABLE}."))
            }
        })
    }

    /// The ids alone, or the message as it came.
    fn release(self, payload: Option<&RawValue>) -> Result<Request, Refusal> {
        let outer = self.object(payload)?;
        let inner = outer.order.and_then(Fields::of).unwrap_or_default();
        let client_id = self.client_id(outer.client_id.or(inner.client_id))?;
        let message_id = self.message_id(outer.message_id.or(inner.message_id))?;
        Ok(Request::Release(OrderRef { client_id, message_id }))
    }

    fn received(self, payload: Option<&RawValue>) -> Result<Request, Refusal> {
        let fields = self.object(payload)?;
        // The message as it came may have been an order's own text around it, so look into it, too.
        let inner = fields.order.and_then(Fields::of).unwrap_or_default();
        let event = self.event(&fields)?;
        let client_id = self.client_id(fields.client_id.or(inner.client_id))?;
        let Some(list) = fields.message_ids else {
            let message_id = self.message_id(fields.message_id.or(inner.message_id))?;
            return Ok(Request::Received(event, OrderRef { client_id, message_id }));
        };
        let list: Vec<&RawValue> = serde_json::from_str(list.get())
            .map_err(|_| self.refuse("has `messageIds` that are not a list of ids."))?;
        let ids = list.into_iter().map(|value| id(value, MessageId::new));
        let ids: Result<_, Cow<'_, str>> = ids.collect();
        let ids =
            ids.map_err(|why| self.refuse(format_args!("has an id in `messageIds` that {why}.")))?;
        Ok(Request::ReceivedAll(event, client_id, ids))
    }

    fn get_all(self, payload: Option<&RawValue>) -> Result<Request, Refusal> {
        let fields = match payload {
            None => Fields::default(),
            given => self.object(given)?,
        };
        let client_id = fields.client_id.map(|field| self.client_id(Some(field)));
        let limit = fields.limit.map(|limit| {
            limit.get().parse().map_err(|_| {
                self.refuse("has a `limit` that is not a number of messages, 0 or more.")
            })
        });
        Ok(Request::GetAll {
            client_id: client_id.transpose()?,
            event: fields.event.map(|_| self.event(&fields)).transpose()?,
            limit: limit.transpose()?,
        })
    }
}

#[cfg(test)]
mod tests;
