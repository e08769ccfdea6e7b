//! Every bound of the core, by name.

use std::time::Duration;

/// How much the hub holds, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How long an order may be with a driver and not in transit before it is offered again.
    pub claim_time: Duration,
    /// How long the id of an order that is over is remembered, so that a late retry is known for one.
    pub dedupe_window: Duration,
    /// The most orders that are remembered so; beyond it the oldest are forgotten early.
    pub max_remembered: usize,
    /// The most messages in one queue. A sender who meets it is answered `queue_full`.
    pub max_queue: usize,
    /// The most open orders: placed and not delivered, or delivered and not yet received by their vendor. Who
    /// places one more is answered `queue_full`; those that are open can always go on.
    pub max_orders: usize,
    /// The most queues that one connection listens to by `join` and `subscribe`. Beyond it: `forbidden`.
    pub max_subscriptions: usize,
    /// The most `getAll`s of one connection that wait for its line. Beyond it: `busy`.
    pub max_replays: usize,
    /// The most messages that may be on their way to one connection before its line must have drained.
    pub window_messages: usize,
    /// The same in bytes. The message that crosses the bound is still sent.
    pub window_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            claim_time: Duration::from_secs(10 * 60),
            dedupe_window: Duration::from_secs(24 * 60 * 60),
            max_remembered: 1_000_000,
            max_queue: 1_000_000,
            max_orders: 2_000_000,
            max_subscriptions: 10_000,
            max_replays: 64,
            window_messages: 256,
            window_bytes: 64 * 1024,
        }
    }
}
