//! A look at orders before it is decided what their events come to, for nothing but that the processor has them in its
//! caches then. Behind very many orders most of what an event looks at is not there, and each look waits for the one
//! before it: the index, the life, the message's place. Those of many events wait side by side.

use std::hint::black_box;
use std::slice;

use caps_proto::{ClientId, MessageId, Request};

use super::Book;
use crate::lives::Known;
use crate::queue::Sight;

/// Fewer open orders than these are in the caches by themselves.
const MANY: usize = 1 << 15;

impl Book {
    pub(crate) fn look_ahead<'a>(&self, requests: impl Iterator<Item = &'a Request>) {
        if self.open >= MANY {
            black_box(self.look_at(requests.flat_map(orders)));
        }
    }

    /// Returns how many messages about these orders wait.
    pub(super) fn look_at<'a>(
        &self,
        orders: impl Iterator<Item = (&'a ClientId, &'a MessageId)>,
    ) -> usize {
        let keys = orders.filter_map(|(client_id, message_id)| {
            let vendor = self.vendors.find(client_id)?;
            Some(self.lives.key(vendor, self.vendors.get(vendor)?.seed, message_id))
        });
        // One kind of look after the other, so that as many as can be are on their way together.
        let keys: Vec<_> = keys.collect();
        let lives: Vec<_> = keys.into_iter().filter_map(|key| self.lives.guess(key)).collect();
        let known = lives.into_iter().filter_map(|id| self.lives.get(id));
        let waiting = known.flat_map(|Known { life, vendor, .. }| {
            life.waiting().map(|(event, waits)| (*vendor, event, waits.spot))
        });
        let slots = waiting
            .filter_map(|(vendor, event, spot)| self.vendors.get(vendor)?.queue(event).at(spot));
        slots.filter(|slot| slot.sight != Sight::Nobody).count()
    }
}

/// The orders that a request is about.
fn orders(request: &Request) -> impl Iterator<Item = (&ClientId, &MessageId)> {
    let about = match request {
        Request::Pickup(which, _)
        | Request::InTransit(which, _)
        | Request::Delivered(which, ..)
        | Request::Release(which)
        | Request::Received(_, which) => {
            Some((&which.client_id, slice::from_ref(&which.message_id)))
        }
        Request::ReceivedAll(_, client_id, message_ids) => Some((client_id, &message_ids[..])),
        Request::Join(_) | Request::Subscribe(..) | Request::GetAll { .. } => None,
    };
    about.into_iter().flat_map(|(client_id, ids)| ids.iter().map(move |id| (client_id, id)))
}
