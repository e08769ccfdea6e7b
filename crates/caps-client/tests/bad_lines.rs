//! The client on lines that are cut, or that swallow everything without a word.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod stage;

use std::net::SocketAddr;
use std::time::Duration;

use caps_client::{Client, Options, State};
use caps_proto::Event;
use stage::{Hub, acme, driver, in_time, next, order};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What a proxy does to the connections that it has, and to those to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Open,
    /// Ended.
    Cut,
    /// Left open, and nothing comes through.
    Dead,
}

/// Stands between a client and a hub.
struct Proxy {
    address: SocketAddr,
    line: watch::Sender<Line>,
    _connections: JoinSet<()>,
}

impl Proxy {
    async fn start(hub: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (line, lines) = watch::channel(Line::Open);
        let mut connections = JoinSet::new();
        connections.spawn(async move {
            let mut carried = JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                carried.spawn(carry(client, hub, lines.clone()));
            }
        });
        Self { address, line, _connections: connections }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn set(&self, line: Line) {
        self.line.send_replace(line);
    }
}

async fn carry(mut client: TcpStream, hub: SocketAddr, mut lines: watch::Receiver<Line>) {
    if *lines.borrow_and_update() == Line::Open {
        let mut hub = TcpStream::connect(hub).await.unwrap();
        tokio::select! {
            // However a connection ends is the business of its two ends.
            _ = copy_bidirectional(&mut client, &mut hub) => return,
            changed = lines.changed() => changed.unwrap(),
        }
    }
    if *lines.borrow() == Line::Dead {
        // A connection that has died stays dead, whatever happens to others.
        lines.wait_for(|line| *line == Line::Cut).await.unwrap();
    }
}

/// Short waits, so that the test need not wait long for what has to happen anyway.
fn impatient(url: String) -> Options {
    let mut options = Options::vendor(url, acme());
    options.connect_timeout = Duration::from_millis(500);
    options.answer_timeout = Duration::from_millis(500);
    options.silence = Duration::from_millis(500);
    options
}

/// Does `what` to the line of a client that listens, mends it, and sees that nothing was lost.
async fn survives(what: Line) {
    let hub = Hub::start().await;
    let proxy = Proxy::start(hub.address).await;
    let (shop, mut told) = Client::connect(impatient(proxy.url())).unwrap();
    in_time(shop.join(&acme())).await.unwrap();
    in_time(shop.get_all(Some(&acme()), None)).await.unwrap();
    let (courier, mut offered) = driver(hub.url()).await;
    in_time(shop.pickup(&order("1"))).await.unwrap();

    proxy.set(what);
    let placed = tokio::spawn({
        let shop = shop.clone();
        async move { shop.pickup(&order("2")).await }
    });
    let pickup = next(&mut offered, Event::Pickup).await;
    in_time(courier.delivered(&pickup)).await.unwrap();
    in_time(shop.state().wait_for(|state| *state == State::Connecting)).await.unwrap();

    proxy.set(Line::Open);
    in_time(placed).await.unwrap().unwrap();
    assert_eq!(next(&mut told, Event::Delivered).await.message_id.as_str(), "1");
}

#[tokio::test]
async fn nothing_is_lost_when_the_line_is_cut() {
    survives(Line::Cut).await;
}

#[tokio::test]
async fn nothing_is_lost_when_the_line_swallows_everything() {
    survives(Line::Dead).await;
}

#[tokio::test]
async fn a_client_that_only_listens_notices_a_dead_line() {
    let hub = Hub::start().await;
    let proxy = Proxy::start(hub.address).await;
    let (shop, _told) = Client::connect(impatient(proxy.url())).unwrap();
    in_time(shop.join(&acme())).await.unwrap();
    proxy.set(Line::Dead);
    in_time(shop.state().wait_for(|state| *state == State::Connecting)).await.unwrap();
    proxy.set(Line::Open);
    let back = |state: &State| matches!(state, State::Connected { .. });
    in_time(shop.state().wait_for(back)).await.unwrap();
}
