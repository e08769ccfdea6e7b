//! The durable job, as any broker does it: published, confirmed when it is stored, consumed, acknowledged.

use std::collections::VecDeque;
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, anyhow, bail, ensure};
use hdrhistogram::Histogram;

use super::asked::Asked;
use super::{InOrder, order, queue, receipt, store};
use crate::brokers::{Broker, Line};
use crate::load::{Event, Heard, Lines, Message, Writes};
use crate::meter::{Measured, Meter};
use crate::server::Server;

pub(super) fn name(window: u64) -> String {
    format!("durable: stored, confirmed, consumed, acknowledged, window {window}")
}

/// A hub's way of it: a `pickup` by one client, and `received` by another.
pub(super) fn run(
    server: &Server,
    writes: Writes,
    orders: u64,
    window: u64,
) -> anyhow::Result<Measured> {
    let mut lines = Lines::new(server.address(), writes)?;
    let name = store(0);
    let vendor = lines.connect(&format!(r#"{{"role":"vendor","clientId":"{name}"}}"#))?;
    let driver = lines.connect(r#"{"role":"driver","clientId":"dora"}"#)?;
    let mut asked = Asked::on(2);
    let mut times = Histogram::new(3)?;
    let mut pickups = InOrder::default();
    let (mut placed, mut confirmed) = (0, 0);
    let meter = Meter::start(server)?;
    loop {
        while placed < orders && placed - confirmed < window {
            let number = lines.out.emit(vendor, "pickup", order(&name, placed))?;
            asked.note(vendor, number, Instant::now());
            placed += 1;
        }
        if pickups.next == placed && asked.is_empty() {
            break;
        }
        lines.hear(&mut |out, line, heard| match heard {
            Heard::Answer { to, body } => {
                let since = asked.answered(line, to, body)?;
                if line == vendor {
                    times.record(since.elapsed().as_nanos() as u64)?;
                    confirmed += 1;
                }
                Ok(())
            }
            Heard::Message(Message { event: Event::Pickup, message_id, .. }) if line == driver => {
                pickups.heard("the driver", "pickup", message_id)?;
                let number = out.emit(driver, "received", receipt(&name, "pickup", message_id))?;
                asked.note(driver, number, Instant::now());
                Ok(())
            }
            other => bail!("heard {other:?}"),
        })?;
    }
    let measured = meter.read(server, self::name(window), "messages", placed)?;
    let rest = lines.ask(driver, "getAll", &queue(&name, "pickup", Some(0)))?;
    ensure!(rest.contains(r#""remaining":0"#), "something is left that was received: {rest}");
    Ok(measured.with_latency(&times))
}

/// A broker's, with a producer and a consumer on threads of their own.
pub(super) fn run_on_broker(
    server: &Server,
    broker: &dyn Broker,
    orders: u64,
    window: u64,
) -> anyhow::Result<Measured> {
    let connect = || Line::connect(server.address());
    broker.declare(&mut connect()?)?;
    let (mut producer, mut consumer) = (connect()?, connect()?);
    broker.produce(&mut producer)?;
    broker.subscribe(&mut consumer)?;
    let meter = Meter::start(server)?;
    let times = thread::scope(|scope| {
        let producing = scope.spawn(|| produce(broker, &mut producer, orders, window));
        let mut heard = InOrder::default();
        let mut consumed = Ok(());
        while consumed.is_ok() && heard.next < orders {
            consumed = consume(broker, &mut consumer, &mut heard);
        }
        // What stopped the producer stopped the consumer, too.
        let times = producing.join().map_err(|_| anyhow!("the producer panicked"))??;
        consumed.map(|()| times)
    })?;
    let measured = meter.read(server, name(window), "messages", orders)?;
    broker.check_that_nothing_is_left(&mut consumer)?;
    Ok(measured.with_latency(&times))
}

/// Publishes all, at most `window` of them not confirmed.
fn produce(
    broker: &dyn Broker,
    line: &mut Line,
    orders: u64,
    window: u64,
) -> anyhow::Result<Histogram<u64>> {
    let name = store(0);
    let mut times = Histogram::new(3)?;
    let mut waiting = VecDeque::new();
    let mut placed = 0;
    loop {
        while placed < orders && (waiting.len() as u64) < window {
            broker.publish(&order(&name, placed), &mut line.to);
            waiting.push_back(Instant::now());
            placed += 1;
        }
        line.flush()?;
        if waiting.is_empty() {
            return Ok(times);
        }
        // All that has come, before more is written.
        loop {
            for _ in 0..broker.confirmed(line)? {
                let since = waiting.pop_front().context("nothing waits to be confirmed")?;
                times.record(since.elapsed().as_nanos() as u64)?;
            }
            if waiting.is_empty() || !line.has_more() {
                break;
            }
        }
    }
}

fn consume(broker: &dyn Broker, line: &mut Line, heard: &mut InOrder) -> anyhow::Result<()> {
    broker.consume(line, &mut |text| {
        let id = text.split_once(r#""orderId":""#).and_then(|(_, rest)| rest.split_once('"'));
        let (id, _) = id.with_context(|| format!("consumed {text}"))?;
        heard.heard("the consumer", "a message", id).map(drop)
    })
}
