//! How many orders have come how far, without counting them each time.

use caps_proto::ClientId;
use foldhash::HashMap;
use serde::Serialize;

use crate::life::Stage;

/// How many orders are under way, by how far they have come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Tally {
    /// Nobody has them.
    pub ready: usize,
    /// A driver has them, and is not yet on the road; or the driver that had them on the road is gone.
    pub claimed: usize,
    /// They are on the road.
    pub in_transit: usize,
}

impl Tally {
    fn of(&mut self, stage: Stage) -> Option<&mut usize> {
        match stage {
            Stage::Ready => Some(&mut self.ready),
            Stage::Claimed(_) => Some(&mut self.claimed),
            Stage::InTransit => Some(&mut self.in_transit),
            Stage::Delivered(_) | Stage::Forgotten => None,
        }
    }

    fn add(&mut self, other: &Self) {
        self.ready += other.ready;
        self.claimed += other.claimed;
        self.in_transit += other.in_transit;
    }
}

/// Of each vendor that has orders under way.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tallies(HashMap<ClientId, Tally>);

impl Tallies {
    /// Notes that an order has come from one stage to another; from none when it is new.
    pub(crate) fn moved(&mut self, client_id: &ClientId, from: Option<Stage>, to: Stage) {
        let tally = match self.0.get_mut(client_id) {
            Some(tally) => tally,
            None => self.0.entry(client_id.clone()).or_default(),
        };
        if let Some(count) = from.and_then(|from| tally.of(from)) {
            *count -= 1;
        }
        if let Some(count) = tally.of(to) {
            *count += 1;
        }
        if *tally == Tally::default() {
            self.0.remove(client_id);
        }
    }

    /// Of one vendor, or of all.
    pub(crate) fn of(&self, client_id: Option<&ClientId>) -> Tally {
        if let Some(client_id) = client_id {
            return self.0.get(client_id).copied().unwrap_or_default();
        }
        let mut total = Tally::default();
        self.0.values().for_each(|tally| total.add(tally));
        total
    }

    /// Every vendor that has orders under way.
    pub(crate) fn clients(&self) -> impl Iterator<Item = &ClientId> {
        self.0.keys()
    }
}
