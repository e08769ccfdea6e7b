//! The load program: see `cargo run --release -p caps-bench -- --help`.
//!
//! ```text
//! hub       a hub of this workspace, built for release and started with a data directory of its own
//! socket    a lean Socket.IO client, which must cost far less than the hub that it loads
//! jobs      what is measured; each checks as it goes that nothing is lost, and fails if something is
//! ```

mod hub;
mod jobs;
mod socket;

use std::time::Duration;

use clap::{Parser, Subcommand};

/// Loads a CAPS hub, checks that it loses nothing, and reports what it cost.
///
/// Builds the hub for release and starts it by itself, on a port and in a data directory of its own. Needs
/// Linux, which tells what a process has used. Machines drift: quote ratios of one run, not rates of two.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
struct Args {
    #[command(subcommand)]
    job: Job,
}

#[derive(Debug, Subcommand)]
enum Job {
    /// Acknowledged pickups with no driver: the file store beside the memory store, round by round in turn
    Ingest {
        /// Orders a round
        #[arg(long, default_value_t = 100_000)]
        orders: u64,
        /// Orders on their way at the same time
        #[arg(long, default_value_t = 256)]
        window: u64,
        /// Rounds of each store
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// One order at a time from pickup to delivery, in fsync times of the disk that it is kept on
    Alone {
        /// Orders for each store
        #[arg(long, default_value_t = 500)]
        orders: u64,
    },
    /// How much memory each waiting message takes, and how long a restart with all of them
    Waiting {
        /// Messages
        #[arg(long, default_value_t = 1_000_000)]
        messages: u64,
        /// Bytes of each order's text
        #[arg(long, default_value_t = 200)]
        text: usize,
    },
    /// A long log, and how soon it tells what is looked up in it
    Log {
        /// Events in the log
        #[arg(long, default_value_t = 5_000_000)]
        rows: u64,
        /// How often it is asked
        #[arg(long, default_value_t = 1000)]
        queries: u64,
    },
    /// Orders that are all delivered and received, for a time, and the memory that they leave behind
    Soak {
        /// How long
        #[arg(long, default_value = "1h", value_parser = humantime::parse_duration)]
        time: Duration,
        /// Orders a second
        #[arg(long, default_value_t = 1000)]
        rate: u64,
    },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    match Args::parse().job {
        Job::Ingest { orders, window, rounds } => jobs::ingest::run(orders, window, rounds).await,
        Job::Alone { orders } => jobs::alone::run(orders).await,
        Job::Waiting { messages, text } => jobs::waiting::run(messages, text).await,
        Job::Log { rows, queries } => jobs::log::run(rows, queries).await,
        Job::Soak { time, rate } => jobs::soak::run(time, rate).await,
    }
}
