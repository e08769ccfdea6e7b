//! A long log, and how soon it answers.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use hdrhistogram::Histogram;
use tempfile::TempDir;

use super::ingest::say_all;
use super::{order, receipt, store};
use crate::load::{Lines, Writes};
use crate::server::Server;
use crate::servers::{Kind, Ready};

/// How many vendors share the log.
const STORES: u64 = 100;

/// How many events an order has: `pickup`, `in-transit`, `delivered`, and `received` of that.
const EVENTS: u64 = 4;

/// Orders that are placed before the first of them is delivered.
const BURST: u64 = 50_000;

/// Events that are on their way at the same time.
const WINDOW: u64 = 1024;

/// What is asked: in words, where, and how often a text is found in the answer, if that is known. `STORE` stands for one
/// vendor after another.
const QUERIES: [(&str, &str, &str, Option<usize>); 7] = [
    (
        "one vendor's last 100 deliveries",
        "/api/log?clientId=STORE&event=delivered&sort=newest&limit=100",
        r#""event":"delivered""#,
        Some(100),
    ),
    ("the last 50 orders", "/api/orders", r#""placedAt""#, Some(50)),
    ("one vendor's last 50 orders", "/api/orders?clientId=STORE", r#""placedAt""#, Some(50)),
    ("orders that nobody has, of which there are none", "/api/orders?state=ready", "", None),
    ("a customer whom nobody knows", "/api/orders?q=nobody", "", None),
    ("the deliveries of a day, by the hour", "/api/stats", r#""hour""#, Some(24)),
    ("all vendors", "/api/vendors", "store-", Some(STORES as usize)),
];

pub(crate) fn run(rows: u64, queries: u64, hub: Option<&Path>) -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let server = Ready::prepare(Kind::File, hub)?.start(&data)?;
    let began = Instant::now();
    fill(&server, rows / EVENTS)?;
    println!("a log of {rows} events of {STORES} vendors, filled in {:.0?}", began.elapsed());
    for (name, path, text, times) in QUERIES {
        // What is rare takes long, however often it is asked for.
        let queries = if times.is_some() { queries } else { queries.min(10) };
        let mut took = Histogram::<u64>::new(3)?;
        for query in 0..queries {
            let path = path.replace("STORE", &format!("store-{}", query % STORES));
            let began = Instant::now();
            let page = get(server.address(), &path)?;
            took.record(began.elapsed().as_nanos() as u64)?;
            let found = times.map(|_| page.matches(text).count());
            ensure!(found == times, "`{path}` shows {found:?} of {times:?}: {page}");
        }
        let [p50, p99] = [0.5, 0.99].map(|q| Duration::from_nanos(took.value_at_quantile(q)));
        println!("{name}: p50 {p50:.1?}, p99 {p99:.1?} of {queries} queries");
    }
    Ok(())
}

/// Has so many orders placed, taken, delivered and received.
fn fill(server: &Server, orders: u64) -> anyhow::Result<()> {
    let mut lines = Lines::new(server.address(), Writes::Coalesced)?;
    let line = lines.connect(r#"{"clientId":"dora"}"#)?;
    let order = |id| order(&store((id % STORES) as usize), id);
    let mut first = 0;
    while first < orders {
        let burst = first..orders.min(first + BURST);
        let placed = burst.clone().map(|id| ("pickup", order(id)));
        let done = burst.clone().flat_map(|id| {
            let receipt = receipt(&store((id % STORES) as usize), "delivered", id);
            [("in-transit", order(id)), ("delivered", order(id)), ("received", receipt)]
        });
        let mut events = placed.chain(done).fuse();
        say_all(&mut lines, line, &mut events, WINDOW, &mut Histogram::new(3)?)?;
        first = burst.end;
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
