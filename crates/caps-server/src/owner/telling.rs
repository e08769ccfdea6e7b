//! What the owner tells, and to whom, once it is kept.

use std::sync::Arc;
use std::time::Instant;

use caps_hub::{Effect, Seq};
use caps_proto::Answer;

use super::{Load, Owner, Undone};
use crate::edge::line::Outgoing;

impl Owner {
    /// Carries out all whose facts are kept.
    pub(super) fn carry_out(&mut self, kept: Seq) {
        while self.undone.front().is_some_and(|undone| undone.last <= kept) {
            let Some(Undone { effects, load, .. }) = self.undone.pop_front() else { return };
            self.finish(effects, load);
        }
    }

    /// Carries out a batch whose facts are kept.
    pub(super) fn finish(&mut self, effects: Vec<Effect>, Load { bytes, arrived }: Load) {
        effects.into_iter().for_each(|effect| self.perform(effect));
        self.gauge.done(bytes);
        if !arrived.is_empty() {
            let now = Instant::now();
            for arrived in arrived {
                self.metrics.acks.observe_time(now.saturating_duration_since(arrived));
            }
        }
    }

    pub(super) fn perform(&mut self, effect: Effect) {
        // Who has gone meanwhile needs nothing any more; what was not received stays queued.
        match effect {
            Effect::Emit { to, message, .. } => {
                for conn in to {
                    if let Some(line) = self.lines.get_mut(&conn) {
                        line.push(Outgoing::Message(Arc::clone(&message)));
                    }
                }
            }
            Effect::Answer { conn, ack, verb, answer } => {
                let line = self.lines.get_mut(&conn);
                if line.is_none()
                    && let Some(asker) = self.askers.remove(&conn)
                {
                    let _ = asker.send(Ok(answer));
                    return;
                }
                self.metrics.events.count(verb, &answer);
                if let Answer::Error(refusal) = &answer {
                    self.metrics.refusals.count(refusal.code);
                }
                let Some(line) = line else { return };
                match ack {
                    Some(ack) => line.push(Outgoing::Answer(ack, answer)),
                    None if matches!(answer, Answer::Error(_)) => {
                        line.push(Outgoing::Exception(answer))
                    }
                    None => {}
                }
            }
            Effect::HangUp { conn } => {
                if let Some(line) = self.lines.get_mut(&conn) {
                    line.hang_up();
                }
            }
            Effect::Watch { conn } => {
                if let Some(line) = self.lines.get_mut(&conn) {
                    line.watch();
                }
            }
        }
    }
}
