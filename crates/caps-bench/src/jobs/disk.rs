//! How long the disk takes, in which one order alone is counted.

use std::fs::File;
use std::io::Write as _;
use std::time::Instant;

use hdrhistogram::Histogram;
use tempfile::TempDir;

use crate::meter::Measured;

/// Writes that are kept, one by one.
const WRITES: u64 = 200;

/// How long this disk takes to keep one small write.
pub(crate) fn fsync() -> anyhow::Result<Measured> {
    let data = TempDir::new()?;
    let mut file = File::create(data.path().join("probe"))?;
    let mut times = Histogram::<u64>::new(3)?;
    let began = Instant::now();
    for _ in 0..WRITES {
        let began = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        times.record(began.elapsed().as_nanos() as u64)?;
    }
    let measured = Measured {
        job: "one write of 4 KiB, with its fsync".to_owned(),
        unit: "writes".to_owned(),
        count: WRITES,
        seconds: began.elapsed().as_secs_f64(),
        server_cpu_seconds: None,
        client_cpu_seconds: 0.0,
        peak_bytes: None,
        bytes_each: None,
        latency: None,
    };
    Ok(measured.with_latency(&times))
}
