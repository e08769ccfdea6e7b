//! How many orders have come how far, without counting them each time.

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

    /// Notes that an order has come from one stage to another; from none when it is new.
    pub(crate) fn moved(&mut self, from: Option<Stage>, to: Stage) {
        if let Some(count) = from.and_then(|from| self.of(from)) {
            *count -= 1;
        }
        if let Some(count) = self.of(to) {
            *count += 1;
        }
    }
}
