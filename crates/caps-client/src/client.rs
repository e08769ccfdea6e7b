//! The handle: one method for each thing that a client can ask of the hub.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use caps_proto::{
    ClientId, Done, Event, Message, MessageId, Order, OrderRef, Proof, Refusal, Request, Verb,
};
use serde_json::json;
use serde_json::value::RawValue;
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

use crate::ask::{Ask, Scope};
use crate::backoff::Backoff;
use crate::closing::Closing;
use crate::inbox::Inbox;
use crate::line::{Emit, Endpoint, Line};
use crate::outbox::{Calls, Outbox, OutboxFile};
use crate::session::Lasting;
use crate::{Delivery, Error, Incoming, Options, Sending, State, reconnect, transport};

/// A handle on the hub that lives through every outage. Cheap to clone; all clones share one connection.
///
/// A call waits for room in the outbox, and then for the hub's answer, however long the hub is away. A call
/// whose future is dropped before it has room in the outbox is not made; after that it is, whoever waits. Reports
/// and acknowledgements can be waited for in these two steps: see [`Sending`].
///
/// The client ends with [`close`](Self::close), with the last of its handles, or when the hub refuses it.
#[derive(Clone)]
pub struct Client {
    calls: Calls,
    closing: Arc<watch::Sender<Option<Instant>>>,
    state: watch::Receiver<State>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("state", &*self.state.borrow()).finish_non_exhaustive()
    }
}

impl Client {
    /// Starts a client, and returns at once: what it is asked for waits until the hub is there.
    ///
    /// Must be called from within a Tokio runtime. Reads the [outbox file](Options::outbox_file), where there is
    /// one, before it returns.
    ///
    /// # Errors
    /// [`Error::InvalidUrl`] when no hub can be at the address, [`Error::OutboxFile`] when the outbox file cannot
    /// be used, for example because another process uses it.
    pub fn connect(options: Options) -> Result<(Self, Incoming), Error> {
        Self::start(options, transport::open)
    }

    pub(crate) fn start(
        options: Options,
        open: impl Fn(&Endpoint) -> Line + Send + Sync + 'static,
    ) -> Result<(Self, Incoming), Error> {
        let endpoint = options.endpoint()?;
        let backoff = Backoff::new(options.backoff_base, options.backoff_cap);
        let capacity = options.outbox.max(1);
        let (calls, outbox) = match &options.outbox_file {
            None => Outbox::new(capacity, backoff),
            Some(path) => {
                let file = OutboxFile::open(path, &options.identity())?;
                Outbox::with_file(capacity, backoff, file, options.resent.as_ref())
            }
        };
        let (inbox, deliveries) = Inbox::new(options.inbox.max(1));
        let (closing, asked) = watch::channel(None);
        let (state, watched) = watch::channel(State::Connecting);
        let lasting = Lasting {
            options,
            outbox,
            inbox,
            standing: Vec::new(),
            replayed: Vec::new(),
            closing: Closing::new(asked),
            state,
            sessions: 0,
        };
        tokio::spawn(reconnect::run(lasting, endpoint, open));
        let incoming = Incoming::new(deliveries, watched.clone());
        Ok((Self { calls, closing: Arc::new(closing), state: watched }, incoming))
    }

