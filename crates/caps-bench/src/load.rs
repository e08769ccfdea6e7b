//! The lean client: one thread that drives thousands of Socket.IO connections, and costs far less than any server.
//!
//! It speaks as much of WebSocket, Engine.IO 4 and Socket.IO 5 as the jobs need, over buffers that are used again, and
//! looks at what it hears only as far as it must.

mod frame;
mod handshake;
mod heard;
mod lines;

pub(crate) use heard::{Event, Heard, Message, is_ok};
pub(crate) use lines::{LineId, Lines, Out, Writes};
