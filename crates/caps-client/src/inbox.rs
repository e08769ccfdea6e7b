//! What has come from the hub and was not acknowledged yet: bounded, and each message once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use caps_proto::{ClientId, Event, Message, MessageId};
use tokio::sync::{Notify, mpsc};

use crate::Delivery;

/// What makes two messages the same.
type Key = (Event, ClientId, MessageId);

fn key(message: &Message) -> Key {
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
    state: Mutex<State>,
    /// Weak, because messages inside the channel hold this in their turn.
    deliveries: mpsc::WeakSender<Delivery>,
    has_caught_up: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Whether each has come again since.
    came_again: HashMap<Key, bool>,
    /// There was no room for some message. Until the hub replays it, those after it are left out, too: the
    /// application hears messages in order.
    is_behind: bool,
}

impl Inbox {
    /// A stream in which at most `capacity` messages wait for the application.
    pub(crate) fn new(capacity: usize) -> (Self, mpsc::Receiver<Delivery>, Arc<Held>) {
        let (open, deliveries) = mpsc::channel(capacity);
        let held = Arc::new(Held {
            state: Mutex::default(),
            deliveries: open.downgrade(),
            has_caught_up: Notify::new(),
        });
        (Self { held: Arc::clone(&held), _open: open }, deliveries, held)
    }

    /// Hands `message` to the application, unless it has it already or has no room for it. What has no room
    /// is not lost: the hub keeps it until it is acknowledged.
    pub(crate) fn offer(&self, message: Message) {
        self.held.offer(message);
    }

    /// Waits until the application has room again for what was left out.
    pub(crate) async fn has_room_again(&self) {
        self.held.has_caught_up.notified().await;
    }

    /// Everything that was left out is about to come again.
    pub(crate) fn expect_replay(&self) {
        self.held.lock().is_behind = false;
    }
}

impl Held {
    /// No step under the lock can panic and leave the state half changed.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn offer(self: &Arc<Self>, message: Message) {
        let Some(deliveries) = self.deliveries.upgrade() else { return };
        let mut state = self.lock();
        let key = key(&message);
        if let Some(came_again) = state.came_again.get_mut(&key) {
            *came_again = true;
            return;
        }
        if state.is_behind {
            return;
        }
        match deliveries.try_reserve() {
            Ok(room) => {
                state.came_again.insert(key, false);
                room.send(Delivery::new(message, Arc::clone(self)));
            }
            Err(mpsc::error::TrySendError::Full(())) => {
                tracing::debug!("the application is behind; the hub keeps what comes for later");
                state.is_behind = true;
            }
            // The application listens no more.
            Err(mpsc::error::TrySendError::Closed(())) => {}
        }
    }

    /// Notes that the application has taken all that there was.
    pub(crate) fn is_drained(&self) {
        if self.lock().is_behind {
            self.has_caught_up.notify_one();
        }
    }

    /// The application has acknowledged `message`.
    pub(crate) fn settle(&self, message: &Message) {
        self.lock().came_again.remove(&key(message));
    }

    /// The application has given `message` up. If it has come again meanwhile, that was a new offer.
    pub(crate) fn give_up(self: &Arc<Self>, message: &Message) {
        let came_again = self.lock().came_again.remove(&key(message));
        if came_again == Some(true) {
            self.offer(message.clone());
        }
    }
}