    /// How the client stands with the hub, now and from now on.
    pub fn state(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// Listens to a vendor's `in-transit` and `delivered`, for the client's life.
    ///
    /// # Errors
    /// [`Error`], and then the client does not listen.
    pub async fn join(&self, client_id: &ClientId) -> Result<Done, Error> {
        let payload = json!({ "clientId": client_id });
        self.say(Verb::Join, payload.to_string(), None).await
    }

    /// Listens to one event of a vendor, for the client's life. From the first `pickup` on, a driver hears only
    /// the pickups of vendors that it has subscribed to.
    ///
    /// # Errors
    /// [`Error`], and then the client does not listen.
    pub async fn subscribe(&self, client_id: &ClientId, event: Event) -> Result<Done, Error> {
        let payload = json!({ "clientId": client_id, "event": event });
        self.say(Verb::Subscribe, payload.to_string(), None).await
    }

    /// Replays what waits: one event of one vendor, or all that are the client's to read. Done again on each
    /// later connection, for the client's life.
    ///
    /// Returns when the first [`inbox`](Options::inbox) of messages have come. How many are left is in
    /// `remaining`; they come as the application acknowledges, and what is new comes after them.
    ///
    /// # Errors
    /// [`Error`], and then nothing is replayed.
    pub async fn get_all(
        &self,
        client_id: Option<&ClientId>,
        event: Option<Event>,
    ) -> Result<Done, Error> {
        self.ask(Ask::Page(Scope { client_id: client_id.cloned(), event }), None).await
    }

    /// Announces an order to the drivers. One that has no id is given one, which the answer tells.
    ///
    /// # Errors
    /// Awaited, [`Error::Refused`] when the order lacks its store or has impossible ids, or the hub refuses it.
    pub fn pickup(&self, order: &Order) -> Sending {
        match announcement(order) {
            Ok(message) => self.report(Verb::Pickup, message),
            Err(refusal) => Sending::refused(refusal.into()),
        }
    }

    /// Says that the order of `message` is on the road. The hub then holds it for this driver.
    ///
    /// # Errors
    /// Awaited, [`Error::Refused`] with `already_claimed` or `already_delivered` when another driver has the order.
    pub fn in_transit(&self, message: &Message) -> Sending {
        let report = Message { event: Event::InTransit, proof: None, ..message.clone() };
        self.report(Verb::InTransit, report)
    }

    /// Says that the order of `message` has arrived.
    ///
    /// # Errors
    /// Awaited, [`Error::Refused`] with `already_claimed` or `already_delivered` when another driver has the order.
    pub fn delivered(&self, message: &Message) -> Sending {
        let report = Message { event: Event::Delivered, ..message.clone() };
        self.report(Verb::Delivered, report)
    }

    /// Says that the order of `message` has arrived, with what there is to show for it.
    ///
    /// # Errors
    /// As [`delivered`](Self::delivered).
    pub fn delivered_with_proof(&self, message: &Message, proof: Proof) -> Sending {
        self.delivered(&Message { proof: Some(proof), ..message.clone() })
    }

    /// Gives the order of `message` back, which this driver holds: the hub offers it again, to all who listen and
    /// with a later replay to this client, too. Let go of its pickup then, and do not acknowledge it, which would
    /// claim the order again.
    ///
    /// # Errors
    /// [`Error::Refused`] with `already_claimed` when another driver holds the order, and with
    /// `already_delivered` when it has arrived.
    pub fn release(&self, message: &Message) -> Sending {
        let Message { client_id, message_id, .. } = message;
        let payload = json!({ "clientId": client_id, "messageId": message_id });
        let order = OrderRef { client_id: client_id.clone(), message_id: message_id.clone() };
        self.say(Verb::Release, payload.to_string(), Some(order))
    }

    /// Deletes a message from its queue: the application has acted on it.
    ///
    /// # Errors
    /// Awaited, [`Error::Refused`] for a pickup that another driver holds.
    pub fn received(&self, event: Event, client_id: &ClientId, message_id: &MessageId) -> Sending {
        let payload = json!({ "clientId": client_id, "event": event, "messageId": message_id });
        let order = OrderRef { client_id: client_id.clone(), message_id: message_id.clone() };
        self.say(Verb::Received, payload.to_string(), Some(order))
    }

    /// Says [`received`](Self::received) for a message, and lets go of it when the hub has answered.
    ///
    /// # Errors
    /// As `received`; the message may then come again.
    pub async fn acknowledge(&self, delivery: Delivery) -> Result<Done, Error> {
        let done = self.received(delivery.event, &delivery.client_id, &delivery.message_id).await?;
        delivery.settle();
        Ok(done)
    }

    /// Takes no more calls, tries for `grace` to send what waits, and ends the client and all its handles.
    /// Returns how many reports and acknowledgements the hub has not answered; it may have kept the last. With an
    /// [outbox file](Options::outbox_file) they are sent by the next client of that file.
    pub async fn close(self, grace: Duration) -> usize {
        let Self { calls, closing, mut state } = self;
        drop(calls);
        // The first wish counts.
        closing.send_if_modified(|deadline| {
            let is_new = deadline.is_none();
            deadline.get_or_insert_with(|| Instant::now() + grace);
            is_new
        });
        match state.wait_for(State::is_final).await.as_deref() {
            Ok(State::Closed { unsent }) => *unsent,
            _ => 0,
        }
    }

    fn report(&self, verb: Verb, message: Message) -> Sending {
        let payload = serde_json::to_string(&message).expect("a message can be written as JSON");
        let Message { client_id, message_id, .. } = message;
        self.say(verb, payload, Some(OrderRef { client_id, message_id }))
    }

    fn say(&self, verb: Verb, payload: String, order: Option<OrderRef>) -> Sending {
        self.ask(Ask::Emit(Emit { verb, payload: payload.into() }), order)
    }

    fn ask(&self, ask: Ask, order: Option<OrderRef>) -> Sending {
        Sending::new(ask, order, self.calls.clone(), self.state.clone())
    }
}

/// The message that announces `order`. It names the order's id even where the order does not: were the hub to
/// choose one, an order that is sent again after an outage would become two.
fn announcement(order: &Order) -> Result<Message, Refusal> {
    let text: &RawValue = serde_json::from_str(order.text()).expect("an order is JSON");
    let mint = || MessageId::new(&Uuid::new_v4().to_string()).expect("a UUID is an id");
    match Request::parse(Verb::Pickup, Some(text), mint)? {
        Request::Pickup(OrderRef { client_id, message_id }, order) => {
            Ok(Message { event: Event::Pickup, message_id, client_id, order, proof: None })
        }
        other => unreachable!("a `pickup` was read as {other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use caps_proto::Code;

    fn announce(order: &str) -> Result<String, Refusal> {
        let message = announcement(&serde_json::from_str(order).unwrap())?;
        Ok(serde_json::to_string(&message).unwrap())
    }

    #[test]
    fn an_order_is_announced_as_it_is_written() {
        assert_eq!(
            announce(r#"{"store":"acme","total":1.50,"orderId":7}"#).unwrap(),
            r#"{"event":"pickup","messageId":"7","clientId":"acme","order":{"store":"acme","total":1.50,"orderId":7}}"#
        );
    }

    #[test]
    fn an_order_without_an_id_is_given_one_that_it_keeps_when_it_is_sent_again() {
        let order = serde_json::from_str(r#"{"store":"acme"}"#).unwrap();
        let message = announcement(&order).unwrap();
        assert_eq!(message.message_id.as_str().len(), 36);
        assert_eq!(message.order.text(), order.text());
    }

    #[test]
    fn an_order_without_a_store_is_refused_before_it_is_sent() {
        let refusal = announce(r#"{"orderId":"7"}"#).unwrap_err();
        assert_eq!(refusal.code, Code::InvalidPayload);
        assert!(refusal.message.contains("`clientId`"), "{refusal}");
    }
}
