//! What a shop remembers of its orders.

use std::collections::HashMap;

use caps_client::cli::Recent;
use caps_proto::{ClientId, MessageId, Order};

use crate::checkout;

/// How many thanks are remembered, so that nobody is thanked twice. A repeat comes, if at all, shortly after.
const REMEMBERED: usize = 100_000;

/// A shop's orders of this run. The hub may lose them with its memory, so the shop keeps each until it is
/// delivered.
#[derive(Debug)]
pub(crate) struct Shop {
    store: ClientId,
    /// How many orders to place; none means no end.
    count: Option<u64>,
    placed: u64,
    finished: u64,
    under_way: HashMap<MessageId, Placed>,
    thanked: Recent<MessageId>,
}

#[derive(Debug)]
struct Placed {
    number: u64,
    order: Order,
    /// Whether the hub has kept it.
    is_known: bool,
}

impl Shop {
    pub(crate) fn new(store: ClientId, count: Option<u64>) -> Self {
        let thanked = Recent::new(REMEMBERED);
        Self { store, count, placed: 0, finished: 0, under_way: HashMap::new(), thanked }
    }

    /// A new order and its id, unless all are placed.
    pub(crate) fn place(&mut self) -> Option<(MessageId, Order)> {
        if self.count == Some(self.placed) {
            return None;
        }
        self.placed += 1;
        let (id, order) = checkout::order(&self.store);
        let placed = Placed { number: self.placed, order: order.clone(), is_known: false };
        self.under_way.insert(id.clone(), placed);
        Some((id, order))
    }

    /// Notes that the hub has kept an order.
    pub(crate) fn is_known(&mut self, id: &MessageId) {
        if let Some(placed) = self.under_way.get_mut(id) {
            placed.is_known = true;
        }
    }

    /// The orders of this run that the hub has kept and that are not delivered, oldest first.
    pub(crate) fn undelivered(&self) -> Vec<(MessageId, Order)> {
        let known = self.under_way.iter().filter(|(_, placed)| placed.is_known);
        let mut placed: Vec<_> = known.collect();
        placed.sort_unstable_by_key(|(_, placed)| placed.number);
        placed.into_iter().map(|(id, placed)| (id.clone(), placed.order.clone())).collect()
    }

    /// Whether an order of this run is not delivered.
    pub(crate) fn is_under_way(&self, id: &MessageId) -> bool {
        self.under_way.contains_key(id)
    }

    /// How many orders of this run are not delivered.
    pub(crate) fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// Notes that an order has arrived. True when its customer is to be thanked: once for each order.
    pub(crate) fn thank(&mut self, id: &MessageId) -> bool {
        self.thanked.insert(id.clone())
    }

    /// Notes that the hub knows that the shop knows of a delivery: the order is over.
    pub(crate) fn finish(&mut self, id: &MessageId) {
        if self.under_way.remove(id).is_some() {
            self.finished += 1;
        }
    }

    /// Whether all orders of this run are over.
    pub(crate) fn is_done(&self) -> bool {
        self.count == Some(self.finished)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop(count: Option<u64>) -> Shop {
        Shop::new(ClientId::new("acme").unwrap(), count)
    }

    fn ids(shop: &Shop) -> Vec<MessageId> {
        let mut placed: Vec<_> = shop.under_way.iter().collect();
        placed.sort_unstable_by_key(|(_, placed)| placed.number);
        placed.into_iter().map(|(id, _)| id.clone()).collect()
    }

    #[test]
    fn a_shop_is_done_when_its_orders_are_over() {
        let mut shop = shop(Some(2));
        assert!(shop.place().is_some() && shop.place().is_some());
        assert!(shop.place().is_none(), "no more than it was told to place");
        for id in ids(&shop) {
            assert!(!shop.is_done());
            shop.finish(&id);
            shop.finish(&id);
        }
        assert!(shop.is_done());
    }

    #[test]
    fn an_order_of_another_run_does_not_count() {
        let mut shop = shop(Some(1));
        shop.place();
        let other = MessageId::new("of-yesterday").unwrap();
        assert!(shop.thank(&other), "its customer is thanked all the same");
        shop.finish(&other);
        assert!(!shop.is_done());
    }

    #[test]
    fn what_the_hub_has_and_is_not_delivered_is_told_in_the_order_in_which_it_was_placed() {
        let mut shop = shop(None);
        let mut placed: Vec<_> = (0..20).filter_map(|_| shop.place()).collect();
        for (id, _) in &placed[..15] {
            shop.is_known(id);
        }
        shop.finish(&placed[0].0);
        let known = placed.drain(1..15).map(|(id, _)| id);
        assert!(known.eq(shop.undelivered().into_iter().map(|(id, _)| id)));
    }
}
