//! Connections that say nothing, and what memory each takes.

use std::time::Duration;

use anyhow::Context as _;

use super::ANYONE;
use crate::load::{Lines, Writes};
use crate::meter::{Measured, Meter};
use crate::server::Server;

/// How long they are held, hearing and answering the server's heartbeat if it comes.
const HOLD: Duration = Duration::from_secs(1);

pub(super) fn run(server: &Server, connections: u64) -> anyhow::Result<Measured> {
    let mut lines = Lines::new(server.address(), Writes::Coalesced)?;
    // What the first connections alone bring about is not theirs.
    for _ in 0..connections.min(10) {
        lines.connect(ANYONE)?;
    }
    let unknown = "give the server's process by `--pid` to measure its memory";
    let before = server.memory()?.context(unknown)?;
    let meter = Meter::start(server)?;
    for _ in 0..connections {
        lines.connect(ANYONE)?;
    }
    lines.hear_for(HOLD, &mut |_, _, heard| anyhow::bail!("heard {heard:?} of nobody"))?;
    let after = server.memory()?.context(unknown)?;
    // All of them are there.
    for line in (0..connections as usize).step_by(100) {
        lines.ask(line, "join", r#""store-0""#)?;
    }
    let measured = meter.read(server, "idle connections", "connections", connections)?;
    let each = after.saturating_sub(before) as f64 / connections as f64;
    Ok(Measured { bytes_each: Some(each), ..measured })
}
