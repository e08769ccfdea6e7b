//! A driver who works by hand: a code takes an order, the same code delivers it.
//!
//! [`Scan`] is what the session knows and decides, and does nothing by itself: it is told what was typed, what has
//! come from the hub and what the hub has answered, and says what to say and what to ask. `command` reads what was
//! typed, `words` is what can be said, `shift` carries it all out, `input` and `terminal` read, and `look` asks the
//! hub which of the orders that wait are this driver's already.

mod command;
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

use caps_client::Resent;
use caps_proto::{Code, Done, DriverName, Message, OrderRef, Proof, Refusal, Verb};
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

    /// Takes in a pickup that waits.
    fn heard(&mut self, pickup: Message) -> Step {
        let (which, pickup) = (which_of(&pickup), Arc::new(pickup));
        self.clock += 1;
        let came = self.clock;
        let known = self.orders.entry(which.clone()).or_insert(Known {
            pickup: None,
            stage: Stage::Waits,
            came,
            taken: 0,
            unanswered: 0,
        });
        let before = known.pickup.replace(Arc::clone(&pickup));
        match &known.stage {
            Stage::Waits if before.is_some() => return Step::default(),
            Stage::Waits => {}
            // It is known from an earlier run, or was not let go.
            Stage::Taken => return Step::default(),
            Stage::Delivered(proof) => {
                let is_same =
                    before.is_none_or(|before| before.order.digest() == pickup.order.digest());
                if is_same {
                    let what = What::Deliver { proof: proof.clone(), is_again: true };
                    return self.ask(&which, what, |_| {});
                }
                // The id is used anew, as it may be when an order is over.
                known.stage = Stage::Waits;
            }
            Stage::Lost(_) => known.stage = Stage::Waits,
        }
        (known.came, known.taken) = (came, 0);
        if self.is_open { Word::Waits(pickup).into() } else { Step::default() }
    }

    /// This driver turns out to have an order that seemed to wait.
    fn has(&mut self, which: &OrderRef) {
        self.clock += 1;
        if let Some(known) = self.orders.get_mut(which)
            && matches!(known.stage, Stage::Waits)
        {
            (known.stage, known.taken) = (Stage::Taken, self.clock);
        }
    }

    /// The hub has said which orders wait.
    fn opened(&mut self) -> Step {
        self.is_open = true;
        Word::Opened { waiting: self.waiting().len(), mine: self.mine().len() }.into()
    }

    /// What is to be said of something that the hub has not answered at once.
    fn unanswered(&self, asked: &Ask) -> Step {
        let (pickup, waiting) = (Arc::clone(&asked.pickup), self.unanswered);
        let verb = match asked.what {
            What::Take => Verb::InTransit,
            What::Deliver { is_again: false, .. } => Verb::Delivered,
            What::GiveBack => Verb::Release,
            What::Deliver { .. } | What::Receive => return Step::default(),
        };
        Word::Unanswered { verb, pickup, waiting }.into()
    }

    /// What the hub's answer leads to.
    fn answered(&mut self, asked: Ask, answer: Result<Done, Refusal>) -> Step {
        let Ask { pickup, what } = asked;
        let which = which_of(&pickup);
        if !matches!(what, What::Receive) {
            self.unanswered -= 1;
            if let Some(known) = self.orders.get_mut(&which) {
                known.unanswered -= 1;
            }
        }
        let done = match answer {
            Ok(done) => done,
            Err(refusal) => return self.refused(&which, &what, refusal),
        };
        match what {
            What::Take => {
                Word::PickedUp { which, pickup: Some(pickup), had: done.duplicate }.into()
            }
            What::GiveBack => Word::GaveBack { which, pickup: Some(pickup) }.into(),
            What::Deliver { is_again, .. } => {
                self.over(which.clone());
                let receive = Ask { pickup: Arc::clone(&pickup), what: What::Receive };
                let word = Word::Delivered { which, pickup: Some(pickup) };
                let words = if is_again { vec![] } else { vec![word] };
                Step { words, ask: Some(receive), ..Step::default() }
            }
            // A delivery takes its pickup out of the queue. Where one was left, the hub has lost the delivery with
            // its memory and heard of the order anew; and it now believes that this driver will deliver it.
            What::Receive if done.removed.unwrap_or_default() > 0 => {
                let Some(Known { stage: Stage::Delivered(proof), .. }) = self.orders.get(&which)
                else {
                    return Step { lets_go: Some(which), ..Step::default() };
                };
                let what = What::Deliver { proof: proof.clone(), is_again: true };
                self.ask(&which, what, |_| {})
            }
            What::Receive => Step { lets_go: Some(which), ..Step::default() },
        }
    }

    fn refused(&mut self, which: &OrderRef, what: &What, refusal: Refusal) -> Step {
        let lets_go = Some(which.clone());
        let Some(known) = self.orders.get_mut(which) else {
            return Step { lets_go, ..Step::default() };
        };
        if matches!(what, What::Receive | What::Deliver { is_again: true, .. }) {
            tracing::debug!(order = %which, %refusal, "left a delivered order alone");
            return Step { lets_go, ..Step::default() };
        }
        if matches!(known.stage, Stage::Lost(_)) {
            // What was asked after that which was refused first; there is no more to say.
            return Step::default();
        }
        let word = Word::wrong(which.message_id.as_str(), Some(which), &refusal.message).into();
        if matches!(refusal.code, Code::AlreadyClaimed | Code::AlreadyDelivered) {
            (known.stage, known.taken) = (Stage::Lost(refusal.code), 0);
            self.over(which.clone());
            return Step { lets_go, ..word };
        }
        // It is as before; unless more was asked since, which has an answer of its own.
        if known.unanswered == 0 {
            match what {
                What::Take => (known.stage, known.taken) = (Stage::Waits, 0),
                _ => (known.stage, known.taken) = (Stage::Taken, known.taken.max(1)),
            }
        }
        word
    }

    /// What came of a report that an earlier run had left: it could not say yet what it did.
    fn resent(&mut self, resent: Resent) -> Step {
        let Resent { verb, order: which, result } = resent;
        self.clock += 1;
        let now = self.clock;
        let waits = Known { pickup: None, stage: Stage::Waits, came: now, taken: 0, unanswered: 0 };
        let known = self.orders.entry(which.clone()).or_insert(waits);
        let pickup = known.pickup.clone();
        let word = match (verb, result) {
            (Verb::Received, _) => return Step::default(),
            (_, Err(why)) => {
                if let Some(Refusal {
                    code: code @ (Code::AlreadyClaimed | Code::AlreadyDelivered),
                    ..
                }) = why.refusal()
                {
                    (known.stage, known.taken) = (Stage::Lost(*code), 0);
                }
                Word::wrong(which.message_id.as_str(), Some(&which), &why.to_string())
            }
            (Verb::Delivered, Ok(_)) => {
                (known.stage, known.taken) = (Stage::Delivered(None), now);
                Word::Delivered { which: which.clone(), pickup }
            }
            (Verb::Release, Ok(_)) => {
                (known.stage, known.taken) = (Stage::Waits, 0);
                Word::GaveBack { which: which.clone(), pickup }
            }
            (_, Ok(_)) => {
                (known.stage, known.taken) = (Stage::Taken, now);
                Word::PickedUp { which: which.clone(), pickup, had: false }
            }
        };
        if matches!(known.stage, Stage::Delivered(_) | Stage::Lost(_)) {
            self.over(which);
        }
        word.into()
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

    /// The order that a code means: that of the label before that of an id, because an order whose id looks like
    /// another's label has a label of its own.
    fn find(&self, code: &str) -> Result<OrderRef, Word> {
        // Of an order without its pickup there is nothing that could be asked.
        let known = || self.orders.iter().filter(|(_, known)| known.pickup.is_some());
        let all = |is: &dyn Fn(&OrderRef) -> bool| {
            let mut all: Vec<_> =
                known().map(|(which, _)| which).filter(|which| is(which)).collect();
            all.sort_unstable();
            all
        };
        let labelled = all(&|which| is_label_of(which, code));
        let found = if labelled.is_empty() {
            all(&|which| which.message_id.as_str() == code)
        } else {
            labelled
        };
        match found[..] {
            [which] => Ok(which.clone()),
            [] => {
                let why = format!(
                    "`{code}` is no order that waits or that this driver has; `list` and `mine` show those, \
                     and another driver may have it"
                );
                Err(Word::wrong(code, None, &why))
            }
            [first, second, ..] => {
                let (first, second) = (first.to_string(), second.to_string());
                let why = if first == second {
                    format!("`{code}` is the label of several orders; type the order's own id")
                } else {
                    format!(
                        "several stores have an order `{code}`; scan the code of its label, such as `{first}` or \
                         `{second}`"
                    )
                };
                Err(Word::wrong(code, None, &why))
            }
        }
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

/// Whether `code` is what stands on the order's label, `clientId/orderId`. Either may have a `/` in it.
fn is_label_of(which: &OrderRef, code: &str) -> bool {
    let rest = code.strip_prefix(which.client_id.as_str());
    rest.and_then(|rest| rest.strip_prefix('/')) == Some(which.message_id.as_str())
}
