//! A long log, and how soon it answers.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use hdrhistogram::Histogram;
use tempfile::TempDir;

use crate::hub::{self, Hub, Store};
use crate::socket::{Heard, Socket};

/// How many vendors share the log.
const STORES: u64 = 100;

/// How many events an order has: `pickup`, `in-transit`, `delivered`, and `received` of that.
const EVENTS: u64 = 4;

/// Orders that are on their way at the same time.
const WINDOW: u64 = 1024;

/// How many deliveries are asked for.
const LIMIT: usize = 100;

pub(crate) async fn run(rows: u64, queries: u64) -> anyhow::Result<()> {
    let program = hub::build()?;
    let data = TempDir::new()?;
    let hub = Hub::start(&program, Store::File, &data)?;
    let began = Instant::now();
    fill(&hub, rows / EVENTS).await?;
    println!("a log of {rows} events of {STORES} vendors, filled in {:.0?}", began.elapsed());
    let mut times = Histogram::<u64>::new(3)?;
    for query in 0..queries {
        let store = query % STORES;
        let path =
            format!("/api/log?clientId=store-{store}&event=delivered&sort=newest&limit={LIMIT}");
        let began = Instant::now();
        let page = get(hub.address(), &path)?;
        times.record(began.elapsed().as_nanos() as u64)?;
        let found = page.matches(r#""event":"delivered""#).count();
        ensure!(found == LIMIT, "`{path}` shows {found} events: {page}");
    }
    let [p50, p99] = [0.5, 0.99].map(|q| Duration::from_nanos(times.value_at_quantile(q)));
    println!(
        "one vendor's last {LIMIT} deliveries: p50 {p50:.1?}, p99 {p99:.1?} of {queries} queries"
    );
    Ok(())
}

/// Has so many orders placed, taken, delivered and received.
async fn fill(hub: &Hub, orders: u64) -> anyhow::Result<()> {
    let mut client = Socket::connect(hub.address(), r#"{"clientId":"dora"}"#).await?;
    let (mut said, mut unanswered) = (0, 0);
    while said < orders || unanswered > 0 {
        while unanswered < WINDOW && said < orders {
            let (store, id) = (said % STORES, said);
            let order = format!(
                r#"{{"store":"store-{store}","orderId":{id},"customer":"Ann","address":"Elm Street 12"}}"#
            );
            let received =
                format!(r#"{{"clientId":"store-{store}","event":"delivered","messageId":{id}}}"#);
            for event in ["pickup", "in-transit", "delivered"] {
                client.emit(event, &order).await?;
            }
            client.emit("received", &received).await?;
            said += 1;
            unanswered += EVENTS;
        }
        client.flush().await?;
        if matches!(client.hear().await?, Heard::Ok) {
            unanswered -= 1;
        }
    }
    Ok(())
}

fn get(hub: SocketAddr, path: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(hub)?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n")?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    let (head, body) = response.split_once("\r\n\r\n").context("a response has a head")?;
    ensure!(head.starts_with("HTTP/1.1 200 "), "{response}");
    Ok(body.to_owned())
}
