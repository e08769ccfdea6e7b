//! `GET /api/orders/{clientId}/{messageId}`: one order, how far it has come, and all that happened to it.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use caps_hub::{Change, Fact, OrderState, OrderView, Seq, Who};
use caps_proto::{ClientId, Code, Event, MessageId, Order, OrderRef, Refusal};
use serde::Serialize;

use super::Sources;
use super::caller::Caller;
use super::problem::Problem;
use crate::entry::entries;
use crate::journal::file::{Page, Query, Sort};

/// How long to wait until what has just been decided is kept: nothing else is shown.
const KEEPING: Duration = Duration::from_secs(2);

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    client_id: ClientId,
    message_id: MessageId,
    state: OrderState,
    /// Who holds it, or has delivered it.
    holder: Option<String>,
    /// When it is offered again, if nothing else happens.
    offered_again_at: Option<String>,
    /// The queues in which a message about it waits.
    waiting: Vec<Event>,
    pub(super) order: Option<Order>,
    /// Empty where nothing is kept.
    #[serde(serialize_with = "entries")]
    timeline: Vec<Fact>,
}

/// Which order, by its place among the resources.
pub(super) type Which = Result<Path<(ClientId, MessageId)>, PathRejection>;

pub(super) fn which(path: Which) -> Result<OrderRef, Problem> {
    let Path((client_id, message_id)) = path?;
    Ok(OrderRef { client_id, message_id })
}

pub(super) async fn order(
    State(sources): State<Sources>,
    caller: Caller,
    path: Which,
) -> Result<Json<Shown>, Problem> {
    let which = which(path)?;
    caller.may_see(&which.client_id)?;
    Shown::of(&sources, which).await.map(Json)
}

impl Shown {
    /// An order that the hub or the log knows.
    pub(super) async fn of(sources: &Sources, which: OrderRef) -> Result<Self, Problem> {
        let asked = which.clone();
        match sources.look(move |hub| hub.order(&asked)).await? {
            Some(view) => of_view(sources, which, view).await,
            None => of_log(sources, which).await,
        }
    }
}

async fn of_view(sources: &Sources, which: OrderRef, view: OrderView) -> Result<Shown, Problem> {
    let OrderView { state, holder, offered_again_at, order, waiting, latest } = view;
    sources.is_kept(latest).await?;
    let timeline = match &sources.log {
        Some(log) => log.timeline(latest).await?,
        None => Vec::new(),
    };
    let OrderRef { client_id, message_id } = which;
    Ok(Shown {
        client_id,
        message_id,
        state,
        holder: holder.as_ref().map(Who::to_string),
        offered_again_at: offered_again_at.map(|at| at.to_string()),
        waiting,
        // An order whose last message is received is found where it was delivered.
        order: order
            .or_else(|| timeline.iter().rev().find_map(|fact| fact.change.order().cloned())),
        timeline,
    })
}

/// What the hub has forgotten has arrived, and the log may have it still.
async fn of_log(sources: &Sources, which: OrderRef) -> Result<Shown, Problem> {
    let unknown = || {
        Problem::not_found(format!(
            "no order `{which}` is known; `/api/log` may have it, if it is older than the hub's memory"
        ))
    };
    let Some(log) = &sources.log else { return Err(unknown()) };
    let OrderRef { client_id, message_id } = which.clone();
    let newest = Query {
        client_id: Some(client_id),
        message_id: Some(message_id),
        sort: Sort::Newest,
        ..Query::default()
    };
    let Page { facts, .. } = log.page(newest, 1).await?;
    let latest = facts.first().ok_or_else(unknown)?;
    let timeline = log.timeline(latest.seq).await?;
    let holder = timeline.iter().rev().find_map(|fact| match &fact.change {
        Change::Delivered { by, .. } => Some(by.to_string()),
        _ => None,
    });
    let order = timeline.iter().rev().find_map(|fact| fact.change.order().cloned());
    let OrderRef { client_id, message_id } = which;
    Ok(Shown {
        client_id,
        message_id,
        state: OrderState::Delivered,
        holder,
        offered_again_at: None,
        waiting: Vec::new(),
        order,
        timeline,
    })
}

impl Sources {
    /// Waits until the fact is kept.
    pub(super) async fn is_kept(&self, seq: Seq) -> Result<(), Problem> {
        let mut progress = self.progress.clone();
        let kept = progress.wait_for(|progress| progress.kept >= seq);
        match tokio::time::timeout(KEEPING, kept).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(Problem::stopping()),
            Err(_late) => {
                let why = "What has just happened is not kept yet; ask again in a moment.";
                Err(Refusal::new(Code::Busy, why).into())
            }
        }
    }
}
