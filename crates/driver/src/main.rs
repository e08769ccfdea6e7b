//! A driver on CAPS: takes orders on the road, and says when they have arrived.
//!
//! `run` hears of pickups and works on many of them at once, `handler` is the way of one order, and `say` what the
//! driver says of it. `scan` is the driver who works by hand instead.

mod args;
mod handler;
mod hub;
mod run;
mod say;
mod scan;

use std::io;
use std::process::ExitCode;

use anyhow::Context as _;
use caps_client::cli::{self, Lines, Progress};
use caps_client::{Client, Options};
use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};
use tokio::sync::mpsc;

use args::Args;
use run::Shift;
use say::Say;

fn main() -> ExitCode {
    let args = Args::parse();
    let mut options =
        Options::driver(&args.hub.url, args.name.as_ref()).with_token(args.hub.token.clone());
    options.outbox_file = args.outbox.clone();
    if let Err(why) = options.check() {
        Args::command().error(ErrorKind::ValueValidation, why).exit();
    }
    match args.scans_for() {
        Ok(None) => cli::run(work(args, options)),
        Ok(Some(name)) => cli::run(scan::work(args, name, options)),
        Err(why) => Args::command().error(ErrorKind::MissingRequiredArgument, why).exit(),
    }
}

async fn work(args: Args, mut options: Options) -> anyhow::Result<()> {
    // Whoever wants JSON reads it by program.
    let total = args.count.filter(|_| !args.json);
    let progress = Progress::on_terminal("delivered", || total);
    cli::log_to_stderr(&progress)?;
    let (tell, resent) = mpsc::unbounded_channel();
    options.resent = Some(tell);
    let (client, incoming) = Client::connect(options)?;
    let say = Say::new(Lines::new(io::stdout(), progress.clone()), args.json);
    let mut shift = Shift::new(&args, client.clone(), say, progress.clone());

    let result = cli::until_stopped(async {
        shift.run(incoming, resent).await.context("the driver cannot go on")
    });
    let result = result.await;

    progress.end();
    let under_way = shift.end();
    if under_way > 0 {
        tracing::warn!("orders under way, which the hub offers again: {under_way}");
    }
    cli::end(result, client, args.outbox.as_deref()).await
}
