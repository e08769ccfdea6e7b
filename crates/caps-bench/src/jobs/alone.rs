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

pub(crate) async fn run(orders: u64) -> anyhow::Result<()> {
    let program = hub::build()?;
    let data = TempDir::new()?;
    let fsync = fsync(&data)?;
    println!("one order alone, from pickup to the word of its delivery; {orders} of them");
    println!("{:8} {:>10} {:>10}", "store", "p50", "p99");
    println!("{:8} {fsync:>10.0?} {:>10}", "(fsync)", "");
    let mut medians = Vec::new();
    for store in [Store::Memory, Store::File] {
        let hub = Hub::start(&program, store, &data)?;
        let times = trips(&hub, orders).await?;
        let [p50, p99] = [0.5, 0.99].map(|q| Duration::from_nanos(times.value_at_quantile(q)));
        println!("{:8} {p50:>10.0?} {p99:>10.0?}", store.name());
        medians.push(p50);
    }
    let in_fsyncs = medians[1].as_secs_f64() / fsync.as_secs_f64();
    println!("file: {in_fsyncs:.1} fsync times");
    Ok(())
}

/// How long this disk takes to keep one small write, in the median.
fn fsync(data: &TempDir) -> anyhow::Result<Duration> {
    let mut file = File::create(data.path().join("probe"))?;
    let mut times = Histogram::<u64>::new(3)?;
    for _ in 0..500 {
        let began = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        times.record(began.elapsed().as_nanos() as u64)?;
    }
    Ok(Duration::from_nanos(times.value_at_quantile(0.5)))
}

async fn trips(hub: &Hub, orders: u64) -> anyhow::Result<Histogram<u64>> {
    let shop = r#"{"role":"vendor","clientId":"bench"}"#;
    let mut vendor = Socket::connect(hub.address(), shop).await?;
    vendor.ask("join", r#""bench""#).await?;
    let driver = Socket::connect(hub.address(), r#"{"role":"driver","clientId":"dora"}"#).await?;
    let (times, ()) = tokio::try_join!(place(vendor, orders), drive(driver, orders))?;
    Ok(times)
}

async fn place(mut vendor: Socket, orders: u64) -> anyhow::Result<Histogram<u64>> {
    let mut times = Histogram::new(3)?;
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
    Ok(times)
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
