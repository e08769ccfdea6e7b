//! What comes from the hub, and what follows from it.

use std::sync::Arc;

use caps_client::Resent;
use caps_proto::{Code, Done, Message, OrderRef, Refusal, Verb};

use super::words::Word;
use super::{Ask, Known, Scan, Stage, Step, What, which_of};

impl Scan {
    /// Takes in a pickup that waits.
    pub(super) fn heard(&mut self, pickup: Message) -> Step {
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
    pub(super) fn has(&mut self, which: &OrderRef) {
        self.clock += 1;
        if let Some(known) = self.orders.get_mut(which)
            && matches!(known.stage, Stage::Waits)
        {
            (known.stage, known.taken) = (Stage::Taken, self.clock);
        }
    }

    /// The hub has said which orders wait.
    pub(super) fn opened(&mut self) -> Step {
        self.is_open = true;
        Word::Opened { waiting: self.waiting().len(), mine: self.mine().len() }.into()
    }

    /// What is to be said of something that the hub has not answered at once.
    pub(super) fn unanswered(&self, asked: &Ask) -> Step {
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
    pub(super) fn answered(&mut self, asked: Ask, answer: Result<Done, Refusal>) -> Step {
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
    pub(super) fn resent(&mut self, resent: Resent) -> Step {
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
}
