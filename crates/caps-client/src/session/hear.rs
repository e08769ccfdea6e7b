//! What a session makes of what it hears.

use caps_proto::{Code, Done, EXCEPTION, Event, Message};
use serde_json::Value;
use tokio::time::Instant;

use super::{End, Session, To, answer};
use crate::Error;
use crate::line::Heard;

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

    fn hear_event(&self, name: &str, payload: &Value) {
        if Event::from_name(name).is_some() {
            // By way of its text, because an order is a text, which a `Value` is not.
            match serde_json::from_str::<Message>(&payload.to_string()) {
                Ok(message) => self.lasting.inbox.offer(message),
                Err(why) => tracing::warn!(%why, event = name, "left out a message that is none"),
            }
        } else if name == EXCEPTION {
            tracing::warn!(%payload, "the hub reports an error");
        } else {
            tracing::debug!(event = name, "left out an unknown event");
        }
    }

    fn hear_answer(&mut self, value: &Value) -> Option<End> {
        let Some(due) = self.due.take() else {
            return Some(End::Lost("the hub answered what was not asked".into()));
        };
        let result = answer::read(due.verb, value);
        if let Err(Error::Refused(refusal)) = &result
            && refusal.temporary
        {
            let pause = self.backoff.next();
            tracing::debug!(verb = %due.verb, %refusal, ?pause, "the hub asks to try again");
            self.paused_until = Some(Instant::now() + pause);
            if let To::Restoring(emit) = due.to {
                self.restoring.push_front(emit);
            }
            return None;
        }
        self.backoff.reset();
        match (due.to, result) {
            (To::Outbox, result) => self.answered(result),
            (To::Restoring(_), Ok(_)) => None,
            (To::Restoring(_), Err(Error::Refused(refusal))) => Some(End::Refused(refusal)),
            (To::Restoring(_), Err(other)) => Some(End::Lost(other.to_string())),
        }
    }

    /// Answers the head of the outbox.
    fn answered(&mut self, result: Result<Done, Error>) -> Option<End> {
        let call = self.lasting.outbox.head()?;
        if let Ok(done) = &result {
            let other = done.message_id.as_ref().zip(call.message_id.as_ref());
            if let Some((answered, asked)) = other.filter(|(answered, asked)| answered != asked) {
                return Some(End::Lost(format!(
                    "the hub answered about `{answered}`, asked about `{asked}`"
                )));
            }
            if call.is_standing() && !self.lasting.standing.contains(&call.emit) {
                self.lasting.standing.push(call.emit.clone());
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
