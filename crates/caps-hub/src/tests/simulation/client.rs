//! A well-behaved client: what it still wants answered stands in its outbox, and is sent again on every new line.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use caps_proto::{Event, Message};
use serde_json::{Value, json};

use crate::tests::seed::Chance;
use crate::tests::world::{message, order, verdict};
use crate::{AckId, ConnId};

pub(super) struct Client {
    pub(super) auth: Value,
    pub(super) job: Job,
    pub(super) conn: Option<ConnId>,
    /// What is on its way to the hub.
    pub(super) uplink: VecDeque<Letter>,
    /// What has not been answered yet.
    pub(super) outbox: Vec<Letter>,
    /// What the answers will be to, on this line.
    asked: BTreeMap<AckId, Letter>,
}

pub(super) enum Job {
    Vendor(Vendor),
    Driver(Driver),
}

pub(super) struct Vendor {
    pub(super) name: String,
    /// Which of its orders the hub has said it has kept.
    pub(super) kept: BTreeSet<String>,
    /// Which of them were delivered, as far as it has heard.
    pub(super) thanked: BTreeSet<String>,
    placed: u32,
}

pub(super) struct Driver {
    name: Option<&'static str>,
    /// Says `received` before anything else, and from then on remembers the order itself.
    receives_first: bool,
    /// Says everything at once, and does not listen to answers.
    is_hasty: bool,
    /// The orders that it is busy with, and how many of its steps are done.
    work: BTreeMap<String, usize>,
}

/// One event that a client emits, about the order of that name.
#[derive(Clone, PartialEq)]
pub(super) struct Letter {
    pub(super) verb: &'static str,
    event: Event,
    name: String,
}

impl Letter {
    pub(super) fn payload(&self) -> Value {
        match self.verb {
            "pickup" => order(&self.name),
            "in-transit" | "release" | "received" => message(self.event.name(), &self.name),
            "delivered" => {
                let mut delivered = message(self.event.name(), &self.name);
                delivered["proof"] = proof_of(&self.name);
                delivered
            }
            "join" => json!(self.name),
            _ => json!(null),
        }
    }
}

/// What every driver has to show for that order.
fn proof_of(name: &str) -> Value {
    json!({ "code": name })
}

fn letter(verb: &'static str, event: Event, name: &str) -> Letter {
    Letter { verb, event, name: name.to_owned() }
}

impl Client {
    pub(super) fn new(auth: Value, job: Job) -> Self {
        let (uplink, outbox) = (VecDeque::new(), Vec::new());
        Self { auth, job, conn: None, uplink, outbox, asked: BTreeMap::new() }
    }

    /// A new line: says who it is, asks for what waits, and sends again what has no answer.
    pub(super) fn connected(&mut self, conn: ConnId) {
        self.conn = Some(conn);
        if let Job::Vendor(Vendor { name, .. }) = &self.job {
            self.uplink.push_back(letter("join", Event::Delivered, name));
        }
        self.catch_up();
        self.uplink.extend(self.outbox.iter().cloned());
    }

    pub(super) fn catch_up(&mut self) {
        self.uplink.push_back(letter("getAll", Event::Pickup, ""));
    }

    /// Its letters are sent again in any order, unless they would contradict each other without the answers.
    pub(super) fn shuffle(&mut self, chance: &mut Chance) {
        if !matches!(self.job, Job::Driver(Driver { is_hasty: true, .. })) {
            chance.shuffle(&mut self.outbox);
        }
    }

    /// The line is gone, and all that was on its way.
    pub(super) fn cut(&mut self) -> Option<ConnId> {
        self.uplink.clear();
        self.asked.clear();
        self.conn.take()
    }

    /// Starts anew, and knows only what it had written down.
    pub(super) fn dies(&mut self) {
        let Job::Driver(driver) = &mut self.job else { return };
        // The hub replays what was not received. Whoever may have said `received` must remember by itself.
        let is_forgetful = !driver.receives_first && !driver.is_hasty;
        if is_forgetful {
            driver.work.clear();
        }
        self.outbox.retain(|letter| driver.work.contains_key(&letter.name));
    }

    pub(super) fn asks(&mut self, ack: AckId, letter: Letter) {
        self.asked.insert(ack, letter);
    }

    pub(super) fn places(&mut self) {
        let Job::Vendor(vendor) = &mut self.job else { return };
        vendor.placed += 1;
        let name = format!("{}/{}", vendor.name, vendor.placed);
        self.post(letter("pickup", Event::Pickup, &name));
    }

