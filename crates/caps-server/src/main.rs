//! The hub's program: see `caps-server --help`.

mod args;
mod commands;

use std::io::{self, IsTerminal as _, Write as _};

use anyhow::Context as _;
use caps_server::{Config, LogFormat, Server};
use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;

use crate::args::Args;

fn main() -> anyhow::Result<()> {
    let Args { command, settings } = Args::parse();
    let config = Config::from(settings);
    if let Err(why) = config.check() {
        Args::command().error(ErrorKind::ValueValidation, why).exit();
    }
    if let Some(command) = command {
        return commands::run(command, &config);
    }
    let _written_when_dropped = start_log(config.log_format)?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?
        .block_on(serve(config))
}

fn start_log(format: LogFormat) -> anyhow::Result<WorkerGuard> {
    let filter = EnvFilter::builder()
        .with_default_directive(tracing::Level::INFO.into())
        .from_env()
        .context("RUST_LOG must be such as `info` or `warn,caps_server=debug`")?;
    let (writer, guard) = tracing_appender::non_blocking(io::stderr());
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(io::stderr().is_terminal());
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(guard)
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let server = Server::bind(config).await?;
    println!("caps-server listens on http://{}", server.local_addr());
    io::stdout().flush()?;
    let stop = CancellationToken::new();
    let mut hub = tokio::spawn(server.run(stop.clone()));
    tokio::select! {
        ended = &mut hub => return Ok(ended??),
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping; once more to stop at once");
    stop.cancel();
    tokio::select! {
        ended = hub => Ok(ended??),
        _ = interrupt.recv() => anyhow::bail!("stopped at once"),
        _ = terminate.recv() => anyhow::bail!("stopped at once"),
    }
}
