//! A shop on CAPS: places orders, and thanks for each delivery.
//!
//! `run` holds what a shop does all day, `place` its counter, where orders come from `checkout`, which makes them
//! up, or from `orders`, which reads them. `handlers` is what it does about each message, `shop` what it remembers,
//! and `say` what it says.

mod args;
mod checkout;
mod handlers;
mod hub;
mod orders;
mod place;
mod run;
mod say;
mod shop;

use std::cell::RefCell;
use std::io::{self, IsTerminal as _};
use std::time::Duration;

use anyhow::Context as _;
use caps_client::cli::{self, Lines};
use caps_client::{Client, Options};
use clap::Parser as _;

use args::Args;
use place::Orders;
use say::{Say, Style};
use shop::Shop;

/// How long a stopping shop tries to send what the hub has not answered.
const FLUSH: Duration = Duration::from_secs(5);

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    cli::log_to_stderr()?;
    let orders = orders(&args)?;
    let mut options =
        Options::vendor(&args.hub.url, args.store.clone()).with_token(args.hub.token.clone());
    options.outbox_file = args.outbox.clone();
    let (client, incoming) = Client::connect(options)?;
    let shop = RefCell::new(Shop::new());
    let say = Say::new(Lines::new(io::stdout()), style(&args));

    let result = tokio::select! {
        result = run::run(&args, &client, incoming, orders, &shop, &say) => {
            result.with_context(|| format!("vendor `{}` cannot go on", args.store))
        }
        stopped = cli::stop_signal() => stopped.context("cannot hear signals"),
    };

    let unsent = client.close(FLUSH).await;
    let tally = *shop.borrow().tally().borrow();
    let under_way = tally.under_way();
    if unsent > 0 || under_way > 0 {
        tracing::warn!(
            "stopped with {under_way} orders of this run not yet delivered, \
             and {unsent} events that the hub has not answered"
        );
    }
    result?;
    anyhow::ensure!(tally.failed == 0, "orders not placed: {}; the log says why", tally.failed);
    Ok(())
}

fn orders(args: &Args) -> anyhow::Result<Orders> {
    Ok(match &args.orders {
        Some(source) => {
            let lines = orders::read(source);
            let lines = lines.with_context(|| {
                format!("cannot read `{source}`; name a file of orders, or `-` for stdin")
            })?;
            Orders::Written(source.clone(), lines)
        }
        None if args.listen || args.no_orders => Orders::None,
        None => Orders::MadeUp(args.count),
    })
}

fn style(args: &Args) -> Style {
    match (args.listen, io::stdout().is_terminal()) {
        (false, _) => Style::Words,
        (true, true) => Style::table(),
        (true, false) => Style::Fields,
    }
}
