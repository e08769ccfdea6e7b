//! What the hub tells of itself in numbers, for Prometheus: `GET /metrics`.
//!
//! Counting must cost an event next to nothing. So every count has its fixed place in an array, and no label is looked
//! up. What a label can say are a few words that are known here, never what a client has said.

use std::fmt;

use caps_hub::Hub;
use caps_proto::{Answer, Code, Verb};
use prometheus_client::encoding::{EncodeMetric, text};
use prometheus_client::metrics::TypedMetric;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

mod histogram;
mod process;
mod standing;

pub(crate) use histogram::Histogram;
use process::Process;
use standing::Standing;

/// What an event is counted as whose name is none of the hub's.
const OTHER: &str = "other";

/// What has come of an event: this, this, or a code.
const OK: &str = "ok";
const DUPLICATE: &str = "duplicate";

/// In nanoseconds, which are shown as seconds.
const TIMES: &[u64] = &[
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
];

const NUMBERS: &[u64] = &[1, 4, 16, 64, 256, 1024, 4096, 16_384];

/// All that is counted and measured.
pub(crate) struct Metrics {
    registry: Registry,
    pub(crate) events: Events,
    pub(crate) refusals: Refusals,
    /// From an event's arrival until its answer was handed to its line.
    pub(crate) acks: Histogram,
    /// How many commands were decided at once.
    pub(crate) batches: Histogram,
    pub(crate) commits: Commits,
    pub(crate) transports: Transports,
    pub(crate) turned_away: TurnedAway,
    standing: Standing,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::default();
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("caps_build", "The hub that runs", build);
        registry.register_collector(Box::new(Process::new()));
        Self {
            events: Events::register(&mut registry),
            refusals: Refusals::register(&mut registry),
            acks: Histogram::times(
                &mut registry,
                "caps_ack_duration",
                "From the arrival of an event until it was kept and its answer handed to its line, but for getAll",
            ),
            batches: Histogram::numbers(
                &mut registry,
                "caps_batch_commands",
                "How much of what clients do was decided at once",
            ),
            commits: Commits::register(&mut registry),
            transports: Transports::register(&mut registry),
            turned_away: TurnedAway::register(&mut registry),
            standing: Standing::register(&mut registry),
            registry,
        }
    }

    /// Takes note of how the hub stands.
    pub(crate) fn observe(&self, hub: &Hub) {
        self.standing.observe(hub);
    }

    /// All of it, in the text format of OpenMetrics.
    pub(crate) fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

/// One metric for each of these words.
fn each<M, const N: usize>(
    registry: &mut Registry,
    name: &str,
    help: &str,
    unit: Option<Unit>,
    label: &'static str,
    words: [&'static str; N],
) -> [M; N]
where
    M: EncodeMetric + TypedMetric + Clone + Default + fmt::Debug + Send + Sync + 'static,
{
    let family = Family::<[(&'static str, &'static str); 1], M>::default();
    let metrics = words.map(|word| family.get_or_create_owned(&[(label, word)]));
    match unit {
        Some(unit) => registry.register_with_unit(name, help, unit, family),
        None => registry.register(name, help, family),
    }
    metrics
}

/// What clients emit and request, by its name and what has come of it.
pub(crate) struct Events([[Counter; OUTCOMES]; NAMES]);

const NAMES: usize = Verb::ALL.len() + 1;
const OUTCOMES: usize = Code::ALL.len() + 2;

impl Events {
    fn register(registry: &mut Registry) -> Self {
        let family = Family::<[(&'static str, &'static str); 2], Counter>::default();
        let outcomes = || [OK, DUPLICATE].into_iter().chain(Code::ALL.map(Code::name));
        let names: Vec<_> = Verb::ALL.map(Verb::name).into_iter().chain([OTHER]).collect();
        let outcomes: Vec<_> = outcomes().collect();
        let counters = std::array::from_fn(|name| {
            std::array::from_fn(|outcome| {
                let labels = [("event", names[name]), ("outcome", outcomes[outcome])];
                family.get_or_create_owned(&labels)
            })
        });
        registry.register("caps_events", "Events, by name and outcome", family);
        Self(counters)
    }

    /// Counts an event and its answer.
    pub(crate) fn count(&self, verb: Option<Verb>, answer: &Answer) {
        let name = verb.map_or(Verb::ALL.len(), |verb| verb as usize);
        let outcome = match answer {
            Answer::Ok(done) => usize::from(done.duplicate),
            Answer::Error(refusal) => 2 + refusal.code as usize,
        };
        self.0[name][outcome].inc();
    }
}

/// What anybody was refused, whichever way they asked.
pub(crate) struct Refusals([Counter; Code::ALL.len()]);

impl Refusals {
    fn register(registry: &mut Registry) -> Self {
        let help = "Events, handshakes and requests that were refused, by code";
        Self(each(registry, "caps_refusals", help, None, "code", Code::ALL.map(Code::name)))
    }

    pub(crate) fn count(&self, code: Code) {
        self.0[code as usize].inc();
    }
}

/// What the journal keeps.
#[derive(Clone)]
pub(crate) struct Commits {
    /// How long it took until it was on the disk.
    pub(crate) durations: Histogram,
    /// How many facts were in it.
    pub(crate) facts: Histogram,
}

impl Commits {
    fn register(registry: &mut Registry) -> Self {
        let help = "How long a commit of the journal took, until it was on the disk";
        let durations = Histogram::times(registry, "caps_commit_duration", help);
        let help = "How many facts were kept by one commit";
        Self { durations, facts: Histogram::numbers(registry, "caps_commit_facts", help) }
    }
}

/// The connections that are open, by what is spoken on them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Transports {
    pub(crate) http: Gauge,
    pub(crate) websocket: Gauge,
}

impl Transports {
    fn register(registry: &mut Registry) -> Self {
        let help = "Open connections, by protocol";
        let [http, websocket] =
            each(registry, "caps_connections", help, None, "protocol", ["http", "websocket"]);
        Self { http, websocket }
    }
}

/// The connections that were turned away.
#[derive(Clone, Default)]
pub(crate) struct TurnedAway {
    /// Because there were as many as there may be.
    pub(crate) full: Counter,
    /// Because their address had as many as it may have.
    pub(crate) address: Counter,
}

impl TurnedAway {
    fn register(registry: &mut Registry) -> Self {
        let help = "Connections that were turned away, by reason: all there may be are open, or all of one address";
        let name = "caps_connections_turned_away";
        let [full, address] = each(registry, name, help, None, "reason", ["full", "address"]);
        Self { full, address }
    }
}
