//! What is told of the process, under the names that every Prometheus client gives it.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

#[derive(Debug)]
pub(super) struct Process {
    /// In seconds since the Unix epoch.
    began: f64,
}

impl Process {
    /// One that begins now.
    pub(super) fn new() -> Self {
        let began = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { began: began.as_secs_f64() }
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "When the process began, since the Unix epoch";
        let (name, unit, gauge) = ("process_start_time", Unit::Seconds, MetricType::Gauge);
        let began = encoder.encode_descriptor(name, help, Some(&unit), gauge)?;
        ConstGauge::new(self.began).encode(began)?;
        if let Some(bytes) = resident_memory() {
            let help = "How much memory the process has";
            let (name, unit, gauge) = ("process_resident_memory", Unit::Bytes, MetricType::Gauge);
            let memory = encoder.encode_descriptor(name, help, Some(&unit), gauge)?;
            ConstGauge::new(bytes).encode(memory)?;
        }
        Ok(())
    }
}

/// In bytes, where the system tells.
fn resident_memory() -> Option<i64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: i64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}
