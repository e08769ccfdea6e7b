//! What a shop does at the same time: hear of orders, and announce again what the hub may have forgotten. Placing them
//! is in `place`.

use std::cell::RefCell;
use std::future::pending;
use std::io::Write;
use std::time::Duration;

use caps_client::cli::{Failure, Progress};
use caps_client::{Client, Delivery, Incoming, Resent, State};
use caps_proto::{ClientId, Event, Message, Verb};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::mpsc;

use crate::handlers;
use crate::place::Orders;
use crate::say::Say;
use crate::shop::{Shop, Tally};

/// How many messages are heard at most of which the hub does not know that they were.
const MOST_HEARD: usize = 1024;

/// A shop that is open: what all that it does at the same time needs.
pub(crate) struct Open<'a, W> {
    pub(crate) store: &'a ClientId,
    pub(crate) client: &'a Client,
    pub(crate) shop: &'a RefCell<Shop>,
    pub(crate) say: &'a Say<W>,
    /// Whether there is an outbox file.
    pub(crate) has_outbox: bool,
}

impl<W: Write> Open<'_, W> {
    /// Is open until its orders are over; where they have no end they never are.
    pub(crate) async fn run(
        &self,
        incoming: Incoming,
        resent: mpsc::UnboundedReceiver<Resent>,
        orders: Orders,
        pause: Duration,
        progress: &Progress,
    ) -> Result<(), Failure> {
        tokio::select! {
            // So the shop asks for what it has missed before it places anything.
            biased;
            failed = self.attend() => failed,
            over = self.listen(incoming) => over,
            failed = self.announce_again() => failed,
            failed = self.place(orders, pause) => failed,
            failed = self.hear_of_earlier(resent) => failed,
            failed = self.show(progress) => failed,
        }
    }

    /// Asks to hear of the store's orders, first of what happened while the shop was away.
    async fn attend(&self) -> Result<(), Failure> {
        self.client.join(self.store).await?;
        self.client.get_all(Some(self.store), None).await?;
        tracing::info!(client = %self.store, "the shop is open");
        pending().await
    }

    /// Hears of orders, until all are over. What it has said of one counts only when the hub knows that it was heard.
    async fn listen(&self, mut incoming: Incoming) -> Result<(), Failure> {
        let mut tally = self.shop.borrow().tally();
        let over = async { drop(tally.wait_for(Tally::is_done).await) };
        tokio::pin!(over);
        let mut heard = FuturesUnordered::new();
        loop {
            tokio::select! {
                Some(acknowledged) = heard.next() => {
                    let delivery: Delivery = acknowledged?;
                    delivery.settle();
                }
                () = &mut over => return Ok(()),
                delivery = incoming.recv(), if heard.len() < MOST_HEARD => {
                    let delivery = delivery?;
                    if delivery.event == Event::Pickup {
                        // A hub that knows that this is a vendor sends none.
                        tracing::debug!(order = %delivery.message_id, "left out a pickup");
                        continue;
                    }
                    handlers::say(&delivery, self.shop, self.say)?;
                    let Message { event, client_id, message_id, .. } = &*delivery;
                    let is_thanks = *event == Event::Delivered;
                    let answer = self.client.received(*event, client_id, message_id).taken().await?;
                    let acknowledged = async move {
                        let acknowledged = handlers::acknowledged(&delivery, answer, self.shop).await;
                        acknowledged.map(|()| delivery)
                    };
                    // So nobody else is thanked before it is sure that the next run does not thank this one again. Where
                    // there is an outbox file, it is sure by now.
                    if is_thanks && !self.has_outbox {
                        acknowledged.await?.settle();
                    } else {
                        heard.push(acknowledged);
                    }
                }
            }
        }
    }

    /// Announces the orders under way on each new connection: a hub that keeps them in memory alone loses them when
    /// it stops, and one that knows them says so and does nothing. One at a time, so that nothing waits for all.
    async fn announce_again(&self) -> Result<(), Failure> {
        let mut states = self.client.state();
        let mut known = None;
        loop {
            let state = states.borrow_and_update().clone();
            if let State::Connected { session } = state
                && known.replace(session).is_some_and(|known| known != session)
            {
                let orders = self.shop.borrow().undelivered();
                for (id, order) in orders {
                    if self.shop.borrow().is_under_way(&id) {
                        self.client.pickup(&order).await?;
                    }
                }
            }
            if states.changed().await.is_err() {
                return pending().await;
            }
        }
    }

    /// Says of the orders that an earlier run had left in the outbox file that they are placed: it could not know yet.
    async fn hear_of_earlier(
        &self,
        mut resent: mpsc::UnboundedReceiver<Resent>,
    ) -> Result<(), Failure> {
        while let Some(Resent { verb, order, result }) = resent.recv().await {
            if verb == Verb::Pickup && result.is_ok() {
                let order = &order.message_id;
                tracing::info!(client = %self.store, %order, "placed an order of an earlier run");
                self.say.placed(self.store, order, None)?;
            }
        }
        pending().await
    }

    /// Shows how many orders are over.
    async fn show(&self, progress: &Progress) -> Result<(), Failure> {
        let mut tally = self.shop.borrow().tally();
        while tally.changed().await.is_ok() {
            progress.set(tally.borrow_and_update().over());
        }
        pending().await
    }
}
