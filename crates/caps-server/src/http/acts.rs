//! What a request over HTTP changes: it means what the socket's event of that name means, and is answered when it is
//! kept.

use std::fmt::Display;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use caps_hub::Identity;
use caps_proto::{
    Answer, ClientId, Code, Done, DriverName, Event, MessageId, OrderRef, Refusal, Request, Verb,
};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use utoipa::ToSchema;

use super::Sources;
use super::body::Body;
use super::caller::Caller;
use super::orders::{OrderPath, Which, which};
use super::problem::Problem;
use super::refusals::{ActProblems, PlaceProblems};
use crate::inbox::UnknownOrder;
use crate::intake::mint;
use crate::schema::{AnswerText, EventName, Id, Placeable, ProofText};

/// The header whose value is the id of an order that brings none, so that a retry is known for one.
const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// What is not written as it is in a part of a path.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What has been placed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Placed {
    /// `ok`.
    status: &'static str,
    #[schema(value_type = Id)]
    client_id: ClientId,
    #[schema(value_type = Id)]
    message_id: MessageId,
    /// It was placed before, and nothing has happened again.
    #[schema(required = false)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    duplicate: bool,
    /// It was delivered before, and its vendor has received that: nothing more comes of it.
    #[schema(required = false)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    over: bool,
}

/// Place an order
///
/// The body is an order, or a message around one, as for the event `pickup`. An order without an id gets the
/// `Idempotency-Key` for one, or a UUID. The same order under the same id is a duplicate, and nothing happens again.
#[utoipa::path(
    post, path = "/orders", operation_id = "placeOrder", tag = "Orders", request_body = Placeable,
    params(("Idempotency-Key" = Option<Id>, Header, description = "The order's id, if it brings none itself")),
    responses(
        (
            status = 201, description = "It is placed, and kept", body = Placed,
            headers(("Location" = String, description = "The order"))
        ),
        (
            status = 200, description = "It was placed before", body = Placed,
            headers(("Location" = String, description = "The order"))
        ),
        PlaceProblems
    )
)]
pub(super) async fn place(
    State(sources): State<Sources>,
    caller: Caller,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, [(header::HeaderName, String); 1], Json<Placed>), Problem> {
    let key = idempotency_key(&headers)?;
    let payload = body.json()?;
    let request = sources.hear(Verb::Pickup, payload, || key.unwrap_or_else(mint))?;
    let Request::Pickup(which, _) = &request else {
        unreachable!("a `pickup` is a pickup");
    };
    let which = which.clone();
    let done = sources.ask(caller.identity(), &which, request, payload.get().len()).await?;
    let status = if done.duplicate { StatusCode::OK } else { StatusCode::CREATED };
    let location = path_of(&which);
    let OrderRef { client_id, message_id } = which;
    let Done { duplicate, over, .. } = done;
    let placed = Placed { status: "ok", client_id, message_id, duplicate, over };
    Ok((status, [(header::LOCATION, location)], Json(placed)))
}

/// The id that an order gets if it brings none.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<MessageId>, Problem> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let invalid = |why: &dyn Display| Problem::invalid(format!("`{IDEMPOTENCY_KEY}` {why}."));
    let text = str::from_utf8(value.as_bytes()).map_err(|_| invalid(&"is not UTF-8"))?;
    // The IETF's draft writes it as a quoted string, and most clients do not.
    let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let id = MessageId::new(quoted.unwrap_or(text)).map_err(|why| invalid(&why))?;
    Ok(Some(id))
}

/// Where an order is found.
fn path_of(OrderRef { client_id, message_id }: &OrderRef) -> String {
    let [client_id, message_id] =
        [client_id.as_str(), message_id.as_str()].map(|id| utf8_percent_encode(id, ENCODED));
    format!("/api/orders/{client_id}/{message_id}")
}

/// Who has done something with an order. The bearer of a token need not say.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct By {
    #[schema(value_type = Option<Id>, example = "dana")]
    driver: Option<DriverName>,
}

/// Who has delivered an order, and what there is to show for it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeliveredBy {
    #[schema(value_type = Option<Id>, example = "dana")]
    driver: Option<DriverName>,
    #[schema(value_type = Option<ProofText>)]
    proof: Option<Box<RawValue>>,
}

/// Take an order on the road
///
/// As the event `in-transit`: gives the order to this driver, and tells the vendor.
#[utoipa::path(
    post, path = "/orders/{clientId}/{messageId}/in-transit", operation_id = "takeOrder", tag = "Orders",
    params(OrderPath), request_body = By,
    responses((status = 200, description = "It is, and that is kept", body = AnswerText), ActProblems)
)]
pub(super) async fn in_transit(
    State(sources): State<Sources>,
    caller: Caller,
    path: Which,
    body: Body,
) -> Result<Json<Answer>, Problem> {
    sources.drive(Verb::InTransit, caller, path, &body).await
}

/// Say that an order has arrived
///
/// As the event `delivered`: tells the vendor, and what there is to show for it.
#[utoipa::path(
    post, path = "/orders/{clientId}/{messageId}/delivered", operation_id = "deliverOrder", tag = "Orders",
    params(OrderPath), request_body = DeliveredBy,
    responses((status = 200, description = "It is, and that is kept", body = AnswerText), ActProblems)
)]
pub(super) async fn delivered(
    State(sources): State<Sources>,
    caller: Caller,
    path: Which,
    body: Body,
) -> Result<Json<Answer>, Problem> {
    let example = r#"{"driver": "dana", "proof": {"code": "4711"}}"#;
    let DeliveredBy { driver, proof } = body.read(example)?;
    let identity = caller.driver(driver.clone())?;
    // Only beside an order is it a proof; the hub knows the order.
    let order = proof.is_some().then_some(NoOrder {});
    let report = Report { driver, proof, order, ..Report::default() };
    sources.report(Verb::Delivered, identity, which(path)?, &report).await
}

