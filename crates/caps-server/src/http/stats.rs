//! `GET /api/stats` and `GET /api/vendors`: how much there is, and whose it is.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query as Params, State};
use caps_hub::{Tally, Timestamp};
use caps_proto::ClientId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Sources;
use super::caller::Caller;
use super::problem::Problem;
use super::refusals::ReadProblems;
use crate::schema::Id;

/// The most hours of deliveries that are counted.
const MOST_HOURS: u64 = 31 * 24;

/// How many there are if nothing is said.
const USUAL_HOURS: u64 = 24;

/// The most vendors that are named.
const MOST_VENDORS: usize = 1000;

/// In milliseconds.
const HOUR: u64 = 60 * 60 * 1000;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Of this vendor.
    #[param(value_type = Option<Id>)]
    client_id: Option<ClientId>,
    /// Of so many hours, that which is not over included; 24 if nothing is said.
    #[param(minimum = 1, maximum = 744)]
    hours: Option<u64>,
}

/// How much there is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Stats {
    /// How many orders are under way, by how far they have come.
    #[schema(value_type = BTreeMap<String, usize>, example = json!({"ready": 3, "claimed": 1, "in-transit": 2}))]
    states: Tally,
    /// How many arrived in each hour, the oldest first; the last is the hour that is not over. Empty where nothing is
    /// kept.
    deliveries: Vec<Hour>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Hour {
    /// When it began.
    hour: String,
    count: u64,
}

/// How much there is
///
/// How many orders are under way, and how many arrived in each hour.
#[utoipa::path(
    get, path = "/stats", operation_id = "readStats", tag = "Standing", params(Asked),
    responses((status = 200, description = "The counts", body = Stats), ReadProblems)
)]
pub(super) async fn stats(
    State(sources): State<Sources>,
    caller: Caller,
    asked: Result<Params<Asked>, QueryRejection>,
) -> Result<Json<Stats>, Problem> {
    let Params(Asked { client_id, hours }) = asked?;
    let client_id = caller.narrow(client_id)?;
    let hours = hours.unwrap_or(USUAL_HOURS);
    if !(1..=MOST_HOURS).contains(&hours) {
        let why = format!("`hours` must be from 1 to {MOST_HOURS}, not {hours}.");
        return Err(Problem::invalid(why));
    }
    let vendor = client_id.clone();
    let states = sources.look(move |hub| hub.tally(vendor.as_ref())).await?;
    let deliveries = match &sources.log {
        None => Vec::new(),
        Some(log) => {
            let hours = hours_until(std::time::SystemTime::now().into(), hours);
            let counts = log.deliveries(client_id, hours.clone()).await?;
            let counted = hours.into_iter().zip(counts);
            counted.map(|(hour, count)| Hour { hour: hour.to_string(), count }).collect()
        }
    };
    Ok(Json(Stats { states, deliveries }))
}

/// When the last so many hours began, that of `now` included.
fn hours_until(now: Timestamp, hours: u64) -> Vec<Timestamp> {
    let last = now.as_millis() / HOUR;
    let first = last.saturating_sub(hours - 1);
    (first..=last).map(|hour| Timestamp::from_millis(hour * HOUR)).collect()
}

/// Those in the log, and those whom the hub knows.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Vendors {
    #[schema(value_type = Vec<Id>)]
    vendors: BTreeSet<String>,
}

/// Whose orders there are
///
/// The vendors in the log, and those whom the hub knows, at most 1000.
#[utoipa::path(
    get, path = "/vendors", operation_id = "listVendors", tag = "Standing",
    responses((status = 200, description = "The vendors", body = Vendors), ReadProblems)
)]
pub(super) async fn vendors(
    State(sources): State<Sources>,
    caller: Caller,
) -> Result<Json<Vendors>, Problem> {
    let known = sources.look(|hub| -> BTreeSet<_> { hub.clients().cloned().collect() }).await?;
    let mut vendors: BTreeSet<_> = match &sources.log {
        Some(log) => log.vendors(MOST_VENDORS).await?.into_iter().collect(),
        None => BTreeSet::new(),
    };
    vendors.extend(known.iter().map(ToString::to_string));
    let may_be_seen = |name: &String| {
        ClientId::new(name).is_ok_and(|client_id| caller.may_see(&client_id).is_ok())
    };
    let seen = vendors.into_iter().filter(may_be_seen);
    Ok(Json(Vendors { vendors: seen.take(MOST_VENDORS).collect() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_begin_on_the_hour_and_end_with_the_one_that_is_not_over() {
        let now = "2026-11-24T10:59:59.999Z".parse::<crate::Moment>().unwrap().0;
        let hours: Vec<_> = hours_until(now, 3).iter().map(ToString::to_string).collect();
        let expected = ["08", "09", "10"].map(|hour| format!("2026-11-24T{hour}:00:00.000Z"));
        assert_eq!(hours, expected);
    }
}
