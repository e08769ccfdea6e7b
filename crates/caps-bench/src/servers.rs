//! The servers that can be measured: the hub, and what a user would run instead.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use clap::ValueEnum;
use tempfile::TempDir;

use crate::brokers::{Broker, Nats, Rabbit, Redis};
use crate::jobs::Job;
use crate::peers::{self, say};
use crate::server::Server;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Kind {
    /// The hub, with its messages in memory
    Memory,
    /// The hub, with its messages in a file: an fsync before every answer
    File,
    /// socket.io on node
    Node,
    /// socket.io on bun, with its own engine
    Bun,
    /// python-socketio on uvicorn
    Python,
    /// socketioxide alone, which keeps nothing
    Bare,
    /// Redis Streams, with an fsync before every answer
    Redis,
    /// NATS JetStream, which answers before its fsync
    Nats,
    /// A quorum queue of RabbitMQ
    Rabbit,
}

impl Kind {
    pub(crate) const ALL: [Self; 9] = [
        Self::Memory,
        Self::File,
        Self::Node,
        Self::Bun,
        Self::Python,
        Self::Bare,
        Self::Redis,
        Self::Nats,
        Self::Rabbit,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Memory => "hub, memory",
            Self::File => "hub, file",
            Self::Node => "socket.io on node",
            Self::Bun => "socket.io on bun",
            Self::Python => "python-socketio",
            Self::Bare => "bare socketioxide",
            Self::Redis => "Redis Streams",
            Self::Nats => "NATS JetStream",
            Self::Rabbit => "RabbitMQ, quorum",
        }
    }

    /// Whether it can be given that job: a broker stores and hands over, and what keeps nothing cannot be asked to.
    pub(crate) fn does(self, job: &Job) -> bool {
        match job {
            Job::Durable { .. } => self == Self::File || self.broker().is_some(),
            _ => self.broker().is_none(),
        }
    }

    pub(crate) fn is_hub(self) -> bool {
        matches!(self, Self::Memory | Self::File)
    }

    /// How to speak to it, if it is a broker.
    fn broker(self) -> Option<&'static dyn Broker> {
        match self {
            Self::Redis => Some(&Redis),
            Self::Nats => Some(&Nats),
            Self::Rabbit => Some(&Rabbit),
            _ => None,
        }
    }

    /// Whether what it is told waits until somebody receives it.
    fn keeps(self) -> bool {
        self != Self::Bare
    }
}

/// A server with all that it needs at hand.
pub(crate) struct Ready {
    pub(crate) kind: Kind,
    program: PathBuf,
    arguments: Vec<PathBuf>,
}

impl Ready {
    /// Builds it for release, or fetches it from its registry, into the target folder; the hub may have been built.
    pub(crate) fn prepare(kind: Kind, hub: Option<&Path>) -> anyhow::Result<Self> {
        let (program, arguments) = match (kind, hub) {
            (Kind::Memory | Kind::File, Some(hub)) => (hub.to_owned(), vec![]),
            (Kind::Memory | Kind::File, _) => (build("caps-server", Program::Bin)?, vec![]),
            (Kind::Bare, _) => (build("caps-bench", Program::Example("bare"))?, vec![]),
            (Kind::Node, _) => {
                let hub = peers::javascript()?.join("hub.mjs");
                ("node".into(), vec![hub])
            }
            (Kind::Bun, _) => {
                let peers = peers::javascript()?;
                let package = format!("node_modules/@oven/bun-linux-{}/bin/bun", architecture());
                let bun = peers.join(package);
                ensure!(bun.is_file(), "npm has brought no bun for this machine");
                (bun, vec![peers.join("hub.mjs")])
            }
            (Kind::Redis, _) => (find("redis-server")?, vec![]),
            (Kind::Nats, _) => (find("nats-server")?, vec![]),
            (Kind::Rabbit, _) => {
                ensure!(
                    Path::new(RABBIT).is_file(),
                    "`{RABBIT}` is missing: install `rabbitmq-server` by your package manager"
                );
                (RABBIT.into(), vec![])
            }
            (Kind::Python, _) => {
                let peers = peers::python()?;
                (peers.join("venv/bin/python"), vec![peers.join("hub.py")])
            }
        };
        Ok(Self { kind, program, arguments })
    }

