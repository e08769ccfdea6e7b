//! A request over HTTP, with whatever path and query, is answered, and never by a failure of the hub.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use caps_hub::{ConnId, Hub, Step};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::config::{Config, LogFormat};
use crate::event_log::EventLog;
use crate::http::{Sources, routes};
use crate::inbox::inbox;
use crate::intake::Intake;
use crate::journal::{Journal as _, MemoryJournal};
use crate::metrics::Metrics;
use crate::owner::Owner;

/// What is asked for, by the first byte.
const ROUTES: [&str; 10] = [
    "/api/orders?",
    "/api/orders/",
    "/api/orders/acme/7?",
    "/api/drivers/",
    "/api/log?",
    "/api/events?",
    "/api/stats?",
    "/api/vendors?",
    "/api/queues?",
    "/api/subscriptions?",
];

/// A hub that keeps nothing, and its routes.
struct Served {
    runtime: Runtime,
    routes: Router,
}

impl Served {
    fn new() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let routes = {
            let _entered = runtime.enter();
            let (inbox, commands, gauge) = inbox(ConnId(0));
            let (config, metrics) = (Config::default(), Arc::new(Metrics::new()));
            let intake = Arc::new(Intake {
                inbox,
                event_log: EventLog::start(LogFormat::Text, io::sink())?,
                metrics: Arc::clone(&metrics),
                gate: None,
                max_payload: config.max_payload,
            });
            let (stop, journal) = (CancellationToken::new(), Box::new(MemoryJournal::new()));
            let sources = Sources::new(intake, journal.progress(), None, stop.clone());
            let hub = Hub::new(config.limits());
            let owner = Owner::new(hub, journal, Step::default(), commands, gauge, metrics);
            runtime.spawn(owner.run(stop, Duration::ZERO));
            routes(sources)
        };
        Ok(Self { runtime, routes })
    }
}

thread_local! {
    static SERVED: Served = Served::new().expect("a hub");
}

pub(super) fn take(bytes: &[u8]) {
    let Some((route, rest)) = bytes.split_first() else { return };
    let route = ROUTES[usize::from(*route) % ROUTES.len()];
    let Ok(rest) = std::str::from_utf8(rest) else { return };
    // Anything else is no HTTP.
    let Ok(request) = Request::get(format!("{route}{rest}")).body(Body::empty()) else { return };
    SERVED.with(|Served { runtime, routes }| {
        runtime.block_on(async {
            let response = match routes.clone().oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            };
            let status = response.status();
            assert!(!status.is_server_error(), "{status}");
            let body = to_bytes(response.into_body(), usize::MAX).await.expect("a whole body");
            if status.is_client_error() {
                let problem: serde_json::Value = serde_json::from_slice(&body).expect("a problem");
                let detail = problem["detail"].as_str().expect("which says what is wrong");
                assert!(!detail.is_empty());
            }
        });
    });
}
