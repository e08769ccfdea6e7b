//! A steady load of orders that are all delivered and received, and the memory of the hub meanwhile.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use tempfile::TempDir;

use super::asked::Asked;
use super::waiting::padded;
use super::{InOrder, receipt, store};
use crate::load::{Event, Heard, LineId, Lines, Message, Out, Writes};
use crate::servers::{Kind, Ready};

/// How often a line is printed.
const REPORT: Duration = Duration::from_secs(60);

/// How often orders are placed.
const TICK: Duration = Duration::from_millis(10);

/// The longest that an order may take to be delivered.
const PATIENCE: Duration = Duration::from_secs(30);

/// Bytes of each order's text.
const TEXT: usize = 200;

const VENDOR: LineId = 0;
const DRIVER: LineId = 1;

pub(crate) fn run(time: Duration, rate: u64, hub: Option<&Path>) -> anyhow::Result<()> {
    let data = TempDir::new()?;
    let server = Ready::prepare(Kind::File, hub)?.start(&data)?;
    let name = store(0);
    let mut lines = Lines::new(server.address(), Writes::Coalesced)?;
    lines.connect(&format!(r#"{{"role":"vendor","clientId":"{name}"}}"#))?;
    lines.ask(VENDOR, "join", &format!(r#""{name}""#))?;
    lines.connect(r#"{"role":"driver","clientId":"dora"}"#)?;

    println!("{:>8} {:>10} {:>10} {:>10}", "minute", "delivered", "MiB", "CPU-s");
    let began = Instant::now();
    let (mut reports, mut tick) = (began, began);
    let mut shift = Shift { name, asked: Asked::on(2), heard: <[InOrder; 3]>::default() };
    let (mut placed, mut progress) = (0, began);
    while began.elapsed() < time || shift.delivered() < placed || !shift.asked.is_empty() {
        let now = Instant::now();
        if now >= reports {
            reports += REPORT;
            let memory = server.memory()?.context("the hub's memory is known")? >> 20;
            let cpu = server.cpu()?.context("the hub's CPU time is known")?.as_secs();
            let (minute, delivered) = (began.elapsed().as_secs() / 60, shift.delivered());
            println!("{minute:>8} {delivered:>10} {memory:>10} {cpu:>10}");
        }
        if now >= tick && began.elapsed() < time {
            tick = now + TICK;
            let due = (began.elapsed().as_secs_f64() * rate as f64) as u64;
            for number in placed..due {
                let order = padded(&shift.name, number, TEXT);
                let asked = lines.out.emit(VENDOR, "pickup", order)?;
                shift.asked.note(VENDOR, asked, ());
            }
            placed = placed.max(due);
        }
        if lines.hear_for(TICK, &mut |out, line, heard| shift.heard(out, line, heard))? {
            progress = Instant::now();
        }
        let is_late = shift.delivered() < placed && progress.elapsed() > PATIENCE;
        ensure!(!is_late, "{} of {placed} orders are delivered, and no more", shift.delivered());
    }
    println!("all {placed} orders were delivered, and received");
    Ok(())
}

/// What vendor and driver have heard.
struct Shift {
    name: String,
    asked: Asked<()>,
    /// Pickups, transits and deliveries.
    heard: [InOrder; 3],
}

impl Shift {
    fn delivered(&self) -> u64 {
        self.heard[2].next
    }

    fn heard(&mut self, out: &mut Out, line: LineId, heard: Heard<'_>) -> anyhow::Result<()> {
        let Message { event, message_id, json, .. } = match heard {
            Heard::Answer { to, body } => return self.asked.answered(line, to, body),
            Heard::Message(message) => message,
        };
        let mut say = |event, payload: &str| -> anyhow::Result<()> {
            let asked = out.emit(line, event, payload)?;
            self.asked.note(line, asked, ());
            Ok(())
        };
        match (line, event) {
            (DRIVER, Event::Pickup) => {
                self.heard[0].heard("the driver", "pickup", message_id)?;
                say("in-transit", json)?;
                say("delivered", json)?;
                say("received", &receipt(&self.name, "pickup", message_id))
            }
            (VENDOR, Event::InTransit | Event::Delivered) => {
                if event == Event::InTransit {
                    self.heard[1].heard_with_gaps("the vendor", "in-transit", message_id)?;
                } else {
                    self.heard[2].heard("the vendor", "delivered", message_id)?;
                }
                say("received", &receipt(&self.name, event.name(), message_id))
            }
            (_, event) => bail!("`{}` reached who has no business with it", event.name()),
        }
    }
}
