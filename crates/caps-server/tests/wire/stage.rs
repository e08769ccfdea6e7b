//! Sets the stage of a test: a hub, and the scripts that play against it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use crate::hub::{End, Hub};

/// The longest that a script may be silent. Every wait inside of a script has a shorter bound of its own.
const BOUND: Duration = Duration::from_secs(300);

/// A script of `tests/wire` and what runs it.
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
    let hub = Hub::start(flags);
    let mut playing: Vec<Playing> = Vec::new();
    for (i, script) in scripts.iter().enumerate() {
        let mut player = Playing::start(script, &hub);
        if i + 1 < scripts.len() {
            player.wait_until_ready();
        }
        playing.push(player);
    }
    let mut reports: Vec<String> =
        playing.into_iter().filter_map(|player| player.end().err()).collect();
    let End { status, log } = hub.end("-TERM");
    if !status.success() {
        let last = log.lines().rev().take(40).collect::<Vec<_>>();
        reports
            .push(format!("the hub ended with {status}; its last lines, latest first: {last:#?}"));
    }
    assert!(reports.is_empty(), "{}", reports.join("\n"));
}

fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|ci| ci == "true" || ci == "1")
}

/// A script that runs, and everything it writes.
struct Playing {
    name: String,
    child: Child,
    output: Receiver<String>,
    heard: String,
}

impl Playing {
    fn start(script: &Script, hub: &Hub) -> Self {
        let (mut command, file) = (script.tool.command(), scripts().join(script.file));
        command.arg(file).args(&script.args);
        command.env("CAPS_URL", format!("http://{}", hub.address())).env("CAPS_HUB", hub.pid());
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|why| panic!("{} starts: {why}", script.file));
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
        Self { name, child, output, heard: String::new() }
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
    fn end(mut self) -> Result<(), String> {
        while self.line().is_some() {}
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

/// What runs a script.
#[derive(Clone, Copy)]
enum Tool {
    Node,
    Python,
}

impl Tool {
    /// What is missing on this machine, and how to mend it.
    fn check(self) -> Result<(), &'static str> {
        match self {
            Self::Node => {
                let version = say("node", &["--version"]).unwrap_or_default();
                let major = version.trim_start_matches('v').split('.').next().unwrap_or_default();
                if major.parse::<u32>().unwrap_or(0) < 20 || say("npm", &["--version"]).is_none() {
                    return Err("node 20 or later with npm is missing: install it from \
                        https://nodejs.org or by your package manager, to test with the JavaScript clients");
                }
            }
            Self::Python => {
                if say("python3", &["-c", "import ensurepip, venv"]).is_none() {
                    return Err("python3 with its venv module is missing: install `python3` and \
                        `python3-venv` by your package manager, to test with the Python client");
                }
            }
        }
        Ok(())
    }

    /// The tool, with the clients that it needs at hand.
    fn command(self) -> Command {
        let installed = self.install();
        match self {
            Self::Node => {
                let mut node = Command::new("node");
                node.env("CAPS_NPM", installed);
                node
            }
            Self::Python => {
                let bin = if cfg!(windows) { "Scripts/python" } else { "bin/python" };
                let mut python = Command::new(installed.join(bin));
                python.env("PYTHONDONTWRITEBYTECODE", "1");
                python
            }
        }
    }

    /// Fetches the clients once for each list of them, whatever number of processes asks at the same time.
    fn install(self) -> PathBuf {
        let stage = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wire");
        fs::create_dir_all(&stage).expect("the stage is built");
        let (folder, list) = match self {
            Self::Node => ("npm", "package-lock.json"),
            Self::Python => ("venv", "requirements.txt"),
        };
        let lock = File::create(stage.join(format!("{folder}.lock"))).expect("a lock file");
        lock.lock().expect("the lock");

        let folder = stage.join(folder);
        let receipt = folder.join("installed");
        let wanted = fs::read_to_string(scripts().join(list)).expect("the list of clients");
        let wanted = match self {
            Self::Node => wanted,
            // A venv belongs to the python that made it.
            Self::Python => {
                let python =
                    say("python3", &["-c", "import sys; print(sys.executable, sys.version)"]);
                wanted + &python.unwrap_or_default()
            }
        };
        if fs::read_to_string(&receipt).is_ok_and(|installed| installed == wanted) {
            return folder;
        }
        if folder.exists() {
            fs::remove_dir_all(&folder).expect("the old clients go");
        }
        match self {
            Self::Node => {
                fs::create_dir_all(&folder).expect("a folder for the clients");
                for file in ["package.json", list] {
                    fs::copy(scripts().join(file), folder.join(file)).expect("a copy");
                }
                let mut ci = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
                ci.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"])
                    .arg(&folder);
                run(&mut ci);
            }
            Self::Python => {
                run(Command::new("python3").args(["-m", "venv"]).arg(&folder));
                let bin = if cfg!(windows) { "Scripts/python" } else { "bin/python" };
                let mut pip = Command::new(folder.join(bin));
                pip.args(["-m", "pip", "install", "--disable-pip-version-check", "-r"]);
                run(pip.arg(scripts().join(list)));
            }
        }
        fs::write(receipt, wanted).expect("a receipt");
        folder
    }
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire")
}

/// What a program prints, or `None` when it is missing or fails.
fn say(program: impl AsRef<OsStr>, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|why| panic!("{command:?} starts: {why}"));
    assert!(
        output.status.success(),
        "{command:?} failed:\n{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
}
