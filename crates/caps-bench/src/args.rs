//! What can be asked for.

use std::fs::{self, File};
use std::io::BufWriter;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args as Flags, Parser, Subcommand};

use crate::jobs::{self, Amount, Job, RoundTrip};
use crate::load::Writes;
use crate::plan::{Plan, Running};
use crate::plot;
use crate::report::Report;
use crate::servers::Kind;

/// Loads a CAPS hub, or what a user would run instead, checks that it loses nothing, and reports what it cost.
///
/// Builds what it measures for release, or fetches it, and starts it by itself: the server has one core, the load
/// another. Needs Linux, which tells what a process has used. Machines drift: quote ratios of one run, not rates of two.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Args {
    #[command(subcommand)]
    mode: Mode,
    /// Measure this build of the hub, and build none
    #[arg(long, value_name = "PROGRAM", global = true)]
    hub: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Mode {
    /// The hub beside what a user would run instead, in all that can be compared
    Compare {
        /// One short round
        #[arg(long)]
        quick: bool,
        /// Only these
        #[arg(long, value_enum, value_delimiter = ',')]
        servers: Vec<Kind>,
        /// Rounds of each job, in which all servers take turns
        #[arg(long, default_value_t = 3)]
        rounds: usize,
        /// Also write all of it there, as JSON
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
    },
    /// Draw what `compare` wrote by `--json`
    Plot {
        /// A report
        file: PathBuf,
        /// The picture
        #[arg(long, default_value = "performance.svg")]
        svg: PathBuf,
    },
    /// The whole life of orders: placed, in transit, delivered, received; every event is answered
    Roundtrip {
        #[arg(long, default_value_t = 1)]
        vendors: usize,
        /// Each hears of every order, and delivers its share
        #[arg(long, default_value_t = 1)]
        drivers: usize,
        /// Orders of each vendor that are under way at the same time
        #[arg(long, default_value_t = 64)]
        window: u64,
        #[command(flatten)]
        amount: AmountFlags,
        #[command(flatten)]
        run: Run,
    },
    /// Acknowledged pickups with no driver, and then one driver who catches up
    Ingest {
        /// Pickups on their way at the same time
        #[arg(long, default_value_t = 256)]
        window: u64,
        #[command(flatten)]
        amount: AmountFlags,
        #[command(flatten)]
        run: Run,
    },
    /// One vendor, and many drivers who each hear of every pickup
    Fanout {
        #[arg(long, default_value_t = 100)]
        drivers: u64,
        /// Orders that not all drivers have heard of
        #[arg(long, default_value_t = 64)]
        window: u64,
        #[command(flatten)]
        amount: AmountFlags,
        #[command(flatten)]
        run: Run,
    },
    /// The memory of connections that say nothing
    Idle {
        #[arg(long, default_value_t = 5000)]
        connections: u64,
        #[command(flatten)]
        run: Run,
    },
    /// What `received` and a round trip cost while nothing, and while very much, waits in the same queue
    Backlog {
        /// Messages that wait
        #[arg(long, value_delimiter = ',', default_values_t = [0, 10_000, 1_000_000])]
        waiting: Vec<u64>,
        /// Orders that are measured
        #[arg(long, default_value_t = 50_000)]
        orders: u64,
        #[command(flatten)]
        run: Run,
    },
    /// What message brokers are for: published, confirmed when it is stored, consumed, acknowledged
    Durable {
        #[arg(long, default_value_t = 50_000)]
        orders: u64,
        /// Messages that are not confirmed
        #[arg(long, default_value_t = 256)]
        window: u64,
        #[command(flatten)]
        run: Run,
    },
    /// One order at a time, and how long the disk takes for one fsync
    Alone {
        #[arg(long, default_value_t = 1000)]
        orders: u64,
        #[command(flatten)]
        run: Run,
    },
    /// How much memory each waiting message takes, and how long a restart with all of them
    Waiting {
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

#[derive(Debug, Clone, Copy, Flags)]
struct AmountFlags {
    /// Orders of each round, the first of which only warm the server up
    #[arg(long, default_value_t = 100_000)]
    orders: u64,
    /// Place no more of them after so long
    #[arg(long, value_parser = humantime::parse_duration)]
    time: Option<Duration>,
}

impl From<AmountFlags> for Amount {
    fn from(AmountFlags { orders, time }: AmountFlags) -> Self {
        Self { orders, time }
    }
}

#[derive(Debug, Flags)]
struct Run {
    /// Which servers; without it, the hub, or all that do this job where few do
    #[arg(long, value_enum, value_delimiter = ',')]
    servers: Vec<Kind>,
    /// How often, in which all servers take turns
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// How the load writes
    #[arg(long, value_enum, default_value_t = Writes::Coalesced)]
    writes: Writes,
    /// Load a server that runs already, once, and start none
    #[arg(long, conflicts_with_all = ["servers", "rounds"])]
    address: Option<SocketAddr>,
    /// Its process, of which CPU and memory are told
    #[arg(long, requires = "address")]
    pid: Option<u32>,
    /// Also write all of it there, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

impl Args {
    pub(crate) fn run(self) -> anyhow::Result<()> {
        let hub = self.hub;
        match self.mode {
            Mode::Compare { quick, servers, rounds, json } => {
                tell(&comparison(quick, servers, rounds, hub).run()?, json)
            }
            Mode::Plot { file, svg } => {
                let text = fs::read_to_string(&file)
                    .with_context(|| format!("cannot read `{}`", file.display()))?;
                let report: Report = serde_json::from_str(&text)
                    .with_context(|| format!("`{}` is no report of caps-bench", file.display()))?;
                plot::draw(&report, &svg)
            }
            Mode::Roundtrip { vendors, drivers, window, amount, run } => {
                let amount = amount.into();
                let is_behind_others = false;
                let trip = RoundTrip { vendors, drivers, window, amount, is_behind_others };
                run.these(hub, vec![Job::RoundTrip(trip)], false)
            }
            Mode::Ingest { window, amount, run } => {
                run.these(hub, vec![Job::Ingest { amount: amount.into(), window }], false)
            }
            Mode::Fanout { drivers, window, amount, run } => {
                run.these(hub, vec![Job::Fanout { amount: amount.into(), drivers, window }], false)
            }
            Mode::Idle { connections, run } => {
                run.these(hub, vec![Job::Idle { connections }], false)
            }
            Mode::Backlog { waiting, orders, run } => {
                let job = |waiting| Job::Backlog { waiting, orders };
                run.these(hub, waiting.into_iter().map(job).collect(), false)
            }
            Mode::Durable { orders, window, run } => {
                run.these(hub, vec![Job::Durable { orders, window }], false)
            }
            Mode::Alone { orders, run } => run.these(hub, vec![alone(orders)], true),
            Mode::Waiting { messages, text } => jobs::waiting::run(messages, text, hub.as_deref()),
            Mode::Log { rows, queries } => jobs::log::run(rows, queries, hub.as_deref()),
            Mode::Soak { time, rate } => jobs::soak::run(time, rate, hub.as_deref()),
        }
    }
}

impl Run {
    fn these(self, hub: Option<PathBuf>, jobs: Vec<Job>, probes_disk: bool) -> anyhow::Result<()> {
        let jobs: Vec<_> = jobs.into_iter().map(|job| (job, self.writes)).collect();
        let leaves_out = self.servers.is_empty();
        let servers = match (leaves_out, jobs.first()) {
            (true, Some((job @ Job::Durable { .. }, _))) => {
                Kind::ALL.into_iter().filter(|kind| kind.does(job)).collect()
            }
            (true, _) => vec![Kind::Memory, Kind::File],
            (false, _) => self.servers,
        };
        let rounds = self.rounds;
        let plan = Plan { jobs, servers, rounds, hub, leaves_out, probes_disk };
        let report = match self.address {
            Some(address) => plan.run_on(Running { address, process: self.pid })?,
            None => plan.run()?,
        };
        tell(&report, self.json)
    }
}

/// All that can be compared.
fn comparison(quick: bool, servers: Vec<Kind>, rounds: usize, hub: Option<PathBuf>) -> Plan {
    let time = Some(Duration::from_secs(if quick { 1 } else { 2 }));
    let amount = Amount { orders: 1_000_000, time };
    let trip = |vendors, drivers, window| {
        let is_behind_others = false;
        Job::RoundTrip(RoundTrip { vendors, drivers, window, amount, is_behind_others })
    };
    let orders = if quick { 10_000 } else { 50_000 };
    let jobs = vec![
        (trip(1, 1, 64), Writes::Coalesced),
        (trip(1, 1, 64), Writes::Single),
        (trip(16, 4, 16), Writes::Coalesced),
        (Job::Ingest { amount: Amount { orders, time: None }, window: 256 }, Writes::Coalesced),
        (Job::Fanout { amount, drivers: 100, window: 64 }, Writes::Coalesced),
        (Job::Idle { connections: if quick { 1000 } else { 5000 } }, Writes::Coalesced),
        (Job::Durable { orders, window: 256 }, Writes::Coalesced),
        (alone(if quick { 200 } else { 500 }), Writes::Coalesced),
    ];
    let servers = if servers.is_empty() { Kind::ALL.to_vec() } else { servers };
    let rounds = if quick { 1 } else { rounds };
    Plan { jobs, servers, rounds, hub, leaves_out: true, probes_disk: true }
}

fn alone(orders: u64) -> Job {
    let amount = Amount { orders, time: None };
    let is_behind_others = false;
    Job::RoundTrip(RoundTrip { vendors: 1, drivers: 1, window: 1, amount, is_behind_others })
}

fn tell(report: &Report, json: Option<PathBuf>) -> anyhow::Result<()> {
    print!("{report}");
    if let Some(file) = json {
        let to =
            File::create(&file).with_context(|| format!("cannot write `{}`", file.display()))?;
        serde_json::to_writer_pretty(BufWriter::new(to), report)?;
    }
    Ok(())
}
