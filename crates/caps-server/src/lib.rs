//! The CAPS hub as a server: the edge around the pure core of [`caps_hub`].
//!
//! ```text
//! edge::events    hears an event: logs it, parses it, submits it     in packet order, before any await
//! http            hears requests, and tells what there is to know
//! inbox           what is submitted, bounded
//! owner           decides it with the core, hands the facts to be kept, and carries out what is kept
//! journal         keeps facts
//! edge::line      what is on its way to one client
//! metrics         what of all this is counted
//! goodbye         the end, one client after the other
//! ```
//!
//! [`Server::bind`] and [`Server::run`] are all that the program and the tests use.

mod accept;
mod addresses;
mod clock;
mod config;
mod cors;
mod edge;
mod entry;
mod event_log;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod goodbye;
mod http;
mod inbox;
mod intake;
mod journal;
mod metrics;
mod moment;
mod order_text;
mod owner;
mod schema;
mod server;
mod timely_body;
mod token;

pub use config::{Config, ConfigError, LogFormat, Store};
pub use cors::{InvalidOrigin, Origin};
pub use journal::file::{
    BackupError, Checked, ExportError, OpenError, SalvageError, Saved, Selection, backup, check,
    export, salvage,
};
pub use moment::{InvalidMoment, Moment};
pub use server::{BindError, RunError, Server};
pub use token::{Bearer, Secret, TokenError, TokenRole, issue};
