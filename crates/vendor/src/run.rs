//! The three things that a shop does at the same time: place orders, hear of them, and announce again what the
//! hub may have forgotten.

use std::cell::RefCell;
use std::future::pending;
use std::io::Write;

use caps_client::cli::{Failure, Progress};
use caps_client::{Client, Delivery, Incoming, State};
use caps_proto::{Event, Message};
use futures_util::stream::{FuturesUnordered, StreamExt as _};

use crate::args::Args;
use crate::handlers;
use crate::place::{Counter, Orders};
use crate::say::Say;
use crate::shop::{Shop, Tally};

/// How many messages are heard at most of which the hub does not know that they were.
const MOST_HEARD: usize = 1024;

/// Runs a shop until its orders are over; where they have no end they never are.
pub(crate) async fn run(
    args: &Args,
    client: &Client,
    incoming: Incoming,
    orders: Orders,
    shop: &RefCell<Shop>,
    say: &Say<impl Write>,
    progress: &Progress,
) -> Result<(), Failure> {
    let counter = Counter { store: &args.store, client, shop, say };
    tokio::select! {
        // So the shop asks for what it has missed before it places anything.
        biased;
        failed = attend(args, client) => failed,
        over = listen(args, client, incoming, shop, say) => over,
        failed = announce_again(client, shop) => failed,
        failed = counter.place(orders, args.pause()) => failed,
        failed = show(progress, shop) => failed,
    }
}

/// Shows how many orders are over.
async fn show(progress: &Progress, shop: &RefCell<Shop>) -> Result<(), Failure> {
    let mut tally = shop.borrow().tally();
    while tally.changed().await.is_ok() {
        progress.set(tally.borrow_and_update().over());
    }
    pending().await
}

/// Asks to hear of the store's orders, first of what happened while the shop was away.
async fn attend(args: &Args, client: &Client) -> Result<(), Failure> {
    client.join(&args.store).await?;
    client.get_all(Some(&args.store), None).await?;
    tracing::info!(client = %args.store, "the shop is open");
    pending().await
}

/// Hears of orders, until all are over. What it has said of one counts only when the hub knows that it was heard.
async fn listen(
    args: &Args,
    client: &Client,
    mut incoming: Incoming,
    shop: &RefCell<Shop>,
    say: &Say<impl Write>,
) -> Result<(), Failure> {
    let mut tally = shop.borrow().tally();
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
                handlers::say(&delivery, shop, say)?;
                let Message { event, client_id, message_id, .. } = &*delivery;
                let is_thanks = *event == Event::Delivered;
                let answer = client.received(*event, client_id, message_id).taken().await?;
                let acknowledged = async move {
                    let acknowledged = handlers::acknowledged(&delivery, answer, shop).await;
                    acknowledged.map(|()| delivery)
                };
                // So nobody else is thanked before it is sure that the next run does not thank this one again. Where
                // there is an outbox file, it is sure by now.
                if is_thanks && args.outbox.is_none() {
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
async fn announce_again(client: &Client, shop: &RefCell<Shop>) -> Result<(), Failure> {
    let mut states = client.state();
    let mut known = None;
    loop {
        let state = states.borrow_and_update().clone();
        if let State::Connected { session } = state
            && known.replace(session).is_some_and(|known| known != session)
        {
            let orders = shop.borrow().undelivered();
            for (id, order) in orders {
                if shop.borrow().is_under_way(&id) {
                    client.pickup(&order).await?;
                }
            }
        }
        if states.changed().await.is_err() {
            return pending().await;
        }
    }
}
