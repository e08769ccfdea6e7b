//! The hub's program, as every test here runs it: on a port of its own, ended by the test that started it.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// The longest that a hub may take to end once it is asked to.
const GOODBYE: Duration = Duration::from_secs(30);

/// How long a port that was just released may be in other hands.
const PORT_BOUND: Duration = Duration::from_secs(30);

/// How often to look whether it is free.
const PORT_POLL: Duration = Duration::from_millis(50);

/// A hub that runs. Nobody reads its log before its end, which must not hold it up.
pub(crate) struct Hub {
    child: Child,
    address: SocketAddr,
    /// Where it keeps what it is told, unless its flags name another place.
    _data: TempDir,
}

/// How a hub ended.
pub(crate) struct End {
    pub(crate) status: ExitStatus,
    pub(crate) log: String,
}

impl Hub {
    /// Starts a hub with these flags, on a port that it picks unless they name one.
    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::start_logging("info", flags)
    }

    pub(crate) fn start_logging(level: &str, flags: &[&str]) -> Self {
        let start = Instant::now();
        let data = TempDir::new().unwrap();
        loop {
            let mut program = program(flags);
            program.env("CAPS_STORE", "file").env("CAPS_DATA_DIR", data.path());
            let mut child = program.env("RUST_LOG", level).env("PORT", "0").spawn().unwrap();
            let mut line = String::new();
            BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
            let address = line.trim_end().strip_prefix("caps-server listens on http://");
            if let Some(address) = address.and_then(|address| address.parse().ok()) {
                return Self { child, address, _data: data };
            }
            let said = child.wait_with_output().unwrap();
            // A hub that starts where one has been may find its port in other hands, for a while.
            let is_taken = String::from_utf8_lossy(&said.stderr).contains("cannot listen on");
            assert!(is_taken && start.elapsed() < PORT_BOUND, "{line:?}\n{said:?}");
            thread::sleep(PORT_POLL);
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn pid(&self) -> String {
        self.child.id().to_string()
    }

    /// Sends it a signal, such as `-STOP`.
    pub(crate) fn signal(&self, signal: &str) {
        // The shell's own `kill` is there even where no program of that name is.
        let kill = format!("kill {signal} {}", self.pid());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success(), "it had ended");
    }

    /// Sends it a signal, such as `-TERM`, and waits for its end.
    pub(crate) fn end(mut self, signal: &str) -> End {
        self.signal(signal);
        let mut stderr = self.child.stderr.take().unwrap();
        let (sender, read) = mpsc::channel();
        thread::spawn(move || {
            let mut log = Vec::new();
            // Nobody waits for it any more when this fails.
            let _ = sender.send(stderr.read_to_end(&mut log).map(|_| log));
        });
        let log = read.recv_timeout(GOODBYE).expect("it ends in time").unwrap();
        let log = String::from_utf8_lossy(&log).into_owned();
        End { status: self.child.wait().unwrap(), log }
    }
}

/// No hub outlives its test, whatever the test comes to.
impl Drop for Hub {
    fn drop(&mut self) {
        // Fails where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program, which none of this process's settings reach, and which leaves no files behind.
pub(crate) fn program(flags: &[&str]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_caps-server"));
    forget_settings(&mut program);
    program.env("CAPS_STORE", "memory");
    program.args(flags).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    program
}

/// Keeps the settings of whoever runs the tests from a program.
pub(crate) fn forget_settings(program: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let is_setting =
            |name: &str| name.starts_with("CAPS_") || matches!(name, "PORT" | "RUST_LOG");
        if name.to_str().is_some_and(is_setting) {
            program.env_remove(name);
        }
    }
}
