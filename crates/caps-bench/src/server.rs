//! A server under test: a process that runs until it is dropped, and what it has used.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::brokers::Broker;
use crate::cores;

/// How long a broker may take until it listens, and how often to look.
const START: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(20);

/// One server.
pub(crate) struct Server {
    process: Process,
    address: SocketAddr,
    /// Whether it has queues, and says what is left in them.
    pub(crate) keeps: bool,
    /// How to speak to it, if it is no hub.
    pub(crate) broker: Option<&'static dyn Broker>,
    /// A process that it does not do without.
    beside: Option<Child>,
}

enum Process {
    Ours(Child),
    /// Somebody else's, of which we may know the id.
    Theirs(Option<u32>),
}

impl Server {
    /// Starts one, on a core of its own, that says as its first line where it `listens on`.
    pub(crate) fn start(mut command: Command, keeps: bool) -> anyhow::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = cores::on_the_servers(|| command.spawn())
            .with_context(|| format!("cannot start {}", name(&command)))?;
        let stdout = child.stdout.take().context("a server has an output")?;
        let (process, address) = (Process::Ours(child), ([127, 0, 0, 1], 0).into());
        // Ended when anything from here on fails.
        let mut server = Self { process, address, keeps, broker: None, beside: None };
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let address = line.trim_end().split_once("listens on http://").map(|(_, rest)| rest);
        let address =
            address.with_context(|| format!("{} did not start: {line:?}", name(&command)))?;
        server.address = address.parse()?;
        Ok(server)
    }

    /// Starts a broker, which does not say when it listens, and before it what it does not do without.
    pub(crate) fn start_broker(
        beside: Option<Command>,
        mut command: Command,
        address: SocketAddr,
        broker: &'static dyn Broker,
    ) -> anyhow::Result<Self> {
        let quietly = |command: &mut Command| {
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
        };
        let (process, broker) = (Process::Theirs(None), Some(broker));
        // Both are ended when anything from here on fails.
        let mut server = Self { process, address, keeps: true, broker, beside: None };
        if let Some(mut other) = beside {
            let started = quietly(&mut other);
            server.beside =
                Some(started.with_context(|| format!("cannot start {}", name(&other)))?);
        }
        let child = cores::on_the_servers(|| quietly(&mut command));
        let child = child.with_context(|| format!("cannot start {}", name(&command)))?;
        server.process = Process::Ours(child);
        let until = Instant::now() + START;
        while TcpStream::connect(address).is_err() {
            let Process::Ours(child) = &mut server.process else { break };
            ensure!(child.try_wait()?.is_none(), "{} ended before it listened", name(&command));
            ensure!(Instant::now() < until, "{} does not listen", name(&command));
            thread::sleep(POLL);
        }
        Ok(server)
    }

    /// One that runs already.
    pub(crate) fn at(address: SocketAddr, process: Option<u32>) -> Self {
        Self { process: Process::Theirs(process), address, keeps: true, broker: None, beside: None }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    fn id(&self) -> Option<u32> {
        match &self.process {
            Process::Ours(child) => Some(child.id()),
            Process::Theirs(id) => *id,
        }
    }

    /// The CPU time that it has used, if it is known.
    pub(crate) fn cpu(&self) -> anyhow::Result<Option<Duration>> {
        self.id().map(cpu).transpose()
    }

    /// The memory that it has resident, in bytes, if it is known.
    pub(crate) fn memory(&self) -> anyhow::Result<Option<u64>> {
        self.status("VmRSS:")
    }

    /// The most that it has ever had.
    pub(crate) fn peak(&self) -> anyhow::Result<Option<u64>> {
        self.status("VmHWM:")
    }

    fn status(&self, name: &str) -> anyhow::Result<Option<u64>> {
        let Some(id) = self.id() else { return Ok(None) };
        let status = proc(id, "status")?;
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kib = line.context("a process has memory")?.trim().trim_end_matches(" kB");
        Ok(Some(kib.parse::<u64>()? * 1024))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Process::Ours(child) = &mut self.process {
            end(child);
        }
        if let Some(other) = &mut self.beside {
            end(other);
        }
    }
}

fn name(command: &Command) -> String {
    format!("`{}`", command.get_program().display())
}

fn end(child: &mut Child) {
    // Fails where it has ended already.
    let _ = child.kill();
    let _ = child.wait();
}

/// What the threads of a process have used of the CPU. Those that have ended are not counted; no server here ends any
/// while it is measured.
fn cpu(id: u32) -> anyhow::Result<Duration> {
    let mut used = 0;
    let threads = format!("/proc/{id}/task");
    let threads = fs::read_dir(&threads).with_context(|| {
        format!("cannot read `{threads}`; is this Linux, and is the server alive?")
    })?;
    for thread in threads {
        let thread = format!("task/{}/schedstat", thread?.file_name().display());
        // In nanoseconds, where `stat` has hundredths of a second.
        let stat = proc(id, &thread)?;
        used += stat.split(' ').next().context("a thread has times")?.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(used))
}

fn proc(id: u32, file: &str) -> anyhow::Result<String> {
    let path = format!("/proc/{id}/{file}");
    fs::read_to_string(&path).with_context(|| format!("cannot read `{path}`; is this Linux?"))
}
