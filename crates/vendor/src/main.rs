//! A shop on CAPS: places orders, and thanks for each delivery.
//!
//! `run` is what a shop does all day, and `place` how it places orders, which `checkout` makes up and `orders` reads.
//! `handlers` is what it does about each message, `shop` what it remembers, and `say` what it says.

mod args;
mod checkout;
mod handlers;
mod orders;
mod place;
mod run;
mod say;
mod shop;

use std::cell::RefCell;
use std::io::{self, IsTerminal as _};
use std::process::ExitCode;

use anyhow::Context as _;
use caps_client::cli::{self, Lines, Progress};
use caps_client::{Client, Options};
use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};
use tokio::sync::mpsc;

use args::Args;
use orders::Source;
use place::Orders;
use run::Open;
use say::{Say, Style};
use shop::Shop;

fn main() -> ExitCode {
    let args = Args::parse();
    let mut options =
        Options::vendor(&args.hub.url, args.store.clone()).with_token(args.hub.token.clone());
    options.outbox_file = args.outbox.clone();
    if let Err(why) = options.check() {
        Args::command().error(ErrorKind::ValueValidation, why).exit();
    }
    cli::run(work(args, options))
}

async fn work(args: Args, mut options: Options) -> anyhow::Result<()> {
    let orders = orders(&args)?;
    let progress = progress(&args);
    cli::log_to_stderr(&progress)?;
    let (tell, resent) = mpsc::unbounded_channel();
    options.resent = Some(tell);
    let (client, incoming) = Client::connect(options)?;
    let shop = RefCell::new(Shop::new());
    let say = Say::new(Lines::new(io::stdout(), progress.clone()), style(&args));

    let result = cli::until_stopped(async {
        let open = Open {
            store: &args.store,
            client: &client,
            shop: &shop,
            say: &say,
            has_outbox: args.outbox.is_some(),
        };
        let ended = open.run(incoming, resent, orders, args.pause(), &progress).await;
        ended.with_context(|| format!("vendor `{}` cannot go on", args.store))
    });
    let result = result.await;

    let tally = *shop.borrow().tally().borrow();
    progress.set(tally.over());
    progress.end();
    if tally.under_way() > 0 {
        tracing::warn!("orders of this run that are not delivered yet: {}", tally.under_way());
    }
    cli::end(result, client, args.outbox.as_deref()).await?;
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
    match (args.json, args.listen, io::stdout().is_terminal()) {
        (true, ..) => Style::Json,
        (_, false, _) => Style::Words,
        (_, true, true) => Style::table(),
        (_, true, false) => Style::Fields,
    }
}

/// A bar, where it is known how many orders there are, and nobody wants to read lines by program.
fn progress(args: &Args) -> Progress {
    if args.json {
        return Progress::default();
    }
    Progress::on_terminal("delivered", || match &args.orders {
        Some(Source::File(path)) => orders::count(path).ok(),
        Some(Source::Stdin) => None,
        None => args.count,
    })
}