/// Give an order back
///
/// As the event `release`: takes the order from this driver, and offers it again.
#[utoipa::path(
    post, path = "/orders/{clientId}/{messageId}/release", operation_id = "releaseOrder", tag = "Orders",
    params(OrderPath), request_body = By,
    responses((status = 200, description = "It is, and that is kept", body = AnswerText), ActProblems)
)]
pub(super) async fn release(
    State(sources): State<Sources>,
    caller: Caller,
    path: Which,
    body: Body,
) -> Result<Json<Answer>, Problem> {
    sources.drive(Verb::Release, caller, path, &body).await
}

/// What was received, and by whom.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReceivedBy {
    /// Who, if it is a pickup.
    #[schema(value_type = Option<Id>, example = "dana")]
    driver: Option<DriverName>,
    /// From which queue; `pickup` if nothing is said.
    #[schema(value_type = EventName)]
    #[serde(default = "pickup")]
    event: Event,
}

fn pickup() -> Event {
    Event::Pickup
}

/// Say that a message was received
///
/// As the event `received`: deletes it from its queue. That of a pickup claims the order for this driver.
#[utoipa::path(
    post, path = "/orders/{clientId}/{messageId}/received", operation_id = "receiveMessage", tag = "Orders",
    params(OrderPath), request_body = ReceivedBy,
    responses((status = 200, description = "It is, and that is kept", body = AnswerText), ActProblems)
)]
pub(super) async fn received(
    State(sources): State<Sources>,
    caller: Caller,
    path: Which,
    body: Body,
) -> Result<Json<Answer>, Problem> {
    let examples = r#"{"driver": "dana"} or {"event": "delivered"}"#;
    let ReceivedBy { driver, event } = body.read(examples)?;
    let identity = match (event, &driver) {
        (Event::InTransit | Event::Delivered, None) => caller.identity(),
        _ => caller.driver(driver.clone())?,
    };
    let report = Report { driver, event: Some(event), ..Report::default() };
    sources.report(Verb::Received, identity, which(path)?, &report).await
}

/// What came with a request about an order that the hub knows, but for the order's name.
#[derive(Debug, Default, Serialize)]
struct Report {
    #[serde(skip_serializing_if = "Option::is_none")]
    driver: Option<DriverName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<Event>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proof: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<NoOrder>,
}

#[derive(Debug, Serialize)]
struct NoOrder {}

impl Sources {
    /// Has done what a driver does.
    async fn drive(
        &self,
        verb: Verb,
        caller: Caller,
        path: Which,
        body: &Body,
    ) -> Result<Json<Answer>, Problem> {
        let By { driver } = body.read(r#"{"driver": "dana"}"#)?;
        let identity = caller.driver(driver.clone())?;
        self.report(verb, identity, which(path)?, &Report { driver, ..Report::default() }).await
    }

    /// Has done what `report` says, as the socket's event would.
    async fn report(
        &self,
        verb: Verb,
        identity: Identity,
        which: OrderRef,
        report: &Report,
    ) -> Result<Json<Answer>, Problem> {
        /// As a driver's event would be, but without the order, which the hub knows.
        #[derive(Serialize)]
        struct Payload<'a> {
            #[serde(flatten)]
            which: &'a OrderRef,
            #[serde(flatten)]
            report: &'a Report,
        }
        let payload = to_raw_value(&Payload { which: &which, report })
            .map_err(|why| Refusal::new(Code::Internal, why.to_string()))?;
        let request = self.hear(verb, &payload, mint)?;
        let done = self.ask(identity, &which, request, payload.get().len()).await?;
        Ok(Json(Answer::Ok(done)))
    }

    async fn ask(
        &self,
        identity: Identity,
        which: &OrderRef,
        request: Request,
        bytes: usize,
    ) -> Result<Done, Problem> {
        let verb = request.verb();
        // Before anything is told of the order.
        let answer = match identity.check(&request) {
            Err(refusal) => Some(Ok(Answer::Error(refusal))),
            Ok(()) => self.intake.inbox.ask(identity, request, bytes).await,
        };
        let answer = answer.ok_or_else(Problem::stopping)?;
        if let Ok(answer) = &answer {
            self.intake.metrics.events.count(Some(verb), answer);
        }
        match answer {
            Ok(Answer::Ok(done)) => Ok(done),
            Ok(Answer::Error(refusal)) => Err(refusal.into()),
            Err(UnknownOrder) => Err(Problem::not_found(format!(
                "The hub knows no order `{which}`; place it first with `POST /api/orders`."
            ))),
        }
    }

    /// Reads and records an event.
    fn hear(
        &self,
        verb: Verb,
        payload: &RawValue,
        mint: impl FnOnce() -> MessageId,
    ) -> Result<Request, Refusal> {
        let request = self.intake.parse(verb, Some(payload), mint);
        self.intake.record(verb.name(), request.as_ref().ok(), Some(payload));
        request.inspect_err(|refusal| {
            self.intake.metrics.events.count(Some(verb), &Answer::Error(refusal.clone()));
        })
    }
}
