//! How much memory a hub has.

use std::time::Duration;
use std::{fs, thread};

use crate::hub::Hub;

/// What it has resident, in bytes.
pub(crate) fn of(hub: &Hub) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", hub.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}

/// The same, once it grows no more.
pub(crate) fn settled(hub: &Hub) -> u64 {
    const WHILE: Duration = Duration::from_millis(300);
    let mut seen = 0;
    loop {
        let now = of(hub);
        if now <= seen {
            return seen;
        }
        seen = now;
        thread::sleep(WHILE);
    }
}
