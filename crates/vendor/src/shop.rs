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
}

impl Shop {
    pub(crate) fn new(store: ClientId, count: Option<u64>) -> Self {
        let thanked = Recent::new(REMEMBERED);
        Self { store, count, placed: 0, finished: 0, under_way: HashMap::new(), thanked }
    }

    /// A new order, unless all are placed.
    pub(crate) fn place(&mut self) -> Option<Order> {
        if self.count == Some(self.placed) {
            return None;
        }
        self.placed += 1;
        let (id, order) = checkout::order(&self.store);
        self.under_way.insert(id, Placed { number: self.placed, order: order.clone() });
        Some(order)
    }

    /// The orders of this run that are not delivered, oldest first.
    pub(crate) fn undelivered(&self) -> Vec<Order> {
        let mut placed: Vec<_> = self.under_way.values().collect();
        placed.sort_unstable_by_key(|placed| placed.number);
        placed.into_iter().map(|placed| placed.order.clone()).collect()
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
    fn what_is_not_delivered_is_known_in_the_order_in_which_it_was_placed() {
        let mut shop = shop(None);
        let mut placed: Vec<_> = (0..20).filter_map(|_| shop.place()).collect();
        let first = ids(&shop).remove(0);
        shop.finish(&first);
        placed.remove(0);
        let texts =
            |orders: &[Order]| orders.iter().map(|o| o.text().to_owned()).collect::<Vec<_>>();
        assert_eq!(texts(&shop.undelivered()), texts(&placed));
    }
}
