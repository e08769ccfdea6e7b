//! Hears of pickups, and works on many of them at once.

use std::future::pending;
use std::io::Write;
use std::sync::Arc;

use caps_client::cli::{Failure, Progress, Recent};
use caps_client::{Client, Delivery, Incoming, Resent};
use caps_proto::{ClientId, Event, OrderRef, Verb};
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};

use crate::args::Args;
use crate::handler::{self, Outcome, Pace};
use crate::say::Say;

/// How many orders a driver works on at once. What comes beyond waits, most of it with the hub.
const MOST_UNDER_WAY: usize = 1_024;

/// How many deliveries are remembered, in case their pickups come again.
const REMEMBERED: usize = 100_000;

/// A driver at work.
pub(crate) struct Shift<W> {
    client: Client,
    say: Arc<Say<W>>,
    progress: Progress,
    pace: Pace,
    /// The stores to drive for; all if there are none.
    vendors: Vec<ClientId>,
    /// How many orders to deliver; none means no end.
    count: Option<u64>,
    delivered: u64,
    under_way: JoinSet<(Delivery, Result<Outcome, Failure>)>,
    remembered: Recent<OrderRef>,
}

impl<W: Write + Send + 'static> Shift<W> {
    pub(crate) fn new(args: &Args, client: Client, say: Say<W>, progress: Progress) -> Self {
        let pace = Pace { pickup_delay: args.pickup_delay, delivery_delay: args.delivery_delay };
        Self {
            client,
            say: Arc::new(say),
            progress,
            pace,
            vendors: args.vendors.clone(),
            count: args.count,
            delivered: 0,
            under_way: JoinSet::new(),
            remembered: Recent::new(REMEMBERED),
        }
    }

    /// Drives until enough orders are delivered; without `--count` that is never.
    pub(crate) async fn run(
        &mut self,
        incoming: Incoming,
        resent: mpsc::UnboundedReceiver<Resent>,
    ) -> Result<(), Failure> {
        let (client, vendors) = (self.client.clone(), self.vendors.clone());
        tokio::select! {
            over = self.drive(incoming, resent) => over,
            failed = listen(client, vendors) => failed,
        }
    }

    async fn drive(
        &mut self,
        mut incoming: Incoming,
        mut resent: mpsc::UnboundedReceiver<Resent>,
    ) -> Result<(), Failure> {
        while self.count.is_none_or(|count| self.delivered < count) {
            tokio::select! {
                delivery = incoming.recv(), if self.has_hands_free() => self.take(delivery?),
                Some(ended) = self.under_way.join_next() => self.ended(ended)?,
                Some(resent) = resent.recv() => self.heard_of(resent)?,
            }
        }
        Ok(())
    }

    /// The hub has answered what an earlier run of this driver had left: it could not say yet what it delivered.
    fn heard_of(&mut self, resent: Resent) -> Result<(), Failure> {
        if resent.verb == Verb::Delivered && resent.result.is_ok() {
            self.say.told(Event::Delivered, &resent.order, None)?;
            self.remembered.insert(&resent.order);
        }
        Ok(())
    }

    /// Drops the orders under way, and says how many there were. What was said of them to the client goes out.
    pub(crate) fn end(mut self) -> usize {
        let under_way = self.under_way.len();
        self.under_way.abort_all();
        under_way
    }

    /// Whether another order may be begun. With `--count` a driver begins no more than it is to deliver.
    fn has_hands_free(&self) -> bool {
        let left = self.count.map_or(u64::MAX, |count| count - self.delivered);
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(MOST_UNDER_WAY);
        self.under_way.len() < most
    }

    fn take(&mut self, pickup: Delivery) {
        let serves = self.vendors.is_empty() || self.vendors.contains(&pickup.client_id);
        if pickup.event != Event::Pickup || !serves {
            // From the moments before the hub knew what this driver wants.
            tracing::debug!(client = %pickup.client_id, event = %pickup.event, "none of this driver's");
            return;
        }
        let again = self.remembered.contains(&order_of(&pickup));
        let (client, say, pace) = (self.client.clone(), Arc::clone(&self.say), self.pace);
        self.under_way.spawn(async move {
            let outcome = if again {
                handler::report_again(&pickup, &client).await
            } else {
                handler::deliver(&pickup, pace, &client, &say).await
            };
            (pickup, outcome)
        });
    }

    fn ended(
        &mut self,
        ended: Result<(Delivery, Result<Outcome, Failure>), JoinError>,
    ) -> Result<(), Failure> {
        // A panic in a handler is a bug, and is not survived.
        let (pickup, outcome) =
            ended.unwrap_or_else(|why| std::panic::resume_unwind(why.into_panic()));
        match outcome? {
            Outcome::Delivered => {
                self.delivered += 1;
                self.progress.set(self.delivered);
                self.remembered.insert(&order_of(&pickup));
                pickup.settle();
            }
            Outcome::ReportedAgain => pickup.settle(),
            // Should the hub offer the order again, the driver wants to know.
            Outcome::LeftAlone => drop(pickup),
        }
        Ok(())
    }
}

/// Asks for pickups, first for those that wait already.
async fn listen(client: Client, vendors: Vec<ClientId>) -> Result<(), Failure> {
    for vendor in &vendors {
        client.subscribe(vendor, Event::Pickup).await?;
    }
    tracing::debug!("the driver listens");
    client.get_all(None, None).await?;
    pending().await
}

fn order_of(pickup: &Delivery) -> OrderRef {
    OrderRef { client_id: pickup.client_id.clone(), message_id: pickup.message_id.clone() }
}
