//! What the peers in `peers/` need beside them, from their registries into the target folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};

/// Brings socket.io, bun and its engine. Returns where they are.
pub(crate) fn javascript() -> anyhow::Result<PathBuf> {
    let node = say("node", &["--version"]).unwrap_or_default();
    let major = node.trim_start_matches('v').split('.').next().unwrap_or_default();
    if major.parse::<u32>().unwrap_or(0) < 20 || say("npm", &["--version"]).is_none() {
        bail!("node 20 or later with npm is missing: install it from https://nodejs.org");
    }
    let files = ["package.json", "package-lock.json", "hub.mjs"];
    install("javascript", &files, "", |folder| {
        let mut ci = Command::new("npm");
        ci.args(["ci", "--ignore-scripts", "--legacy-peer-deps", "--no-audit", "--no-fund"]);
        run(ci.arg("--prefix").arg(folder))
    })
}

/// Brings python-socketio and uvicorn. Returns where they are.
pub(crate) fn python() -> anyhow::Result<PathBuf> {
    // A venv belongs to the python that made it.
    let python = say("python3", &["-c", "import ensurepip, venv, sys; print(sys.version)"]);
    let python = python.context(
        "python3 with its venv module is missing: install `python3` and `python3-venv` by your package manager",
    )?;
    install("python", &["requirements.txt", "hub.py"], &python, |folder| {
        let venv = folder.join("venv");
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        let mut pip = Command::new(venv.join("bin/python"));
        pip.args(["-m", "pip", "install", "--disable-pip-version-check", "-r"]);
        run(pip.arg(folder.join("requirements.txt")))
    })
}

/// Copies a peer's files into the target folder, and fetches what they need, unless that has been done.
fn install(
    peer: &str,
    files: &[&str],
    machine: &str,
    fetch: impl FnOnce(&Path) -> anyhow::Result<()>,
) -> anyhow::Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = here.join("../../target/peers").join(peer);
    let mut wanted = machine.to_owned();
    for file in files {
        wanted += &fs::read_to_string(here.join("peers").join(peer).join(file))?;
    }
    let receipt = folder.join("installed");
    if fs::read_to_string(&receipt).is_ok_and(|installed| installed == wanted) {
        return Ok(folder);
    }
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    for file in files {
        fs::copy(here.join("peers").join(peer).join(file), folder.join(file))?;
    }
    fetch(&folder)?;
    fs::write(receipt, wanted)?;
    Ok(folder)
}

/// What a program prints, or `None` when it is missing or fails.
pub(crate) fn say(program: &str, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("cannot start {command:?}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} failed: {said}");
    Ok(())
}
