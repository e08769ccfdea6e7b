//! Very many messages that wait: what each takes, and how long a restart with all of them.

use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use hdrhistogram::Histogram;
use tempfile::TempDir;

use super::ingest::ask_all;
use super::{queue, store};
use crate::load::{Lines, Writes};
use crate::server::Server;
use crate::servers::{Kind, Ready};

/// How many are on their way at the same time.
const WINDOW: u64 = 1024;

pub(crate) fn run(messages: u64, text: usize, hub: Option<&Path>) -> anyhow::Result<()> {
    let ready = Ready::prepare(Kind::File, hub)?;
    let data = TempDir::new()?;
    let server = ready.start(&data)?;
    let name = store(0);
    let before = memory(&server)?;
    let mut lines = Lines::new(server.address(), Writes::Coalesced)?;
    let vendor = lines.connect(super::ANYONE)?;
    let orders = (0..messages).map(|number| padded(&name, number, text));
    ask_all(&mut lines, vendor, "pickup", orders, WINDOW, &mut Histogram::new(3)?)?;
    let full = memory(&server)?;
    let each = |memory: u64| (memory.saturating_sub(before) as f64 / messages as f64) - text as f64;
    println!("{messages} messages of {text} bytes wait in the file store");
    println!("memory: {} MiB, that is {:.0} bytes and its text for each", full >> 20, each(full));
    drop((lines, server));

    let began = Instant::now();
    let server = ready.start(&data)?;
    println!("ready again {:.1?} after a kill -9", began.elapsed());
    let mut lines = Lines::new(server.address(), Writes::Coalesced)?;
    let reader = lines.connect(super::ANYONE)?;
    lines.ask(reader, "getAll", &queue(&name, "pickup", Some(0)))?;
    let again = memory(&server)?;
    println!("memory: {} MiB, that is {:.0} bytes and its text for each", again >> 20, each(again));
    Ok(())
}

fn memory(server: &Server) -> anyhow::Result<u64> {
    server.memory()?.context("the hub is ours, and its memory known")
}

/// The order of that number, as long as asked for, or as short as it can be.
pub(super) fn padded(store: &str, number: u64, text: usize) -> String {
    let order = format!(r#"{{"store":"{store}","orderId":"{number}","note":""}}"#);
    let note = "x".repeat(text.saturating_sub(order.len()));
    order.replace(r#""note":"""#, &format!(r#""note":"{note}""#))
}
