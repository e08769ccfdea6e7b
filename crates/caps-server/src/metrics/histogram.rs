//! A histogram that takes no lock: one observation is two additions. The library's own takes one each time, which
//! would be once an event.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::{NUMBERS, TIMES};

/// How many observations were at most this, and at most that. Whole numbers within, which the sum stays exact by.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    bounds: &'static [u64],
    /// One more than there are bounds, for what is beyond all of them.
    counts: Arc<[AtomicU64]>,
    sum: Arc<AtomicU64>,
    /// How many make one of the unit that is shown.
    in_one: f64,
}

impl Histogram {
    fn new(bounds: &'static [u64], in_one: f64) -> Self {
        let counts = (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect();
        Self { bounds, counts, sum: Arc::default(), in_one }
    }

    /// Of how long something took.
    pub(super) fn times(registry: &mut Registry, name: &str, help: &str) -> Self {
        const NANOSECONDS: f64 = 1e9;
        let histogram = Self::new(TIMES, NANOSECONDS);
        registry.register_with_unit(name, help, Unit::Seconds, histogram.clone());
        histogram
    }

    /// Of how many there were.
    pub(super) fn numbers(registry: &mut Registry, name: &str, help: &str) -> Self {
        let histogram = Self::new(NUMBERS, 1.0);
        registry.register(name, help, histogram.clone());
        histogram
    }

    pub(crate) fn observe(&self, value: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    pub(crate) fn observe_number(&self, number: usize) {
        self.observe(number as u64);
    }

    pub(crate) fn observe_time(&self, time: Duration) {
        self.observe(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }
}

impl EncodeMetric for Histogram {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let shown = |value: u64| value as f64 / self.in_one;
        let bounds = self.bounds.iter().map(|bound| shown(*bound)).chain([f64::INFINITY]);
        let counts = self.counts.iter().map(|count| count.load(Ordering::Relaxed));
        let buckets: Vec<_> = bounds.zip(counts).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = shown(self.sum.load(Ordering::Relaxed));
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;

    use super::*;

    #[test]
    fn what_is_observed_is_at_most_its_bound() {
        let mut registry = Registry::default();
        let histogram = Histogram::times(&mut registry, "took", "How long it took");
        for micros in [99, 100, 101, 20_000_000] {
            histogram.observe_time(Duration::from_micros(micros));
        }
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        for line in [
            "took_seconds_sum 20.0003",
            "took_seconds_count 4",
            "took_seconds_bucket{le=\"0.0001\"} 2",
            "took_seconds_bucket{le=\"0.00025\"} 3",
            "took_seconds_bucket{le=\"10.0\"} 3",
            "took_seconds_bucket{le=\"+Inf\"} 4",
        ] {
            assert!(text.lines().any(|is| is == line), "{line}: {text}");
        }
    }
}
