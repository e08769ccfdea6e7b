//! `GET /api/log`: what has happened, page by page.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query as Params, State};
use caps_hub::{Change, Fact, Seq};
use caps_proto::{ClientId, MessageId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Sources;
use super::caller::Caller;
use super::problem::Problem;
use super::refusals::FindProblems;
use crate::entry::{Line, entries};
use crate::journal::file::{Page, Query, Reader, Sort};
use crate::moment::Moment;
use crate::schema::{Id, LogEventName};

/// The most events of one page.
const LARGEST: usize = 1000;

/// How many there are if nothing is said.
const USUAL: usize = 100;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Of this vendor.
    #[param(value_type = Option<Id>)]
    client_id: Option<ClientId>,
    /// Of this name.
    #[param(value_type = Option<LogEventName>)]
    event: Option<String>,
    /// Of this order.
    #[param(value_type = Option<Id>)]
    message_id: Option<MessageId>,
    /// No older than this: a time such as `2026-11-22T21:04:05Z`, or milliseconds since 1970.
    #[param(value_type = Option<String>, example = "2026-11-22T21:04:05Z")]
    since: Option<Moment>,
    /// Beyond the event of this number, in the order of the page: the `next` of the page before.
    #[param(format = "uint64")]
    after: Option<u64>,
    /// At most so many; 100 if nothing is said.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Which come first.
    #[param(inline)]
    #[serde(default)]
    sort: Sort,
}

/// A page of the log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LogPage)]
pub(super) struct Events {
    #[schema(value_type = Vec<Line>)]
    #[serde(serialize_with = "entries")]
    events: Vec<Fact>,
    /// What to ask for as `after` to go on; `null` when there is no more for now.
    next: Option<u64>,
}

/// What has happened
///
/// Page by page, from either end. A page of what is rare or large may hold fewer events than `limit`, and still have a
/// `next`.
#[utoipa::path(
    get, path = "/log", operation_id = "readLog", tag = "Log", params(Asked),
    responses((status = 200, description = "A page of the log", body = Events), FindProblems)
)]
pub(super) async fn page(
    State(sources): State<Sources>,
    caller: Caller,
    asked: Result<Params<Asked>, QueryRejection>,
) -> Result<Json<Events>, Problem> {
    let Params(asked) = asked?;
    let limit = asked.limit.unwrap_or(USUAL);
    if !(1..=LARGEST).contains(&limit) {
        return Err(Problem::invalid(format!("`limit` must be from 1 to {LARGEST}, not {limit}.")));
    }
    let mut query = Query::try_from(asked)?;
    query.client_id = caller.narrow(query.client_id)?;
    let Page { facts, next } = sources.log()?.page(query, limit).await?;
    Ok(Json(Events { events: facts, next: next.map(|seq| seq.0) }))
}

impl Sources {
    pub(super) fn log(&self) -> Result<&Reader, Problem> {
        let nothing = "this hub keeps no log (`--store memory`); start it with `--store file`";
        self.log.as_ref().ok_or_else(|| Problem::not_found(nothing))
    }
}

impl TryFrom<Asked> for Query {
    type Error = Problem;

    fn try_from(asked: Asked) -> Result<Self, Problem> {
        let Asked { client_id, event, message_id, since, after, sort, .. } = asked;
        let event = event.map(|name| event_of_that_name(&name)).transpose()?;
        let since = since.map(|Moment(since)| since);
        Ok(Self { client_id, event, message_id, since, after: after.map(Seq), sort })
    }
}

pub(super) fn event_of_that_name(name: &str) -> Result<&'static str, Problem> {
    let known = Change::NAMES.into_iter().find(|known| *known == name);
    known.ok_or_else(|| {
        let names = Change::NAMES.join("`, `");
        Problem::invalid(format!("No event `{name}` is in the log; it has `{names}`."))
    })
}
