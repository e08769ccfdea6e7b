//! How the hub stands now: what waits, and who listens.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query as Params, State};
use caps_hub::{Hub, Identity, QueueView, Subscription};
use caps_proto::{ClientId, Event};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Sources;
use super::caller::Caller;
use super::problem::Problem;
use super::refusals::ReadProblems;
use crate::schema::{EventName, Id};

/// The most rows of one answer.
const MOST: usize = 1000;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Of this vendor.
    #[param(value_type = Option<Id>)]
    client_id: Option<ClientId>,
}

/// Queues in which something waits, the longest first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Queues {
    /// How many there are, of which at most [`MOST`] are shown.
    total: usize,
    queues: Vec<Queue>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Queue {
    #[schema(value_type = Id)]
    client_id: ClientId,
    #[schema(value_type = EventName)]
    event: Event,
    depth: usize,
    /// Since when the oldest message waits,
    oldest: String,
    /// and for how long, in milliseconds.
    #[schema(value_type = u64)]
    oldest_age_ms: u128,
}

/// What waits
///
/// The queues in which something waits, the longest first, at most 1000.
#[utoipa::path(
    get, path = "/queues", operation_id = "listQueues", tag = "Standing", params(Asked),
    responses((status = 200, description = "The queues", body = Queues), ReadProblems)
)]
pub(super) async fn queues(
    State(sources): State<Sources>,
    caller: Caller,
    asked: Result<Params<Asked>, QueryRejection>,
) -> Result<Json<Queues>, Problem> {
    let Params(Asked { client_id }) = asked?;
    let client_id = caller.narrow(client_id)?;
    let look = move |hub: &Hub| Queues::of(hub, client_id.as_ref());
    sources.look(look).await.map(Json)
}

impl Queues {
    fn of(hub: &Hub, client_id: Option<&ClientId>) -> Self {
        let of_client =
            |view: &QueueView| client_id.is_none_or(|client_id| view.key.client_id == *client_id);
        let mut views: Vec<_> = hub.queues().filter(of_client).collect();
        let total = views.len();
        let longest_first =
            |a: &QueueView, b: &QueueView| b.depth.cmp(&a.depth).then_with(|| a.key.cmp(&b.key));
        if total > MOST {
            views.select_nth_unstable_by(MOST, longest_first);
            views.truncate(MOST);
        }
        views.sort_unstable_by(longest_first);
        let now = hub.now();
        let queues = views.into_iter().map(|QueueView { key, depth, oldest }| Queue {
            client_id: key.client_id,
            event: key.event,
            depth,
            oldest: oldest.to_string(),
            oldest_age_ms: now.since(oldest).as_millis(),
        });
        Self { total, queues: queues.collect() }
    }
}

/// Who listens to what.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Listeners {
    /// How many there are, of which at most [`MOST`] are shown.
    total: usize,
    subscriptions: Vec<Listener>,
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Listener {
    connection: String,
    /// `vendor`, `driver`, `observer`, or `null` for one who has not said.
    role: Option<&'static str>,
    /// The vendor's client id, or the driver's name.
    name: Option<String>,
    /// Whose messages; `null` for those of every vendor.
    #[schema(value_type = Option<Id>)]
    client_id: Option<ClientId>,
    #[schema(value_type = EventName)]
    event: Event,
}

/// Who listens to what
///
/// At most 1000 of those who are connected.
#[utoipa::path(
    get, path = "/subscriptions", operation_id = "listSubscriptions", tag = "Standing", params(Asked),
    responses((status = 200, description = "Who listens", body = Listeners), ReadProblems)
)]
pub(super) async fn subscriptions(
    State(sources): State<Sources>,
    caller: Caller,
    asked: Result<Params<Asked>, QueryRejection>,
) -> Result<Json<Listeners>, Problem> {
    let Params(Asked { client_id }) = asked?;
    let client_id = caller.narrow(client_id)?;
    let look = move |hub: &Hub| Listeners::of(hub, client_id.as_ref());
    sources.look(look).await.map(Json)
}

impl Listeners {
    fn of(hub: &Hub, client_id: Option<&ClientId>) -> Self {
        let mut total = 0;
        let mut subscriptions = Vec::new();
        for subscription in hub.subscriptions() {
            // Who listens to all vendors listens to this one.
            if client_id.zip(subscription.client_id).is_none_or(|(asked, heard)| asked == heard) {
                total += 1;
                if total <= MOST {
                    subscriptions.push(Listener::from(subscription));
                }
            }
        }
        Self { total, subscriptions }
    }
}

impl From<Subscription<'_>> for Listener {
    fn from(Subscription { conn, identity, client_id, event }: Subscription<'_>) -> Self {
        let (role, name) = match identity {
            Identity::Anyone { name } => (None, name.as_ref().map(ToString::to_string)),
            Identity::Vendor(store) => (Some("vendor"), Some(store.to_string())),
            Identity::Driver { name, .. } => {
                (Some("driver"), name.as_ref().map(ToString::to_string))
            }
            Identity::Admin { name } => (Some("admin"), Some(name.to_string())),
            Identity::Observer => (Some("observer"), None),
        };
        let client_id = client_id.cloned();
        Self { connection: conn.to_string(), role, name, client_id, event }
    }
}
