//! Makes up orders that could be real ones.

use caps_proto::{ClientId, MessageId, Order};
use fake::Fake as _;
use fake::faker::address::en::{CityName, StateAbbr, StreetName};
use fake::faker::name::en::Name;
use serde::Serialize;
use serde_json::value::to_raw_value;
use uuid::Uuid;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Fields<'a> {
    store: &'a ClientId,
    order_id: &'a MessageId,
    customer: String,
    address: String,
}

/// An order of some customer, and its id, which no other order has.
pub(crate) fn order(store: &ClientId) -> (MessageId, Order) {
    let order_id = MessageId::new(&Uuid::new_v4().to_string()).expect("a UUID is an id");
    let fields = Fields { store, order_id: &order_id, customer: Name().fake(), address: address() };
    let text = to_raw_value(&fields).expect("plain strings can be written as JSON");
    let order = Order::new(&text).expect("a struct is written as an object");
    (order_id, order)
}

fn address() -> String {
    let number: u16 = (1..2_000).fake();
    let street: String = StreetName().fake();
    let city: String = CityName().fake();
    let state: String = StateAbbr().fake();
    let zip: u32 = (501..99_951).fake();
    format!("{number} {street}, {city}, {state} {zip:05}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn an_order_has_what_drivers_and_customers_need() {
        let store = ClientId::new("acme-widgets").unwrap();
        let (id, order) = order(&store);
        let fields: Value = serde_json::from_str(order.text()).unwrap();
        assert_eq!(fields["store"], "acme-widgets");
        assert_eq!(fields["orderId"], id.as_str());
        for field in ["customer", "address"] {
            assert!(fields[field].as_str().unwrap().contains(' '), "{field}: {fields}");
        }
    }

    #[test]
    fn two_orders_differ() {
        let store = ClientId::new("acme-widgets").unwrap();
        assert_ne!(order(&store).0, order(&store).0);
    }
}
