//! What there is to do with a hub and its data directory besides running it.

mod healthcheck;

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context as _;
use bytesize::ByteSize;
use caps_hub::Change;
use caps_server::{
    Bearer, Checked, Config, ExportError, Saved, Selection, Store, backup, check, export, issue,
    salvage,
};
use indicatif::{ProgressBar, ProgressStyle};

use crate::args::Command;

pub(crate) fn run(command: Command, config: &Config) -> anyhow::Result<()> {
    let data_dir = config.data_dir.as_path();
    match command {
        Command::Export { output, client_id, event, since } => {
            let event =
                event.and_then(|event| Change::NAMES.into_iter().find(|name| *name == event));
            run_export(data_dir, output, &Selection { client_id, event, since })
        }
        Command::Backup { file } => {
            let bytes = backup(data_dir, &file)?;
            println!("copied to `{}`, {}", file.display(), ByteSize(bytes));
            Ok(())
        }
        Command::Check => run_check(config),
        Command::Token { role, sub, vendors, ttl } => {
            let missing = "there is no secret to sign with; set `--auth-secret` (CAPS_AUTH_SECRET)";
            let secret = config.auth_secret.as_ref().context(missing)?;
            let bearer = Bearer { role, sub, vendors, ttl };
            println!("{}", issue(secret, &bearer, SystemTime::now().into())?);
            Ok(())
        }
        Command::Healthcheck => healthcheck::run(&config.host, config.port),
        Command::Salvage { directory } => run_salvage(data_dir, &directory),
    }
}

fn run_export(
    data_dir: &Path,
    output: Option<PathBuf>,
    selection: &Selection,
) -> anyhow::Result<()> {
    let out: Box<dyn io::Write> = match &output {
        Some(file) => {
            let cannot = || format!("cannot write `{}`", file.display());
            Box::new(File::create_new(file).with_context(cannot)?)
        }
        None => Box::new(io::stdout().lock()),
    };
    // Where events scroll by, a bar would be in their way.
    let is_shown = output.is_some() || !io::stdout().is_terminal();
    let bar = if is_shown { ProgressBar::no_length() } else { ProgressBar::hidden() };
    bar.set_style(ProgressStyle::with_template("{wide_bar} {percent}% {per_sec} {eta} left")?);
    let exported = export(data_dir, selection, BufWriter::new(out), |seq, last| {
        bar.set_length(last);
        bar.set_position(seq);
    });
    bar.finish_and_clear();
    match exported {
        Ok(events) => {
            eprintln!("{events} events");
            Ok(())
        }
        // Such as `head`, which has seen enough.
        Err(ExportError::Write(why)) if why.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(why) => Err(why.into()),
    }
}

fn run_check(config: &Config) -> anyhow::Result<()> {
    println!("the settings are well");
    if config.store == Store::Memory {
        println!("no file: `--store memory` keeps nothing");
        return Ok(());
    }
    let Checked { events, since, messages, orders } = check(&config.data_dir)?;
    let since = since.map_or_else(String::new, |since| format!(" since {since}"));
    println!(
        "the file is well: {events} events{since}, {orders} open orders, {messages} messages that wait"
    );
    Ok(())
}

fn run_salvage(data_dir: &Path, directory: &Path) -> anyhow::Result<()> {
    let Saved { events, lost, lost_snapshots, messages } = salvage(data_dir, directory)?;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "saved {events} events and {messages} messages that wait to `{}`",
        directory.display()
    )?;
    for (first, last) in lost {
        writeln!(out, "lost: what happened from number {first} to {last} of the log")?;
    }
    if lost_snapshots > 0 {
        writeln!(
            out,
            "lost: {lost_snapshots} of 256 snapshots, with orders that are older than the log"
        )?;
    }
    writeln!(out, "start a hub with `--data-dir {}`", directory.display())?;
    Ok(())
}
