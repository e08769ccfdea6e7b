//! A memory that does not grow for ever.

use std::collections::{HashSet, VecDeque};
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::marker::PhantomData;

/// The latest of many things, as far back as its capacity reaches.
///
/// Of each it keeps a fingerprint of 128 bits, under 50 bytes in all, however large the thing is. That two things have
/// the same is less likely than that the memory of the computer fails.
#[derive(Debug)]
pub struct Recent<T> {
    capacity: usize,
    halves: [RandomState; 2],
    known: HashSet<u128>,
    /// Oldest first.
    order: VecDeque<u128>,
    of: PhantomData<fn(&T)>,
}

impl<T: Hash> Recent<T> {
    /// Remembers at most `capacity` things.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            halves: Default::default(),
            known: HashSet::new(),
            order: VecDeque::new(),
            of: PhantomData,
        }
    }

    fn fingerprint(&self, thing: &T) -> u128 {
        let [high, low] = &self.halves;
        u128::from(high.hash_one(thing)) << 64 | u128::from(low.hash_one(thing))
    }

    /// Whether `thing` is remembered.
    pub fn contains(&self, thing: &T) -> bool {
        self.known.contains(&self.fingerprint(thing))
    }

    /// Remembers `thing`, and forgets the oldest one when there are too many. True when it is new.
    pub fn insert(&mut self, thing: &T) -> bool {
        let thing = self.fingerprint(thing);
        let is_new = self.known.insert(thing);
        if is_new {
            self.order.push_back(thing);
            if self.order.len() > self.capacity
                && let Some(oldest) = self.order.pop_front()
            {
                self.known.remove(&oldest);
            }
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_remembered_and_the_oldest_forgotten() {
        let mut recent = Recent::new(2);
        assert!(recent.insert(&1) && recent.insert(&2));
        assert!(!recent.insert(&1));
        assert!(recent.insert(&3));
        assert!(!recent.contains(&1) && recent.contains(&2) && recent.contains(&3));
    }
}
