//! The Socket.IO edge: events in, messages and answers out.

pub(crate) mod events;
pub(crate) mod flow;
pub(crate) mod line;
pub(crate) mod packet;
pub(crate) mod stream;
mod unheard;
pub(crate) mod upgrade;
