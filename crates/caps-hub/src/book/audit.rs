//! What is true of the book between any two inputs. Panics where it is not.

use caps_proto::Proof;
use foldhash::HashSet;

use super::*;

impl Book {
    /// `limits` are those that the book was folded with, and last forgot with.
    pub(crate) fn audit(&self, limits: &Limits) {
        self.audit_queues();
        let mut lapses = 0;
        let mut held: HashMap<Who, HashSet<OrderRef>> = HashMap::default();
        let mut tallies = Tallies::default();
        for (which, life) in self.lives.iter() {
            self.audit_places(which, life);
            self.audit_stage(which, life);
            lapses += usize::from(life.lapse().is_some());
            if let (true, Some(holder)) = (life.is_under_way(), &life.holder) {
                held.entry(holder.clone()).or_default().insert(which.clone());
            }
            tallies.moved(&which.client_id, None, life.stage);
        }
        assert_eq!(self.claims.lapses().len(), lapses, "only what is claimed lapses");
        assert_eq!(*self.claims.held(), held, "what drivers hold");
        assert_eq!(self.tallies, tallies, "how many orders have come how far");
        let open: usize = self.lives.iter().map(|(_, life)| life.open()).sum();
        assert_eq!(self.open, open, "how many orders are open");
        self.audit_memory(limits);
    }

    /// How many orders are under way.
    pub(crate) fn under_way(&self) -> usize {
        self.lives.iter().filter(|(_, life)| life.is_under_way()).count()
    }

    /// Forgets what `other` has forgotten. That something was forgotten early, because there was too much to
    /// remember, is no fact, so one that is read back may remember more.
    pub(crate) fn forget_like(&mut self, other: &Self) {
        for (seq, (at, which)) in self.memory.over().clone() {
            if !other.memory.over().contains_key(&seq) {
                self.memory.replace(Place { seq, at });
                self.forget_one(&which);
            }
        }
    }

    /// All that lasts, as a text: the same for two books that will never differ.
    pub(crate) fn portrait(&self) -> String {
        let mut lines: Vec<_> =
            self.lives.iter().map(|(which, life)| format!("{which} {life:?}")).collect();
        for (key, queue) in &self.queues {
            let waiting = queue.waiting().iter().map(|(seq, waiting)| {
                let Message { message_id, order, proof, .. } = &*waiting.message;
                format!("\n  {} {message_id} {order:?} {proof:?} {:?}", seq.0, queue.holder(*seq))
            });
            lines.push(format!("{key}:{}", waiting.collect::<String>()));
        }
        lines.sort_unstable();
        lines.push(format!("lapses {:?}", self.claims.lapses()));
        lines.push(format!("over {:?}", self.memory.over()));
        lines.push(format!("last {}", self.last.0));
        lines.join("\n")
    }

    fn audit_queues(&self) {
        let waiting: usize = self.queues.values().map(Queue::len).sum();
        let placed: usize = self.lives.iter().map(|(_, life)| life.waiting().count()).sum();
        assert_eq!(waiting, placed, "what waits has a life that knows of it");
        let mut backlogs = Backlogs::default();
        for (key, queue) in &self.queues {
            let mut front = None;
            for (seq, waiting) in queue.waiting() {
                let was = front;
                front = front.or(Some((*seq, waiting.at)));
                backlogs.added(key.event, was, front);
            }
            assert!(!queue.is_empty(), "an empty queue {key} is kept");
            for seq in queue.held() {
                assert_eq!(key.event, Event::Pickup, "only a pickup can be held");
                assert!(queue.waiting().contains_key(seq), "{seq:?} is held and does not wait");
            }
        }
        assert_eq!(self.backlogs, backlogs, "how much waits, and since when");
    }

    fn audit_places(&self, which: &OrderRef, life: &Life) {
        assert!(life.latest <= self.last, "{which} knows of facts to come");
        for (event, Notice { place: Place { seq, at }, order, proof }) in life.waiting() {
            let key = QueueKey { client_id: which.client_id.clone(), event };
            let waiting = self.queues.get(&key).and_then(|queue| queue.waiting().get(&seq));
            let waiting = waiting.unwrap_or_else(|| panic!("{which} is not in {key}"));
            let Message { message_id, client_id, event: told, order: sent, proof: shown } =
                &*waiting.message;
            assert_eq!((message_id, client_id), (&which.message_id, &which.client_id));
            assert_eq!((*told, sent.text(), waiting.at), (event, order.text(), at));
            assert_eq!(shown.as_ref().map(Proof::text), proof.as_ref().map(Proof::text));
            assert!(seq <= life.latest);
        }
        let deliveries = life.delivered.iter().map(|notice| notice.place.seq);
        assert!(deliveries.is_sorted(), "the oldest delivery of {which} comes first");
        if let Some(Place { seq, .. }) = life.pickup {
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
            Stage::Delivered(Place { seq, at }) => {
                let over = self.memory.over().get(&seq);
                assert_eq!(over, Some(&(at, which.clone())), "{which} is for ever");
            }
            Stage::Forgotten => {
                assert!(!life.delivered.is_empty(), "{which} is forgotten and still there");
            }
        }
    }

    fn audit_memory(&self, limits: &Limits) {
        let over = self.memory.over();
        let remembered = |life: &Life| matches!(life.stage, Stage::Delivered(_));
        let lives = self.lives.iter().filter(|(_, life)| remembered(life)).count();
        assert_eq!(over.len(), lives, "what is remembered");
        // What was remembered by the last input itself is counted at the next.
        assert!(over.len() <= limits.max_remembered + 1, "{} are remembered", over.len());
    }
}
