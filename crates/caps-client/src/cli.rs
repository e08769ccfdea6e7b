//! What command-line programs on this library share: the flags of the hub, logs, signals, what they say on stdout,
//! and how they end.

use std::fmt;
use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::{Instant, timeout_at};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

mod failure;
mod lines;
mod progress;
mod recent;
mod record;

pub use failure::Failure;
pub use lines::{Lines, printable};
pub use progress::Progress;
pub use recent::Recent;
pub use record::{Record, now};

use crate::Client;

/// How long a program that stops tries to send what the hub has not answered.
pub const FLUSH: Duration = Duration::from_secs(5);

/// Where the hub is and what opens it. A program flattens it into its own arguments.
#[derive(Clone, clap::Args)]
pub struct HubArgs {
    /// Address of the hub
    #[arg(long, env = "CAPS_URL", value_name = "URL", default_value = "http://localhost:3001")]
    pub url: String,

    /// Token that the hub's owner has issued; an open hub needs none
    #[arg(long, env = "CAPS_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    pub token: Option<String>,
}

impl fmt::Debug for HubArgs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A secret has no place in a log.
        f.debug_struct("HubArgs").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Runs a program to its end, and says what it ends with: 0 when it is done, 1 when it has failed, with why on
/// stderr.
pub fn run(program: impl Future<Output = anyhow::Result<()>>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = match runtime {
        Ok(runtime) => {
            let ended = runtime.block_on(program);
            // Unlike a drop this waits for nothing, such as a disk that is stuck.
            runtime.shutdown_background();
            ended
        }
        Err(why) => Err(anyhow::Error::new(why).context("the system lends no runtime")),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("error: {why:#}");
            ExitCode::FAILURE
        }
    }
}

/// Does a program's `work`, until it is done or somebody wants it to stop.
///
/// # Errors
/// Those of `work`, or when the system does not let the process hear signals.
pub async fn until_stopped(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::select! {
        result = work => result,
        stopped = stop_signal() => {
            stopped?;
            tracing::info!("stopping; once more to stop at once");
            Ok(())
        }
    }
}

/// Ends a program's client, having come to `result`: sends what is left, for [`FLUSH`] at most, and says what the hub
/// has not answered then. That is kept where there is an `outbox` file. Who asks once more to stop is heard at once.
///
/// # Errors
/// Those of `result`; else when something is left, and lost with the process.
pub async fn end(
    result: anyhow::Result<()>,
    client: Client,
    outbox: Option<&Path>,
) -> anyhow::Result<()> {
    end_after(std::future::ready(()), result, client, outbox).await
}

/// The same for a program that has `last` things to do while the hub is heard; they take of the same time.
///
/// # Errors
/// As [`end`].
pub async fn end_after(
    last: impl Future<Output = ()>,
    result: anyhow::Result<()>,
    client: Client,
    outbox: Option<&Path>,
) -> anyhow::Result<()> {
    let by = Instant::now() + FLUSH;
    let close = async {
        // Where they are not done in time, what the client has not sent tells.
        drop(timeout_at(by, last).await);
        client.close(by.saturating_duration_since(Instant::now())).await
    };
    let unsent = tokio::select! {
        unsent = close => unsent,
        stopped = stop_signal() => {
            stopped?;
            anyhow::ensure!(
                outbox.is_some(),
                "stopped at once; what the hub has not answered is lost; name a file with \
                 `--outbox` to keep it"
            );
            return result;
        }
    };
    let left = match outbox {
        _ if unsent == 0 => return result,
        Some(outbox) => {
            let outbox = outbox.display();
            tracing::warn!(
                "events that the hub has not answered: {unsent}; they are kept in `{outbox}`, and \
                 sent at the next start"
            );
            return result;
        }
        None => anyhow::anyhow!(
            "events that the hub has not answered, and that are lost: {unsent}; name a file with \
             `--outbox` to keep them"
        ),
    };
    if result.is_err() {
        tracing::warn!("{left}");
        return result;
    }
    Err(left)
}

/// Sends logs to stderr, above the bar where there is one, as much as `RUST_LOG` wants: by default, what the operator
/// should know.
///
/// # Errors
/// When `RUST_LOG` cannot be read, or the process has a logger already.
pub fn log_to_stderr(progress: &Progress) -> anyhow::Result<()> {
    let progress = progress.clone();
    log_to(move || progress.beside(io::stderr()), io::stderr().is_terminal())
}

/// Sends logs elsewhere, in colour or not. Each is written in one piece.
///
/// # Errors
/// As [`log_to_stderr`].
pub fn log_to<W: io::Write>(
    writer: impl Fn() -> W + Send + Sync + 'static,
    is_coloured: bool,
) -> anyhow::Result<()> {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into());
    let filter = filter.from_env().map_err(|why| {
        anyhow::anyhow!("`RUST_LOG` cannot be read: {why}; write it like `info,caps_client=debug`")
    })?;
    let logger = tracing_subscriber::fmt()
        .compact()
        .with_ansi(is_coloured)
        .with_writer(writer)
        .with_env_filter(filter);
    logger.try_init().map_err(|why| anyhow::anyhow!("no logs: {why}"))
}

/// Waits until the user or the system wants the program to end: Ctrl-C, or SIGTERM where that exists.
async fn stop_signal() -> anyhow::Result<()> {
    #[cfg(unix)]
    let stopped = async {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            _ = terminate.recv() => Ok(()),
        }
    };
    #[cfg(not(unix))]
    let stopped = tokio::signal::ctrl_c();
    stopped.await.context("the system lets nobody hear signals")
}
