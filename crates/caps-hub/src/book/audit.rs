//! What is true of the book between any two inputs. Panics where it is not.

use std::collections::BTreeMap;

use caps_proto::{Message, Proof};
use foldhash::{HashMap, HashSet};

use super::*;
use crate::life::Waits;
use crate::queue::{Queue, QueueKey, Slot};
use crate::vendors::Vendor;

impl Book {
    /// `limits` are those that the book was folded with, and last forgot with.
    pub(crate) fn audit(&self, limits: &Limits) {
        self.audit_queues();
        let mut lapses = 0;
        let mut held: HashMap<Who, HashSet<LifeId>> = HashMap::default();
        let mut tallies: HashMap<VendorId, (Tally, usize)> = HashMap::default();
        for (id, known) in self.lives.iter() {
            let (which, life) = (self.name(known).expect("its vendor is known"), &known.life);
            assert_eq!(self.find(&which).life, Some(id), "{which} is not found");
            self.audit_places(id, &which, life);
            self.audit_stage(id, &which, life);
            lapses += usize::from(life.lapse().is_some());
            if let (true, Some(holder)) = (life.is_under_way(), &life.holder) {
                held.entry(holder.clone()).or_default().insert(id);
            }
            let (tally, known) = tallies.entry(known.vendor).or_default();
            tally.moved(None, life.stage);
            *known += 1;
        }
        let indexed = (0..=u8::MAX).map(|part| self.lives.partition(part).count()).sum::<usize>();
        assert_eq!(indexed, self.lives.len(), "each order is in one partition");
        assert_eq!(self.claims.lapses().len(), lapses, "only what is claimed lapses");
        assert_eq!(*self.claims.held(), held, "what drivers hold");
        self.vendors.audit(&tallies);
        let open: usize = self.lives.iter().map(|(_, known)| known.life.open()).sum();
        assert_eq!(self.open, open, "how many orders are open");
        self.audit_memory(limits);
        self.audit_look_ahead();
    }

    /// Looks ahead at everything that is known.
    fn audit_look_ahead(&self) {
        let known: Vec<_> = self.lives.iter().filter_map(|(_, known)| self.name(known)).collect();
        let waiting: usize = Event::ALL.iter().map(|event| self.backlogs.depth(*event)).sum();
        let orders = known.iter().map(|which| (&which.client_id, &which.message_id));
        assert_eq!(self.look_at(orders), waiting, "what is looked at ahead");
    }

    /// How many orders are under way.
    pub(crate) fn under_way(&self) -> usize {
        self.lives.iter().filter(|(_, known)| known.life.is_under_way()).count()
    }

    /// Forgets what `other` has forgotten. That something was forgotten early, because there was too much to
    /// remember, is no fact, so one that is read back may remember more.
    pub(crate) fn forget_like(&mut self, other: &Self) {
        for (seq, (at, id)) in self.memory.over().clone() {
            if !other.memory.over().contains_key(&seq) {
                self.memory.replace(Place { seq, at });
                self.forget_one(id);
            }
        }
    }

    /// All that lasts, as a text: the same for two books that will never differ.
    pub(crate) fn portrait(&self) -> String {
        let which = |id: &LifeId| self.which(*id).expect("it is known");
        let mut lines: Vec<_> = self
            .lives
            .iter()
            .map(|(id, known)| format!("{} {:?}", which(&id), known.life))
            .collect();
        for (key, queue) in self.all_queues() {
            let waiting = queue.from(Seq::default()).map(|slot| {
                let Message { message_id, order, proof, .. } =
                    &*self.message(key.event, slot).expect("a message");
                let holder = self.holder(slot);
                format!("\n  {} {message_id} {order:?} {proof:?} {holder:?}", slot.seq.0)
            });
            lines.push(format!("{key}:{}", waiting.collect::<String>()));
        }
        lines.sort_unstable();
        let lapses: BTreeMap<_, _> =
            self.claims.lapses().iter().map(|(lapse, id)| (lapse, which(id))).collect();
        lines.push(format!("lapses {lapses:?}"));
        let over = self.memory.over().iter().map(|(seq, (at, id))| (seq, (at, which(id))));
        lines.push(format!("over {:?}", over.collect::<BTreeMap<_, _>>()));
        lines.push(format!("last {}", self.last.0));
        lines.join("\n")
    }

    /// Every queue in which something waits.
    fn all_queues(&self) -> impl Iterator<Item = (QueueKey, &Queue)> {
        let queues = |vendor: &'_ Vendor| Event::ALL.map(|event| (vendor.client_id.clone(), event));
        let keys = self.vendors.iter().flat_map(queues);
        let keys = keys.map(|(client_id, event)| QueueKey { client_id, event });
        keys.filter_map(|key| self.queue(&key).map(|queue| (key, queue)))
    }

