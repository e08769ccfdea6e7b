//! What a shop does about each message.

use std::cell::RefCell;
use std::io::Write;

use caps_client::cli::Failure;
use caps_proto::{Event, Message};

use crate::hub::Hub;
use crate::say::Say;
use crate::shop::Shop;

/// Says what has happened to an order, once.
pub(crate) fn say(
    message: &Message,
    shop: &RefCell<Shop>,
    say: &Say<impl Write>,
) -> Result<(), Failure> {
    if message.event == Event::Pickup {
        // A hub that knows that this is a vendor sends none.
        tracing::debug!(order = %message.message_id, "left out a pickup");
    } else if shop.borrow_mut().hear(message) {
        say.happened(message)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::say::Style;
    use caps_client::Error;
    use caps_client::cli::{Lines, Progress};
    use caps_proto::Done;

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

    /// A shop with one order under way, order 7.
    struct Desk {
        shop: RefCell<Shop>,
        hub: Noted,
        say: Say<Vec<u8>>,
    }

    impl Desk {
        fn new() -> Self {
            let mut shop = Shop::new();
            let Message { message_id, order, .. } = message("pickup");
            shop.place(&message_id, &order);
            shop.is_all();
            let say = Say::new(Lines::new(Vec::new(), Progress::default()), Style::Words);
            Self { shop: shop.into(), hub: Noted::default(), say }
        }

        async fn handle(&self, message: &Message) -> Result<(), Failure> {
            say(message, &self.shop, &self.say)?;
            acknowledge(message, &self.shop, &self.hub).await
        }

        fn is_done(&self) -> bool {
            self.shop.borrow().tally().borrow().is_done()
        }

        fn printed(self) -> String {
            String::from_utf8(self.say.into_lines().into_inner()).unwrap()
        }
    }

    fn message(event: &str) -> Message {
        let text = format!(
            r#"{{"event":"{event}","messageId":"7","clientId":"acme","order":{{"customer":"Ada"}}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[tokio::test]
    async fn an_order_on_the_road_is_told_and_acknowledged() {
        let desk = Desk::new();
        desk.handle(&message("in-transit")).await.unwrap();
        assert_eq!(*desk.hub.emits.borrow(), ["received acme in-transit 7"]);
        assert!(!desk.is_done());
        assert_eq!(desk.printed(), "Your order 7 is on its way\n");
    }

    #[tokio::test]
    async fn the_customer_is_thanked_and_the_delivery_acknowledged() {
        let desk = Desk::new();
        desk.handle(&message("delivered")).await.unwrap();
        assert_eq!(*desk.hub.emits.borrow(), ["received acme delivered 7"]);
        assert!(desk.is_done());
        assert_eq!(desk.printed(), "Thank you for your order Ada\n7 {\"customer\":\"Ada\"}\n");
    }

    #[tokio::test]
    async fn a_repeat_is_acknowledged_and_nobody_is_thanked_twice() {
        let desk = Desk::new();
        desk.handle(&message("delivered")).await.unwrap();
        desk.handle(&message("delivered")).await.unwrap();
        assert_eq!(desk.hub.emits.borrow().len(), 2);
        assert_eq!(desk.printed().lines().count(), 2);
    }

    #[tokio::test]
    async fn an_order_is_over_only_when_the_hub_has_answered() {
        let mut desk = Desk::new();
        desk.hub.is_closed = true;
        let handled = desk.handle(&message("delivered")).await;
        assert!(matches!(handled, Err(Failure::Hub(Error::Closed))));
        assert!(!desk.is_done());
    }

    #[tokio::test]
    async fn a_pickup_is_none_of_a_shop_s_business() {
        let desk = Desk::new();
        desk.handle(&message("pickup")).await.unwrap();
        assert!(desk.hub.emits.borrow().is_empty());
        assert_eq!(desk.printed(), "");
    }
}
