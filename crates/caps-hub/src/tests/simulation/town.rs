//! A town of clients on a bad network, and the chance that moves it.

use std::collections::BTreeSet;
use std::time::Duration;

use caps_proto::Event;
use serde_json::json;

use super::client::{Client, Driver, Job, Vendor};
use crate::tests::seed::Chance;
use crate::tests::world::World;
use crate::{Change, ConnId, Limits};

pub(super) const CLAIM_TIME: Duration = Duration::from_secs(1);

pub(super) struct Town {
    world: World,
    chance: Chance,
    clients: Vec<Client>,
    /// Lines that are cut, and of which the hub does not know yet.
    ghosts: Vec<ConnId>,
}

impl Town {
    pub(super) fn new(seed: u64) -> Self {
        let limits = Limits {
            claim_time: CLAIM_TIME,
            max_queue: 12,
            window_messages: 4,
            ..Limits::default()
        };
        let mut clients = Vec::new();
        for name in ["acme", "1-800-flowers", "books"] {
            // One of them is a stock client that says nothing of itself.
            let auth = if name == "books" {
                json!(null)
            } else {
                json!({"role": "vendor", "clientId": name})
            };
            clients.push(Client::new(auth, Job::Vendor(Vendor::new(name))));
        }
        for (name, receives_first, is_hasty) in [
            (Some("dora"), false, false),
            (Some("emil"), true, false),
            (None, false, false),
            (None, true, false),
            (None, false, true),
        ] {
            let auth = name.map_or(json!({"role": "driver"}), |name| json!({"clientId": name}));
            let driver = Driver::new(name, receives_first, is_hasty);
            clients.push(Client::new(auth, Job::Driver(driver)));
        }
        let (world, chance) = (World::with(limits), Chance::new(seed));
        Self { world, chance, clients, ghosts: Vec::new() }
    }

    /// Something happens.
    pub(super) fn step(&mut self) {
        let i = self.chance.below(self.clients.len());
        match self.chance.below(41) {
            0..14 => self.reaches_the_hub(i),
            14..24 => self.reads(i),
            24..27 => self.places(i),
            27..30 => self.connects(i),
            30 => self.resends(i),
            31 => self.clients[i].catch_up(),
            32 => self.is_cut(i),
            33 if self.chance.one_in(4) => {
                self.is_cut(i);
                self.clients[i].dies();
            }
            34 => self.sees_a_ghost_off(),
            35 => self.is_slow(i),
            36 => self.drains(i),
            37 => self.is_fast(i),
            38 if self.chance.one_in(10) => self.world.wait(CLAIM_TIME),
            39 if self.chance.one_in(10) => self.hub_dies(),
            39 if self.chance.one_in(10) => self.world.snapshot_all(),
            40 => self.clients[i].gives_back(&mut self.chance),
            _ => self.world.wait(Duration::from_millis(self.chance.below(50) as u64)),
        }
    }

    /// From now on the network is good. True when there is nothing left to do.
    pub(super) fn heals(&mut self) -> bool {
        while !self.ghosts.is_empty() {
            self.sees_a_ghost_off();
        }
        for i in 0..self.clients.len() {
            self.connects(i);
            self.is_fast(i);
            self.clients[i].catch_up();
            self.resends(i);
        }
        while self.clients.iter().any(|client| !client.uplink.is_empty()) {
            for i in 0..self.clients.len() {
                self.reaches_the_hub(i);
                self.reads(i);
            }
        }
        self.world.wait(CLAIM_TIME);
        let all_is_said = self.clients.iter().all(|client| client.outbox.is_empty());
        all_is_said && self.world.hub.queues().next().is_none()
    }

    pub(super) fn portrait(&self) -> String {
        self.world.hub.book.portrait()
    }