    /// Whose the sight of a message is alone.
    pub(crate) fn holder(&self, slot: &Slot) -> Option<&Who> {
        let is_held = slot.sight == Sight::Holder;
        is_held.then(|| self.lives.get(slot.life)?.life.holder.as_ref())?
    }

    fn audit_queues(&self) {
        let waiting: usize = self.all_queues().map(|(_, queue)| queue.len()).sum();
        let placed: usize = self.lives.iter().map(|(_, known)| known.life.waiting().count()).sum();
        assert_eq!(waiting, placed, "what waits has a life that knows of it");
        let mut backlogs = Backlogs::default();
        for (key, queue) in self.all_queues() {
            queue.audit();
            let vendor = self.vendors.find(&key.client_id).expect("a vendor");
            backlogs.note(key.event, vendor, queue);
            for slot in queue.from(Seq::default()) {
                let known = self.lives.get(slot.life).expect("its life");
                assert_eq!(known.vendor, vendor, "{} waits in {key}", known.message_id);
                assert!(
                    slot.sight == Sight::All || key.event == Event::Pickup,
                    "only a pickup can be held"
                );
            }
        }
        assert_eq!(self.backlogs, backlogs, "how much waits, and since when");
    }

    fn audit_places(&self, id: LifeId, which: &OrderRef, life: &Life) {
        assert!(life.latest <= self.last, "{which} knows of facts to come");
        for (event, Waits { place: Place { seq, .. }, spot }) in life.waiting() {
            let key = QueueKey { client_id: which.client_id.clone(), event };
            let queue = self.queue(&key).unwrap_or_else(|| panic!("{key} is empty"));
            let slot = queue.at(spot).unwrap_or_else(|| panic!("{which} is not in {key}"));
            assert_eq!((slot.seq, slot.life), (seq, id), "what {which} has in {key}");
            assert_ne!(slot.sight, Sight::Nobody, "{which} has a hole in {key}");
            let message = self.message(event, slot).expect("a message");
            let Message { message_id, client_id, event: told, order: sent, proof: shown } =
                &*message;
            assert_eq!((message_id, client_id), (&which.message_id, &which.client_id));
            let (order, proof) = match event {
                Event::Delivered => {
                    let mut notices = life.delivered.iter();
                    let notice = notices.find(|notice| notice.place.place.seq == seq);
                    notice.map(|notice| (&notice.order, notice.proof.as_ref())).expect("a notice")
                }
                _ => (life.order.as_ref().expect("an order"), None),
            };
            assert_eq!((*told, sent.text()), (event, order.text()));
            assert_eq!(shown.as_ref().map(Proof::text), proof.map(Proof::text));
            assert!(seq <= life.latest);
        }
        let deliveries = life.delivered.iter().map(|notice| notice.place.place.seq);
        assert!(deliveries.is_sorted(), "the oldest delivery of {which} comes first");
        if let Some(Waits { spot, .. }) = life.pickup {
            let key = QueueKey { client_id: which.client_id.clone(), event: Event::Pickup };
            let slot = self.queue(&key).and_then(|queue| queue.at(spot));
            let sees_it_alone = slot.and_then(|slot| self.holder(slot));
            assert_eq!(sees_it_alone, life.holder.as_ref(), "who may see the pickup of {which}");
        }
    }

    fn audit_stage(&self, id: LifeId, which: &OrderRef, life: &Life) {
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
                assert_eq!(self.claims.lapses().get(&lapse), Some(&id));
                assert!(life.pickup.is_none(), "{which} was received and still waits");
            }
            Stage::InTransit => assert!(life.transit_told),
            Stage::Delivered(Place { seq, at }) => {
                let over = self.memory.over().get(&seq);
                assert_eq!(over, Some(&(at, id)), "{which} is for ever");
            }
            Stage::Forgotten => {
                assert!(!life.delivered.is_empty(), "{which} is forgotten and still there");
            }
        }
    }

    fn audit_memory(&self, limits: &Limits) {
        let over = self.memory.over();
        let remembered = |life: &Life| matches!(life.stage, Stage::Delivered(_));
        let lives = self.lives.iter().filter(|(_, known)| remembered(&known.life)).count();
        assert_eq!(over.len(), lives, "what is remembered");
        // What was remembered by the last input itself is counted at the next.
        assert!(over.len() <= limits.max_remembered + 1, "{} are remembered", over.len());
    }
}
