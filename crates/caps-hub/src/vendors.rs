//! The vendors that the hub knows orders of: the queues of each, and how far its orders have come.

use caps_proto::{ClientId, Event};
use foldhash::HashMap;

use crate::life::Stage;
use crate::lives::seed_of;
use crate::queue::Queue;
use crate::shelf::Shelf;
use crate::tally::Tally;

/// A vendor, by its number. Another may get the number when none of its orders is known any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct VendorId(u32);

#[derive(Debug)]
pub(crate) struct Vendor {
    pub(crate) client_id: ClientId,
    /// Of the partitions of its orders.
    pub(crate) seed: u64,
    pub(crate) queues: [Queue; Event::ALL.len()],
    pub(crate) tally: Tally,
    /// How many of its orders are known.
    known: usize,
}

impl Vendor {
    pub(crate) fn queue(&self, event: Event) -> &Queue {
        &self.queues[event as usize]
    }
}

#[derive(Debug, Default)]
pub(crate) struct Vendors {
    ids: HashMap<ClientId, VendorId>,
    vendors: Shelf<Vendor>,
    /// Of all of them.
    tally: Tally,
}

impl Vendors {
    pub(crate) fn find(&self, client_id: &ClientId) -> Option<VendorId> {
        self.ids.get(client_id).copied()
    }

    pub(crate) fn get(&self, id: VendorId) -> Option<&Vendor> {
        self.vendors.get(id.0)
    }

    pub(crate) fn get_mut(&mut self, id: VendorId) -> Option<&mut Vendor> {
        self.vendors.get_mut(id.0)
    }

    /// Counts in one of its orders.
    pub(crate) fn enter(&mut self, client_id: &ClientId) -> VendorId {
        let id = self.find(client_id).unwrap_or_else(|| {
            let id = VendorId(self.vendors.insert(Vendor {
                client_id: client_id.clone(),
                seed: seed_of(client_id),
                queues: Default::default(),
                tally: Tally::default(),
                known: 0,
            }));
            self.ids.insert(client_id.clone(), id);
            id
        });
        if let Some(vendor) = self.get_mut(id) {
            vendor.known += 1;
        }
        id
    }

    /// Counts it out again.
    pub(crate) fn leave(&mut self, id: VendorId) {
        let Some(vendor) = self.get_mut(id) else { return };
        vendor.known -= 1;
        if vendor.known == 0
            && let Some(vendor) = self.vendors.remove(id.0)
        {
            self.ids.remove(&vendor.client_id);
        }
    }

    /// Notes that an order has come from one stage to another; from none when it is new.
    pub(crate) fn moved(&mut self, id: VendorId, from: Option<Stage>, to: Stage) {
        self.tally.moved(from, to);
        if let Some(vendor) = self.get_mut(id) {
            vendor.tally.moved(from, to);
        }
    }

    /// How far the orders of one vendor, or of all, have come.
    pub(crate) fn tally(&self, client_id: Option<&ClientId>) -> Tally {
        let Some(client_id) = client_id else { return self.tally };
        let vendor = self.find(client_id).and_then(|id| self.get(id));
        vendor.map_or_else(Tally::default, |vendor| vendor.tally)
    }

    pub(crate) fn ids(&self) -> Vec<VendorId> {
        self.ids.values().copied().collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Vendor> {
        self.vendors.iter().map(|(_, vendor)| vendor)
    }

    /// Compares what is counted of each vendor with what there is: its tally, and how many orders are known.
    #[cfg(test)]
    pub(crate) fn audit(&self, counted: &HashMap<VendorId, (Tally, usize)>) {
        let mut total = (0, 0, 0);
        for (number, Vendor { client_id, tally, known, .. }) in self.vendors.iter() {
            let id = VendorId(number);
            assert_eq!(self.find(client_id), Some(id), "{client_id} is not found");
            assert_eq!(counted.get(&id), Some(&(*tally, *known)), "the orders of {client_id}");
            total.0 += tally.ready;
            total.1 += tally.claimed;
            total.2 += tally.in_transit;
        }
        assert_eq!((self.ids.len(), self.vendors.len()), (counted.len(), counted.len()));
        let Tally { ready, claimed, in_transit } = self.tally;
        assert_eq!((ready, claimed, in_transit), total, "how many orders have come how far");
    }
}
