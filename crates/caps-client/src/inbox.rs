//! What has come from the hub and was not acknowledged yet: bounded, and each message once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use caps_proto::{ClientId, Event, Message, MessageId};
use tokio::sync::{Notify, mpsc};

use crate::Delivery;

/// What makes two messages the same.
pub(crate) type Key = (Event, ClientId, MessageId);

pub(crate) fn key(message: &Message) -> Key {
    (message.event, message.client_id.clone(), message.message_id.clone())
}

/// The session's end of the stream of messages; the stream ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Inbox {
    held: Arc<Held>,
    /// Keeps the stream open: [`Held`] has no hold on it.
    _open: mpsc::Sender<Delivery>,
}

/// The messages that the application has not let go of.
#[derive(Debug)]
pub(crate) struct Held {
    capacity: usize,
    /// Whether each has come again since.
    came_again: Mutex<HashMap<Key, bool>>,
    /// Weak, because messages inside the channel hold this in their turn.
    deliveries: mpsc::WeakSender<Delivery>,
    let_go: Notify,
}

impl Inbox {
    /// A stream of which the application holds at most `capacity` messages at a time.
    pub(crate) fn new(capacity: usize) -> (Self, mpsc::Receiver<Delivery>) {
        let (open, deliveries) = mpsc::channel(capacity);
        let held = Arc::new(Held {
            capacity,
            came_again: Mutex::default(),
            deliveries: open.downgrade(),
            let_go: Notify::new(),
        });
        (Self { held, _open: open }, deliveries)
    }

    /// Hands `message` to the application, unless it holds it already.
    ///
    /// # Errors
    /// The message, where there is no room for it. It is not lost: the hub keeps it until it is acknowledged.
    pub(crate) fn offer(&self, message: Message) -> Result<(), Message> {
        self.held.offer(message)
    }

    pub(crate) fn capacity(&self) -> usize {
        self.held.capacity
    }

    /// How many messages the application holds: those that wait for it, and those in its hands.
    pub(crate) fn held(&self) -> usize {
        self.held.lock().len()
    }

    /// Waits until the application lets go of a message. Safe to cancel.
    pub(crate) async fn let_go(&self) {
        self.held.let_go.notified().await;
    }
}

impl Held {
    /// No step under the lock can panic and leave the state half changed.
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, bool>> {
        self.came_again.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn offer(self: &Arc<Self>, message: Message) -> Result<(), Message> {
        let Some(deliveries) = self.deliveries.upgrade() else { return Ok(()) };
        let mut held = self.lock();
        let key = key(&message);
        if let Some(came_again) = held.get_mut(&key) {
            *came_again = true;
            return Ok(());
        }
        if held.len() >= self.capacity {
            return Err(message);
        }
        // Whatever waits is held, so there is room, unless the application listens no more.
        if let Ok(room) = deliveries.try_reserve() {
            held.insert(key, false);
            room.send(Delivery::new(message, Arc::clone(self)));
        }
        Ok(())
    }

    /// The application has acknowledged `message`.
    pub(crate) fn settle(&self, message: &Message) {
        self.lock().remove(&key(message));
        self.let_go.notify_one();
    }

    /// The application has given `message` up. If it has come again meanwhile, that was a new offer.
    pub(crate) fn give_up(self: &Arc<Self>, message: &Message) {
        let came_again = self.lock().remove(&key(message));
        if came_again == Some(true) {
            // Where another message has taken the room, it comes again from the hub.
            drop(self.offer(message.clone()));
        }
        self.let_go.notify_one();
    }
}
