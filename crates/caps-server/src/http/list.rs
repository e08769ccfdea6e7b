//! `GET /api/orders` and `GET /api/drivers/{name}/orders`: many orders, and how far each has come.
//!
//! The log tells which orders there are, and the hub how far those have come that it remembers; all others have
//! arrived.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query as Params, State};
use caps_hub::{OrderState, OrderView, Seq, Timestamp, Who};
use caps_proto::{ClientId, DriverName, MessageId, Order, OrderRef};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Sources;
use super::caller::Caller;
use super::problem::Problem;
use super::refusals::{FindProblems, ReadProblems};
use crate::journal::file::Course;
use crate::order_text::Needle;
use crate::schema::{Id, OrderText, StateName};

mod search;

use search::Search;

/// The most orders of one page.
const LARGEST: usize = 500;

/// How many there are if nothing is said.
const USUAL: usize = 50;

/// No more orders are shown when their texts have come to so many bytes.
const ENOUGH_BYTES: usize = 1024 * 1024;

/// The most orders of one driver that are shown.
const MOST_HELD: usize = 1000;

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Asked {
    /// Of this vendor.
    #[param(value_type = Option<Id>)]
    client_id: Option<ClientId>,
    /// Which have come so far: some states, with commas between.
    #[param(value_type = Option<Vec<StateName>>, style = Form, explode = false, min_items = 1)]
    state: Option<States>,
    /// With this in their id, or in any text of the order, in whatever case.
    q: Option<String>,
    /// That began before the event of this number: the `next` of the page before.
    #[param(format = "uint64")]
    after: Option<u64>,
    /// At most so many; 50 if nothing is said.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<usize>,
}

/// Some states, written with commas between.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct States(Vec<OrderState>);

/// Orders, the newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderPage)]
pub(super) struct Orders {
    orders: Vec<Listed>,
    /// What to ask for as `after` to go on; `null` when there is no more.
    next: Option<u64>,
}

/// What a driver holds, the newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HeldOrders)]
pub(super) struct Held {
    orders: Vec<Listed>,
}

/// One order of many.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ListedOrder)]
#[serde(rename_all = "camelCase")]
struct Listed {
    #[schema(value_type = Id)]
    client_id: ClientId,
    #[schema(value_type = Id)]
    message_id: MessageId,
    #[schema(value_type = StateName)]
    state: OrderState,
    /// Who holds it, or has delivered it.
    holder: Option<String>,
    /// When it began; `null` where the log does not reach back so far.
    placed_at: Option<String>,
    changed_at: Option<String>,
    /// `null` also where that is not found in the log.
    delivered_at: Option<String>,
    /// The number of its first event in the log.
    seq: Option<u64>,
    #[schema(value_type = Option<OrderText>)]
    order: Option<Order>,
}

/// Many orders
///
/// The newest first. A page of what is rare or large may hold fewer orders than `limit`, and still have a `next`.
#[utoipa::path(
    get, path = "/orders", operation_id = "listOrders", tag = "Orders", params(Asked),
    responses((status = 200, description = "A page of orders", body = Orders), FindProblems)
)]
pub(super) async fn orders(
    State(sources): State<Sources>,
    caller: Caller,
    asked: Result<Params<Asked>, QueryRejection>,
) -> Result<Json<Orders>, Problem> {
    let Params(Asked { client_id, state, q, after, limit }) = asked?;
    let client_id = caller.narrow(client_id)?;
    let limit = limit.unwrap_or(USUAL);
    if !(1..=LARGEST).contains(&limit) {
        return Err(Problem::invalid(format!("`limit` must be from 1 to {LARGEST}, not {limit}.")));
    }
    let search = Search {
        sources: &sources,
        log: sources.log()?,
        client_id,
        states: state.map(|States(states)| states),
        needle: q.filter(|text| !text.is_empty()).map(|text| Needle::new(&text)),
    };
    let (found, next) = search.from(after.map(Seq), limit).await?;
    let orders = search.tell(found).await?;
    Ok(Json(Orders { orders, next: next.map(|seq| seq.0) }))
}