    /// What must be true of any town in which nothing is left to do.
    pub(super) fn judge(&self) {
        assert_eq!(self.world.hub.book.under_way(), 0, "every order has arrived");
        let placed: BTreeSet<_> = self.facts(|change| matches!(change, Change::Placed(_)));
        let delivered = self.facts(|change| matches!(change, Change::Delivered { .. }));
        assert_eq!(placed, delivered);
        let witness = self.world.witness();
        for event in [Event::InTransit, Event::Delivered] {
            let queued = witness.queued(event);
            assert!(queued.values().all(|times| *times == 1), "told twice: {event} {queued:?}");
            assert!(event == Event::InTransit || queued.keys().eq(&placed));
        }
        for client in &self.clients {
            let Job::Vendor(Vendor { name, kept, thanked, .. }) = &client.job else { continue };
            assert!(kept.is_subset(thanked), "{name} waits for {:?}", kept.difference(thanked));
            assert!(kept.iter().all(|order| placed.contains(order)), "{name} was promised more");
        }
        let read_back = self.world.read_back().into_book(self.world.now).portrait();
        assert_eq!(read_back, self.world.hub.book.portrait(), "what a restart brings");
    }

    /// The orders of which there is such a fact; there must be no more than one for each.
    fn facts(&self, is_one: impl Fn(&Change) -> bool) -> BTreeSet<String> {
        let mut orders = BTreeSet::new();
        for fact in self.world.facts.iter().filter(|fact| is_one(&fact.change)) {
            assert!(orders.insert(fact.which.to_string()), "decided twice: {fact:?}");
        }
        orders
    }

    fn connects(&mut self, i: usize) {
        if self.clients[i].conn.is_none() {
            self.clients[i].shuffle(&mut self.chance);
            let conn = self.world.connect(self.clients[i].auth.clone());
            self.clients[i].connected(conn);
        }
    }

    fn reaches_the_hub(&mut self, i: usize) {
        let Some(conn) = self.clients[i].conn else { return };
        let Some(letter) = self.clients[i].uplink.pop_front() else { return };
        // Now and then a letter comes twice.
        for _ in 0..=usize::from(self.chance.one_in(8)) {
            let ack = self.world.send(conn, letter.verb, letter.payload());
            self.clients[i].asks(ack, letter.clone());
        }
    }

    fn reads(&mut self, i: usize) {
        let Some(conn) = self.clients[i].conn else { return };
        for message in self.world.heard_messages(conn) {
            self.clients[i].hears(&message);
        }
        for (ack, answer) in self.world.answers(conn) {
            self.clients[i].is_answered(ack, &answer);
        }
    }

    fn resends(&mut self, i: usize) {
        self.clients[i].shuffle(&mut self.chance);
        let Client { uplink, outbox, .. } = &mut self.clients[i];
        uplink.extend(outbox.iter().cloned());
    }

    fn places(&mut self, i: usize) {
        self.clients[i].places();
    }

    fn is_cut(&mut self, i: usize) {
        let Some(conn) = self.clients[i].cut() else { return };
        self.world.stall(conn);
        self.ghosts.push(conn);
    }

    /// Another hub takes over from what was kept. All lines are gone.
    fn hub_dies(&mut self) {
        for client in &mut self.clients {
            client.cut();
        }
        self.ghosts.clear();
        self.world.restart();
    }

    fn sees_a_ghost_off(&mut self) {
        if !self.ghosts.is_empty() {
            let ghost = self.ghosts.swap_remove(self.chance.below(self.ghosts.len()));
            self.world.disconnect(ghost);
        }
    }

    fn is_slow(&mut self, i: usize) {
        if let Some(conn) = self.clients[i].conn {
            self.world.stall(conn);
        }
    }

    fn drains(&mut self, i: usize) {
        if let Some(conn) = self.clients[i].conn {
            self.world.drain(conn);
        }
    }

    fn is_fast(&mut self, i: usize) {
        if let Some(conn) = self.clients[i].conn {
            self.world.unstall(conn);
        }
    }
}
