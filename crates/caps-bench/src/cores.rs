//! Which core runs what: the server has the first of those that this process may use, the load the second.

use std::io;
use std::sync::OnceLock;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Runs `start` on the server's core, where the process that it starts stays, and this thread on the other one from
/// then on. Where there is one core only, everything shares it.
pub(crate) fn on_the_servers<T>(start: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    // What this process may use, before it was bound to one of them.
    static CORES: OnceLock<CpuSet> = OnceLock::new();
    let allowed = match CORES.get() {
        Some(allowed) => allowed,
        None => CORES.get_or_init({
            let allowed = sched_getaffinity(None)?;
            move || allowed
        }),
    };
    let mut allowed = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
    let (Some(server), Some(load)) = (allowed.next(), allowed.next()) else { return start() };
    bind(server)?;
    let started = start();
    bind(load)?;
    started
}

fn bind(core: usize) -> io::Result<()> {
    let mut cores = CpuSet::new();
    cores.set(core);
    Ok(sched_setaffinity(None, &cores)?)
}
