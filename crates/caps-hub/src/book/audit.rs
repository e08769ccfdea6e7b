//! What is true of the book between any two inputs. Panics where it is not.

use std::collections::{HashMap, HashSet};

use super::*;

impl Book {
    /// `limits` are those that the book was folded with, and last forgot with.
    pub(crate) fn audit(&self, limits: &Limits) {
        self.audit_queues();
        let mut lapses = 0;
        let mut nameless: HashMap<ConnId, HashSet<OrderRef>> = HashMap::new();
        for (which, life) in &self.lives {
            self.audit_places(which, life);
            self.audit_stage(which, life);
            lapses += usize::from(life.lapse().is_some());
            if let (true, Some(Who::Nameless(conn))) = (life.is_under_way(), &life.holder) {
                nameless.entry(*conn).or_default().insert(which.clone());
            }
        }
        assert_eq!(self.claims.lapses().len(), lapses, "only what is claimed lapses");
        assert_eq!(*self.claims.nameless(), nameless, "what nameless drivers hold");
        let to_be_received: usize = self.lives.values().map(|life| life.delivered.len()).sum();
        assert_eq!(self.open, self.under_way() + to_be_received, "how many orders are open");
        self.audit_memory(limits);
    }

    /// How many orders are under way.
    pub(crate) fn under_way(&self) -> usize {
        self.lives.values().filter(|life| life.is_under_way()).count()
    }

    /// All that lasts, as a text: the same for two books that will never differ.
    pub(crate) fn portrait(&self) -> String {
        let mut lines: Vec<_> =
            self.lives.iter().map(|(which, life)| portray(which, life)).collect();
        for (key, queue) in &self.queues {
            let waiting = queue.waiting().iter().map(|(seq, waiting)| {
                let Message { message_id, order, .. } = &*waiting.message;
                format!("\n  {} {message_id} {order:?} {:?}", seq.0, queue.holder(*seq))
            });
            lines.push(format!("{key}:{}", waiting.collect::<String>()));
        }
        lines.sort_unstable();
        let lapses: Vec<_> =
            self.claims.lapses().iter().map(|((at, _), which)| (at, which)).collect();
        lines.push(format!("lapses {lapses:?}"));
        lines.push(format!("over {:?}", self.memory.over()));
        lines.push(format!("last {}", self.last.0));
        lines.join("\n")
    }

    fn audit_queues(&self) {
        let mut places = HashSet::new();
        for (key, queue) in &self.queues {
            assert!(!queue.is_empty(), "an empty queue {key} is kept");
            for (seq, Waiting { message, .. }) in queue.waiting() {
                assert!(places.insert(*seq) && *seq <= self.last, "place {seq:?} is taken twice");
                assert_eq!((&message.client_id, message.event), (&key.client_id, key.event));
                let which = OrderRef {
                    client_id: message.client_id.clone(),
                    message_id: message.message_id.clone(),
                };
                let life = self.lives.get(&which).expect("what waits has a life");
                let known = match key.event {
                    Event::Pickup => life.pickup == Some(*seq),
                    Event::InTransit => life.in_transit == Some(*seq),
                    Event::Delivered => life.delivered.contains(seq),
                };
                assert!(known, "{which} does not know of its message at {seq:?} in {key}");
            }
            for seq in queue.held() {
                assert_eq!(key.event, Event::Pickup, "only a pickup can be held");
                assert!(queue.waiting().contains_key(seq), "{seq:?} is held and does not wait");
            }
        }
    }

    fn audit_places(&self, which: &OrderRef, life: &Life) {
        let places = [
            (Event::Pickup, life.pickup.as_slice()),
            (Event::InTransit, life.in_transit.as_slice()),
            (Event::Delivered, life.delivered.as_slice()),
        ];
        for (event, seqs) in places {
            let key = QueueKey { client_id: which.client_id.clone(), event };
            for seq in seqs {
                let waiting = self.queues.get(&key).and_then(|queue| queue.waiting().get(seq));
                let message = &waiting.unwrap_or_else(|| panic!("{which} is not in {key}")).message;
                assert_eq!(message.message_id, which.message_id);
            }
        }
        assert!(life.delivered.is_sorted(), "the oldest delivery of {which} comes first");
        if let Some(seq) = life.pickup {
            let key = QueueKey { client_id: which.client_id.clone(), event: Event::Pickup };
            let sees_it_alone = self.queues.get(&key).and_then(|queue| queue.holder(seq));
            assert_eq!(sees_it_alone, life.holder.as_ref(), "who may see the pickup of {which}");
        }
    }

    fn audit_stage(&self, which: &OrderRef, life: &Life) {
        if life.is_under_way() {
            let digest = life.order.as_ref().map(Order::digest);
            assert_eq!(digest, Some(life.digest), "the order of {which}");
        } else {
            assert!(life.order.is_none(), "{which} is over and its text is kept");
            assert!(life.pickup.is_none() && life.in_transit.is_none(), "{which} still waits");
        }
        match life.stage {
            Stage::Ready => {
                assert!(life.holder.is_none(), "{which} is held and ready");
                assert!(life.pickup.is_some(), "{which} is ready and offered to nobody");
            }
            Stage::Claimed(lapse) => {
                assert_eq!(self.claims.lapses().get(&lapse), Some(which));
                assert!(life.pickup.is_none(), "{which} was received and still waits");
            }
            Stage::InTransit => assert!(life.transit_told),
            Stage::Delivered(at) => {
                assert!(self.memory.over().contains(&(at, which.clone())), "{which} is for ever");
            }
            Stage::Forgotten => {
                assert!(!life.delivered.is_empty(), "{which} is forgotten and still there");
            }
        }
    }

    fn audit_memory(&self, limits: &Limits) {
        let over = self.memory.over();
        assert!(over.iter().is_sorted_by_key(|(at, _)| at), "the oldest is forgotten first");
        // What was remembered by the last input itself is counted at the next.
        assert!(over.len() <= limits.max_remembered + 1, "{} are remembered", over.len());
    }
}

fn portray(which: &OrderRef, life: &Life) -> String {
    let Life { stage, digest, holder, transit_told, order, pickup, in_transit, delivered } = life;
    // Claims that lapse together do so in the order in which they were made; their count is arbitrary.
    let stage = match stage {
        Stage::Claimed((at, _)) => format!("Claimed({at})"),
        other => format!("{other:?}"),
    };
    format!(
        "{which} {stage} {digest:?} {holder:?} told {transit_told} {order:?} {pickup:?} {in_transit:?} {delivered:?}"
    )
}
