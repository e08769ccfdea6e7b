//! `GET /api/log`: what has happened, page by page.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query as Params, State};
use caps_hub::{Change, Fact, Seq};
use caps_proto::{ClientId, MessageId};
use serde::{Deserialize, Serialize};

use super::Sources;
use super::caller::Caller;
use super::problem::Problem;
use crate::entry::entries;
use crate::journal::file::{Page, Query, Reader, Sort};
use crate::moment::Moment;

/// The most events of one page.
const LARGEST: usize = 1000;

/// How many there are if nothing is said.
const USUAL: usize = 100;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Asked {
    client_id: Option<ClientId>,
    event: Option<String>,
    message_id: Option<MessageId>,
    since: Option<Moment>,
    after: Option<u64>,
    limit: Option<usize>,
    #[serde(default)]
    sort: Sort,
}

/// A page of the log.
#[derive(Debug, Serialize)]
pub(super) struct Events {
    #[serde(serialize_with = "entries")]
    events: Vec<Fact>,
    /// What to ask for as `after` to go on; `null` when there is no more for now.
    next: Option<u64>,
}

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
