//! A CAPS client that lives through every outage.
//!
//! [`Client::connect`] gives a handle and a stream of incoming messages. Both outlive every connection: the
//! client connects again by itself, restores what it listens to, asks for what it has missed, and goes on with
//! what it had not yet sent.
//!
//! # What it promises
//! - **What was taken is sent.** Calls wait in one outbox, one of them at a time is on its way, and it leaves
//!   the outbox only when the hub has answered. After an outage it is sent again; the hub recognises it.
//! - **A call returns when the hub has answered**: `Ok` means kept. A refusal that passes by itself is tried
//!   again, and holds up only the calls that must stay behind it; any other is returned at once.
//! - **Calls keep their order** where it matters: those about one order, and those of one kind for one store.
//! - **Every message reaches the application at least once** until it is acknowledged, and while the
//!   application is at work on a message, repeats of it are held back.
//! - **Messages come in order**, and no more than the application has room for: the rest of a backlog stays with
//!   the hub, and what is new comes after it. This is for what [`Client::get_all`] asks for; without it,
//!   what comes when there is no room is not heard.
//! - **It never spins and never gives up.** Attempts to connect are spread by full jitter under a cap, until
//!   the hub refuses for good, for example for a wrong token.
//!
//! - **What was taken outlives the process**, where [`Options::outbox_file`] names a file: what the hub has not
//!   answered when the process ends is sent by the next one, first, and in order.
//!
//! What it does not promise: without such a file the outbox is in memory, and what the hub has not answered when
//! the process ends is lost to the hub; [`Client::close`] says how much that is. Numbers inside an incoming order or proof are what
//! [`serde_json::Value`] makes of them; in an outgoing one they stay as they are written.
//!
//! # Example
//! A shop that places one order, and waits until it has arrived:
//! ```
//! use caps_client::{Client, Options};
//! use caps_client::proto::{ClientId, Event, Order};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use caps_server::{Config, Server, Store};
//! # let config = Config { port: 0, store: Store::Memory, ..Config::default() };
//! # let hub = Server::bind(config).await?;
//! # let url = format!("http://{}", hub.local_addr());
//! # let stop = tokio_util::sync::CancellationToken::new();
//! # tokio::spawn(hub.run(stop.clone()));
//! # let (courier, mut offered) = Client::connect(Options::driver(url.clone(), None))?;
//! # courier.get_all(None, None).await?;
//! # tokio::spawn(async move {
//! #     let pickup = offered.recv().await?;
//! #     courier.in_transit(&pickup).await?;
//! #     courier.delivered(&pickup).await?;
//! #     courier.acknowledge(pickup).await
//! # });
//! // `url` is the hub's address, such as `http://localhost:3001`.
//! let store = ClientId::new("acme-widgets")?;
//! let (client, mut incoming) = Client::connect(Options::vendor(url, store.clone()))?;
//! client.join(&store).await?;
//! client.get_all(Some(&store), None).await?;
//!
//! let order: Order = serde_json::from_str(
//!     r#"{"store": "acme-widgets", "orderId": "7", "customer": "Ada", "address": "12 Elm Street"}"#,
//! )?;
//! client.pickup(&order).await?; // the hub has kept it
//!
//! loop {
//!     let delivery = incoming.recv().await?;
//!     println!("{} {}", delivery.event, delivery.message_id);
//!     let has_arrived = delivery.event == Event::Delivered;
//!     client.acknowledge(delivery).await?;
//!     if has_arrived {
//!         break;
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A courier whose phone may die in a tunnel names an outbox file, and goes on when a report is in there:
//! ```
//! # use caps_client::{Client, Options};
//! # use caps_client::proto::{DriverName, Message};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::TempDir::new()?;
//! # let file = folder.path().join("dana.outbox");
//! # let text = r#"{"event":"pickup","messageId":"7","clientId":"acme-widgets","order":{}}"#;
//! # let pickup: Message = serde_json::from_str(text)?;
//! let dana = DriverName::new("dana")?;
//! let mut options = Options::driver("http://localhost:3001", Some(&dana));
//! options.outbox_file = Some(file);
//! let (client, _incoming) = Client::connect(options)?;
//!
//! let answer = client.delivered(&pickup).taken().await?; // on the disk, whether the hub is there or not
//! drop(answer); // or await it: then the hub has kept it
//! # Ok(())
//! # }
//! ```
//!
//! # Where to look
//! `session` is the life of one connection, `reconnect` strings connections together, `transport` is the only
//! file that knows the Socket.IO library, behind the two channels of `line`.

mod ask;
mod backoff;
#[cfg(feature = "cli")]
pub mod cli;
mod client;
mod closing;
mod error;
mod inbox;
mod incoming;
mod line;
mod options;
mod outbox;
mod reconnect;
mod sending;
mod session;
mod state;
mod transport;

pub use caps_proto as proto;
pub use client::Client;
pub use error::Error;
pub use incoming::{Delivery, Incoming};
pub use options::{Auth, Options};
pub use outbox::{OutboxFileError, Resent};
pub use sending::{Sending, Taken};
pub use state::State;
