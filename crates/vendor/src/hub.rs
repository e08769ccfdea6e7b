//! What a shop asks of the hub, so that its handlers can be tested without one.

use caps_client::{Client, Error};
use caps_proto::{Done, Message};

/// What a shop's handlers ask of the hub.
pub(crate) trait Hub {
    /// Deletes `message` from its queue. Returns when the hub has answered.
    async fn received(&self, message: &Message) -> Result<Done, Error>;
}

impl Hub for Client {
    async fn received(&self, message: &Message) -> Result<Done, Error> {
        Self::received(self, message.event, &message.client_id, &message.message_id).await
    }
}
