//! What a shop does about each message.

use std::cell::RefCell;
use std::io::Write;

use caps_client::cli::{Failure, Lines};
use caps_proto::{Event, Message, Order};
use serde_json::Value;

use crate::hub::Hub;
use crate::shop::Shop;

/// Says what has happened: that an order is on the road, or thanks to its customer, once.
pub(crate) fn say(
    message: &Message,
    shop: &RefCell<Shop>,
    lines: &Lines<impl Write>,
) -> Result<(), Failure> {
    let Message { event, message_id, order, .. } = message;
    match event {
        Event::InTransit => {
            lines.print(format_args!("Your order {message_id} is on its way"))?;
        }
        Event::Delivered => {
            if shop.borrow_mut().thank(message_id) {
                lines.print(format_args!("Thank you for your order {}", customer(order)))?;
                lines.print(format_args!("{message_id} {}", order.text()))?;
            }
        }
        // A hub that knows that this is a vendor sends none.
        Event::Pickup => tracing::debug!(order = %message_id, "left out a pickup"),
    }
    Ok(())
}

/// Tells the hub that a message was heard. Done last: a shop that stops before it hears of the delivery again, and
/// thanks then.
pub(crate) async fn acknowledge(
    message: &Message,
    shop: &RefCell<Shop>,
    hub: &impl Hub,
) -> Result<(), Failure> {
    if message.event == Event::Pickup {
        return Ok(());
    }
    hub.received(message).await?;
    if message.event == Event::Delivered {
        shop.borrow_mut().finish(&message.message_id);
    }
    Ok(())
}

/// The customer's name, as far as the order tells. Other shops of the same name may write orders of their own.
fn customer(order: &Order) -> String {
    let fields: Value = serde_json::from_str(order.text()).unwrap_or_default();
    let customer = &fields["customer"];
    let name = customer.as_str().or_else(|| customer["name"].as_str());
    name.unwrap_or("dear customer").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use caps_client::Error;
    use caps_proto::{ClientId, Done};

    /// Notes what is emitted.
    #[derive(Default)]
    struct Noted {
        emits: RefCell<Vec<String>>,
        is_closed: bool,
    }

    impl Hub for Noted {
        async fn received(&self, message: &Message) -> Result<Done, Error> {
            if self.is_closed {
                return Err(Error::Closed);
            }
            let Message { event, client_id, message_id, .. } = message;
            self.emits.borrow_mut().push(format!("received {client_id} {event} {message_id}"));
            Ok(Done::default())
        }
    }

    /// A shop with one order under way.
    struct Desk {
        shop: RefCell<Shop>,
        order: Order,
        hub: Noted,
        lines: Lines<Vec<u8>>,
    }

    impl Desk {
        fn new() -> Self {
            let mut shop = Shop::new(ClientId::new("acme").unwrap(), Some(1));
            let (_, order) = shop.place().unwrap();
            let lines = Lines::new(Vec::new());
            Self { shop: shop.into(), order, hub: Noted::default(), lines }
        }

        /// A message about the order.
        fn message(&self, event: &str) -> Message {
            let fields: Value = serde_json::from_str(self.order.text()).unwrap();
            message(event, fields["orderId"].as_str().unwrap(), self.order.text())
        }

        fn printed(self) -> Vec<String> {
            let text = String::from_utf8(self.lines.into_inner()).unwrap();
            text.lines().map(str::to_owned).collect()
        }
    }

    fn message(event: &str, id: &str, order: &str) -> Message {
        let text = format!(
            r#"{{"event":"{event}","messageId":"{id}","clientId":"acme","order":{order}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    async fn handle(desk: &Desk, message: &Message) -> Result<(), Failure> {
        say(message, &desk.shop, &desk.lines)?;
        acknowledge(message, &desk.shop, &desk.hub).await
    }

    mod in_transit {
        use super::*;

        #[tokio::test]
        async fn it_is_told_and_acknowledged() {
            let desk = Desk::new();
            let message = message("in-transit", "7", "{}");
            handle(&desk, &message).await.unwrap();
            assert_eq!(*desk.hub.emits.borrow(), ["received acme in-transit 7"]);
            assert_eq!(desk.printed(), ["Your order 7 is on its way"]);
        }
    }

    mod delivered {
        use super::*;

        #[tokio::test]
        async fn the_customer_is_thanked_and_the_delivery_acknowledged() {
            let desk = Desk::new();
            let message = desk.message("delivered");
            handle(&desk, &message).await.unwrap();
            let id = message.message_id.clone();
            assert_eq!(*desk.hub.emits.borrow(), [format!("received acme delivered {id}")]);
            assert!(desk.shop.borrow().is_done());
            let (name, text) = (customer(&desk.order), desk.order.text().to_owned());
            assert_eq!(
                desk.printed(),
                [format!("Thank you for your order {name}"), format!("{id} {text}")]
            );
        }

        #[tokio::test]
        async fn a_repeat_is_acknowledged_and_nobody_is_thanked_twice() {
            let desk = Desk::new();
            let message = desk.message("delivered");
            handle(&desk, &message).await.unwrap();
            handle(&desk, &message).await.unwrap();
            assert_eq!(desk.hub.emits.borrow().len(), 2);
            assert_eq!(desk.printed().len(), 2);
        }

        #[tokio::test]
        async fn an_order_is_over_only_when_the_hub_has_answered() {
            let mut desk = Desk::new();
            desk.hub.is_closed = true;
            let message = desk.message("delivered");
            assert!(matches!(handle(&desk, &message).await, Err(Failure::Hub(Error::Closed))));
            assert!(!desk.shop.borrow().is_done());
        }

        #[tokio::test]
        async fn an_order_of_another_make_is_thanked_for_as_well_as_it_can_be() {
            let desk = Desk::new();
            for (id, order) in
                [("1", r#"{"customer":{"name":"Ada\n"}}"#), ("2", r#"{"customer":7}"#), ("3", "{}")]
            {
                handle(&desk, &message("delivered", id, order)).await.unwrap();
            }
            let printed = desk.printed();
            let thanks: Vec<_> = printed.iter().step_by(2).collect();
            assert_eq!(
                thanks,
                [
                    r"Thank you for your order Ada\u000a",
                    "Thank you for your order dear customer",
                    "Thank you for your order dear customer"
                ]
            );
        }
    }
}
