//! The three things that a shop does at the same time: place orders, hear of them, and announce again what the
//! hub may have forgotten.

use std::cell::RefCell;
use std::future::pending;
use std::io::Write;

use caps_client::cli::{Failure, Lines};
use caps_client::{Client, Incoming, State};
use caps_proto::Event;
use tokio::time::{MissedTickBehavior, interval};

use crate::args::Args;
use crate::handlers;
use crate::shop::Shop;

/// Runs a shop until its orders are over; without `--count` they never are.
pub(crate) async fn run(
    args: &Args,
    client: &Client,
    incoming: Incoming,
    shop: &RefCell<Shop>,
    lines: &Lines<impl Write>,
) -> Result<(), Failure> {
    client.join(&args.store).await?;
    tracing::info!(client = %args.store, "the shop is open");
    tokio::select! {
        over = listen(client, incoming, shop, lines) => over,
        failed = announce_again(client, shop) => failed,
        failed = place(args, client, shop) => failed,
    }
}

/// Hears of orders, until all are over.
async fn listen(
    client: &Client,
    mut incoming: Incoming,
    shop: &RefCell<Shop>,
    lines: &Lines<impl Write>,
) -> Result<(), Failure> {
    while !shop.borrow().is_done() {
        let delivery = incoming.recv().await?;
        match delivery.event {
            Event::InTransit => handlers::in_transit(&delivery, client, lines).await?,
            Event::Delivered => handlers::delivered(&delivery, shop, client, lines).await?,
            // A hub that knows that this is a vendor sends none.
            Event::Pickup => tracing::debug!(order = %delivery.message_id, "left out a pickup"),
        }
        delivery.settle();
    }
    Ok(())
}

/// Asks for what happened while the shop was away, then places orders. While the hub is away, the shop places
/// one and waits.
async fn place(args: &Args, client: &Client, shop: &RefCell<Shop>) -> Result<(), Failure> {
    client.get_all(Some(&args.store), None).await?;
    if args.no_orders {
        return pending().await;
    }
    let mut ticks = interval(args.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(order) = shop.borrow_mut().place() else { return pending().await };
        let done = client.pickup(&order).await?;
        if let Some(order) = done.message_id {
            tracing::info!(client = %args.store, %order, "placed an order");
        }
    }
}

/// Announces the orders under way on each new connection: a hub that keeps them in memory alone loses them when
/// it stops, and one that knows them says so and does nothing.
async fn announce_again(client: &Client, shop: &RefCell<Shop>) -> Result<(), Failure> {
    let mut states = client.state();
    let mut known = None;
    loop {
        let state = states.borrow_and_update().clone();
        if let State::Connected { session } = state
            && known.replace(session).is_some_and(|known| known != session)
        {
            let orders = shop.borrow().undelivered();
            for order in orders {
                client.pickup(&order).await?;
            }
        }
        if states.changed().await.is_err() {
            return pending().await;
        }
    }
}
