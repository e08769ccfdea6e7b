//! What command-line programs on this library share: the flags of the hub, logs, signals, and lines on stdout.

use std::fmt;
use std::io::{self, IsTerminal as _};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

mod failure;
mod lines;
mod recent;

pub use failure::Failure;
pub use lines::{Lines, printable};
pub use recent::Recent;

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

/// Sends logs to stderr, as much as `RUST_LOG` wants: by default, what the operator should know.
///
/// # Errors
/// When `RUST_LOG` cannot be read, or the process has a logger already.
pub fn log_to_stderr() -> anyhow::Result<()> {
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into());
    let filter = filter.from_env().map_err(|why| {
        anyhow::anyhow!("`RUST_LOG` cannot be read: {why}; write it like `info,caps_client=debug`")
    })?;
    let logger = tracing_subscriber::fmt()
        .compact()
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .with_env_filter(filter);
    logger.try_init().map_err(|why| anyhow::anyhow!("no logs: {why}"))
}

/// Waits until the user or the system wants the program to end: Ctrl-C, or SIGTERM where that exists.
///
/// # Errors
/// When the system does not let the process hear signals.
pub async fn stop_signal() -> io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}
