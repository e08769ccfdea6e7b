//! What the owner does while the journal can keep nothing.

use std::collections::HashMap;
use std::sync::Arc;

use caps_hub::{ConnId, Effect, Seq, Step};
use caps_proto::{Answer, Code, Message, Refusal, Request};

use super::{Load, Owner};

impl Owner {
    /// Refuses what would change something, while that cannot be kept.
    pub(super) fn check_trouble(&self, request: Request) -> Result<Request, Refusal> {
        let reads =
            matches!(request, Request::Join(_) | Request::Subscribe(..) | Request::GetAll { .. });
        if reads || !self.is_in_trouble { Ok(request) } else { Err(cannot_keep()) }
    }

    pub(super) fn show_up_to(&mut self, kept: Option<Seq>) {
        let mut step = Step::default();
        self.hub.show_up_to(kept, &mut step);
        self.keep(step, Load::default());
    }

    /// Takes back all that waits for what cannot be kept, because it may wait for long. Those who have sent something
    /// are to send it again: if it is kept in the end, the hub knows it. Those who only read are shown what is kept.
    pub(super) fn take_back(&mut self) {
        let mut unsent: HashMap<ConnId, Vec<(Seq, Arc<Message>)>> = HashMap::new();
        let effects: Vec<_> =
            self.undone.iter_mut().flat_map(|undone| std::mem::take(&mut undone.effects)).collect();
        for effect in effects {
            match effect {
                Effect::Emit { to, seq, message } => {
                    for conn in to {
                        unsent.entry(conn).or_default().push((seq, Arc::clone(&message)));
                    }
                }
                Effect::Answer { conn, ack, verb, answer } => {
                    let is_behind = unsent.contains_key(&conn);
                    let answer = if rests_on_the_unkept(&answer, is_behind) {
                        Answer::Error(cannot_keep())
                    } else {
                        answer
                    };
                    self.perform(Effect::Answer { conn, ack, verb, answer });
                }
                Effect::Watch { .. } | Effect::HangUp { .. } => self.perform(effect),
            }
        }
        let mut step = Step::default();
        for (conn, unsent) in unsent {
            self.hub.take_back(conn, &unsent, &mut step);
        }
        self.keep(step, Load::default());
    }
}

fn cannot_keep() -> Refusal {
    Refusal::new(Code::Busy, "The hub cannot keep anything for now; send this again in a moment.")
}

/// Whether an answer says what only holds when all before it is kept. One to a `getAll` does where messages that it
/// counts are not sent.
fn rests_on_the_unkept(answer: &Answer, is_behind: bool) -> bool {
    match answer {
        Answer::Ok(done) if done.count.is_some() => is_behind,
        Answer::Ok(done) => done.message_id.is_some() || done.removed.is_some(),
        Answer::Error(refusal) => {
            matches!(refusal.code, Code::AlreadyClaimed | Code::AlreadyDelivered)
        }
    }
}
