//! What a session makes of what it hears.

use caps_proto::{Code, Done, EXCEPTION, Event, Message, Verb};
use serde_json::Value;
use tokio::time::Instant;

use super::{Due, End, Session, To, answer};
use crate::Error;
use crate::ask::Ask;
use crate::line::{Emit, Heard};

impl Session<'_> {
    /// Takes in what comes from the hub. Returns why the connection is over, if it is.
    pub(super) fn hear(&mut self, heard: Option<Heard>) -> Option<End> {
        self.heard_at = Instant::now();
        match heard {
            Some(Heard::Connected) => {
                self.is_taken_in = true;
                self.restore();
                None
            }
            Some(Heard::Refused(frame)) => {
                let refusal = answer::refusal(&frame);
                Some(if refusal.temporary {
                    End::Lost(refusal.to_string())
                } else {
                    End::Refused(refusal)
                })
            }
            Some(Heard::Event { name, payload }) => {
                self.hear_event(&name, &payload);
                None
            }
            Some(Heard::Answer(value)) => self.hear_answer(&value),
            Some(Heard::Lost(why)) => Some(End::Lost(why)),
            None => Some(End::Lost("the connection ended without a word".into())),
        }
    }

    fn hear_event(&mut self, name: &str, payload: &Value) {
        if Event::from_name(name).is_some() {
            // By way of its text, because an order is a text, which a `Value` is not.
            match serde_json::from_str::<Message>(&payload.to_string()) {
                Ok(message) => self.hear_message(message),
                Err(why) => tracing::warn!(%why, event = name, "left out a message that is none"),
            }
        } else if name == EXCEPTION {
            tracing::warn!(%payload, "the hub reports an error");
        } else {
            tracing::debug!(event = name, "left out an unknown event");
        }
    }

    fn hear_answer(&mut self, value: &Value) -> Option<End> {
        let Some(Due { ask, to, heard, .. }) = self.due.take() else {
            return Some(End::Lost("the hub answered what was not asked".into()));
        };
        let result = answer::read(ask.verb(), value);
        match &result {
            Ok(done) => {
                if to == To::Outbox {
                    self.keep_asking(&ask);
                }
                match &ask {
                    Ask::Page(scope) => self.hear_page(scope, heard, done),
                    Ask::Look(scope) => self.compare(scope, done),
                    // A `delivered` takes its pickup out of the queue.
                    Ask::Emit(Emit { verb: Verb::Received | Verb::Delivered, .. }) => {
                        self.has_acknowledged = true;
                    }
                    Ask::Emit(_) => {}
                }
            }
            Err(_) => heard.into_iter().for_each(|message| self.offer(message)),
        }
        if let Err(Error::Refused(refusal)) = &result
            && refusal.temporary
        {
            tracing::debug!(verb = %ask.verb(), %refusal, "the hub asks to try again");
            match to {
                To::Outbox => self.lasting.outbox.put_off(),
                To::Session => {
                    self.paused_until = Some(Instant::now() + self.backoff.next());
                    self.restoring.push_front(ask);
                }
            }
            return None;
        }
        match (to, result) {
            (To::Outbox, result) => self.answered(result),
            (To::Session, Ok(_)) => {
                self.backoff.reset();
                None
            }
            (To::Session, Err(Error::Refused(refusal))) => Some(End::Refused(refusal)),
            (To::Session, Err(other)) => Some(End::Lost(other.to_string())),
        }
    }

    /// Remembers what the application has asked for its life.
    fn keep_asking(&mut self, ask: &Ask) {
        let (standing, replayed) = (&mut self.lasting.standing, &mut self.lasting.replayed);
        match ask {
            Ask::Emit(emit) if ask.is_standing() && !standing.contains(emit) => {
                standing.push(emit.clone());
            }
            Ask::Page(scope) if !replayed.contains(scope) => replayed.push(scope.clone()),
            _ => {}
        }
    }

    /// Answers the head of the outbox.
    fn answered(&mut self, result: Result<Done, Error>) -> Option<End> {
        let call = self.lasting.outbox.head()?;
        if let Ok(done) = &result {
            let asked = call.order.as_ref().map(|order| &order.message_id);
            let other = done.message_id.as_ref().zip(asked);
            if let Some((answered, asked)) = other.filter(|(answered, asked)| answered != asked) {
                return Some(End::Lost(format!(
                    "the hub answered about `{answered}`, asked about `{asked}`"
                )));
            }
        }
        let unknown = match &result {
            Err(Error::Refused(refusal)) if refusal.code == Code::Unauthorized => {
                Some(refusal.clone())
            }
            _ => None,
        };
        self.lasting.outbox.answer(result);
        unknown.map(End::Refused)
    }
}
