//! The hub's program, as every test here runs it: on a port of its own, ended by the test that started it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// The longest that a hub may take to end once it is asked to.
const GOODBYE: Duration = Duration::from_secs(30);

/// A hub that runs. Nobody reads its log before its end, which must not hold it up.
pub(crate) struct Hub {
    child: Child,
    address: SocketAddr,
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
        let mut child = program(flags).env("RUST_LOG", level).env("PORT", "0").spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("caps-server listens on http://");
        let Some(address) = address.and_then(|address| address.parse().ok()) else {
            panic!("{line:?}\n{:?}", child.wait_with_output())
        };
        Self { child, address }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn pid(&self) -> String {
        self.child.id().to_string()
    }

    /// Sends it a signal, such as `-TERM`, and waits for its end.
    pub(crate) fn end(mut self, signal: &str) -> End {
        // The shell's own `kill` is there even where no program of that name is.
        let kill = format!("kill {signal} {}", self.pid());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success(), "it had ended");
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

/// The program, with no more of this process's environment than it needs.
pub(crate) fn program(flags: &[&str]) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_caps-server"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CAPS_")) {
        program.env_remove(name);
    }
    program.args(flags).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    program
}
