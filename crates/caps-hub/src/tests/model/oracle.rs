//! The hub's orders and queues in the simplest possible form: one list of orders, one list of what waits, and
//! every question answered by going through them.

use std::fmt;
use std::time::Duration;

use caps_proto::Event;

use crate::{Limits, Timestamp};

/// The customer of an order that the hub first hears of by a driver's report.
pub(super) const REPORTED: &str = "Ada";

#[derive(Default)]
pub(super) struct Oracle {
    limits: Limits,
    now: Timestamp,
    /// Every order ever placed. The last of a name is the one that the name means.
    orders: Vec<Order>,
    /// What waits in all the queues, oldest first.
    pub(super) waiting: Vec<Waiting>,
    /// All that was ever queued, and by whom, for those who listen.
    pub(super) announced: Vec<(Waiting, String)>,
    claims: usize,
    /// Nameless drivers that are gone for good.
    gone: Vec<String>,
}

/// Who acts, and through which connection. A nameless client is known by its connection.
pub(super) struct By<'a> {
    pub(super) who: &'a str,
    pub(super) conn: &'a str,
}

struct Order {
    name: String,
    text: String,
    stage: Stage,
    holder: Option<String>,
    told: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    Ready,
    Claimed(Timestamp, usize),
    InTransit,
    Over(Timestamp),
    Forgotten,
}

#[derive(Clone, PartialEq)]
pub(super) struct Waiting {
    pub(super) event: Event,
    order: usize,
    pub(super) name: String,
    proof: Option<&'static str>,
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { event, name, proof, .. } = self;
        write!(f, "{event} {name}")?;
        proof.map_or(Ok(()), |proof| write!(f, " {proof}"))
    }
}

impl Oracle {
    pub(super) fn new(limits: Limits, now: Timestamp) -> Self {
        Self { limits, now, ..Self::default() }
    }

    pub(super) fn wait(&mut self, duration: Duration) {
        self.now = self.now + duration;
        let due = |order: &Order| match order.stage {
            Stage::Claimed(at, nth) if at <= self.now => Some((at, nth)),
            _ => None,
        };
        let mut lapsed: Vec<_> =
            (0..self.orders.len()).filter(|i| due(&self.orders[*i]).is_some()).collect();
        lapsed.sort_by_key(|i| due(&self.orders[*i]));
        for i in lapsed {
            self.offer(i, "");
        }
        let mut over: Vec<_> = (0..self.orders.len())
            .filter_map(|i| match self.orders[i].stage {
                Stage::Over(at) => Some((at, i)),
                _ => None,
            })
            .collect();
        over.sort_by_key(|(at, _)| *at);
        let too_many = over.len().saturating_sub(self.limits.max_remembered);
        for (nth, (at, i)) in over.into_iter().enumerate() {
            if nth < too_many || at + self.limits.dedupe_window <= self.now {
                self.orders[i].stage = Stage::Forgotten;
            }
        }
    }

