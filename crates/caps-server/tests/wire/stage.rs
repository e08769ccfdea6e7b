//! Sets the stage of a test: a hub, and the scripts that play against it.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::hub::{End, Hub};
use crate::tools::{Tool, is_ci};

/// The longest that a script may be silent. Every wait inside of a script has a shorter bound of its own.
const BOUND: Duration = Duration::from_secs(300);

/// What a script says when it wants the hub to be stopped and started again, where it was and with what it keeps.
const RESTART: &str = "restart the hub";

/// A script of `tests/wire` or `tests/web`, and what runs it.
pub(crate) struct Script {
    tool: Tool,
    file: &'static str,
    args: Vec<String>,
}

impl Script {
    /// A script for node.
    pub(crate) fn node(file: &'static str) -> Self {
        Self { tool: Tool::Node, file, args: Vec::new() }
    }

    /// A script for python.
    pub(crate) fn python(file: &'static str) -> Self {
        Self { tool: Tool::Python, file, args: Vec::new() }
    }

    /// A script for python with what asks for all that a document of an HTTP API tells of.
    pub(crate) fn api(file: &'static str) -> Self {
        Self { tool: Tool::Api, file, args: Vec::new() }
    }

    /// A script for node with a browser at hand.
    pub(crate) fn browser(file: &'static str) -> Self {
        Self { tool: Tool::Browser, file, args: Vec::new() }
    }

    /// The same with these arguments.
    pub(crate) fn args<const N: usize>(mut self, args: [&str; N]) -> Self {
        self.args = args.map(str::to_owned).into();
        self
    }
}

/// Runs a hub with these flags and the scripts against it, all at the same time: each but the last must say `ready` before the
/// next one starts. Fails with what the scripts wrote.
pub(crate) fn perform(flags: &[&str], scripts: &[Script]) {
    for script in scripts {
        if let Err(missing) = script.tool.check() {
            assert!(!is_ci(), "{missing}");
            // Past the test harness, which keeps what a passing test prints.
            let line = format!("skipped {}: {missing}\n", script.file);
            std::io::stderr().write_all(line.as_bytes()).expect("stderr takes a line");
            return;
        }
    }
    let mut house = House::open(flags);
    let mut playing: Vec<Playing> = Vec::new();
    for (i, script) in scripts.iter().enumerate() {
        let mut player = Playing::start(script, house.hub());
        if i + 1 < scripts.len() {
            player.wait_until_ready();
        }
        playing.push(player);
    }
    let mut reports: Vec<String> =
        playing.into_iter().filter_map(|player| player.end(&mut house).err()).collect();
    reports.extend(house.close());
    assert!(reports.is_empty(), "{}", reports.join("\n"));
}

/// A hub that can be started again.
struct House {
    /// `None` between two of them.
    hub: Option<Hub>,
    flags: Vec<String>,
    data: TempDir,
}

impl House {
    fn open(flags: &[&str]) -> Self {
        let data = TempDir::new().expect("a data directory");
        let flags: Vec<String> = flags.iter().map(|&flag| flag.to_owned()).collect();
        Self { hub: Some(start(&flags, &data, "0")), flags, data }
    }

    fn hub(&self) -> &Hub {
        self.hub.as_ref().expect("a hub runs")
    }

    fn restart(&mut self) {
        let port = self.hub().address().port().to_string();
        let failed = self.close();
        assert_eq!(failed, None);
        self.hub = Some(start(&self.flags, &self.data, &port));
    }

    /// Ends the hub; what went wrong with it, if anything did.
    fn close(&mut self) -> Option<String> {
        let End { status, log } = self.hub.take()?.end("-TERM");
        if status.success() {
            return None;
        }
        let last = log.lines().rev().take(40).collect::<Vec<_>>();
        Some(format!("the hub ended with {status}; its last lines, latest first: {last:#?}"))
    }
}

fn start(flags: &[String], data: &TempDir, port: &str) -> Hub {
    let mut flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let data = data.path().to_str().expect("a path of whole characters");
    flags.extend(["--data-dir", data, "--port", port]);
    Hub::start(&flags)
}

/// A script that runs, and everything it writes.
struct Playing {
    name: String,
    child: Child,
    input: ChildStdin,
    output: Receiver<String>,
    heard: String,
}

impl Playing {
    fn start(script: &Script, hub: &Hub) -> Self {
        let (mut command, file) = (script.tool.command(), script.tool.scripts().join(script.file));
        command.arg(file).args(&script.args);
        command.env("CAPS_URL", format!("http://{}", hub.address())).env("CAPS_HUB", hub.pid());
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|why| panic!("{} starts: {why}", script.file));
        let input = child.stdin.take().expect("stdin");
        let (sender, output) = mpsc::channel();
        let streams: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().expect("stdout")),
            Box::new(child.stderr.take().expect("stderr")),
        ];
        for stream in streams {
            let sender = sender.clone();
            thread::spawn(move || {
                for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
                    // The test has ended where nobody listens.
                    let _ = sender.send(String::from_utf8_lossy(&line).into_owned());
                }
            });
        }
        let name = format!("{} {}", script.file, script.args.join(" "));
        Self { name, child, input, output, heard: String::new() }
    }

    /// The script's next line, or `None` when it has ended.
    fn line(&mut self) -> Option<String> {
        match self.output.recv_timeout(BOUND) {
            Ok(line) => {
                self.heard.push_str(&line);
                self.heard.push('\n');
                Some(line)
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                panic!("{} was silent for {BOUND:?}, having said:\n{}", self.name, self.heard)
            }
        }
    }

    fn wait_until_ready(&mut self) {
        loop {
            let Some(line) = self.line() else {
                panic!("{} ended before it was ready:\n{}", self.name, self.heard)
            };
            if line == "ready" {
                return;
            }
        }
    }

    /// Waits for the script's end; what it wrote, if it failed.
    fn end(mut self, house: &mut House) -> Result<(), String> {
        while let Some(line) = self.line() {
            if line == RESTART {
                house.restart();
                writeln!(self.input, "restarted").expect("the script listens");
            }
        }
        let status = self.child.wait().expect("the script ends");
        let seeds = self.heard.lines().filter(|line| line.contains("SEED="));
        for seed in seeds {
            println!("{}: {seed}", self.name);
        }
        if status.success() {
            return Ok(());
        }
        Err(format!("{} failed with {status}:\n{}", self.name, self.heard))
    }
}

impl Drop for Playing {
    fn drop(&mut self) {
        // It has ended already, except where the test fails.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
