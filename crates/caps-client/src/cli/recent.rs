//! A memory that does not grow for ever.

use std::collections::{HashSet, VecDeque};
use std::hash::Hash;

/// The latest of many things, as far back as its capacity reaches.
#[derive(Debug)]
pub struct Recent<T> {
    capacity: usize,
    known: HashSet<T>,
    /// Oldest first.
    order: VecDeque<T>,
}

impl<T: Clone + Eq + Hash> Recent<T> {
    /// Remembers at most `capacity` things.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, known: HashSet::new(), order: VecDeque::new() }
    }

    /// Whether `thing` is remembered.
    pub fn contains(&self, thing: &T) -> bool {
        self.known.contains(thing)
    }

    /// Remembers `thing`, and forgets the oldest one when there are too many. True when it is new.
    pub fn insert(&mut self, thing: T) -> bool {
        let is_new = self.known.insert(thing.clone());
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
        assert!(recent.insert(1) && recent.insert(2));
        assert!(!recent.insert(1));
        assert!(recent.insert(3));
        assert!(!recent.contains(&1) && recent.contains(&2) && recent.contains(&3));
    }
}
