//! The words on the CAPS wire, version 1: ids, events, orders, messages, requests and answers.
//!
//! This crate promises the shapes of `docs/protocol.md` and nothing else: it parses what a client emits
//! ([`Request::parse`]), and writes what the hub answers ([`Answer`]) and emits ([`Message`]).
//! It knows no queues, no sockets and no time.

mod answer;
mod event;
mod fields;
mod handshake;
mod id;
mod message;
mod order;
mod proof;
mod request;

pub use answer::{Answer, Code, Done, Refusal};
pub use event::{Event, Verb};
pub use handshake::{Handshake, Role};
pub use id::{ClientId, DriverName, InvalidId, MAX_ID_BYTES, MessageId};
pub use message::Message;
pub use order::{Digest, Order};
pub use proof::{InvalidProof, MAX_PROOF_BYTES, Proof};
pub use request::{OrderRef, Request};

/// The Socket.IO namespace that CAPS speaks in.
pub const NAMESPACE: &str = "/caps";

/// The event with which the hub answers a failed event that carried no acknowledgement callback.
pub const EXCEPTION: &str = "exception";
