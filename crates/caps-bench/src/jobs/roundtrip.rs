//! The whole life of orders: placed, taken, delivered, and received by their vendor; every event is answered.

use std::collections::VecDeque;
use std::time::Instant;

use anyhow::{bail, ensure};
use hdrhistogram::Histogram;

use super::asked::Asked;
use super::{Amount, InOrder, Left, order, queue, receipt, store};
use crate::load::{Event, Heard, LineId, Lines, Message, Out, Writes};
use crate::meter::{Measured, Meter};
use crate::server::Server;

/// Vendors who each have so many orders under way, and drivers who hear of all of them and share them.
#[derive(Debug, Clone)]
pub(crate) struct RoundTrip {
    pub(crate) vendors: usize,
    pub(crate) drivers: usize,
    /// Orders of one vendor that are under way at the same time.
    pub(crate) window: u64,
    pub(crate) amount: Amount,
    /// Whether other orders wait in the queues meanwhile.
    pub(crate) is_behind_others: bool,
}

/// Orders of a vendor, two messages each, of which no hub may count it behind.
const AT_HAND: u64 = 100;

/// What was asked.
enum What {
    Received(usize),
    Other,
}

struct Town {
    vendors: Vec<Vendor>,
    drivers: Vec<Driver>,
    asked: Asked<What>,
    left: Left,
    /// Whether vendors have so much under way that they may fall behind.
    is_behind: bool,
    done: u64,
    times: Histogram<u64>,
}

struct Vendor {
    name: String,
    placed: u64,
    in_transit: InOrder,
    delivered: InOrder,
    /// When its orders were placed that are not delivered.
    since: VecDeque<Instant>,
}

struct Driver {
    name: String,
    /// Of each vendor.
    pickups: Vec<InOrder>,
}

impl RoundTrip {
    pub(super) fn name(&self) -> String {
        let plural = |count, name| format!("{count} {name}{}", if count == 1 { "" } else { "s" });
        let (vendors, drivers) = (plural(self.vendors, "vendor"), plural(self.drivers, "driver"));
        match (self.vendors, self.drivers, self.window) {
            (1, 1, 1) => "one order alone".to_owned(),
            (.., window) => format!("round trip, {vendors}, {drivers}, window {window}"),
        }
    }

