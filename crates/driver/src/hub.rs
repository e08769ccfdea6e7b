//! What a driver asks of the hub, so that its handler can be tested without one.

use caps_client::{Client, Error};
use caps_proto::{Done, Message};

/// What a driver's handler asks of the hub. Each returns when the hub has answered.
pub(crate) trait Hub {
    /// Takes an order on the road.
    fn in_transit(&self, pickup: &Message) -> impl Future<Output = Result<Done, Error>> + Send;

    /// Says that an order has arrived.
    fn delivered(&self, pickup: &Message) -> impl Future<Output = Result<Done, Error>> + Send;

    /// Deletes a pickup from its queue.
    fn received(&self, pickup: &Message) -> impl Future<Output = Result<Done, Error>> + Send;
}

impl Hub for Client {
    async fn in_transit(&self, pickup: &Message) -> Result<Done, Error> {
        Self::in_transit(self, pickup).await
    }

    async fn delivered(&self, pickup: &Message) -> Result<Done, Error> {
        Self::delivered(self, pickup).await
    }

    async fn received(&self, pickup: &Message) -> Result<Done, Error> {
        Self::received(self, pickup.event, &pickup.client_id, &pickup.message_id).await
    }
}