    pub(super) fn place(&mut self, by: &By<'_>, name: &str, text: &str) -> &'static str {
        if let Some(i) = self.known(name) {
            let same = self.orders[i].text == text;
            match self.orders[i].stage {
                _ if same => return "duplicate",
                Stage::Over(_) => {}
                _ => return "order_conflict",
            }
        }
        if self.is_full(Event::Pickup, name) {
            return "queue_full";
        }
        if let Some(earlier) = self.known(name) {
            self.orders[earlier].stage = Stage::Forgotten;
        }
        let i = self.open(name, text);
        self.queue(Event::Pickup, i, by.conn);
        "ok"
    }

    pub(super) fn take(&mut self, by: &By<'_>, name: &str) -> &'static str {
        let known = self.known(name);
        if let Some(i) = known {
            if let Some(refusal) = self.refuses(i, by.who) {
                return refusal;
            }
            let is_mine = self.orders[i].holder.as_deref() == Some(by.who);
            if self.is_over(i) || is_mine && self.orders[i].stage == Stage::InTransit {
                return "duplicate";
            }
        }
        let told = known.is_some_and(|i| self.orders[i].told);
        if !told && self.is_full(Event::InTransit, name) {
            return "queue_full";
        }
        if let Some(i) = known {
            let is_mine = self.orders[i].holder.as_deref() == Some(by.who);
            let waits = self.waiting.iter().any(|it| it.order == i && it.event == Event::Pickup);
            if !is_mine && !waits {
                // For its eyes alone, so it is announced to nobody.
                let (event, name) = (Event::Pickup, name.into());
                self.waiting.push(Waiting { event, order: i, name, proof: None });
            }
        }
        let i = known.unwrap_or_else(|| self.open(name, REPORTED));
        self.orders[i].holder = Some(by.who.into());
        self.orders[i].stage = Stage::InTransit;
        self.orders[i].told = true;
        if !told {
            self.queue(Event::InTransit, i, by.conn);
        }
        "ok"
    }

    pub(super) fn deliver(
        &mut self,
        by: &By<'_>,
        name: &str,
        proof: Option<&'static str>,
    ) -> &'static str {
        let known = self.known(name);
        if let Some(i) = known {
            if let Some(refusal) = self.refuses(i, by.who) {
                return refusal;
            }
            if self.is_over(i) {
                return "duplicate";
            }
        }
        if self.is_full(Event::Delivered, name) {
            return "queue_full";
        }
        let i = known.unwrap_or_else(|| self.open(name, REPORTED));
        self.waiting.retain(|waiting| waiting.order != i);
        self.orders[i].holder = Some(by.who.into());
        self.orders[i].stage = Stage::Over(self.now);
        let name = name.into();
        self.announce(Waiting { event: Event::Delivered, order: i, name, proof }, by.conn);
        "ok"
    }

    pub(super) fn release(&mut self, by: &By<'_>, name: &str) -> &'static str {
        let Some(i) = self.known(name) else { return "duplicate" };
        if let Some(refusal) = self.refuses(i, by.who) {
            return refusal;
        }
        if self.is_over(i) {
            return "already_delivered";
        }
        if self.orders[i].holder.is_none() {
            return "duplicate";
        }
        self.offer(i, by.conn);
        "ok"
    }

    pub(super) fn receive(&mut self, by: &By<'_>, event: Event, name: &str) -> &'static str {
        if let Some(i) = self.known(name).filter(|i| event == Event::Pickup && !self.is_over(*i)) {
            if let Some(refusal) = self.refuses(i, by.who) {
                return refusal;
            }
            let is_mine = self.orders[i].holder.as_deref() == Some(by.who);
            if !is_mine && self.orders[i].stage != Stage::InTransit {
                self.claims += 1;
                self.orders[i].stage =
                    Stage::Claimed(self.now + self.limits.claim_time, self.claims);
                self.orders[i].holder = Some(by.who.into());
            }
        }
        let oldest = self.waiting.iter().position(|it| it.event == event && it.name == name);
        match oldest {
            Some(oldest) => {
                self.waiting.remove(oldest);
                "removed 1"
            }
            None => "removed 0",
        }
    }

    /// A nameless driver is gone.
    pub(super) fn void(&mut self, who: &str) {
        self.gone.push(who.into());
        let mine = |order: &Order| order.holder.as_deref() == Some(who);
        let mut held: Vec<_> = (0..self.orders.len())
            .filter(|i| mine(&self.orders[*i]) && !self.is_over(*i))
            .collect();
        held.sort_by_key(|i| self.orders[*i].name.clone());
        for i in held {
            self.orders[i].holder = None;
            if self.waiting.iter().any(|it| it.order == i && it.event == Event::Pickup) {
                self.offer(i, "");
            } else if self.orders[i].stage == Stage::InTransit {
                self.claims += 1;
                self.orders[i].stage =
                    Stage::Claimed(self.now + self.limits.claim_time, self.claims);
            }
        }
    }

    /// What `who` may see of a queue.
    pub(super) fn visible(&self, who: &str, client: &str, event: Event) -> Vec<String> {
        let of_queue = |it: &&Waiting| it.event == event && client_of(&it.name) == client;
        let may_see = |it: &&Waiting| {
            let holder = &self.orders[it.order].holder;
            event != Event::Pickup || holder.as_deref().is_none_or(|holder| holder == who)
        };
        let seen = self.waiting.iter().filter(of_queue).filter(may_see);
        seen.map(Waiting::to_string).collect()
    }

    fn known(&self, name: &str) -> Option<usize> {
        let last = self.orders.iter().rposition(|order| order.name == name)?;
        Some(last).filter(|last| self.orders[*last].stage != Stage::Forgotten)
    }

    fn is_over(&self, i: usize) -> bool {
        matches!(self.orders[i].stage, Stage::Over(_) | Stage::Forgotten)
    }

    fn refuses(&self, i: usize, who: &str) -> Option<&'static str> {
        let holder = self.orders[i].holder.as_deref()?;
        let is_refused = holder != who && !self.gone.iter().any(|gone| gone == holder);
        let code = if self.is_over(i) { "already_delivered" } else { "already_claimed" };
        is_refused.then_some(code)
    }

    fn is_full(&self, event: Event, name: &str) -> bool {
        let in_queue = |it: &&Waiting| it.event == event && client_of(&it.name) == client_of(name);
        self.waiting.iter().filter(in_queue).count() >= self.limits.max_queue
    }

    fn open(&mut self, name: &str, text: &str) -> usize {
        self.orders.push(Order {
            name: name.into(),
            text: text.into(),
            stage: Stage::Ready,
            holder: None,
            told: false,
        });
        self.orders.len() - 1
    }

    fn offer(&mut self, i: usize, sender: &str) {
        self.orders[i].stage = Stage::Ready;
        self.orders[i].holder = None;
        self.waiting.retain(|it| it.order != i || it.event != Event::Pickup);
        self.queue(Event::Pickup, i, sender);
    }

    fn queue(&mut self, event: Event, order: usize, sender: &str) {
        let name = self.orders[order].name.clone();
        self.announce(Waiting { event, order, name, proof: None }, sender);
    }

    fn announce(&mut self, waiting: Waiting, sender: &str) {
        self.waiting.push(waiting.clone());
        self.announced.push((waiting, sender.into()));
    }
}

pub(super) fn client_of(name: &str) -> &str {
    name.split('/').next().unwrap_or_default()
}
