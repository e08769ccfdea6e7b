//! Acknowledged pickups, of the file store beside the memory store.

use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{median, order};
use crate::hub::{self, Hub, Store};
use crate::socket::{Heard, Socket};

/// What one round came to.
#[derive(Debug, Clone, Copy)]
struct Round {
    time: Duration,
    cpu: Duration,
}

pub(crate) async fn run(orders: u64, window: u64, rounds: usize) -> anyhow::Result<()> {
    let program = hub::build()?;
    let stores = [Store::Memory, Store::File];
    let mut results = stores.map(|_| Vec::new());
    for _ in 0..rounds {
        for (store, results) in stores.iter().zip(&mut results) {
            let data = TempDir::new()?;
            let hub = Hub::start(&program, *store, &data)?;
            results.push(round(&hub, orders, window).await?);
        }
    }
    println!("{orders} acknowledged pickups, window {window}, medians of {rounds} rounds in turn");
    println!("{:8} {:>10} {:>16}", "store", "orders/s", "orders/CPU-s");
    let mut rates = Vec::new();
    for (store, rounds) in stores.iter().zip(&results) {
        let mut wall: Vec<_> = rounds.iter().map(|round| rate(orders, round.time)).collect();
        let mut cpu: Vec<_> = rounds.iter().map(|round| rate(orders, round.cpu)).collect();
        let (wall, cpu) = (median(&mut wall), median(&mut cpu));
        println!("{:8} {wall:>10.0} {cpu:>16.0}", store.name());
        rates.push(wall);
    }
    println!("file / memory: {:.0} %", 100.0 * rates[1] / rates[0]);
    Ok(())
}

fn rate(orders: u64, time: Duration) -> f64 {
    orders as f64 / time.as_secs_f64()
}

async fn round(hub: &Hub, orders: u64, window: u64) -> anyhow::Result<Round> {
    let mut vendor = Socket::connect(hub.address(), "{}").await?;
    let (cpu, began) = (hub.cpu()?, Instant::now());
    place(&mut vendor, 0..orders, window, 0).await?;
    Ok(Round { time: began.elapsed(), cpu: hub.cpu()? - cpu })
}

/// Places the orders of these numbers, at most `window` of them without an answer.
pub(super) async fn place(
    vendor: &mut Socket,
    mut numbers: std::ops::Range<u64>,
    window: u64,
    text: usize,
) -> anyhow::Result<()> {
    let mut unanswered = 0;
    loop {
        while unanswered < window
            && let Some(number) = numbers.next()
        {
            vendor.emit("pickup", &order(&number.to_string(), text)).await?;
            unanswered += 1;
        }
        vendor.flush().await?;
        if unanswered == 0 {
            return Ok(());
        }
        if matches!(vendor.hear().await?, Heard::Ok) {
            unanswered -= 1;
        }
    }
}
