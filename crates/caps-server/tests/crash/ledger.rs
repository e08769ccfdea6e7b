//! What was said about each order and what was answered, and so what a hub that comes back must know, and what it
//! may know.

use std::collections::HashSet;

use caps_proto::{Event, Message};

/// The vendors.
pub(crate) const STORES: [&str; 4] = ["acme-widgets", "1-800-flowers", "żółw & söhne", "7"];

/// The drivers. Who has no name is known by its connection alone.
pub(crate) const DRIVERS: [Option<&str>; 3] = [Some("dana"), Some("emil"), None];

/// Which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Key {
    /// Whose: an index into [`STORES`].
    pub(crate) store: usize,
    /// Counted up by its vendor.
    pub(crate) number: usize,
}

impl Key {
    /// The order that a message is about, whose text must be as its vendor has written it.
    pub(crate) fn of(Message { client_id, message_id, order, .. }: &Message) -> Self {
        let store = STORES.iter().position(|store| *store == client_id.as_str());
        let number = message_id.as_str().parse().unwrap();
        let key = Self { store: store.unwrap(), number };
        assert_eq!(order.text(), key.order(), "the text of {key:?} has changed");
        key
    }

    /// Whether the driver takes this order. Those with names race for some.
    pub(crate) fn is_for(self, driver: usize) -> bool {
        let home = self.number % DRIVERS.len();
        let is_raced_for = self.number.is_multiple_of(5) && DRIVERS[home].is_some();
        home == driver || (is_raced_for && DRIVERS[driver].is_some())
    }

    /// Whether its driver is known by a connection alone, so that the hub offers it again when that is gone.
    pub(crate) fn is_for_nameless(self) -> bool {
        DRIVERS[self.number % DRIVERS.len()].is_none()
    }

    /// The order's text: an order like any other, which no two JSON writers would write alike.
    pub(crate) fn order(self) -> String {
        let Self { store, number } = self;
        let store = STORES[store];
        format!(
            r#"{{"store":"{store}","orderId":{number},  "total":1.50,"big":12345678901234567890123,"note":"\u00e9 ☃ {number}"}}"#
        )
    }
}

/// What is said about an order, each by one who is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    /// The vendor places it.
    Pickup,
    /// The driver has received the pickup.
    Take,
    InTransit,
    Delivered,
    /// The vendor has received the `in-transit`,
    TransitReceived,
    /// and the `delivered`.
    DeliveryReceived,
}

impl Word {
    /// The event and the payload with which it is said of an order.
    pub(crate) fn packet(self, key: Key) -> (&'static str, String) {
        let (store, number, order) = (STORES[key.store], key.number, key.order());
        let message = format!(r#"{{"clientId":"{store}","messageId":"{number}","order":{order}}}"#);
        let received = |event| {
            let receipt =
                format!(r#"{{"clientId":"{store}","event":"{event}","messageId":{number}}}"#);
            ("received", receipt)
        };
        match self {
            Self::Pickup => ("pickup", order),
            Self::InTransit => ("in-transit", message),
            Self::Delivered => ("delivered", message),
            Self::Take => received(Event::Pickup),
            Self::TransitReceived => received(Event::InTransit),
            Self::DeliveryReceived => received(Event::Delivered),
        }
    }
}

/// How far a word has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    #[default]
    Unsaid,
    /// It is with the hub, perhaps.
    Said,
    /// The hub has answered `ok`, or told somebody else.
    Kept,
}

/// All that is known of all orders.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    orders: [Vec<[Standing; 6]>; STORES.len()],
    /// How many of each vendor's have been through all of it.
    through: [usize; STORES.len()],
    /// Which were put off when they were placed, so that later ones of their vendor may be before them.
    put_off: HashSet<Key>,
}

impl Ledger {
    pub(crate) fn say(&mut self, key: Key, word: Word) {
        self.raise(key, word, Standing::Said);
    }

    pub(crate) fn keep(&mut self, key: Key, word: Word) {
        assert!(self.is_said(key, word), "{word:?} of {key:?} is told and was never said");
        self.raise(key, word, Standing::Kept);
    }

    /// The hub was busy.
    pub(crate) fn put_off(&mut self, key: Key) {
        self.put_off.insert(key);
    }

    pub(crate) fn is_said(&self, key: Key, word: Word) -> bool {
        self.standing(key, word) >= Standing::Said
    }

