//! A driver who works by hand: a code takes an order, the same code delivers it.
//!
//! [`Scan`] is what the session knows and decides, and does nothing by itself: it is told what was typed, what has
//! come from the hub and what the hub has answered, and says what to say and what to ask. `command` reads what was
//! typed, `find` knows which order a code means, `hears` is what follows from the hub's words, and `words` what can be
//! said. `shift` carries it all out, `input` and `terminal` read, and `look` asks the hub which of the orders that wait
//! are this driver's already.

mod command;
mod find;
mod hears;
mod input;
mod look;
mod shift;
mod terminal;
#[cfg(test)]
mod tests;
mod words;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::SystemTime;

use caps_proto::{Code, DriverName, Message, OrderRef, Proof, Verb};
use serde_json::json;

use command::Command;
pub(crate) use shift::work;
use words::Word;

/// How many orders that are over are remembered, so that their codes are known when they come again.
const REMEMBERED: usize = 10_000;

/// What a driver who scans knows, and what follows from it.
#[derive(Debug)]
struct Scan {
    driver: DriverName,
    orders: HashMap<OrderRef, Known>,
    /// The orders that are over, the oldest first.
    over: VecDeque<OrderRef>,
    /// How many of those are remembered.
    remembered: usize,
    /// Counts what happens, so that orders have an order.
    clock: u64,
    /// Whether the hub has said which orders wait.
    is_open: bool,
    /// How many reports the hub has not answered.
    unanswered: usize,
}

/// One order.
#[derive(Debug, Clone)]
struct Known {
    /// Its pickup, unless the order is known from an earlier run alone.
    pickup: Option<Arc<Message>>,
    stage: Stage,
    /// When it came.
    came: u64,
    /// When this driver took it; 0 when it has not.
    taken: u64,
    /// How many reports of it the hub has not answered.
    unanswered: usize,
}

#[derive(Debug, Clone)]
enum Stage {
    /// It could be taken.
    Waits,
    /// This driver has it on the road.
    Taken,
    /// This driver has delivered it.
    Delivered(Option<Proof>),
    /// Another driver has it, or has delivered it.
    Lost(Code),
}

/// What to do next.
#[derive(Debug, Default)]
struct Step {
    words: Vec<Word>,
    ask: Option<Ask>,
    /// The order whose pickup needs no more attention.
    lets_go: Option<OrderRef>,
    quits: bool,
}

/// Something to ask of the hub about an order.
#[derive(Debug, Clone)]
struct Ask {
    pickup: Arc<Message>,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Take,
    Deliver {
        proof: Option<Proof>,
        /// The hub has forgotten a delivery that the driver was told of.
        is_again: bool,
    },
    GiveBack,
    /// Says `received` for the pickup. Asked last, so that the hub keeps an order for whoever takes it up where this
    /// driver stopped.
    Receive,
}

impl From<Word> for Step {
    fn from(word: Word) -> Self {
        Self { words: vec![word], ..Self::default() }
    }
}

impl Scan {
    fn new(driver: DriverName) -> Self {
        Self {
            driver,
            orders: HashMap::new(),
            over: VecDeque::new(),
            remembered: REMEMBERED,
            clock: 0,
            is_open: false,
            unanswered: 0,
        }
    }

    /// What a line that was scanned or typed `now` leads to.
    fn line(&mut self, line: &str, now: SystemTime) -> Step {
        match Command::read(line) {
            None => Step::default(),
            Some(Command::Help) => Word::Help.into(),
            Some(Command::Quit) => Step { quits: true, ..Step::default() },
            Some(_) if !self.is_open => Word::wrong(
                line,
                None,
                "the hub has not said yet which orders there are; try again when it is there",
            )
            .into(),
            Some(Command::List) => Word::List(self.waiting()).into(),
            Some(Command::Mine) => Word::Mine(self.mine()).into(),
            Some(Command::Undo(code)) => self.undo(code),
            Some(Command::Code(code)) => self.scanned(code, now),
        }
    }