    /// Starts it, to keep what it is told in `data`, if it keeps anything.
    pub(crate) fn start(&self, data: &TempDir) -> anyhow::Result<Server> {
        let Some(broker) = self.kind.broker() else { return self.start_hub(data.path()) };
        let mut attempt = 1;
        loop {
            // What one that failed has left would be in the way of the next.
            let data = data.path().join(attempt.to_string());
            fs::create_dir(&data)?;
            match self.start_broker(broker, &data) {
                // A port may have come into other hands.
                Err(_) if attempt < TRIES => attempt += 1,
                started => return started,
            }
        }
    }

    fn start_hub(&self, data: &Path) -> anyhow::Result<Server> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        // Nothing of this process's own settings reaches it.
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("CAPS_") || name == "PORT") {
                command.env_remove(name);
            }
        }
        if self.kind.is_hub() {
            let store = if self.kind == Kind::Memory { "memory" } else { "file" };
            // It takes all that a connection can send, and logs as it does for its users, but to nowhere.
            command
                .args(["--port", "0", "--host", "127.0.0.1", "--store", store, "--data-dir"])
                .arg(data)
                .args(["--max-rate", "4000000000", "--max-queue", "10000000", "--max-orders"])
                .args(["10000000", "--max-connections", "100000"])
                .args(["--max-connections-per-address", "100000"])
                .stderr(Stdio::null());
        }
        Server::start(command, self.kind.keeps())
    }

    /// Starts one that cannot pick a port by itself, on loopback alone.
    fn start_broker(&self, broker: &'static dyn Broker, data: &Path) -> anyhow::Result<Server> {
        let address = free_address()?;
        let port = address.port().to_string();
        let mut command = Command::new(&self.program);
        let beside = match self.kind {
            Kind::Rabbit => Some(rabbit(&mut command, &port, data)?),
            Kind::Nats => {
                command.args(["--addr", "127.0.0.1", "--port", &port, "--jetstream"]);
                command.arg("--store_dir").arg(data);
                None
            }
            _ => {
                command.args(["--bind", "127.0.0.1", "--port", &port, "--save", "", "--dir"]);
                command.arg(data).args(["--appendonly", "yes", "--appendfsync", "always"]);
                None
            }
        };
        Server::start_broker(beside, command, address, broker)
    }
}

/// How often a broker is started before it is given up.
const TRIES: u32 = 3;

/// RabbitMQ's own start, without the wrapper of the system's service around it.
const RABBIT: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

/// Says what RabbitMQ is to know, with all its files in `data`. Returns `epmd`, by which its own tools find it, and without
/// which it does not start.
fn rabbit(rabbit: &mut Command, port: &str, data: &Path) -> anyhow::Result<Command> {
    let names = free_address()?.port().to_string();
    rabbit
        .env("ERL_EPMD_PORT", &names)
        .env("ERL_CRASH_DUMP_SECONDS", "0")
        .env("HOME", data)
        .env("RABBITMQ_NODENAME", "caps-bench@localhost")
        .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_NODE_PORT", port)
        .env("RABBITMQ_DIST_PORT", free_address()?.port().to_string())
        .env("RABBITMQ_MNESIA_BASE", data)
        .env("RABBITMQ_LOG_BASE", data)
        .env("RABBITMQ_CONFIG_FILE", data.join("none"))
        .env("RABBITMQ_CONF_ENV_FILE", data.join("none.env"))
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", data.join("plugins"))
        // With it the script becomes the server, which can be measured and ended.
        .env("RABBITMQ_ALLOW_INPUT", "1")
        .env(
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            "-noinput -start_epmd false -kernel inet_dist_use_interface {127,0,0,1}",
        );
    let mut epmd = Command::new("epmd");
    epmd.args(["-address", "127.0.0.1", "-port", &names]);
    Ok(epmd)
}

enum Program {
    Bin,
    Example(&'static str),
}

fn build(package: &str, program: Program) -> anyhow::Result<PathBuf> {
    let build = escargot::CargoBuild::new()
        .manifest_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml"))
        .package(package)
        .release();
    let build = match program {
        Program::Bin => build.bin(package),
        Program::Example(name) => build.example(name),
    };
    let built = build.run().with_context(|| format!("cannot build `{package}`"))?;
    Ok(built.path().to_owned())
}

/// A program of this machine.
fn find(program: &str) -> anyhow::Result<PathBuf> {
    say(program, &["--version"]).with_context(|| {
        format!("`{program}` is missing: install the package of that name by your package manager")
    })?;
    Ok(program.into())
}

/// A port that nobody has right now, for servers that cannot pick one themselves.
fn free_address() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// As bun's packages are named.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "x64",
        other => other,
    }
}
