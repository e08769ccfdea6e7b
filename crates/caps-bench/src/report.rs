//! What was measured, in a table and as JSON.

use std::fmt;
use std::fs;

use serde::{Deserialize, Serialize};

use crate::load::Writes;
use crate::meter::Measured;
use crate::servers::Kind;

/// All of one run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) version: String,
    /// The processor, as it calls itself.
    pub(crate) machine: String,
    pub(crate) rounds: usize,
    pub(crate) rows: Vec<Row>,
    /// Servers that could not be had or failed, and why.
    pub(crate) left_out: Vec<String>,
}

/// What one server made of one job: medians of all rounds.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) job: String,
    pub(crate) server: String,
    pub(crate) unit: String,
    pub(crate) per_second: f64,
    pub(crate) per_server_cpu_second: Option<f64>,
    pub(crate) p50_microseconds: Option<f64>,
    pub(crate) p99_microseconds: Option<f64>,
    pub(crate) peak_bytes: Option<f64>,
    pub(crate) bytes_each: Option<f64>,
    pub(crate) runs: Vec<Measured>,
}

/// What servers are compared by.
pub(crate) enum Headline {
    /// A rate, of a second of the server's CPU where that is known: more is better.
    Rate(f64),
    /// Bytes: fewer are better.
    Bytes(f64),
    /// Microseconds, likewise.
    Time(f64),
}

impl Headline {
    pub(crate) fn value(&self) -> f64 {
        let (Self::Rate(value) | Self::Bytes(value) | Self::Time(value)) = self;
        *value
    }
}

impl Report {
    pub(crate) fn new(rounds: usize) -> Self {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let name = cpu.lines().find_map(|line| line.strip_prefix("model name"));
        let machine = name.unwrap_or("unknown").trim_start_matches(['\t', ':', ' ']).to_owned();
        Self { version, machine, rounds, rows: Vec::new(), left_out: Vec::new() }
    }

    pub(crate) fn leave_out(&mut self, server: Kind, why: &anyhow::Error) {
        eprintln!("{} is left out: {why:#}", server.name());
        self.left_out.push(format!("{}: {why:#}", server.name()));
    }

    /// Adds what one run came to.
    pub(crate) fn add(&mut self, server: &str, writes: Writes, measured: Vec<Measured>) {
        for run in measured {
            let job = match writes {
                Writes::Coalesced => run.job.clone(),
                Writes::Single => format!("{}, one write an event", run.job),
            };
            let row = self.rows.iter_mut().find(|row| row.job == job && row.server == server);
            match row {
                Some(row) => row.runs.push(run),
                None => self.rows.push(Row::new(job, server, run)),
            }
        }
        for row in &mut self.rows {
            row.count();
        }
    }

    /// How a row compares to that of node's hub.
    pub(crate) fn to_node(&self, row: &Row) -> Option<f64> {
        let is_node = |other: &&Row| other.job == row.job && other.server == Kind::Node.name();
        let node = self.rows.iter().find(is_node)?;
        Some(row.headline().value() / node.headline().value())
    }

    /// The jobs, in the order in which they were done.
    pub(crate) fn jobs(&self) -> Vec<&str> {
        let mut jobs: Vec<&str> = Vec::new();
        for row in &self.rows {
            if !jobs.contains(&row.job.as_str()) {
                jobs.push(&row.job);
            }
        }
        jobs
    }
}

impl Row {
    fn new(job: String, server: &str, run: Measured) -> Self {
        Self {
            job,
            server: server.to_owned(),
            unit: run.unit.clone(),
            per_second: 0.0,
            per_server_cpu_second: None,
            p50_microseconds: None,
            p99_microseconds: None,
            peak_bytes: None,
            bytes_each: None,
            runs: vec![run],
        }
    }

    fn count(&mut self) {
        let of = |value: &dyn Fn(&Measured) -> Option<f64>| {
            median(self.runs.iter().filter_map(value).collect())
        };
        let per_second = of(&|run| Some(run.rate())).unwrap_or_default();
        let per_server_cpu_second = of(&Measured::rate_of_cpu);
        let p50_microseconds = of(&|run| Some(run.latency?.p50));
        let p99_microseconds = of(&|run| Some(run.latency?.p99));
        let peak_bytes = of(&|run| Some(run.peak_bytes? as f64));
        let bytes_each = of(&|run| run.bytes_each);
        self.per_second = per_second;
        self.per_server_cpu_second = per_server_cpu_second;
        self.p50_microseconds = p50_microseconds;
        self.p99_microseconds = p99_microseconds;
        self.peak_bytes = peak_bytes;
        self.bytes_each = bytes_each;
    }

    pub(crate) fn headline(&self) -> Headline {
        let is_alone = self.job.starts_with("one ");
        match (self.bytes_each, self.p50_microseconds) {
            (Some(bytes), _) => Headline::Bytes(bytes),
            (None, Some(time)) if is_alone => Headline::Time(time),
            _ => Headline::Rate(self.per_server_cpu_second.unwrap_or(self.per_second)),
        }
    }

    /// CPU seconds of all runs: the server's, and the load's.
    fn cpu(&self) -> (Option<f64>, f64) {
        let server = self.runs.iter().map(|run| run.server_cpu_seconds).sum();
        (server, self.runs.iter().map(|run| run.client_cpu_seconds).sum())
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let some = |value: Option<f64>, digits| {
            value.map(|value| format!("{value:.digits$}")).unwrap_or_default()
        };
        for job in self.jobs() {
            let rows = self.rows.iter().filter(|row| row.job == job);
            let unit = rows.clone().next().map(|row| row.unit.as_str()).unwrap_or_default();
            writeln!(f, "\n{job}: {unit}, medians of {} rounds", self.rounds)?;
            writeln!(
                f,
                "  {:20} {:>10} {:>10} {:>7} {:>9} {:>9} {:>11} {:>11} {:>9} {:>10}",
                "server",
                "a second",
                "a CPU-s",
                "to node",
                "p50 µs",
                "p99 µs",
                "server CPU",
                "load's CPU",
                "peak MiB",
                "bytes each"
            )?;
            for row in rows {
                let (server, load) = row.cpu();
                let line = format!(
                    "  {:20} {:>10.0} {:>10} {:>7} {:>9} {:>9} {:>11} {:>10.2}s {:>9} {:>10}",
                    row.server,
                    row.per_second,
                    some(row.per_server_cpu_second, 0),
                    some(self.to_node(row), 2),
                    some(row.p50_microseconds, 0),
                    some(row.p99_microseconds, 0),
                    some(server, 2) + if server.is_some() { "s" } else { "" },
                    load,
                    some(row.peak_bytes.map(|bytes| bytes / 1_048_576.0), 0),
                    some(row.bytes_each, 0),
                );
                writeln!(f, "{}", line.trim_end())?;
            }
        }
        for why in &self.left_out {
            writeln!(f, "\nleft out: {why}")?;
        }
        Ok(())
    }
}
