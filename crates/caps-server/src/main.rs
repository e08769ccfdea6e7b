//! The hub's program: see `caps-server --help`.

mod args;
mod commands;

use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use anyhow::Context as _;
use caps_server::{Config, LogFormat, Server};
use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;

use crate::args::Args;

fn main() -> anyhow::Result<()> {
    hide_secrets()?;
    let Args { command, settings } = Args::parse();
    let config = Config::from(settings);
    if let Err(why) = config.check() {
        Args::command().error(ErrorKind::ValueValidation, why).exit();
    }
    if let Some(command) = command {
        return commands::run(command, &config);
    }
    raise_open_files();
    let _written_when_dropped = start_log(config.log_format)?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?
        .block_on(serve(config))
}

/// Every connection is an open file, of which many systems give a program 1024 unless it asks for more.
fn raise_open_files() {
    const WANTED: u64 = 1 << 20;
    // What there is must do, where there is no more.
    let _ = rlimit::increase_nofile_limit(WANTED);
}

/// Starts the program anew with the secrets of its command line in its environment instead, where other users of the
/// machine do not see them.
fn hide_secrets() -> anyhow::Result<()> {
    const SECRETS: [(&str, &str); 2] = [
        ("--auth-secret", "CAPS_AUTH_SECRET"),
        ("--auth-secret-previous", "CAPS_AUTH_SECRET_PREVIOUS"),
    ];
    let mut arguments = std::env::args_os().skip(1);
    let mut anew = Command::new(std::env::current_exe().context("cannot find this program")?);
    let mut is_hidden = false;
    while let Some(argument) = arguments.next() {
        let text = argument.to_string_lossy();
        let (flag, value) = text.split_once('=').unwrap_or((&text, ""));
        let Some((_, variable)) = SECRETS.iter().find(|(secret, _)| *secret == flag) else {
            anew.arg(argument);
            continue;
        };
        let value = if text.contains('=') { Some(value.into()) } else { arguments.next() };
        anew.env(variable, value.unwrap_or_default());
        is_hidden = true;
    }
    if is_hidden {
        return Err(anew.exec()).context("cannot start anew without a secret in sight");
    }
    Ok(())
}

fn start_log(format: LogFormat) -> anyhow::Result<WorkerGuard> {
    let filter = EnvFilter::builder()
        .with_default_directive(tracing::Level::INFO.into())
        .from_env()
        .context("RUST_LOG must be such as `info` or `warn,caps_server=debug`")?;
    // What these write below that has clients' tokens in it.
    let filter = ["socketioxide", "engineioxide", "tungstenite", "tokio_tungstenite"]
        .into_iter()
        .try_fold(filter, |filter, library| {
        Ok::<_, ParseError>(filter.add_directive(format!("{library}=info").parse()?))
    })?;
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
