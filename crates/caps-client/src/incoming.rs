//! The application's end of the stream of messages.

use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use caps_proto::Message;
use futures_util::Stream;
use tokio::sync::{mpsc, watch};

use crate::inbox::Held;
use crate::{Error, State};

/// What comes from the hub, through every outage, until the client ends.
///
/// As a [`Stream`] it says why the client has ended with its last item.
#[derive(Debug)]
pub struct Incoming {
    deliveries: mpsc::Receiver<Delivery>,
    state: watch::Receiver<State>,
    /// Whether the stream has said why the client has ended.
    is_over: bool,
}

impl Incoming {
    pub(crate) fn new(deliveries: mpsc::Receiver<Delivery>, state: watch::Receiver<State>) -> Self {
        Self { deliveries, state, is_over: false }
    }

    /// Waits for the next message. Safe to cancel.
    ///
    /// # Errors
    /// [`Error::Refused`] when the hub has refused the client for good, [`Error::Closed`] when it was closed.
    pub async fn recv(&mut self) -> Result<Delivery, Error> {
        self.deliveries.recv().await.ok_or_else(|| self.state.borrow().error())
    }
}

impl Stream for Incoming {
    type Item = Result<Delivery, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let delivery = ready!(self.deliveries.poll_recv(cx));
        Poll::Ready(match delivery {
            Some(delivery) => Some(Ok(delivery)),
            None if self.is_over => None,
            None => {
                self.is_over = true;
                Some(Err(self.state.borrow().error()))
            }
        })
    }
}

/// A message in the application's hands.
///
/// While it exists, repeats of the message are held back. When the application has acted, it hands the message
/// to [`Client::acknowledge`](crate::Client::acknowledge). When it drops it instead, the hub keeps the message,
/// and it comes again with the next replay, or at once if the hub has offered it again meanwhile.
#[derive(Debug)]
pub struct Delivery {
    message: Message,
    /// Gone when the message is settled.
    held: Option<Arc<Held>>,
}

impl Delivery {
    pub(crate) fn new(message: Message, held: Arc<Held>) -> Self {
        Self { message, held: Some(held) }
    }

    /// Lets go of a message that needs no more attention, because the application has told the hub
    /// [`received`](crate::Client::received) by itself.
    pub fn settle(mut self) {
        if let Some(held) = self.held.take() {
            held.settle(&self.message);
        }
    }
}

impl Deref for Delivery {
    type Target = Message;

    fn deref(&self) -> &Message {
        &self.message
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if let Some(held) = self.held.take() {
            held.give_up(&self.message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbox::Inbox;
    use futures_util::StreamExt as _;

    fn message(id: usize) -> Message {
        serde_json::from_str(&format!(
            r#"{{"event":"pickup","messageId":"{id}","clientId":"acme","order":{{}}}}"#
        ))
        .unwrap()
    }

    struct Stream {
        inbox: Inbox,
        incoming: Incoming,
    }

    impl Stream {
        fn new(capacity: usize) -> Self {
            let (inbox, deliveries) = Inbox::new(capacity);
            let (_, state) = watch::channel(State::Connecting);
            Self { inbox, incoming: Incoming::new(deliveries, state) }
        }

        /// Offers message `id`. True when it was taken.
        fn offer(&self, id: usize) -> bool {
            self.inbox.offer(message(id)).is_ok()
        }

        /// What waits, without waiting for more.
        async fn next(&mut self) -> Option<Delivery> {
            if self.incoming.deliveries.is_empty() {
                return None;
            }
            Some(self.incoming.recv().await.unwrap())
        }
    }

    #[tokio::test]
    async fn a_repeat_is_held_back_while_the_application_is_at_work() {
        let mut stream = Stream::new(9);
        stream.offer(1);
        stream.offer(1);
        let first = stream.next().await.unwrap();
        stream.offer(1);
        first.settle();
        assert!(stream.next().await.is_none());
        stream.offer(1);
        assert!(stream.next().await.is_some(), "after that it is a new offer");
    }

    #[tokio::test]
    async fn what_is_given_up_comes_again_when_it_was_offered_again() {
        let mut stream = Stream::new(9);
        stream.offer(1);
        drop(stream.next().await.unwrap());
        assert!(stream.next().await.is_none(), "nobody has offered it again");

        stream.offer(1);
        let held = stream.next().await.unwrap();
        stream.offer(1);
        drop(held);
        stream.next().await.unwrap().settle();
        assert!(stream.next().await.is_none());
    }

    #[tokio::test]
    async fn an_application_holds_no_more_than_it_has_room_for() {
        let mut stream = Stream::new(2);
        assert!(stream.offer(1) && stream.offer(2) && !stream.offer(3));
        assert!(stream.offer(1), "it holds that already");
        let first = stream.next().await.unwrap();
        assert!(!stream.offer(3), "what is in its hands counts");
        first.settle();
        assert!(stream.offer(3) && !stream.offer(4));
        drop(stream.next().await);
        assert!(stream.offer(4));
    }

    #[tokio::test]
    async fn who_waits_for_room_learns_that_a_message_was_let_go() {
        let mut stream = Stream::new(2);
        assert!(stream.offer(1) && stream.offer(2));
        stream.next().await.unwrap().settle();
        stream.inbox.let_go().await;
        drop(stream.next().await);
        stream.inbox.let_go().await;
        assert_eq!(stream.inbox.held(), 0);
    }

    #[tokio::test]
    async fn a_stream_ends_with_why() {
        let Stream { inbox, mut incoming } = Stream::new(1);
        inbox.offer(message(1)).unwrap();
        drop(inbox);
        assert_eq!(incoming.next().await.unwrap().unwrap().message_id.as_str(), "1");
        assert!(matches!(incoming.next().await, Some(Err(Error::Closed))));
        assert!(incoming.next().await.is_none());
    }

    #[tokio::test]
    async fn an_application_that_listens_no_more_is_no_trouble() {
        let Stream { inbox, incoming } = Stream::new(1);
        inbox.offer(message(1)).unwrap();
        inbox.offer(message(1)).unwrap();
        drop(incoming);
        inbox.offer(message(2)).unwrap();
    }
}
