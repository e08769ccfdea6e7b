//! Vendors, drivers and a reader who outlive the hubs between them.

use std::cell::{Cell, RefCell, RefMut};
use std::collections::HashMap;
use std::time::Duration;

use caps_proto::{Answer, Code, Event};
use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::driver::Driver;
use crate::hearing::Hearing;
use crate::hub::{End, Hub};
use crate::ledger::{DRIVERS, Key, Ledger, STORES};
use crate::reader;
use crate::vendor::{Note, Vendor};

/// The longest that anything may take that a hub is asked for.
pub(crate) const BOUND: Duration = Duration::from_secs(60);

/// How long one who was put off rests before it asks again.
const REST: Duration = Duration::from_millis(2);

/// What all of them know.
pub(crate) struct Talk {
    ledger: RefCell<Ledger>,
    tally: watch::Sender<Tally>,
    is_open: Cell<bool>,
    may_be_busy: Cell<bool>,
    /// What each queue of pickups was seen to hold, but for those that are offered again.
    pickups: RefCell<Vec<Vec<Key>>>,
}

/// How much was heard.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) answers: usize,
    /// How many were put off, because the hub could not keep anything.
    pub(crate) put_off: usize,
    /// How often all queues were read.
    pub(crate) reads: usize,
}

impl Talk {
    pub(crate) fn ledger(&self) -> RefMut<'_, Ledger> {
        self.ledger.borrow_mut()
    }

    /// Whether new orders are placed.
    pub(crate) fn is_open(&self) -> bool {
        self.is_open.get()
    }

    pub(crate) fn tally(&self) -> Tally {
        *self.tally.borrow()
    }

    pub(crate) fn count(&self, count: impl FnOnce(&mut Tally)) {
        self.tally.send_modify(count);
    }

    /// Counts an answer. If it puts its asker off, rests and returns true: it is to be asked again.
    pub(crate) async fn puts_off(&self, answer: &Answer) -> bool {
        match answer {
            Answer::Error(refusal) if refusal.code == Code::Busy => {
                assert!(refusal.temporary && self.may_be_busy.get(), "{refusal:?}");
                self.count(|tally| tally.put_off += 1);
                tokio::time::sleep(REST).await;
                true
            }
            _ => {
                self.count(|tally| tally.answers += 1);
                false
            }
        }
    }

    /// Notes what waits in a queue of pickups, oldest first.
    pub(crate) fn note_pickups(&self, mut waiting: Vec<Key>) {
        waiting.retain(|key| !self.ledger().may_be_offered_again(*key));
        self.pickups.borrow_mut().push(waiting);
    }

    pub(crate) async fn hear_until(&self, is_enough: impl Fn(Tally) -> bool) {
        let mut tally = self.tally.subscribe();
        let enough = timeout(BOUND, tally.wait_for(|tally| is_enough(*tally))).await;
        if enough.is_err() {
            let (tally, open) = (self.tally(), self.ledger().describe_open());
            panic!("the hub does not get on: {tally:?}\n{open}");
        }
    }

    /// Hears so many answers more.
    pub(crate) async fn hear(&self, answers: usize) {
        let enough = self.tally().answers + answers;
        self.hear_until(|tally| tally.answers >= enough).await;
    }
}

pub(crate) struct Town {
    talk: Talk,
    vendors: Vec<Vendor>,
    drivers: Vec<Driver>,
}

impl Town {
    pub(crate) fn new() -> Self {
        Self {
            talk: Talk {
                ledger: RefCell::default(),
                tally: watch::Sender::default(),
                is_open: Cell::new(true),
                may_be_busy: Cell::new(false),
                pickups: RefCell::default(),
            },
            vendors: (0..STORES.len()).map(Vendor::new).collect(),
            drivers: (0..DRIVERS.len()).map(Driver::new).collect(),
        }
    }

