//! How documents write the protocol's own types, which know nothing of documents: out of the same tables that the hub
//! goes by.

use caps_hub::{Change, OrderState};
use caps_proto::{Code, MAX_ID_BYTES};
use serde_json::json;
use utoipa::openapi::schema::{AdditionalProperties, AnyOfBuilder, SchemaType};
use utoipa::openapi::{ObjectBuilder, OneOfBuilder, Ref, RefOr, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// What an id may look like: not blank, and without control characters.
pub(crate) const ID_PATTERN: &str = r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$";

/// A type that is written as another.
macro_rules! written {
    ($(#[$doc:meta])* $name:ident as $shown:literal: $object:expr) => {
        $(#[$doc])*
        pub(crate) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                RefOr::T(Schema::Object($object.build()))
            }
        }

        impl ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                $shown.into()
            }
        }
    };
}

written! {
    /// A client id, a message id or a driver's name.
    Id as "Id": text()
        .min_length(Some(1))
        .max_length(Some(MAX_ID_BYTES))
        .pattern(Some(ID_PATTERN))
        .description(Some("A name of 1 to 256 bytes of UTF-8, not blank and without control characters."))
}

written! {
    StateName as "State": text()
        .enum_values(Some(OrderState::ALL.map(OrderState::name)))
        .description(Some("How far an order has come."))
}

written! {
    EventName as "Event": text()
        .enum_values(Some(caps_proto::Event::ALL.map(caps_proto::Event::name)))
        .description(Some("What a message tells of an order: with a client id, it names a queue."))
}

written! {
    LogEventName as "LogEvent": text()
        .enum_values(Some(Change::NAMES))
        .description(Some("What can happen to an order."))
}

written! {
    CodeName as "Code": text()
        .enum_values(Some(Code::ALL.map(Code::name)))
        .description(Some("The protocol's word for a refusal."))
}

written! {
    /// A vendor's order, with whatever fields the vendor likes.
    OrderText as "Order": any_object()
        .description(Some("A vendor's order, as the vendor wrote it."))
        .examples([json!({"store": "acme-widgets", "orderId": "7", "customer": "Ann", "address": "Elm 1"})])
}

/// What is placed: an order that says whose it is, or a message around one.
pub(crate) struct Placeable;

impl PartialSchema for Placeable {
    fn schema() -> RefOr<Schema> {
        let id = || {
            let number = ObjectBuilder::new().schema_type(Type::Integer);
            OneOfBuilder::new().item(Ref::from_schema_name(Id::name())).item(number)
        };
        let order =
            || any_object().property("store", id()).required("store").property("orderId", id());
        let message = any_object()
            .property("clientId", id())
            .required("clientId")
            .property("messageId", id())
            .property("order", Ref::from_schema_name(OrderText::name()))
            .required("order");
        let around_it =
            any_object().property("messageId", id()).property("order", order()).required("order");
        let either = AnyOfBuilder::new()
            .item(order())
            .item(message)
            .item(around_it)
            .description(Some("An order, with whatever fields the vendor likes beside these; or a message around one."))
            .examples([json!({"store": "acme-widgets", "orderId": "7", "customer": "Ann", "address": "Elm 1"})]);
        RefOr::T(Schema::AnyOf(either.build()))
    }
}

impl ToSchema for Placeable {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((Id::name().into(), Id::schema()));
        schemas.push((OrderText::name().into(), OrderText::schema()));
    }
}

written! {
    ProofText as "Proof": any_object()
        .description(Some("What a driver has to show for a delivery: an object of at most 4096 bytes."))
        .examples([json!({"scannedAt": "2026-11-22T21:04:05Z", "driver": "dana", "code": "4711"})])
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn any_object() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::Object))
        .additional_properties(Some(AdditionalProperties::FreeForm(true)))
}

/// What the hub answers to one thing that was asked of it.
#[derive(ToSchema)]
#[schema(as = Answer, rename_all = "camelCase")]
#[expect(dead_code, reason = "what is written is the protocol's own")]
pub(crate) struct AnswerText {
    #[schema(value_type = OkName)]
    status: OkName,
    /// The order.
    #[schema(value_type = Option<Id>)]
    message_id: Option<Id>,
    /// It was known already, and nothing has happened again.
    duplicate: Option<bool>,
    /// The order of a `pickup` was delivered before, and its vendor has received that: nothing more comes of it.
    over: Option<bool>,
    /// How many messages have left the queue.
    removed: Option<u64>,
}

written! {
    OkName as "Ok": text().enum_values(Some(["ok"])).description(Some("It is done, and kept."))
}
