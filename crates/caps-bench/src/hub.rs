//! A hub to load, and what it has used.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use tempfile::TempDir;

/// Where a hub keeps what it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    Memory,
    File,
}

impl Store {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::File => "file",
        }
    }
}

/// Builds the hub for release. Returns its program.
pub(crate) fn build() -> anyhow::Result<PathBuf> {
    let hub = escargot::CargoBuild::new()
        .package("caps-server")
        .bin("caps-server")
        .release()
        .run()
        .context("cannot build the hub")?;
    Ok(hub.path().to_owned())
}

/// A hub that runs until it is dropped.
pub(crate) struct Hub {
    child: Child,
    address: SocketAddr,
}

impl Hub {
    /// Starts one that logs nothing, takes all that a connection can send, and keeps what it is told in `data`.
    pub(crate) fn start(program: &PathBuf, store: Store, data: &TempDir) -> anyhow::Result<Self> {
        let mut child = Command::new(program)
            .args(["--port", "0", "--host", "127.0.0.1", "--max-rate", "4000000000"])
            .args(["--store", store.name(), "--data-dir"])
            .arg(data.path())
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the hub")?;
        let mut line = String::new();
        let stdout = child.stdout.take().context("the hub has an output")?;
        BufReader::new(stdout).read_line(&mut line)?;
        let address = line.trim_end().strip_prefix("caps-server listens on http://");
        let address =
            address.with_context(|| format!("the hub did not start: {line:?}"))?.parse()?;
        Ok(Self { child, address })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The CPU time that it has used.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        const TICK: Duration = Duration::from_millis(10);
        let stat = self.proc("stat")?;
        // The program's name, in parentheses, may have spaces in it.
        let (_, fields) = stat.rsplit_once(") ").context("a process has a state")?;
        let mut fields = fields.split(' ').skip(11).map(str::parse::<u32>);
        let (user, system) = fields.next().zip(fields.next()).context("a process has times")?;
        Ok(TICK * (user? + system?))
    }

    /// The memory that it has resident, in bytes.
    pub(crate) fn memory(&self) -> anyhow::Result<u64> {
        let status = self.proc("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.context("a process has memory")?.trim().trim_end_matches(" kB");
        Ok(kib.parse::<u64>()? * 1024)
    }

    fn proc(&self, file: &str) -> anyhow::Result<String> {
        let path = format!("/proc/{}/{file}", self.child.id());
        fs::read_to_string(&path).with_context(|| format!("cannot read `{path}`; is this Linux?"))
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        // Fails where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