    pub(super) fn run(&self, server: &Server, writes: Writes) -> anyhow::Result<Measured> {
        let mut lines = Lines::new(server.address(), writes)?;
        let mut town = Town {
            vendors: Vec::new(),
            drivers: Vec::new(),
            asked: Asked::on(self.vendors + self.drivers),
            left: self.amount.start(),
            is_behind: self.window > AT_HAND,
            done: 0,
            times: Histogram::new(3)?,
        };
        for vendor in 0..self.vendors {
            let name = store(vendor);
            let line = lines.connect(&format!(r#"{{"role":"vendor","clientId":"{name}"}}"#))?;
            lines.ask(line, "join", &format!(r#""{name}""#))?;
            let (placed, since) = (0, VecDeque::new());
            let (in_transit, delivered) = Default::default();
            town.vendors.push(Vendor { name, placed, in_transit, delivered, since });
        }
        for driver in 0..self.drivers {
            let name = format!("driver-{driver}");
            lines.connect(&format!(r#"{{"role":"driver","clientId":"{name}"}}"#))?;
            let pickups = vec![InOrder::default(); self.vendors];
            town.drivers.push(Driver { name, pickups });
        }

        for _ in 0..self.window {
            for vendor in 0..self.vendors {
                town.place(&mut lines.out, vendor)?;
            }
        }
        let (began, mut warm) = (Instant::now(), None);
        let mut meter = Meter::start(server)?;
        while !town.is_over() {
            lines.hear(&mut |out, line, heard| town.heard(out, line, heard))?;
            if warm.is_none() && self.amount.is_warm(town.done, began) {
                warm = Some(town.done);
                town.times.clear();
                meter = Meter::start(server)?;
            }
        }
        let orders = town.done - warm.unwrap_or_default();
        let measured = meter.read(server, self.name(), "orders", orders)?;
        self.check_that_nothing_is_left(&mut lines, &town, server)?;
        Ok(measured.with_latency(&town.times))
    }

    /// What comes late or twice is heard before the answers to these questions.
    fn check_that_nothing_is_left(
        &self,
        lines: &mut Lines,
        town: &Town,
        server: &Server,
    ) -> anyhow::Result<()> {
        for line in 0..self.vendors + self.drivers {
            let name = &town.vendors[line % self.vendors].name;
            if !server.keeps {
                lines.ask(line, "join", &format!(r#""{name}""#))?;
                continue;
            }
            let event = if line < self.vendors { Event::Delivered } else { Event::Pickup };
            let left = lines.ask(line, "getAll", &queue(name, event.name(), Some(0)))?;
            ensure!(
                self.is_behind_others || left.contains(r#""remaining":0"#),
                "the server leaves something in the `{}` queue of {name} that is received or delivered: {left}",
                event.name()
            );
        }
        Ok(())
    }
}

impl Town {
    fn is_over(&self) -> bool {
        let placed: u64 = self.vendors.iter().map(|vendor| vendor.placed).sum();
        self.left.orders == 0 && self.done == placed && self.asked.is_empty()
    }

    fn place(&mut self, out: &mut Out, vendor: usize) -> anyhow::Result<()> {
        if !self.left.take() {
            return Ok(());
        }
        let shop = &mut self.vendors[vendor];
        let number = out.emit(vendor, "pickup", order(&shop.name, shop.placed))?;
        self.asked.note(vendor, number, What::Other);
        shop.placed += 1;
        shop.since.push_back(Instant::now());
        Ok(())
    }

    fn heard(&mut self, out: &mut Out, line: LineId, heard: Heard<'_>) -> anyhow::Result<()> {
        match heard {
            Heard::Answer { to, body } => match self.asked.answered(line, to, body)? {
                What::Received(vendor) => {
                    self.done += 1;
                    self.place(out, vendor)
                }
                What::Other => Ok(()),
            },
            Heard::Message(message) if line < self.vendors.len() => self.told(out, line, message),
            Heard::Message(message) => self.offered(out, line, message),
        }
    }

    /// A vendor hears how far an order is.
    fn told(&mut self, out: &mut Out, line: LineId, message: Message<'_>) -> anyhow::Result<()> {
        let Vendor { name, in_transit, delivered, since, .. } = &mut self.vendors[line];
        let Message { event, client_id, message_id, .. } = message;
        ensure!(client_id == name, "{name} heard of an order of {client_id}: it is not apart");
        match event {
            Event::InTransit if self.is_behind => {
                in_transit.heard_with_gaps(name, event.name(), message_id).map(drop)
            }
            Event::InTransit => in_transit.heard(name, event.name(), message_id).map(drop),
            Event::Delivered => {
                let number = delivered.heard(name, event.name(), message_id)?;
                ensure!(
                    in_transit.next > number || self.is_behind,
                    "{name} heard that order {number} is delivered before it was in transit"
                );
                if let Some(since) = since.pop_front() {
                    self.times.record(since.elapsed().as_nanos() as u64)?;
                }
                let receipt = receipt(name, event.name(), number);
                let asked = out.emit(line, "received", receipt)?;
                self.asked.note(line, asked, What::Received(line));
                Ok(())
            }
            Event::Pickup => bail!("{name}, a vendor, heard of a pickup"),
        }
    }

    /// A driver hears of an order, and takes and delivers it if it is its share.
    fn offered(&mut self, out: &mut Out, line: LineId, message: Message<'_>) -> anyhow::Result<()> {
        let which = line - self.vendors.len();
        let share = self.drivers.len();
        let Driver { name, pickups } = &mut self.drivers[which];
        let Message { event, client_id, message_id, json } = message;
        ensure!(event == Event::Pickup, "{name}, a driver, heard `{}`", event.name());
        let vendor = client_id.strip_prefix("store-").and_then(|number| number.parse().ok());
        let vendor = vendor.filter(|vendor: &usize| *vendor < pickups.len());
        let Some(vendor) = vendor else { bail!("{name} heard of {client_id}, which is no vendor") };
        pickups[vendor].heard(name, event.name(), message_id)?;
        if vendor % share == which {
            for event in ["in-transit", "delivered"] {
                let asked = out.emit(line, event, json)?;
                self.asked.note(line, asked, What::Other);
            }
        }
        Ok(())
    }
}
