//! What orders cost while very many others wait in the same queue.

use hdrhistogram::Histogram;

use super::ingest::ask_all;
use super::{Amount, RoundTrip, order, receipt, store};
use crate::load::{Lines, Writes};
use crate::meter::{Measured, Meter};
use crate::server::Server;

/// How many events are on their way at the same time.
const WINDOW: u64 = 256;

pub(super) fn run(
    server: &Server,
    writes: Writes,
    waiting: u64,
    orders: u64,
) -> anyhow::Result<Vec<Measured>> {
    let name = store(0);
    let mut times = Histogram::new(3)?;
    let mut lines = Lines::new(server.address(), writes)?;
    // A name keeps what it has received, also when the line is gone.
    let line = lines.connect(r#"{"clientId":"dora"}"#)?;
    // Those that stay, and those that are received, evenly among them.
    let id = |number: u64| format!("waiting-{number}");
    let placed = (0..waiting + orders).map(|number| order(&name, id(number)));
    ask_all(&mut lines, line, "pickup", placed, WINDOW, &mut times)?;

    times.clear();
    let every = (waiting + orders) / orders;
    let receipts = (0..orders).map(|number| receipt(&name, "pickup", id(number * every)));
    let meter = Meter::start(server)?;
    ask_all(&mut lines, line, "received", receipts, WINDOW, &mut times)?;
    let received =
        meter.read(server, format!("received, {waiting} waiting"), "messages", orders)?;
    let received = received.with_latency(&times);
    drop(lines);

    let trip = RoundTrip {
        vendors: 1,
        drivers: 1,
        window: 64,
        amount: Amount { orders, time: None },
        is_behind_others: waiting > 0,
    };
    let trip = trip.run(server, writes)?;
    let trip = Measured { job: format!("round trip, window 64, {waiting} waiting"), ..trip };
    Ok(vec![received, trip])
}
