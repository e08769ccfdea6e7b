//! A driver on CAPS: takes orders on the road, and says when they have arrived.
//!
//! `run` hears of pickups and works on many of them at once, `handler` is the way of one order.

mod args;
mod handler;
mod hub;
mod run;

use std::io;
use std::time::Duration;

use anyhow::Context as _;
use caps_client::cli::{self, Lines};
use caps_client::{Client, Options};
use clap::Parser as _;
use tokio::sync::mpsc;

use args::Args;
use run::Shift;

/// How long a stopping driver tries to send what the hub has not answered.
const FLUSH: Duration = Duration::from_secs(5);

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    cli::log_to_stderr()?;
    let mut options =
        Options::driver(&args.hub.url, args.name.as_ref()).with_token(args.hub.token.clone());
    options.outbox_file = args.outbox.clone();
    let (tell, resent) = mpsc::unbounded_channel();
    options.resent = Some(tell);
    let (client, incoming) = Client::connect(options)?;
    let mut shift = Shift::new(&args, client.clone(), Lines::new(io::stdout()));

    let result = tokio::select! {
        result = shift.run(incoming, resent) => result.context("the driver cannot go on"),
        stopped = cli::stop_signal() => stopped.context("cannot hear signals"),
    };

    let under_way = shift.end();
    let unsent = client.close(FLUSH).await;
    if unsent > 0 || under_way > 0 {
        tracing::warn!(
            "stopped with {under_way} orders under way, and {unsent} events that the hub has not \
             answered; the hub offers those orders again"
        );
    }
    result
}