    pub(crate) fn is_kept(&self, key: Key, word: Word) -> bool {
        self.standing(key, word) == Standing::Kept
    }

    /// Every order that was ever placed, or tried to be.
    pub(crate) fn keys(&self) -> impl Iterator<Item = Key> {
        self.orders
            .iter()
            .enumerate()
            .flat_map(|(store, orders)| (0..orders.len()).map(move |number| Key { store, number }))
    }

    /// How many of a vendor's orders have not been through all of it.
    pub(crate) fn open(&self, store: usize) -> usize {
        self.orders[store].len() - self.through[store]
    }

    /// Those of all vendors, and how far they have come.
    pub(crate) fn describe_open(&self) -> String {
        let open = self.keys().filter(|key| !self.is_kept(*key, Word::DeliveryReceived));
        open.map(|key| format!("{key:?} {:?}\n", self.orders[key.store][key.number])).collect()
    }

    /// Takes in what a hub has shown of one queue, oldest first, to one who drives no order and has asked for it
    /// when `before` was all that was known.
    pub(crate) fn check_queue(
        &mut self,
        before: &Self,
        store: usize,
        event: Event,
        waiting: &[Key],
    ) {
        if event == Event::Pickup {
            let in_turn = waiting.iter().filter(|key| self.comes_in_turn(**key));
            assert!(in_turn.is_sorted(), "out of order: {waiting:?}");
        }
        let once: HashSet<_> = waiting.iter().copied().collect();
        assert_eq!(once.len(), waiting.len(), "{event} of some waits twice: {waiting:?}");
        for key in (0..self.orders[store].len()).map(|number| Key { store, number }) {
            let words = self.orders[store][key.number];
            let waits = once.contains(&key);
            let must_wait = before.is_brought(key, event) && !self.may_be_taken(key, event);
            assert!(waits || !must_wait, "lost: {event} of {key:?}: {words:?}");
            let may_wait = !before.is_taken(key, event);
            assert!(!waits || may_wait, "risen: {event} of {key:?}: {words:?}");
        }
        // Nobody is told of what is not kept.
        for key in waiting {
            self.keep(*key, words(event).0);
        }
    }

    /// Whether drivers hear of it in the order in which its vendor has placed its orders.
    pub(crate) fn comes_in_turn(&self, key: Key) -> bool {
        !self.may_be_offered_again(key) && !self.put_off.contains(&key)
    }

    /// What a nameless driver had when its connection was gone waits again, behind all that waits.
    pub(crate) fn may_be_offered_again(&self, key: Key) -> bool {
        let is_taken = self.is_said(key, Word::Take) || self.is_said(key, Word::InTransit);
        key.is_for_nameless() && is_taken
    }

    /// Whether the hub has surely heard what brings the message about.
    fn is_brought(&self, key: Key, event: Event) -> bool {
        self.is_kept(key, words(event).0)
    }

    /// Whether it may have heard what takes the message away again.
    fn may_be_taken(&self, key: Key, event: Event) -> bool {
        words(event).1.iter().any(|word| self.is_said(key, *word))
    }

    /// Whether it surely has, and nothing brings the message back.
    fn is_taken(&self, key: Key, event: Event) -> bool {
        let takes = match event {
            Event::Pickup if key.is_for_nameless() => &[Word::Delivered],
            _ => words(event).1,
        };
        takes.iter().any(|word| self.is_kept(key, *word))
    }

    fn standing(&self, Key { store, number }: Key, word: Word) -> Standing {
        self.orders[store].get(number).map_or(Standing::Unsaid, |words| words[word as usize])
    }

    fn raise(&mut self, Key { store, number }: Key, word: Word, to: Standing) {
        let orders = &mut self.orders[store];
        orders.resize(orders.len().max(number + 1), Default::default());
        let standing = &mut orders[number][word as usize];
        if to > *standing {
            *standing = to;
            let is_through = word == Word::DeliveryReceived && to == Standing::Kept;
            self.through[store] += usize::from(is_through);
        }
    }
}

/// Which word brings the message of `event` about, and which take it away from those who drive no order.
fn words(event: Event) -> (Word, &'static [Word]) {
    match event {
        Event::Pickup => (Word::Pickup, &[Word::Take, Word::InTransit, Word::Delivered]),
        Event::InTransit => (Word::InTransit, &[Word::TransitReceived, Word::Delivered]),
        Event::Delivered => (Word::Delivered, &[Word::DeliveryReceived]),
    }
}
