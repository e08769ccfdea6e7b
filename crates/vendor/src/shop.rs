//! What a shop remembers of its orders.

use std::collections::HashMap;

use caps_client::cli::Recent;
use caps_proto::{Event, Message, MessageId, Order};
use tokio::sync::watch;

/// How much of what was said and placed is remembered, so that nobody is thanked twice and no id is used twice. A
/// repeat comes, if at all, shortly after.
const REMEMBERED: usize = 100_000;

/// How many orders of one run may be under way. What comes beyond is placed when one of them is over.
const MOST_UNDER_WAY: u64 = 20_000;

/// A shop's orders of this run. The hub may lose them with its memory, so the shop keeps each until it is
/// delivered.
#[derive(Debug)]
pub(crate) struct Shop {
    tally: watch::Sender<Tally>,
    under_way: HashMap<MessageId, Placed>,
    placed: Recent<MessageId>,
    heard: Recent<(Event, MessageId)>,
}

/// How many orders of this run there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    pub(crate) placed: u64,
    /// Delivered and thanked for, and the hub knows.
    pub(crate) finished: u64,
    /// Refused, or no orders at all.
    pub(crate) failed: u64,
    /// Whether no more are to be placed.
    pub(crate) is_all: bool,
}

impl Tally {
    /// How many are not delivered.
    pub(crate) fn under_way(&self) -> u64 {
        self.placed - self.finished
    }

    /// How many are over, one way or the other.
    pub(crate) fn over(&self) -> u64 {
        self.finished + self.failed
    }

    /// Whether all are over.
    pub(crate) fn is_done(&self) -> bool {
        self.is_all && self.under_way() == 0
    }

    /// Whether one more may be placed.
    pub(crate) fn has_room(&self) -> bool {
        self.under_way() < MOST_UNDER_WAY
    }
}

#[derive(Debug)]
struct Placed {
    number: u64,
    order: Order,
    /// Whether the hub has kept it.
    is_known: bool,
}

impl Shop {
    pub(crate) fn new() -> Self {
        Self {
            tally: watch::Sender::default(),
            under_way: HashMap::new(),
            placed: Recent::new(REMEMBERED),
            heard: Recent::new(REMEMBERED),
        }
    }

    /// How many orders there are, now and from now on.
    pub(crate) fn tally(&self) -> watch::Receiver<Tally> {
        self.tally.subscribe()
    }

    /// Notes an order that is to be placed. False when one of its id was: it is not.
    pub(crate) fn place(&mut self, id: &MessageId, order: &Order) -> bool {
        if !self.placed.insert(id) {
            return false;
        }
        self.tally.send_modify(|tally| tally.placed += 1);
        let number = self.tally.borrow().placed;
        let placed = Placed { number, order: order.clone(), is_known: false };
        self.under_way.insert(id.clone(), placed);
        true
    }

    /// Notes that no more are to be placed.
    pub(crate) fn is_all(&mut self) {
        self.tally.send_modify(|tally| tally.is_all = true);
    }

    /// Notes that the hub has kept an order.
    pub(crate) fn is_known(&mut self, id: &MessageId) {
        if let Some(placed) = self.under_way.get_mut(id) {
            placed.is_known = true;
        }
    }

    /// Notes that the hub has refused an order.
    pub(crate) fn is_refused(&mut self, id: &MessageId) {
        if self.under_way.remove(id).is_some() {
            self.tally.send_modify(|tally| tally.placed -= 1);
        }
        self.has_failed();
    }

    /// Notes an order that cannot be placed.
    pub(crate) fn has_failed(&mut self) {
        self.tally.send_modify(|tally| tally.failed += 1);
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

    /// Notes what was heard. True when it is news: each thing is said once of each order.
    pub(crate) fn hear(&mut self, message: &Message) -> bool {
        self.heard.insert(&(message.event, message.message_id.clone()))
    }

    /// Notes that the hub knows that the shop knows of a delivery: the order is over.
    pub(crate) fn finish(&mut self, id: &MessageId) {
        if self.under_way.remove(id).is_some() {
            self.tally.send_modify(|tally| tally.finished += 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> MessageId {
        MessageId::new(&number.to_string()).unwrap()
    }

    /// A shop that has placed these orders.
    fn shop(orders: std::ops::Range<usize>) -> Shop {
        let mut shop = Shop::new();
        let order = serde_json::from_str("{}").unwrap();
        for number in orders {
            assert!(shop.place(&id(number), &order));
        }
        shop
    }

    fn tally(shop: &Shop) -> Tally {
        *shop.tally().borrow()
    }

    #[test]
    fn a_shop_is_done_when_all_its_orders_are_over() {
        let mut shop = shop(0..3);
        shop.is_all();
        for number in 0..2 {
            assert!(!tally(&shop).is_done());
            shop.finish(&id(number));
            shop.finish(&id(number));
        }
        shop.is_refused(&id(2));
        assert!(tally(&shop).is_done());
        let expected = Tally { placed: 2, finished: 2, failed: 1, is_all: true };
        assert_eq!(tally(&shop), expected);
    }

    #[test]
    fn a_shop_is_not_done_while_orders_may_come() {
        let mut shop = shop(0..1);
        shop.finish(&id(0));
        assert!(!tally(&shop).is_done());
        shop.is_all();
        assert!(tally(&shop).is_done());
    }

    #[test]
    fn an_order_of_another_run_does_not_count() {
        let mut shop = shop(0..1);
        shop.is_all();
        shop.finish(&id(7));
        assert!(!tally(&shop).is_done());
    }

    #[test]
    fn an_id_is_used_once() {
        let mut shop = shop(0..1);
        let order = serde_json::from_str(r#"{"n":2}"#).unwrap();
        assert!(!shop.place(&id(0), &order));
        shop.finish(&id(0));
        assert!(!shop.place(&id(0), &order));
        assert_eq!(tally(&shop).placed, 1);
    }

    #[test]
    fn no_more_are_under_way_than_can_be_remembered() {
        let most = usize::try_from(MOST_UNDER_WAY).unwrap();
        let mut shop = shop(0..most);
        assert!(!tally(&shop).has_room());
        shop.finish(&id(7));
        assert!(tally(&shop).has_room());
    }

    #[test]
    fn what_the_hub_has_and_is_not_delivered_is_told_in_the_order_in_which_it_was_placed() {
        let mut shop = shop(0..20);
        (0..15).for_each(|number| shop.is_known(&id(number)));
        shop.finish(&id(0));
        let undelivered = shop.undelivered().into_iter().map(|(id, _)| id);
        assert!(undelivered.eq((1..15).map(id)));
    }
}