    /// A driver changes its mind about an order: what it has not said of it stays unsaid.
    pub(super) fn gives_back(&mut self, chance: &mut Chance) {
        let Job::Driver(driver) = &mut self.job else { return };
        let all_done = driver.steps().len();
        let at_hand = driver.work.iter().filter(|(_, done)| **done < all_done);
        let mut names: Vec<_> = at_hand.map(|(name, _)| name.clone()).collect();
        if names.is_empty() {
            return;
        }
        let name = names.swap_remove(chance.below(names.len()));
        driver.work.insert(name.clone(), all_done);
        self.outbox.retain(|letter| letter.name != name);
        self.post(letter("release", Event::Pickup, &name));
    }

    pub(super) fn hears(&mut self, message: &Message) {
        let name = format!("{}/{}", message.client_id, message.message_id);
        match (&mut self.job, message.event) {
            (Job::Vendor(vendor), Event::Delivered) => {
                assert_eq!(vendor.name, message.client_id.as_str());
                let proof = message.proof.as_ref().map(|proof| proof.text().to_owned());
                assert_eq!(proof, Some(proof_of(&name).to_string()));
                vendor.thanked.insert(name.clone());
                self.post(letter("received", Event::Delivered, &name));
            }
            // Every other vendor leaves these lie.
            (Job::Vendor(vendor), Event::InTransit) if vendor.name.len() % 2 == 0 => {
                self.post(letter("received", Event::InTransit, &name));
            }
            (Job::Driver(driver), Event::Pickup) if !driver.work.contains_key(&name) => {
                driver.work.insert(name.clone(), 0);
                let at_once = if driver.is_hasty { 0..3 } else { 0..1 };
                for step in at_once {
                    self.goes_on(&name, step);
                }
            }
            _ => {}
        }
    }

    pub(super) fn is_answered(&mut self, ack: AckId, answer: &Value) {
        let Some(letter) = self.asked.remove(&ack) else { return };
        if answer["temporary"] == true {
            return;
        }
        match &mut self.job {
            Job::Vendor(vendor) if letter.verb == "pickup" => {
                assert_eq!(answer["status"], "ok", "{}", letter.name);
                vendor.kept.insert(letter.name.clone());
            }
            Job::Driver(driver) => match driver.is_answered(&letter, answer) {
                Then::TriesAgain => return,
                Then::GoesOn(step) => self.goes_on(&letter.name, step),
                Then::IsDone => {}
            },
            Job::Vendor(_) => {}
        }
        self.outbox.retain(|waiting| *waiting != letter);
        if let Job::Driver(driver) = &mut self.job
            && !self.outbox.iter().any(|waiting| waiting.name == letter.name)
        {
            driver.work.remove(&letter.name);
        }
    }

    fn goes_on(&mut self, name: &str, step: usize) {
        let Job::Driver(driver) = &self.job else { return };
        let verb = driver.steps()[step];
        self.post(letter(verb, Event::Pickup, name));
    }

    fn post(&mut self, letter: Letter) {
        if !self.outbox.contains(&letter) {
            self.outbox.push(letter.clone());
            self.uplink.push_back(letter);
        }
    }
}

/// What a driver does when it is answered.
enum Then {
    TriesAgain,
    GoesOn(usize),
    IsDone,
}

impl Vendor {
    pub(super) fn new(name: &str) -> Self {
        let (kept, thanked) = (BTreeSet::new(), BTreeSet::new());
        Self { name: name.to_owned(), kept, thanked, placed: 0 }
    }
}

impl Driver {
    pub(super) fn new(name: Option<&'static str>, receives_first: bool, is_hasty: bool) -> Self {
        Self { name, receives_first, is_hasty, work: BTreeMap::new() }
    }

    fn steps(&self) -> [&'static str; 3] {
        if self.receives_first {
            ["received", "in-transit", "delivered"]
        } else {
            ["in-transit", "delivered", "received"]
        }
    }

    fn is_answered(&mut self, letter: &Letter, answer: &Value) -> Then {
        let steps = self.steps();
        let done =
            self.work.get_mut(&letter.name).filter(|done| steps.get(**done) == Some(&letter.verb));
        let Some(done) = done.filter(|_| !self.is_hasty) else { return Then::IsDone };
        let is_refused = answer["status"] == "error";
        // Its own earlier line may still hold the order, as long as the hub has not seen that line's end.
        let may_be_its_own = self.name.is_none() && self.receives_first && *done > 0;
        if may_be_its_own && verdict(answer) == "already_claimed" {
            return Then::TriesAgain;
        }
        *done += 1;
        if is_refused || *done == steps.len() { Then::IsDone } else { Then::GoesOn(*done) }
    }
}
