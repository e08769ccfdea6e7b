//! One queue: the messages of one event of one vendor, first in, first out.

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroU64;

use caps_proto::{ClientId, Event};

use crate::fact::Seq;
use crate::input::ConnId;
use crate::lives::LifeId;

/// Fewer slots than these are never swept.
const FEW: usize = 64;

/// Which queue.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueKey {
    /// Whose.
    pub client_id: ClientId,
    /// Of which event.
    pub event: Event,
}

impl fmt::Display for QueueKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}, {})", self.client_id, self.event)
    }
}

/// What waits, by its number. The order's life knows what it says.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    /// Oldest first. What leaves from the middle leaves a hole; neither the first nor the last is ever one.
    slots: VecDeque<Slot>,
    /// How many slots there were before the first.
    past: u64,
    holes: usize,
    held: usize,
    /// Parts of a hub that is brought back are not of the same moment, so what waits comes in any order.
    is_unsorted: bool,
}

/// A message that waits, or a hole.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slot {
    pub(crate) seq: Seq,
    /// The connection that sent it: the sender never gets its own broadcast, not even late.
    pub(crate) sender: Option<ConnId>,
    /// Of which order.
    pub(crate) life: LifeId,
    pub(crate) sight: Sight,
}

/// Who sees what is in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sight {
    /// All who read the queue.
    All,
    /// The order's holder alone: a pickup that a driver holds and has not received.
    Holder,
    /// Nobody: it is a hole.
    Nobody,
}

/// Where a message lies in its queue, so that it need not be looked for. Changes when the queue is swept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spot(NonZeroU64);

/// What is not in a queue yet.
impl Default for Spot {
    fn default() -> Self {
        Self(NonZeroU64::MAX)
    }
}

impl Queue {
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.holes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The oldest message.
    pub(crate) fn front(&self) -> Option<&Slot> {
        self.slots.front()
    }

    /// Its place.
    pub(crate) fn first(&self) -> Option<Seq> {
        self.front().map(|slot| slot.seq)
    }

    pub(crate) fn push(&mut self, slot: Slot) -> Spot {
        self.is_unsorted |= self.slots.back().is_some_and(|last| last.seq > slot.seq);
        self.held += usize::from(slot.sight == Sight::Holder);
        self.slots.push_back(slot);
        self.spot(self.slots.len() - 1)
    }

    pub(crate) fn remove(&mut self, spot: Spot) {
        let Some(slot) = self.slot(spot) else { return };
        let was = std::mem::replace(&mut slot.sight, Sight::Nobody);
        self.holes += usize::from(was != Sight::Nobody);
        self.held -= usize::from(was == Sight::Holder);
        while self.slots.pop_front_if(|slot| slot.sight == Sight::Nobody).is_some() {
            self.past += 1;
            self.holes -= 1;
        }
        while self.slots.pop_back_if(|slot| slot.sight == Sight::Nobody).is_some() {
            self.holes -= 1;
        }
    }

    /// Lets the order's holder alone see the message there, or again all.
    pub(crate) fn show(&mut self, spot: Spot, to: Sight) {
        let Some(slot) = self.slot(spot) else { return };
        let was = std::mem::replace(&mut slot.sight, to);
        self.held -= usize::from(was == Sight::Holder);
        self.held += usize::from(to == Sight::Holder);
    }

    /// Whether it is time to sweep it.
    pub(crate) fn is_hollow(&self) -> bool {
        self.slots.len() > FEW && self.holes > self.slots.len() / 2
    }

    /// Closes the holes, and puts what came in any order into its own. Says of each message that has moved where it
    /// lies from now on.
    pub(crate) fn sweep(&mut self, mut moved: impl FnMut(&Slot, Spot)) {
        self.slots.retain(|slot| slot.sight != Sight::Nobody);
        self.slots.shrink_to(2 * self.slots.len());
        self.holes = 0;
        if std::mem::take(&mut self.is_unsorted) {
            self.slots.make_contiguous().sort_unstable_by_key(|slot| slot.seq);
        }
        for (index, slot) in self.slots.iter().enumerate() {
            moved(slot, self.spot(index));
        }
    }

    pub(crate) fn is_unsorted(&self) -> bool {
        self.is_unsorted
    }

    /// What waits from `from` on, oldest first.
    pub(crate) fn from(&self, from: Seq) -> impl Iterator<Item = &Slot> {
        let slots = self.slots.range(self.index_of(from)..);
        slots.filter(|slot| slot.sight != Sight::Nobody)
    }

    /// How many messages wait from `from` on and before `until`, and how many of those their holder alone may see.
    /// Costs as much as lies before `from`, which a reader has just been through, and what has come since `until`;
    /// never as much as waits.
    pub(crate) fn count(&self, from: Seq, until: Seq) -> (usize, usize) {
        let (begin, end) = (self.index_of(from), self.index_of(until));
        if begin >= end {
            return (0, 0);
        }
        let outside = self.slots.range(..begin).chain(self.slots.range(end..));
        outside.fold((self.len(), self.held), |(waiting, held), slot| {
            let is_there = usize::from(slot.sight != Sight::Nobody);
            (waiting - is_there, held - usize::from(slot.sight == Sight::Holder))
        })
    }

    /// The index of the first slot from `from` on.
    fn index_of(&self, from: Seq) -> usize {
        match self.slots.front() {
            Some(first) if first.seq < from => self.slots.partition_point(|slot| slot.seq < from),
            _ => 0,
        }
    }

    fn spot(&self, index: usize) -> Spot {
        Spot(NonZeroU64::MIN.saturating_add(self.past + index as u64))
    }

    fn slot(&mut self, Spot(number): Spot) -> Option<&mut Slot> {
        let index = (number.get() - 1).checked_sub(self.past)?;
        self.slots.get_mut(usize::try_from(index).ok()?)
    }

    pub(crate) fn at(&self, Spot(number): Spot) -> Option<&Slot> {
        let index = (number.get() - 1).checked_sub(self.past)?;
        self.slots.get(usize::try_from(index).ok()?)
    }

    #[cfg(test)]
    pub(crate) fn audit(&self) {
        let count = |sight| self.slots.iter().filter(|slot| slot.sight == sight).count();
        assert_eq!(self.holes, count(Sight::Nobody), "its holes");
        assert_eq!(self.held, count(Sight::Holder), "what is held");
        let ends = [self.slots.front(), self.slots.back()];
        let are_there = ends.iter().flatten().all(|slot| slot.sight != Sight::Nobody);
        assert!(are_there, "a hole at an end");
        assert!(self.slots.iter().map(|slot| slot.seq).is_sorted(), "first in, first out");
        assert!(!self.is_unsorted && !self.is_hollow(), "it is to be swept");
    }
}
