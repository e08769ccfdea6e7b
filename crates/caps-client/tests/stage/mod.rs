//! What the integration tests of clients and programs stand on: a hub, clients, and programs.
//!
//! Waits are for facts; [`in_time`] bounds them, so that a failure is one.

#![allow(dead_code, reason = "each test program uses a part of it")]

pub(crate) mod outbox;
pub(crate) mod proxy;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use caps_client::{Client, Delivery, Incoming, Options};
use caps_proto::{ClientId, Event, Message, Order};
use caps_server::{BindError, Config, RunError, Server, Store};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

/// How long a port that was just released may be in other hands.
const PORT_BOUND: Duration = Duration::from_secs(30);

/// How often to look whether it is free.
const PORT_POLL: Duration = Duration::from_millis(50);

/// What `what` comes to, long before a minute is over.
pub(crate) async fn in_time<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), what).await.expect("it did not come in time")
}

pub(crate) fn acme() -> ClientId {
    ClientId::new("acme").unwrap()
}

/// An order of acme's.
pub(crate) fn order(id: &str) -> Order {
    let text = format!(r#"{{"store":"acme","orderId":"{id}","customer":"Ada","total":1.50}}"#);
    serde_json::from_str(&text).unwrap()
}

/// A hub in this process.
pub(crate) struct Hub {
    pub(crate) address: SocketAddr,
    stop: DropGuard,
    running: JoinHandle<Result<(), RunError>>,
}

impl Hub {
    pub(crate) async fn start() -> Self {
        Self::start_with(Config::default()).await
    }

    pub(crate) async fn start_with(config: Config) -> Self {
        let config = Config { port: 0, store: Store::Memory, ..config };
        Self::run(Server::bind(config).await.unwrap())
    }

    fn run(server: Server) -> Self {
        let stop = CancellationToken::new();
        let address = server.local_addr();
        let running = tokio::spawn(server.run(stop.clone()));
        Self { address, stop: stop.drop_guard(), running }
    }

    /// Ends the hub and all that it remembers; returns its port.
    pub(crate) async fn stop(self) -> u16 {
        drop(self.stop);
        in_time(self.running).await.unwrap().unwrap();
        self.address.port()
    }

    /// Another hub where one has been. Whoever has been given its port meanwhile is waited out, for a while.
    pub(crate) async fn start_again(port: u16) -> Self {
        let start = Instant::now();
        loop {
            let config = Config { port, store: Store::Memory, ..Config::default() };
            match Server::bind(config).await {
                Ok(server) => return Self::run(server),
                Err(BindError::Listen { why, .. })
                    if why.kind() == ErrorKind::AddrInUse && start.elapsed() < PORT_BOUND =>
                {
                    tokio::time::sleep(PORT_POLL).await;
                }
                Err(why) => panic!("no hub where one has been: {why}"),
            }
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Connects acme, and listens.
pub(crate) async fn vendor(url: String) -> (Client, Incoming) {
    let (client, incoming) = Client::connect(Options::vendor(url, acme())).unwrap();
    in_time(client.join(&acme())).await.unwrap();
    in_time(client.get_all(Some(&acme()), None)).await.unwrap();
    (client, incoming)
}

/// Connects a driver without a name, and listens.
pub(crate) async fn driver(url: String) -> (Client, Incoming) {
    let (client, incoming) = Client::connect(Options::driver(url, None)).unwrap();
    in_time(client.get_all(None, None)).await.unwrap();
    (client, incoming)
}

/// The next message, which is an `event`.
pub(crate) async fn next(incoming: &mut Incoming, event: Event) -> Delivery {
    let delivery = in_time(incoming.recv()).await.unwrap();
    assert_eq!(delivery.event, event, "{delivery:?}");
    delivery
}

/// Takes an order all the way.
pub(crate) async fn deliver(client: &Client, pickup: Delivery) {
    let message: &Message = &pickup;
    in_time(client.in_transit(message)).await.unwrap();
    in_time(client.delivered(message)).await.unwrap();
    in_time(client.acknowledge(pickup)).await.unwrap();
}

/// The program at `path`, which none of this process's settings reach.
pub(crate) fn program(path: &str) -> Command {
    let mut program = Command::new(path);
    for (name, _) in std::env::vars_os() {
        let is_setting = |name: &str| name.starts_with("CAPS_") || name == "RUST_LOG";
        if name.to_str().is_some_and(is_setting) {
            program.env_remove(name);
        }
    }
    program.stdin(Stdio::null());
    program
}

/// Sends a process a signal, such as `TERM`.
#[cfg(unix)]
pub(crate) async fn signal(process: u32, signal: &str) {
    // The shell's own `kill` is there even where no program of that name is.
    let kill = format!("kill -{signal} {process}");
    assert!(Command::new("sh").args(["-c", &kill]).status().await.unwrap().success());
}

/// A program of the workspace.
pub(crate) struct Program {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
}

impl Program {
    pub(crate) fn start(path: &str, hub: &Hub, args: &[&str]) -> Self {
        Self::spawn(program(path).args(args).env("CAPS_URL", hub.url()))
    }

    pub(crate) fn spawn(program: &mut Command) -> Self {
        let mut child = program.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, stdout }
    }

    /// Where to write what the program reads, if it was given a pipe.
    pub(crate) fn stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().unwrap()
    }

    /// The next line on stdout, none at its end.
    pub(crate) async fn line(&mut self) -> Option<String> {
        in_time(self.stdout.next_line()).await.unwrap()
    }

    /// The next line that starts with `start`; those before it are left out.
    pub(crate) async fn line_of(&mut self, start: &str) -> String {
        loop {
            let line = self.line().await.expect("the program has ended");
            if line.starts_with(start) {
                return line;
            }
        }
    }

    /// The lines that are left, and how the program ended.
    pub(crate) async fn end(mut self) -> (Vec<String>, ExitStatus) {
        let mut lines = vec![];
        while let Some(line) = self.line().await {
            lines.push(line);
        }
        (lines, in_time(self.child.wait()).await.unwrap())
    }

    /// Asks the program to end, as systems do.
    #[cfg(unix)]
    pub(crate) async fn terminate(self) -> (Vec<String>, ExitStatus) {
        signal(self.child.id().unwrap(), "TERM").await;
        self.end().await
    }

    /// Ends the program without a warning.
    pub(crate) async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Ends the program without a warning, and returns the lines that are left.
    pub(crate) async fn killed(mut self) -> Vec<String> {
        self.child.start_kill().unwrap();
        self.end().await.0
    }
}
