//! The load program: see `cargo run --release -p caps-bench -- --help`.
//!
//! ```text
//! load       a lean Socket.IO client: one thread, thousands of connections
//! servers    what can be measured: the hub, and what a user would run instead
//! brokers    those of them that do not speak Socket.IO; peers: what the others need
//! server     one of them at work, and what it has used; cores: where it runs
//! jobs       what is measured; each checks as it goes that nothing is lost, and fails if something is
//! plan       jobs, servers and rounds; meter, report: what they came to
//! plot       a report as a picture
//! ```

mod args;
mod brokers;
mod cores;
mod jobs;
mod load;
mod meter;
mod peers;
mod plan;
mod plot;
mod report;
mod server;
mod servers;

use clap::Parser as _;

fn main() -> anyhow::Result<()> {
    // A connection is an open file, here and in the server that inherits the limit.
    rlimit::increase_nofile_limit(u64::MAX)?;
    args::Args::parse().run()
}
