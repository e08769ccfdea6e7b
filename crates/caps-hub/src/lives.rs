//! Every order that the hub knows of, by its id.

use std::hash::BuildHasher as _;

use caps_proto::{ClientId, MessageId, OrderRef};
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::life::Life;
use crate::shelf::Shelf;
use crate::vendors::VendorId;

/// How many parts the orders are held in, so that a snapshot can be taken of one at a time and none takes long.
pub const PARTITIONS: usize = 256;

/// Which part an order is in: the same in every release, because snapshots are kept by it.
pub(crate) fn partition_of(which: &OrderRef) -> u8 {
    partition(seed_of(&which.client_id), &which.message_id)
}

/// What is the same for all orders of a vendor, in the partition of each.
pub(crate) fn seed_of(client_id: &ClientId) -> u64 {
    xxh3_64(client_id.as_str().as_bytes())
}

fn partition(seed: u64, message_id: &MessageId) -> u8 {
    let [partition, ..] = xxh3_64_with_seed(message_id.as_str().as_bytes(), seed).to_le_bytes();
    partition
}

/// A life, by its number. Another order's may get the number when it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LifeId(u32);

/// An order and its life. What most events look at comes first, and fills two of a processor's cache lines: behind very
/// many orders each look elsewhere waits for memory.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Known {
    text: Text,
    pub(crate) vendor: VendorId,
    pub(crate) life: Life,
    pub(crate) message_id: MessageId,
}

impl Known {
    pub(crate) fn new(vendor: VendorId, message_id: MessageId, life: Life) -> Self {
        Self { text: Text::of(&message_id), vendor, life, message_id }
    }

    fn is(&self, vendor: VendorId, text: &Text, message_id: &MessageId) -> bool {
        let is_same = self.vendor == vendor && self.text == *text;
        is_same && (text.is_whole() || self.message_id == *message_id)
    }
}

/// The beginning of an id, with which it is compared without a look at where its text is. A UUID fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Text {
    /// Of the whole id.
    bytes: u16,
    begin: [u8; TEXT],
}

const TEXT: usize = 38;

impl Text {
    fn of(message_id: &MessageId) -> Self {
        let text = message_id.as_str().as_bytes();
        let mut begin = [0; TEXT];
        let bytes = text.len().min(TEXT);
        begin[..bytes].copy_from_slice(&text[..bytes]);
        Self { bytes: text.len() as u16, begin }
    }

    fn is_whole(&self) -> bool {
        usize::from(self.bytes) <= TEXT
    }
}

/// Lives lie side by side by their numbers, and what looks for them by their ids is small.
#[derive(Debug)]
pub(crate) struct Lives {
    lives: Shelf<Known>,
    partitions: Vec<HashTable<Entry>>,
    hasher: RandomState,
}

/// With its hash, so that a table can grow without a look at the lives.
#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: u32,
    life: LifeId,
}

impl Entry {
    fn hash(&self) -> u64 {
        widened(self.hash)
    }
}

/// A table takes the place from the low bits of a hash, and a first comparison from the high ones.
fn widened(hash: u32) -> u64 {
    u64::from(hash) << 32 | u64::from(hash)
}

/// Where an order's id is looked up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    partition: u8,
    hash: u32,
}

impl Default for Lives {
    fn default() -> Self {
        Self {
            lives: Shelf::default(),
            partitions: (0..PARTITIONS).map(|_| HashTable::new()).collect(),
            hasher: RandomState::default(),
        }
    }
}

impl Lives {
    /// `seed` is that of the vendor's id.
    pub(crate) fn key(&self, vendor: VendorId, seed: u64, message_id: &MessageId) -> Key {
        // Nobody can choose ids that collide.
        let hash = self.hasher.hash_one((vendor, message_id));
        Key { partition: partition(seed, message_id), hash: (hash >> 32) as u32 }
    }

    pub(crate) fn find(&self, key: Key, vendor: VendorId, id: &MessageId) -> Option<LifeId> {
        let Key { partition, hash } = key;
        let text = Text::of(id);
        let found = self.partitions[usize::from(partition)].find(widened(hash), |entry| {
            let known = || self.lives.get(entry.life.0);
            entry.hash == hash && known().is_some_and(|known| known.is(vendor, &text, id))
        });
        found.map(|entry| entry.life)
    }

    /// The life that is most likely found there. It is not looked at itself.
    pub(crate) fn guess(&self, Key { partition, hash }: Key) -> Option<LifeId> {
        let entries = &self.partitions[usize::from(partition)];
        entries.find(widened(hash), |entry| entry.hash == hash).map(|entry| entry.life)
    }

    pub(crate) fn get(&self, id: LifeId) -> Option<&Known> {
        self.lives.get(id.0)
    }

    pub(crate) fn get_mut(&mut self, id: LifeId) -> Option<&mut Known> {
        self.lives.get_mut(id.0)
    }

    pub(crate) fn insert(&mut self, key: Key, known: Known) -> LifeId {
        let life = LifeId(self.lives.insert(known));
        let Key { partition, hash } = key;
        let partition = &mut self.partitions[usize::from(partition)];
        partition.insert_unique(widened(hash), Entry { hash, life }, Entry::hash);
        life
    }

    pub(crate) fn remove(&mut self, key: Key, id: LifeId) -> Option<Known> {
        let Key { partition, hash } = key;
        let partition = &mut self.partitions[usize::from(partition)];
        if let Ok(entry) = partition.find_entry(widened(hash), |entry| entry.life == id) {
            entry.remove();
        }
        self.lives.remove(id.0)
    }

    pub(crate) fn partition(&self, partition: u8) -> impl Iterator<Item = &Known> {
        let entries = self.partitions[usize::from(partition)].iter();
        entries.filter_map(|entry| self.lives.get(entry.life.0))
    }

    pub(crate) fn len(&self) -> usize {
        self.lives.len()
    }

    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (LifeId, &Known)> {
        self.lives.iter().map(|(number, known)| (LifeId(number), known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A journal of an earlier release is read back by these.
    #[test]
    fn an_orders_partition_is_the_same_in_every_release() {
        for (client, message, partition) in
            [("acme", "7", 132), ("acme", "8", 248), ("1-800-flowers", "7", 12)]
        {
            let (client_id, message_id) = (client.parse().unwrap(), message.parse().unwrap());
            assert_eq!(
                partition_of(&OrderRef { client_id, message_id }),
                partition,
                "{client}/{message}"
            );
        }
    }
}
