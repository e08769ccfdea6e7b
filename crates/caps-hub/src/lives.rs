//! Every order that the hub knows of, by its id.

use std::collections::hash_map::Entry;

use caps_proto::OrderRef;
use foldhash::HashMap;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::life::Life;

/// How many parts the orders are held in, so that a snapshot can be taken of one at a time and none takes long.
pub const PARTITIONS: usize = 256;

/// Which part an order is in: the same in every release, because snapshots are kept by it.
pub(crate) fn partition_of(which: &OrderRef) -> u8 {
    let OrderRef { client_id, message_id } = which;
    let seed = xxh3_64(client_id.as_str().as_bytes());
    let [partition, ..] = xxh3_64_with_seed(message_id.as_str().as_bytes(), seed).to_le_bytes();
    partition
}

#[derive(Debug)]
pub(crate) struct Lives(Vec<Partition>);

/// Boxed, because half of a map's room is empty at times.
pub(crate) type Partition = HashMap<OrderRef, Box<Life>>;

impl Default for Lives {
    fn default() -> Self {
        Self((0..PARTITIONS).map(|_| HashMap::default()).collect())
    }
}

impl Lives {
    fn home(&mut self, which: &OrderRef) -> &mut Partition {
        &mut self.0[usize::from(partition_of(which))]
    }

    pub(crate) fn get(&self, which: &OrderRef) -> Option<&Life> {
        self.partition(partition_of(which)).get(which).map(Box::as_ref)
    }

    pub(crate) fn get_mut(&mut self, which: &OrderRef) -> Option<&mut Life> {
        self.home(which).get_mut(which).map(Box::as_mut)
    }

    pub(crate) fn entry(&mut self, which: OrderRef) -> Entry<'_, OrderRef, Box<Life>> {
        self.home(&which).entry(which)
    }

    pub(crate) fn remove(&mut self, which: &OrderRef) {
        self.home(which).remove(which);
    }

    pub(crate) fn partition(&self, partition: u8) -> &Partition {
        &self.0[usize::from(partition)]
    }

    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(HashMap::len).sum()
    }

    #[cfg(test)]
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&OrderRef, &Life)> {
        self.0.iter().flatten().map(|(which, life)| (which, life.as_ref()))
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