/// What a driver holds
///
/// Claimed or on the road, the newest first, at most 1000.
#[utoipa::path(
    get, path = "/drivers/{name}/orders", operation_id = "listHeldOrders", tag = "Orders",
    params(("name" = Id, Path, description = "The driver", example = "dana")),
    responses((status = 200, description = "What the driver holds", body = Held), ReadProblems)
)]
pub(super) async fn held(
    State(sources): State<Sources>,
    caller: Caller,
    name: Result<Path<DriverName>, PathRejection>,
) -> Result<Json<Held>, Problem> {
    let Path(name) = name?;
    caller.may_see_driver(&name)?;
    let driver = Who::Named(name);
    let held = sources.look(move |hub| -> Vec<_> {
        let held = hub.held_by(&driver).take(MOST_HELD);
        let mut bytes = 0;
        let held = held.map_while(|which| {
            let view = hub.order(&which)?;
            let fits = bytes < ENOUGH_BYTES;
            bytes += view.order.as_ref().map_or(0, |order| order.text().len());
            fits.then_some((view, which))
        });
        held.collect()
    });
    let held = held.await?;
    sources.are_kept(held.iter().map(|(view, _)| view)).await?;
    let courses = match &sources.log {
        Some(log) => log.courses(held.iter().map(|(view, _)| view.latest).collect()).await?,
        None => vec![None; held.len()],
    };
    let held = held.into_iter().zip(courses);
    let mut orders: Vec<_> =
        held.map(|((view, which), course)| Listed::of(which, view, course)).collect();
    orders.sort_unstable_by_key(|order| std::cmp::Reverse(order.seq));
    Ok(Json(Held { orders }))
}

impl Listed {
    /// One that the hub knows.
    fn of(which: OrderRef, view: OrderView, course: Option<Course>) -> Self {
        let OrderView { state, holder, order, .. } = view;
        let OrderRef { client_id, message_id } = which;
        Self {
            client_id,
            message_id,
            state,
            holder: holder.map(|who| who.to_string()),
            placed_at: course.map(|course| course.placed_at.to_string()),
            changed_at: course.map(|course| course.changed_at.to_string()),
            delivered_at: course.and_then(|course| course.delivered_at).map(|at| at.to_string()),
            seq: course.map(|course| course.began.0),
            order,
        }
    }

    /// One that the hub has forgotten, or whose id another order has now.
    fn delivered(which: OrderRef, delivered: Option<(Timestamp, Who)>) -> Self {
        let OrderRef { client_id, message_id } = which;
        let delivered_at = delivered.as_ref().map(|(at, _)| at.to_string());
        Self {
            client_id,
            message_id,
            state: OrderState::Delivered,
            holder: delivered.map(|(_, by)| by.to_string()),
            placed_at: None,
            changed_at: delivered_at.clone(),
            delivered_at,
            seq: None,
            order: None,
        }
    }
}

impl Sources {
    /// Waits until all that is shown is kept.
    async fn are_kept<'a>(
        &self,
        views: impl Iterator<Item = &'a OrderView>,
    ) -> Result<(), Problem> {
        match views.map(|view| view.latest).max() {
            Some(latest) => self.is_kept(latest).await,
            None => Ok(()),
        }
    }
}

impl TryFrom<String> for States {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let state = |name: &str| {
            let known = OrderState::ALL.into_iter().find(|state| state.name() == name);
            known.ok_or_else(|| {
                let names = OrderState::ALL.map(OrderState::name).join("`, `");
                format!(
                    "no order is `{name}`: they are `{names}`, some of them with commas between"
                )
            })
        };
        text.split(',').map(state).collect::<Result<_, _>>().map(Self)
    }
}
