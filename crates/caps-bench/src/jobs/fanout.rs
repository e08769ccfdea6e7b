//! One vendor, and many drivers who each hear of every pickup.

use std::time::Instant;

use anyhow::{bail, ensure};

use super::asked::Asked;
use super::{Amount, InOrder, order, store};
use crate::load::{Event, Heard, Lines, Message, Writes};
use crate::meter::{Measured, Meter};
use crate::server::Server;

pub(super) fn run(
    server: &Server,
    writes: Writes,
    amount: Amount,
    drivers: u64,
    window: u64,
) -> anyhow::Result<Measured> {
    let mut lines = Lines::new(server.address(), writes)?;
    let name = store(0);
    let vendor = lines.connect(&format!(r#"{{"role":"vendor","clientId":"{name}"}}"#))?;
    for driver in 0..drivers {
        lines.connect(&format!(r#"{{"role":"driver","clientId":"driver-{driver}"}}"#))?;
    }
    let mut pickups = vec![InOrder::default(); drivers as usize + 1];
    let mut asked = Asked::on(1);
    let (mut placed, mut deliveries, mut warm) = (0, 0, None);
    let mut left = amount.start();
    let began = Instant::now();
    let mut meter = Meter::start(server)?;
    loop {
        // An order is under way until the last driver has heard of it.
        while placed - deliveries / drivers < window && left.take() {
            asked.note(vendor, lines.out.emit(vendor, "pickup", order(&name, placed))?, ());
            placed += 1;
        }
        if deliveries == placed * drivers && asked.is_empty() {
            break;
        }
        lines.hear(&mut |_, line, heard| match heard {
            Heard::Answer { to, body } => asked.answered(line, to, body),
            Heard::Message(Message { event: Event::Pickup, client_id, message_id, .. }) => {
                ensure!(line != vendor && client_id == name, "{client_id} is not apart");
                pickups[line].heard("a driver", "pickup", message_id)?;
                deliveries += 1;
                Ok(())
            }
            other => bail!("heard {other:?} of an order that nobody takes"),
        })?;
        if warm.is_none() && amount.is_warm(deliveries / drivers, began) {
            warm = Some(deliveries);
            meter = Meter::start(server)?;
        }
    }
    let job = format!("fan-out to {drivers} drivers");
    let measured = meter.read(server, job, "deliveries", deliveries - warm.unwrap_or_default())?;
    // What comes twice is heard before the answer.
    for line in 0..pickups.len() {
        lines.ask(line, "join", &format!(r#""{name}""#))?;
    }
    Ok(measured)
}
