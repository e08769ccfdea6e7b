//! What a shop does about each message.

use std::cell::RefCell;
use std::io::Write;

use caps_client::Error;
use caps_client::cli::Failure;
use caps_proto::{Done, Event, Message};

use crate::say::Say;
use crate::shop::Shop;

/// Says what has happened to an order, once.
pub(crate) fn say(
    message: &Message,
    shop: &RefCell<Shop>,
    say: &Say<impl Write>,
) -> Result<(), Failure> {
    if shop.borrow_mut().hear(message) {
        say.happened(message)?;
    }
    Ok(())
}

/// Waits for the hub's answer to the `received` of a message. An order is over only then: a shop that stops before it
/// hears of the delivery again, and thanks then.
pub(crate) async fn acknowledged(
    message: &Message,
    answer: impl Future<Output = Result<Done, Error>>,
    shop: &RefCell<Shop>,
) -> Result<(), Failure> {
    answer.await?;
    if message.event == Event::Delivered {
        shop.borrow_mut().finish(&message.message_id);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::say::Style;
    use caps_client::cli::{Lines, Progress};

    /// A shop with one order under way, order 7.
    struct Desk {
        shop: RefCell<Shop>,
        say: Say<Vec<u8>>,
        answer: Result<Done, Error>,
    }

    impl Desk {
        fn new() -> Self {
            let mut shop = Shop::new();
            let Message { message_id, order, .. } = message("pickup");
            shop.place(&message_id, &order);
            shop.is_all();
            let say = Say::new(Lines::new(Vec::new(), Progress::default()), Style::Words);
            Self { shop: shop.into(), say, answer: Ok(Done::default()) }
        }

        async fn handle(&self, event: &str) -> Result<(), Failure> {
            let message = message(event);
            say(&message, &self.shop, &self.say)?;
            let answer = self.answer.clone();
            acknowledged(&message, async { answer }, &self.shop).await
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
    async fn an_order_on_the_road_is_told_and_not_over() {
        let desk = Desk::new();
        desk.handle("in-transit").await.unwrap();
        assert!(!desk.is_done());
        assert_eq!(desk.printed(), "Your order 7 is on its way\n");
    }

    #[tokio::test]
    async fn the_customer_is_thanked_and_the_order_over() {
        let desk = Desk::new();
        desk.handle("delivered").await.unwrap();
        assert!(desk.is_done());
        assert_eq!(desk.printed(), "Thank you for your order Ada\n7 {\"customer\":\"Ada\"}\n");
    }

    #[tokio::test]
    async fn nobody_is_thanked_twice() {
        let desk = Desk::new();
        desk.handle("delivered").await.unwrap();
        desk.handle("delivered").await.unwrap();
        assert_eq!(desk.printed().lines().count(), 2);
    }

    #[tokio::test]
    async fn an_order_is_over_only_when_the_hub_has_answered() {
        let mut desk = Desk::new();
        desk.answer = Err(Error::Closed);
        let handled = desk.handle("delivered").await;
        assert!(matches!(handled, Err(Failure::Hub(Error::Closed))));
        assert!(!desk.is_done());
    }
}
