//! One order at a time, from its pickup to the vendor's hearing of its delivery.

use std::fs::File;
use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::ensure;
use hdrhistogram::Histogram;
use tempfile::TempDir;

use super::{order, reference};
use crate::hub::{self, Hub, Store};
use crate::socket::{Heard, Socket};

/// How many turns the stores and the probe of the disk take: all see the same weather.
const TURNS: u64 = 10;

pub(crate) async fn run(orders: u64) -> anyhow::Result<()> {
    let program = hub::build()?;
    let data = TempDir::new()?;
    let stores = [Store::Memory, Store::File];
    let mut fsyncs = Histogram::<u64>::new(3)?;
    let mut times = [Histogram::<u64>::new(3)?, Histogram::new(3)?];
    for _ in 0..TURNS {
        probe(&data, &mut fsyncs)?;
        for (store, times) in stores.iter().zip(&mut times) {
            let data = TempDir::new()?;
            let hub = Hub::start(&program, *store, &data)?;
            trips(&hub, orders.div_ceil(TURNS), times).await?;
        }
    }
    println!(
        "one order alone, from pickup to the word of its delivery; {orders} of them, in {TURNS} turns"
    );
    println!("{:8} {:>10} {:>10}", "store", "p50", "p99");
    let quantile = |times: &Histogram<u64>, q| Duration::from_nanos(times.value_at_quantile(q));
    let rows = [("(fsync)", &fsyncs), ("memory", &times[0]), ("file", &times[1])];
    for (name, times) in rows {
        let [p50, p99] = [0.5, 0.99].map(|q| quantile(times, q));
        println!("{name:8} {p50:>10.0?} {p99:>10.0?}");
    }
    let [fsync, file] = [&fsyncs, &times[1]].map(|times| quantile(times, 0.5).as_secs_f64());
    println!("file: {:.1} fsync times", file / fsync);
    Ok(())
}

/// Notes how long this disk takes to keep one small write.
fn probe(data: &TempDir, times: &mut Histogram<u64>) -> anyhow::Result<()> {
    let mut file = File::create(data.path().join("probe"))?;
    for _ in 0..50 {
        let began = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        times.record(began.elapsed().as_nanos() as u64)?;
    }
    Ok(())
}

async fn trips(hub: &Hub, orders: u64, times: &mut Histogram<u64>) -> anyhow::Result<()> {
    let shop = r#"{"role":"vendor","clientId":"bench"}"#;
    let mut vendor = Socket::connect(hub.address(), shop).await?;
    vendor.ask("join", r#""bench""#).await?;
    let driver = Socket::connect(hub.address(), r#"{"role":"driver","clientId":"dora"}"#).await?;
    tokio::try_join!(place(vendor, orders, times), drive(driver, orders))?;
    Ok(())
}

async fn place(mut vendor: Socket, orders: u64, times: &mut Histogram<u64>) -> anyhow::Result<()> {
    for number in 0..orders {
        let began = Instant::now();
        vendor.emit("pickup", &order(&number.to_string(), 0)).await?;
        vendor.flush().await?;
        loop {
            if let Heard::Event { name: "delivered", message_id } = vendor.hear().await? {
                ensure!(message_id == number.to_string(), "heard of {message_id}, not {number}");
                break;
            }
        }
        times.record(began.elapsed().as_nanos() as u64)?;
    }
    Ok(())
}

/// Takes and delivers each order as it hears of it.
async fn drive(mut driver: Socket, orders: u64) -> anyhow::Result<()> {
    let mut delivered = 0;
    while delivered < orders {
        if let Heard::Event { name: "pickup", message_id } = driver.hear().await? {
            driver.emit("in-transit", &reference(&message_id)).await?;
            driver.emit("delivered", &reference(&message_id)).await?;
            driver.flush().await?;
            delivered += 1;
        }
    }
    Ok(())
}