    fn scanned(&mut self, code: &str, now: SystemTime) -> Step {
        let which = match self.find(code) {
            Ok(which) => which,
            Err(word) => return word.into(),
        };
        match self.orders[&which].stage {
            Stage::Waits => {
                self.clock += 1;
                let taken = self.clock;
                self.ask(&which, What::Take, |known| {
                    known.stage = Stage::Taken;
                    known.taken = taken;
                })
            }
            Stage::Taken => {
                let proof = Some(self.proof(code, now));
                let what = What::Deliver { proof: proof.clone(), is_again: false };
                self.ask(&which, what, |known| known.stage = Stage::Delivered(proof))
            }
            Stage::Delivered(_) => {
                let why = format!("`{which}` is delivered already; there is nothing left to do");
                Word::wrong(code, Some(&which), &why).into()
            }
            Stage::Lost(Code::AlreadyDelivered) => {
                let why =
                    format!("another driver has delivered `{which}`; there is nothing left to do");
                Word::wrong(code, Some(&which), &why).into()
            }
            Stage::Lost(_) => {
                let why = format!("another driver holds `{which}`; leave it to them");
                Word::wrong(code, Some(&which), &why).into()
            }
        }
    }

    /// Gives back the order of this code, or else the one that was taken last.
    fn undo(&mut self, code: Option<&str>) -> Step {
        let which = match code {
            Some(code) => self.find(code),
            None => {
                let last = self.orders.iter().filter(|(_, known)| known.taken > 0);
                let last =
                    last.max_by_key(|(_, known)| known.taken).map(|(which, _)| which.clone());
                last.ok_or_else(|| {
                    Word::wrong("undo", None, "no order is taken; there is nothing to give back")
                })
            }
        };
        let which = match which {
            Ok(which) => which,
            Err(word) => return word.into(),
        };
        match self.orders[&which].stage {
            Stage::Taken => self.ask(&which, What::GiveBack, |known| {
                known.stage = Stage::Waits;
                known.taken = 0;
            }),
            Stage::Delivered(_) => {
                let why = format!(
                    "`{which}` is delivered and cannot be given back; name another order, as in `undo CODE`"
                );
                Word::wrong(code.unwrap_or("undo"), Some(&which), &why).into()
            }
            Stage::Waits | Stage::Lost(_) => {
                let why = format!(
                    "this driver does not hold `{which}`; `mine` shows what can be given back"
                );
                Word::wrong(code.unwrap_or("undo"), Some(&which), &why).into()
            }
        }
    }

    /// The orders that could be taken, in the order in which they came.
    fn waiting(&self) -> Vec<Arc<Message>> {
        let mut waiting: Vec<_> =
            self.orders.values().filter(|known| matches!(known.stage, Stage::Waits)).collect();
        waiting.sort_unstable_by_key(|known| known.came);
        waiting.into_iter().filter_map(|known| known.pickup.clone()).collect()
    }

    /// The orders that this driver has, in the order in which it took them, and those that it has delivered without
    /// the hub's knowing. The last says whether the hub knows.
    fn mine(&self) -> Vec<(Arc<Message>, Verb, bool)> {
        let mut mine: Vec<_> = self
            .orders
            .values()
            .filter_map(|known| {
                let is_known = known.unanswered == 0;
                let verb = match known.stage {
                    Stage::Taken => Verb::InTransit,
                    Stage::Delivered(_) if !is_known => Verb::Delivered,
                    _ => return None,
                };
                Some((known.taken, (known.pickup.clone()?, verb, is_known)))
            })
            .collect();
        mine.sort_unstable_by_key(|(taken, _)| *taken);
        mine.into_iter().map(|(_, order)| order).collect()
    }

    fn ask(&mut self, which: &OrderRef, what: What, change: impl FnOnce(&mut Known)) -> Step {
        let Some(known) = self.orders.get_mut(which) else { return Step::default() };
        change(known);
        let Some(pickup) = known.pickup.clone() else { return Step::default() };
        known.unanswered += 1;
        self.unanswered += 1;
        Step { ask: Some(Ask { pickup, what }), ..Step::default() }
    }

    /// Remembers an order that is over for a while.
    fn over(&mut self, which: OrderRef) {
        self.over.push_back(which);
        if self.over.len() > self.remembered
            && let Some(oldest) = self.over.pop_front()
            && let Some(Known {
                stage: Stage::Delivered(_) | Stage::Lost(_), unanswered: 0, ..
            }) = self.orders.get(&oldest)
        {
            self.orders.remove(&oldest);
        }
    }

    /// What the driver has to show for a delivery.
    fn proof(&self, code: &str, now: SystemTime) -> Proof {
        let scanned_at = humantime::format_rfc3339_millis(now).to_string();
        let proof = json!({ "scannedAt": scanned_at, "driver": self.driver, "code": code });
        serde_json::from_value(proof).expect("it is a short object: its code is that of an order")
    }
}

fn which_of(message: &Message) -> OrderRef {
    let Message { client_id, message_id, .. } = message;
    OrderRef { client_id: client_id.clone(), message_id: message_id.clone() }
}
