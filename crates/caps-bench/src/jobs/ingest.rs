//! Acknowledged pickups with no driver, and then one driver who catches up.

use std::time::Instant;

use anyhow::{bail, ensure};
use hdrhistogram::Histogram;

use super::asked::Asked;
use super::{ANYONE, Amount, InOrder, order, queue, store};
use crate::load::{Event, Heard, LineId, Lines, Message, Out, Writes};
use crate::meter::{Measured, Meter};
use crate::server::Server;

pub(super) fn run(
    server: &Server,
    writes: Writes,
    amount: Amount,
    window: u64,
) -> anyhow::Result<Vec<Measured>> {
    let mut lines = Lines::new(server.address(), writes)?;
    let name = store(0);
    let vendor = lines.connect(&format!(r#"{{"role":"vendor","clientId":"{name}"}}"#))?;
    let warm_up = amount.warm_up();
    let mut times = Histogram::new(3)?;
    let text = |number: u64| order(&name, number);
    ask_all(&mut lines, vendor, "pickup", (0..warm_up).map(text), window, &mut times)?;

    times.clear();
    let mut left = amount.start();
    let orders = (warm_up..amount.orders).map_while(|number| left.take().then(|| text(number)));
    let meter = Meter::start(server)?;
    let placed = ask_all(&mut lines, vendor, "pickup", orders, window, &mut times)?;
    let job = format!("acknowledged pickups, window {window}");
    let ingest = meter.read(server, job, "orders", placed)?.with_latency(&times);
    if !server.keeps {
        return Ok(vec![ingest]);
    }
    Ok(vec![ingest, catch_up(server, &mut lines, &name, warm_up + placed)?])
}

/// Emits one event for each payload, at most `window` of them without an answer, and waits for all answers. Returns
/// how many there were.
pub(super) fn ask_all<P: AsRef<[u8]>>(
    lines: &mut Lines,
    line: LineId,
    event: &str,
    payloads: impl Iterator<Item = P>,
    window: u64,
    times: &mut Histogram<u64>,
) -> anyhow::Result<u64> {
    let mut payloads = payloads.map(|payload| (event, payload)).fuse();
    say_all(lines, line, &mut payloads, window, times)
}

/// The same with events of many names.
pub(super) fn say_all<'a, P: AsRef<[u8]>>(
    lines: &mut Lines,
    line: LineId,
    events: &mut impl Iterator<Item = (&'a str, P)>,
    window: u64,
    times: &mut Histogram<u64>,
) -> anyhow::Result<u64> {
    let mut asked = Asked::on(line + 1);
    let mut count = 0;
    let mut emit = |out: &mut Out, asked: &mut Asked<Instant>| -> anyhow::Result<()> {
        if let Some((event, payload)) = events.next() {
            asked.note(line, out.emit(line, event, payload)?, Instant::now());
            count += 1;
        }
        Ok(())
    };
    for _ in 0..window {
        emit(&mut lines.out, &mut asked)?;
    }
    while !asked.is_empty() {
        lines.hear(&mut |out, from, heard| match heard {
            Heard::Answer { to, body } if from == line => {
                let since = asked.answered(line, to, body)?;
                times.record(since.elapsed().as_nanos() as u64)?;
                emit(out, &mut asked)
            }
            other => bail!("heard {other:?} where only answers were due"),
        })?;
    }
    Ok(count)
}

/// A driver who was away gets all that wait.
fn catch_up(
    server: &Server,
    lines: &mut Lines,
    store: &str,
    waiting: u64,
) -> anyhow::Result<Measured> {
    let driver = lines.connect(ANYONE)?;
    let meter = Meter::start(server)?;
    let all = lines.out.emit(driver, "getAll", queue(store, "pickup", None))?;
    let mut pickups = InOrder::default();
    let mut is_answered = false;
    while !is_answered {
        lines.hear(&mut |_, _, heard| match heard {
            Heard::Message(Message { event: Event::Pickup, client_id, message_id, .. }) => {
                ensure!(client_id == store, "`getAll` of {store} brought one of {client_id}");
                pickups.heard("the driver", "pickup", message_id).map(drop)
            }
            Heard::Answer { to, body } if to == all => {
                is_answered = true;
                let next = pickups.next;
                ensure!(next == waiting, "{next} of {waiting} pickups came before {body}");
                Ok(())
            }
            other => bail!("heard {other:?} during `getAll`"),
        })?;
    }
    meter.read(server, "catch-up of one driver", "messages", waiting)
}
