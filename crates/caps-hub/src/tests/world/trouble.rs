//! What a server does whose journal can keep nothing for now.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::World;
use crate::{Effect, Seq};

impl World {
    pub(in crate::tests) fn show_up_to(&mut self, kept: Option<Seq>) {
        self.step(|hub, _, step| hub.show_up_to(kept, step));
        self.settle();
    }

    /// From now on nothing is carried out. Only for a world without a witness, who would miss what is not sent.
    pub(in crate::tests) fn withhold(&mut self) {
        assert!(self.witness.is_none());
        self.withheld = Some(Vec::new());
    }

    /// What was withheld cannot be kept for now, and is taken back, as a server does it.
    pub(in crate::tests) fn take_back(&mut self, kept: Seq) {
        let withheld = self.withheld.take().expect("something is withheld");
        self.show_up_to(Some(kept));
        let mut unsent: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for effect in withheld {
            match effect {
                Effect::Emit { to, seq, message } => {
                    for conn in to {
                        unsent.entry(conn).or_default().push((seq, Arc::clone(&message)));
                    }
                }
                Effect::Watch { .. } => self.carry_out(effect),
                // The server's to answer.
                Effect::Answer { .. } | Effect::HangUp { .. } => {}
            }
        }
        for (conn, unsent) in unsent {
            self.step(|hub, _, step| hub.take_back(conn, &unsent, step));
        }
        self.settle();
    }
}
