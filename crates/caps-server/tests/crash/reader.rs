//! Reads what waits in a hub's queues, and takes nothing away.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use caps_proto::{Answer, Event, Refusal};
use tokio::time::timeout;

use crate::ledger::{Key, STORES};
use crate::socket::{Lost, Socket};
use crate::town::{BOUND, Talk};

/// How long it rests before it reads all queues again.
const REST: Duration = Duration::from_millis(20);

/// Reads all queues again and again, until the hub is gone. Whatever its disk does, they are what is kept.
pub(crate) async fn live(hub: SocketAddr, talk: &Talk) {
    let Err(Lost) = read_on(hub, talk).await;
}

async fn read_on(hub: SocketAddr, talk: &Talk) -> Result<Infallible, Lost> {
    loop {
        read(hub, talk).await?;
        talk.count(|tally| tally.reads += 1);
        tokio::time::sleep(REST).await;
    }
}

/// Reads all queues, and checks that there is what must be, and nothing that may not.
pub(crate) async fn read(hub: SocketAddr, talk: &Talk) -> Result<(), Lost> {
    let mut reader = Reader::connect(hub).await?;
    for store in 0..STORES.len() {
        for event in Event::ALL {
            let (before, waiting) = loop {
                let before = talk.ledger().clone();
                match reader.ask(store, event).await? {
                    Ok(waiting) => break (before, waiting),
                    Err(refusal) => assert!(talk.puts_off(&Answer::Error(refusal)).await),
                }
            };
            talk.ledger().check_queue(&before, store, event, &waiting);
            if event == Event::Pickup {
                talk.note_pickups(waiting);
            }
        }
    }
    Ok(())
}

/// One who only reads.
pub(crate) struct Reader {
    socket: Socket,
}

impl Reader {
    pub(crate) async fn connect(hub: SocketAddr) -> Result<Self, Lost> {
        let mut socket = Socket::connect(hub, r#"{"role":"observer"}"#).await?;
        // From now on it hears nothing but what it asks for.
        socket.ask("subscribe", r#"{"clientId":"nobody","event":"pickup"}"#).await?;
        Ok(Self { socket })
    }

    /// What waits in one queue, oldest first. It may be put off in the moment when a disk fails.
    pub(crate) async fn ask(
        &mut self,
        store: usize,
        event: Event,
    ) -> Result<Result<Vec<Key>, Refusal>, Lost> {
        let payload = format!(r#"{{"clientId":"{}","event":"{event}"}}"#, STORES[store]);
        let asked = timeout(BOUND, self.socket.ask("getAll", &payload)).await;
        let (messages, answer) = asked.expect("who only reads does not wait for a disk")?;
        let waiting: Vec<_> = messages.iter().map(Key::of).collect();
        let is_asked_for = waiting.iter().all(|key| key.store == store)
            && messages.iter().all(|message| message.event == event);
        assert!(is_asked_for, "not asked for: {messages:?}");
        Ok(match answer {
            Answer::Error(refusal) => Err(refusal),
            Answer::Ok(done) => {
                assert_eq!(done.count, Some(waiting.len() as u64));
                Ok(waiting)
            }
        })
    }
}
