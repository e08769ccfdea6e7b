//! Which jobs which servers are given, in rounds: all servers take turns at one job, so that they see the same weather.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::bail;
use indicatif::{ProgressBar, ProgressStyle};
use tempfile::TempDir;

use crate::jobs::{self, Job};
use crate::load::Writes;
use crate::meter::Measured;
use crate::report::Report;
use crate::server::Server;
use crate::servers::{Kind, Ready};

pub(crate) struct Plan {
    /// Each with the way in which the load writes.
    pub(crate) jobs: Vec<(Job, Writes)>,
    pub(crate) servers: Vec<Kind>,
    pub(crate) rounds: usize,
    /// A build of the hub, if it is not to be built.
    pub(crate) hub: Option<PathBuf>,
    /// Whether a peer that cannot be had, or fails, is left out, and not a failure.
    pub(crate) leaves_out: bool,
    /// Whether the disk is measured, too.
    pub(crate) probes_disk: bool,
}

/// A server that runs already.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) process: Option<u32>,
}

impl Plan {
    /// Runs all of it, each job on a fresh server.
    pub(crate) fn run(&self) -> anyhow::Result<Report> {
        let mut report = Report::new(self.rounds);
        let mut servers = Vec::new();
        for kind in &self.servers {
            if !self.jobs.iter().any(|(job, _)| kind.does(job)) {
                bail!("{} cannot be given that job", kind.name());
            }
            // The first time this takes minutes.
            eprintln!("building or fetching: {}", kind.name());
            match Ready::prepare(*kind, self.hub.as_deref()) {
                Ok(ready) => servers.push(ready),
                Err(why) if self.leaves_out && !kind.is_hub() => report.leave_out(*kind, &why),
                Err(why) => return Err(why),
            }
        }
        let turns = |job: &Job| servers.iter().filter(|ready| ready.kind.does(job)).count();
        let runs = self.rounds * self.jobs.iter().map(|(job, _)| turns(job)).sum::<usize>();
        let bar = ProgressBar::new(runs as u64).with_style(ProgressStyle::with_template(
            "{elapsed_precise} {bar:30} {pos}/{len} {msg}",
        )?);
        for round in 1..=self.rounds {
            for (job, writes) in &self.jobs {
                let mut failed = Vec::new();
                for ready in servers.iter().filter(|ready| ready.kind.does(job)) {
                    let (kind, name) = (ready.kind, job.name());
                    bar.set_message(format!("round {round}, {}: {name}", kind.name()));
                    bar.inc(1);
                    match run(ready, job, *writes) {
                        Ok(measured) => report.add(kind.name(), *writes, measured),
                        Err(why) if self.leaves_out && !kind.is_hub() => {
                            report.leave_out(kind, &why.context(format!("fails at {name}")));
                            failed.push(kind);
                        }
                        Err(why) => {
                            return Err(why.context(format!("{} fails: {name}", kind.name())));
                        }
                    }
                }
                servers.retain(|ready| !failed.contains(&ready.kind));
            }
            if self.probes_disk {
                report.add("the disk", Writes::Coalesced, vec![jobs::fsync()?]);
            }
        }
        bar.finish_and_clear();
        Ok(report)
    }

    /// The same on one that runs already.
    pub(crate) fn run_on(&self, running: Running) -> anyhow::Result<Report> {
        let mut report = Report::new(self.rounds);
        let server = Server::at(running.address, running.process);
        for (job, writes) in &self.jobs {
            report.add(&running.address.to_string(), *writes, job.run(&server, *writes)?);
        }
        Ok(report)
    }
}

/// A job on a fresh server.
fn run(ready: &Ready, job: &Job, writes: Writes) -> anyhow::Result<Vec<Measured>> {
    let data = TempDir::new()?;
    let server = ready.start(&data)?;
    job.run(&server, writes)
}
