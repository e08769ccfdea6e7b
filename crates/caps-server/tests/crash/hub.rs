//! A hub's program on a data directory that outlives it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;

use crate::town::BOUND;

/// A hub that runs. Killed when it is dropped.
pub(crate) struct Hub {
    child: Child,
    address: SocketAddr,
}

/// How a hub ended.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) status: ExitStatus,
    pub(crate) log: String,
}

impl Hub {
    /// Starts a hub on a data directory. It must come up.
    pub(crate) fn start(data: &Path) -> Self {
        Self::run(program(data))
    }

    /// Starts a hub's program. It must come up.
    pub(crate) fn run(program: Command) -> Self {
        Self::try_run(program).unwrap_or_else(|end| panic!("the hub does not start: {end:?}"))
    }

    /// Starts a hub's program, which may refuse.
    pub(crate) fn try_run(mut program: Command) -> Result<Self, End> {
        let mut child = program.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("caps-server listens on http://");
        match address.and_then(|address| address.parse().ok()) {
            Some(address) => Ok(Self { child, address }),
            None => Err(end(&mut child)),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it without a warning.
    pub(crate) fn kill(mut self) -> End {
        self.child.kill().unwrap();
        self.end()
    }

    /// Asks it to end.
    pub(crate) fn terminate(self) -> End {
        self.ask_to_end();
        self.end()
    }

    /// Asks it to end, and does not wait.
    pub(crate) fn ask_to_end(&self) {
        run(&format!("kill -TERM {}", self.child.id()));
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> End {
        end(&mut self.child)
    }
}

fn end(child: &mut Child) -> End {
    let mut stderr = child.stderr.take().unwrap();
    let (sender, log) = mpsc::channel();
    thread::spawn(move || {
        let mut log = String::new();
        // Nobody waits for it any more when this fails.
        let _ = sender.send(stderr.read_to_string(&mut log).map(|_| log));
    });
    let Ok(log) = log.recv_timeout(BOUND) else {
        child.kill().unwrap();
        panic!("the hub does not end")
    };
    let log = log.unwrap();
    assert!(!log.contains("panicked"), "{log}");
    End { status: child.wait().unwrap(), log }
}

/// No hub outlives its test, whatever the test comes to.
impl Drop for Hub {
    fn drop(&mut self) {
        // Fails where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a hub's program that must refuse to start, as one that has failed. Returns what it says.
pub(crate) fn refusal(program: Command) -> String {
    let End { status, log } = Hub::try_run(program).err().expect("the hub does not start");
    assert_eq!(status.code(), Some(1), "{log}");
    log
}

/// Where the program is.
pub(crate) const HUB: &str = env!("CARGO_BIN_EXE_caps-server");

/// The program on a data directory.
pub(crate) fn program(data: &Path) -> Command {
    set_up(Command::new(HUB), data)
}

/// Gives the program, or what starts it, its settings. None of this process's reach it.
pub(crate) fn set_up(mut program: Command, data: &Path) -> Command {
    for (name, _) in std::env::vars_os() {
        let is_setting = |name: &str| name.starts_with("CAPS_") || name == "PORT";
        if name.to_str().is_some_and(is_setting) {
            program.env_remove(name);
        }
    }
    program.args(["--port", "0", "--data-dir"]).arg(data).env("RUST_LOG", "warn");
    program.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    program
}

/// Runs a line of shell, which must succeed.
pub(crate) fn run(line: &str) {
    let output = Command::new("sh").args(["-c", line]).output().unwrap();
    assert!(output.status.success(), "`{line}`: {output:?}");
}
