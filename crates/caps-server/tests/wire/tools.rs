//! What runs the scripts, and what they need beside it: looked for on this machine, or fetched into the target folder.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where to find a Chromium, if it is not on the path.
const CHROMIUM: &str = "CAPS_CHROMIUM";

/// Nothing is skipped here.
pub(crate) fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|ci| ci == "true" || ci == "1")
}

/// What runs a script.
#[derive(Clone, Copy)]
pub(crate) enum Tool {
    Node,
    Python,
    /// Python, and what asks for all that a document of an HTTP API tells of.
    Api,
    /// Node, and a browser that it drives.
    Browser,
}

impl Tool {
    /// What is missing on this machine, and how to mend it.
    pub(crate) fn check(self) -> Result<(), &'static str> {
        let is_missing = match self {
            Self::Node | Self::Browser => {
                let version = say("node", &["--version"]).unwrap_or_default();
                let major = version.trim_start_matches('v').split('.').next().unwrap_or_default();
                major.parse::<u32>().unwrap_or(0) < 20 || say("npm", &["--version"]).is_none()
            }
            Self::Python | Self::Api => say("python3", &["-c", "import ensurepip, venv"]).is_none(),
        };
        match self {
            Self::Node | Self::Browser if is_missing => {
                Err("node 20 or later with npm is missing: \
                install it from https://nodejs.org or by your package manager, to test with the JavaScript clients")
            }
            Self::Python | Self::Api if is_missing => {
                Err("python3 with its venv module is missing: install `python3` and \
                `python3-venv` by your package manager, to test with Python's clients")
            }
            Self::Browser if chromium().is_none() => {
                Err("Chromium is missing: install it by your package \
                manager, or say where it is by `CAPS_CHROMIUM`, to test the pages in a browser")
            }
            _ => Ok(()),
        }
    }

    /// The tool, with the clients that it needs at hand.
    pub(crate) fn command(self) -> Command {
        let installed = self.install();
        match self {
            Self::Node | Self::Browser => {
                let mut node = Command::new("node");
                node.env("CAPS_NPM", installed);
                if let (Self::Browser, Some(chromium)) = (self, chromium()) {
                    node.env(CHROMIUM, chromium);
                }
                node
            }
            Self::Python | Self::Api => {
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
            Self::Browser => ("browser", "package-lock.json"),
            Self::Python => ("venv", "requirements.txt"),
            Self::Api => ("api", "requirements-api.txt"),
        };
        let lock = File::create(stage.join(format!("{folder}.lock"))).expect("a lock file");
        lock.lock().expect("the lock");

        let folder = stage.join(folder);
        let receipt = folder.join("installed");
        let wanted = fs::read_to_string(self.scripts().join(list)).expect("the list of clients");
        let wanted = match self {
            Self::Node | Self::Browser => wanted,
            // A venv belongs to the python that made it.
            Self::Python | Self::Api => {
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
            Self::Node | Self::Browser => {
                fs::create_dir_all(&folder).expect("a folder for the clients");
                for file in ["package.json", list] {
                    fs::copy(self.scripts().join(file), folder.join(file)).expect("a copy");
                }
                let mut ci = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
                ci.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"])
                    .arg(&folder);
                run(&mut ci);
            }
            Self::Python | Self::Api => {
                run(Command::new("python3").args(["-m", "venv"]).arg(&folder));
                let bin = if cfg!(windows) { "Scripts/python" } else { "bin/python" };
                let mut pip = Command::new(folder.join(bin));
                pip.args(["-m", "pip", "install", "--disable-pip-version-check", "-r"]);
                run(pip.arg(self.scripts().join(list)));
            }
        }
        fs::write(receipt, wanted).expect("a receipt");
        folder
    }

    /// Where its scripts are.
    pub(crate) fn scripts(self) -> PathBuf {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
        match self {
            Self::Node | Self::Python | Self::Api => tests.join("wire"),
            Self::Browser => tests.join("web"),
        }
    }
}

/// The Chromium of this machine.
fn chromium() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os(CHROMIUM) {
        return Some(named.into());
    }
    let path = std::env::var_os("PATH")?;
    let folders: Vec<_> = std::env::split_paths(&path).collect();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let candidates =
        names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    candidates.into_iter().find(|candidate| candidate.is_file())
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