    /// From now on the hub may be one that can keep nothing for now.
    pub(crate) fn expect_busy(&self) {
        self.talk.may_be_busy.set(true);
    }

    /// What was said and heard, in numbers.
    pub(crate) fn describe(&self) -> String {
        let Tally { answers, put_off, reads } = self.talk.tally();
        let orders = self.talk.ledger().keys().count();
        format!("{orders} orders, {answers} answers, put off {put_off} times, {reads} reads")
    }

    /// Checks that a hub which nobody works with has brought back what it must, and nothing that it may not.
    pub(crate) async fn check(&self, hub: &Hub) {
        reader::read(hub.address(), &self.talk).await.expect("a hub that is up");
    }

    /// Places nothing more, and works with a hub until every order has been through all of it. Then the hub is
    /// killed.
    pub(crate) async fn settle(&mut self, hub: Hub) {
        self.talk.is_open.set(false);
        self.work_while(hub, async |talk: &Talk| {
            let is_through = |_| (0..STORES.len()).all(|store| talk.ledger().open(store) == 0);
            talk.hear_until(is_through).await;
        })
        .await;
    }

    /// Works with a hub while something goes on. Then the hub is killed.
    pub(crate) async fn work_while(&mut self, hub: Hub, goes_on: impl AsyncFnOnce(&Talk)) {
        self.work(hub, goes_on, |hub| {
            hub.kill();
        })
        .await;
    }

    /// Works with a hub while something goes on. Then the hub is asked to end, and everybody works on until it hangs up.
    pub(crate) async fn work_until_asked_to_end(
        &mut self,
        hub: Hub,
        goes_on: impl AsyncFnOnce(&Talk),
    ) -> End {
        let ending = |hub: Hub| {
            hub.ask_to_end();
            hub
        };
        let hub = self.work(hub, goes_on, ending).await;
        tokio::task::spawn_blocking(|| hub.end()).await.unwrap()
    }

    /// Works with a hub while something goes on, and then until everybody has lost it.
    async fn work<T>(
        &mut self,
        hub: Hub,
        goes_on: impl AsyncFnOnce(&Talk),
        end: impl FnOnce(Hub) -> T,
    ) -> T {
        let Self { talk, vendors, drivers } = self;
        let (talk, address) = (&*talk, hub.address());
        let vendors = join_all(vendors.iter_mut().map(|vendor| vendor.live(address, talk)));
        let drivers = join_all(drivers.iter_mut().map(|driver| driver.live(address, talk)));
        let reader = reader::live(address, talk);
        let mut all = std::pin::pin!(async { tokio::join!(vendors, drivers, reader) });
        let ended = tokio::select! {
            () = goes_on(talk) => end(hub),
            _ = &mut all => panic!("the hub has hung up: {}", hub.kill().log),
        };
        // They hear what it has still said.
        all.await;
        ended
    }

    /// Checks that all was shown and told in the order in which it happened, of which these are the numbers.
    pub(crate) fn check_order(&self, numbers: &HashMap<(Event, Key), u64>) {
        for waiting in self.talk.pickups.borrow().iter() {
            let in_order = waiting.is_sorted_by_key(|key| numbers[&(Event::Pickup, *key)]);
            assert!(in_order, "out of order: {waiting:?}");
        }
        for connection in self.vendors.iter().flat_map(|vendor| &vendor.heard) {
            let events = [Event::InTransit, Event::Delivered];
            let mut hearings = HashMap::from(events.map(|event| (event, Hearing::new())));
            for note in connection {
                match note {
                    Note::AskedAgain => hearings.values_mut().for_each(Hearing::asked_again),
                    Note::CaughtUp => hearings.values_mut().for_each(Hearing::caught_up),
                    Note::Message(event, key) => {
                        let hearing = hearings.get_mut(event).expect("a vendor hears of both");
                        hearing.hear(numbers[&(*event, *key)]);
                    }
                }
            }
        }
    }
}
