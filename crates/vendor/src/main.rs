//! A shop on CAPS: places orders, and thanks for each delivery.
//!
//! `run` holds the three loops of a shop, `handlers` what it does about each message, `shop` what it remembers,
//! and `checkout` makes up its customers.

mod args;
mod checkout;
mod handlers;
mod hub;
mod run;
mod shop;

use std::cell::RefCell;
use std::io;
use std::time::Duration;

use anyhow::Context as _;
use caps_client::cli::{self, Lines};
use caps_client::{Client, Options};
use clap::Parser as _;

use args::Args;
use shop::Shop;

/// How long a stopping shop tries to send what the hub has not answered.
const FLUSH: Duration = Duration::from_secs(5);

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    cli::log_to_stderr()?;
    let mut options =
        Options::vendor(&args.hub.url, args.store.clone()).with_token(args.hub.token.clone());
    options.outbox_file = args.outbox.clone();
    let (client, incoming) = Client::connect(options)?;
    let shop = RefCell::new(Shop::new(args.store.clone(), args.count));
    let lines = Lines::new(io::stdout());

    let result = tokio::select! {
        result = run::run(&args, &client, incoming, &shop, &lines) => {
            result.with_context(|| format!("vendor `{}` cannot go on", args.store))
        }
        stopped = cli::stop_signal() => stopped.context("cannot hear signals"),
    };

    let unsent = client.close(FLUSH).await;
    let under_way = shop.borrow().under_way();
    if unsent > 0 || under_way > 0 {
        tracing::warn!(
            "stopped with {under_way} orders of this run not yet delivered, \
             and {unsent} events that the hub has not answered"
        );
    }
    result
}
