//! Very many messages that wait: what each takes, and how long a restart with all of them.

use std::time::Instant;

use tempfile::TempDir;

use super::ingest::place;
use crate::hub::{self, Hub, Store};
use crate::socket::Socket;

pub(crate) async fn run(messages: u64, text: usize) -> anyhow::Result<()> {
    let program = hub::build()?;
    let data = TempDir::new()?;
    let hub = Hub::start(&program, Store::File, &data)?;
    let mut vendor = Socket::connect(hub.address(), "{}").await?;
    let before = hub.memory()?;
    place(&mut vendor, 0..messages, 1024, text).await?;
    let full = hub.memory()?;
    let each = |memory: u64| (memory.saturating_sub(before) as f64 / messages as f64) - text as f64;
    println!("{messages} messages of {text} bytes wait in the file store");
    println!("memory: {} MiB, that is {:.0} bytes and its text for each", full >> 20, each(full));
    drop(hub);

    let began = Instant::now();
    let hub = Hub::start(&program, Store::File, &data)?;
    println!("ready again {:.1?} after a kill -9", began.elapsed());
    let mut reader = Socket::connect(hub.address(), "{}").await?;
    reader.ask("getAll", r#"{"clientId":"bench","event":"pickup","limit":0}"#).await?;
    let again = hub.memory()?;
    println!("memory: {} MiB, that is {:.0} bytes and its text for each", again >> 20, each(again));
    Ok(())
}
