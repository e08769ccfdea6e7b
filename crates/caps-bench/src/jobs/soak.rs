//! A steady load of orders that are all delivered and received, and the memory of the hub meanwhile.

use std::time::Duration;

use anyhow::ensure;
use tempfile::TempDir;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{message, order, reference};
use crate::hub::{self, Hub, Store};
use crate::socket::{Heard, Socket};

/// How often a line is printed.
const REPORT: Duration = Duration::from_secs(60);

/// How often orders are placed.
const TICK: Duration = Duration::from_millis(10);

pub(crate) async fn run(time: Duration, rate: u64) -> anyhow::Result<()> {
    let program = hub::build()?;
    let data = TempDir::new()?;
    let hub = Hub::start(&program, Store::File, &data)?;
    let mut vendor =
        Socket::connect(hub.address(), r#"{"role":"vendor","clientId":"bench"}"#).await?;
    vendor.ask("join", r#""bench""#).await?;
    let driver = Socket::connect(hub.address(), r#"{"role":"driver","clientId":"dora"}"#).await?;
    let driving = tokio::spawn(drive(driver));

    println!("{:>8} {:>10} {:>10} {:>10}", "minute", "delivered", "MiB", "CPU-s");
    let began = Instant::now();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut reports = interval(REPORT);
    let (mut placed, mut delivered) = (0, 0);
    while began.elapsed() < time || delivered < placed {
        ensure!(!driving.is_finished(), "the driver has lost its line");
        tokio::select! {
            _ = reports.tick() => {
                let (memory, cpu) = (hub.memory()? >> 20, hub.cpu()?.as_secs());
                println!("{:>8} {delivered:>10} {memory:>10} {cpu:>10}", began.elapsed().as_secs() / 60);
            }
            _ = ticks.tick(), if began.elapsed() < time => {
                let due = (began.elapsed().as_secs_f64() * rate as f64) as u64;
                for number in placed..due {
                    vendor.emit("pickup", &order(&number.to_string(), 200)).await?;
                }
                placed = placed.max(due);
                vendor.flush().await?;
            }
            heard = vendor.hear() => if let Heard::Event { name, message_id } = heard? {
                vendor.emit("received", &message(name, &message_id)).await?;
                vendor.flush().await?;
                delivered += u64::from(name == "delivered");
            },
        }
    }
    println!("all {placed} orders were delivered, and received");
    Ok(())
}

/// Takes, delivers and receives each order as it hears of it.
async fn drive(mut driver: Socket) -> anyhow::Result<()> {
    loop {
        if let Heard::Event { name: "pickup", message_id } = driver.hear().await? {
            driver.emit("in-transit", &reference(&message_id)).await?;
            driver.emit("delivered", &reference(&message_id)).await?;
            driver.emit("received", &message("pickup", &message_id)).await?;
            driver.flush().await?;
        }
    }
}
