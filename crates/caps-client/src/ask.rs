//! What a client asks of the hub.

use caps_proto::{ClientId, Event, Message, Verb};
use serde_json::json;

use crate::line::Emit;

/// One thing to ask, before it is put into words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ask {
    /// This, as it stands.
    Emit(Emit),
    /// To send the oldest of what waits, as much as the inbox holds.
    Page(Scope),
    /// How much waits. Nothing is sent.
    Look(Scope),
}

impl Ask {
    pub(crate) fn verb(&self) -> Verb {
        match self {
            Self::Emit(emit) => emit.verb,
            Self::Page(_) | Self::Look(_) => Verb::GetAll,
        }
    }

    /// Whether it asks to listen: that is for the client's life, and asked again on each connection.
    pub(crate) fn is_standing(&self) -> bool {
        matches!(self.verb(), Verb::Join | Verb::Subscribe | Verb::GetAll)
    }

    /// In words. At most `page` messages make a page.
    pub(crate) fn emit(&self, page: usize) -> Emit {
        match self {
            Self::Emit(emit) => emit.clone(),
            Self::Page(scope) => scope.get_all(page),
            Self::Look(scope) => scope.get_all(0),
        }
    }
}

/// What a `getAll` is about. What is left out is for the hub to fill in: it depends on who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) client_id: Option<ClientId>,
    pub(crate) event: Option<Event>,
}

impl Scope {
    /// Whether `message` may be what this `getAll` is about.
    pub(crate) fn covers(&self, message: &Message) -> bool {
        self.client_id.as_ref().is_none_or(|client_id| *client_id == message.client_id)
            && self.event.is_none_or(|event| event == message.event)
    }

    fn get_all(&self, limit: usize) -> Emit {
        let mut payload = json!({ "limit": limit });
        if let Some(client_id) = &self.client_id {
            payload["clientId"] = json!(client_id);
        }
        if let Some(event) = self.event {
            payload["event"] = json!(event);
        }
        Emit { verb: Verb::GetAll, payload: payload.to_string().into() }
    }
}
