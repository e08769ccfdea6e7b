//! What a piece of work came to.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::server::Server;

/// Reads off what work costs while it lasts.
pub(crate) struct Meter {
    began: Instant,
    server: Option<Duration>,
    client: Duration,
}

/// One measurement.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// What was done, such as `round trip, 1 vendor, 1 driver, window 64`.
    pub(crate) job: String,
    /// What is counted, such as `orders`.
    pub(crate) unit: String,
    pub(crate) count: u64,
    pub(crate) seconds: f64,
    /// What the server used of the CPU, where its process is known.
    pub(crate) server_cpu_seconds: Option<f64>,
    /// What this program used.
    pub(crate) client_cpu_seconds: f64,
    /// The most memory that the server ever had.
    pub(crate) peak_bytes: Option<u64>,
    /// The memory for each one that was counted, where it is that which is measured.
    pub(crate) bytes_each: Option<f64>,
    pub(crate) latency: Option<Latency>,
}

/// How long each took, in microseconds.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl Meter {
    pub(crate) fn start(server: &Server) -> anyhow::Result<Self> {
        Ok(Self { server: server.cpu()?, client: own_cpu(), began: Instant::now() })
    }

    /// What has been used since the start.
    pub(crate) fn read(
        &self,
        server: &Server,
        job: impl Into<String>,
        unit: &str,
        count: u64,
    ) -> anyhow::Result<Measured> {
        let seconds = self.began.elapsed().as_secs_f64();
        let client = own_cpu().saturating_sub(self.client).as_secs_f64();
        let cpu = self.server.zip(server.cpu()?).map(|(before, now)| now.saturating_sub(before));
        Ok(Measured {
            job: job.into(),
            unit: unit.to_owned(),
            count,
            seconds,
            server_cpu_seconds: cpu.map(|cpu| cpu.as_secs_f64()),
            client_cpu_seconds: client,
            peak_bytes: server.peak()?,
            bytes_each: None,
            latency: None,
        })
    }
}

impl Measured {
    pub(crate) fn with_latency(self, times: &Histogram<u64>) -> Self {
        let at = |quantile| times.value_at_quantile(quantile) as f64 / 1000.0;
        let latency = Latency { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1.0) };
        Self { latency: (!times.is_empty()).then_some(latency), ..self }
    }

    pub(crate) fn rate(&self) -> f64 {
        self.count as f64 / self.seconds
    }

    /// How many a second of the server's CPU.
    pub(crate) fn rate_of_cpu(&self) -> Option<f64> {
        let seconds = self.server_cpu_seconds.filter(|seconds| *seconds > 0.0)?;
        Some(self.count as f64 / seconds)
    }
}

/// The CPU time that this program has used.
fn own_cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec as u32)
}
