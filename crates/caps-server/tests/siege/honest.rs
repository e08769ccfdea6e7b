//! An honest vendor and an honest driver, each on a thread and a line of its own, so that nothing but the hub and the
//! machine holds them up.

use std::collections::VecDeque;
use std::fmt;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use tokio_tungstenite::tungstenite::protocol::WebSocket;
use tokio_tungstenite::tungstenite::{Message, client};

/// How long an order is after the one before.
const PACE: Duration = Duration::from_millis(40);

/// The longest that either may wait for the hub.
const BOUND: Duration = Duration::from_secs(60);

const STORE: &str = "honest";

/// How long answers took.
pub(crate) struct Latencies(Vec<Duration>);

impl Latencies {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn extend(&mut self, Self(more): Self) {
        self.0.extend(more);
        self.0.sort_unstable();
    }

    pub(crate) fn p99(&self) -> Duration {
        self.part(99)
    }

    fn part(&self, percent: usize) -> Duration {
        self.0[(self.0.len() * percent / 100).min(self.0.len() - 1)]
    }
}

impl fmt::Display for Latencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p50 {:.1?}, p99 {:.1?}", self.part(50), self.part(99))
    }
}

/// A shop and its driver.
pub(crate) struct Shop {
    vendor: Socket,
    driver: Socket,
    sold: usize,
}

impl Shop {
    pub(crate) fn open(hub: SocketAddr) -> Self {
        let vendor = Socket::connect(hub, &format!(r#"{{"role":"vendor","clientId":"{STORE}"}}"#));
        let mut driver = Socket::connect(hub, r#"{"role":"driver","clientId":"dana"}"#);
        let pickups = format!(r#"{{"clientId":"{STORE}","event":"pickup"}}"#);
        driver.ask("subscribe", &pickups);
        Self { vendor, driver, sold: 0 }
    }

    /// Places orders, each of which the driver must hear of and receive, in turn. Returns how long the vendor waited
    /// for each to be kept.
    pub(crate) fn sells(&mut self, count: usize) -> Latencies {
        let Self { vendor, driver, sold } = self;
        let orders = *sold..*sold + count;
        *sold += count;
        thread::scope(|shop| {
            let received = shop.spawn(|| {
                for order in orders.clone() {
                    driver.receives(order);
                }
            });
            let mut next = Instant::now() + PACE;
            let latencies = orders.clone().map(|order| {
                thread::sleep(next.saturating_duration_since(Instant::now()));
                let placed = Instant::now();
                next = placed + PACE;
                vendor.ask("pickup", &format!(r#"{{"store":"{STORE}","orderId":"{order}"}}"#));
                placed.elapsed()
            });
            let latencies = Latencies(latencies.collect());
            received.join().unwrap();
            latencies
        })
    }

    /// Shows that both lines are there, and answers heartbeats.
    pub(crate) fn is_there(&mut self) {
        for socket in [&mut self.vendor, &mut self.driver] {
            socket.ask("getAll", &format!(r#"{{"clientId":"{STORE}","limit":0}}"#));
        }
    }

    /// Sees that no order is left that the driver has not received, and that both lines have held.
    pub(crate) fn has_lost_nothing(mut self) {
        let pickups = format!(r#"{{"clientId":"{STORE}","event":"pickup"}}"#);
        let answer = self.driver.ask("getAll", &pickups);
        assert!(answer.contains(r#""count":0"#), "{answer}");
    }
}

struct Socket {
    stream: WebSocket<TcpStream>,
    asked: usize,
    /// Events that came before an answer.
    events: VecDeque<String>,
}

impl Socket {
    fn connect(hub: SocketAddr, auth: &str) -> Self {
        let tcp = TcpStream::connect(hub).unwrap();
        tcp.set_nodelay(true).unwrap();
        tcp.set_read_timeout(Some(BOUND)).unwrap();
        let url = format!("ws://{hub}/socket.io/?EIO=4&transport=websocket");
        let (stream, _) = client(url, tcp).unwrap();
        let mut socket = Self { stream, asked: 0, events: VecDeque::new() };
        socket.say(format!("40/caps,{auth}"));
        while !socket.packet().starts_with("40/caps,") {}
        socket
    }

    fn say(&mut self, packet: String) {
        self.stream.send(Message::text(packet)).unwrap();
    }

    /// The next packet that is no heartbeat.
    fn packet(&mut self) -> String {
        loop {
            let packet = self.stream.read().unwrap().into_text().unwrap();
            if packet.as_str() != "2" {
                return packet.as_str().to_owned();
            }
            self.say("3".into());
        }
    }

    /// Emits an event, which must be answered `ok`.
    fn ask(&mut self, event: &str, payload: &str) -> String {
        self.asked += 1;
        let asked = self.asked;
        self.say(format!(r#"42/caps,{asked}["{event}",{payload}]"#));
        let answer = format!("43/caps,{asked}[");
        loop {
            let packet = self.packet();
            if packet.starts_with(&answer) {
                assert!(packet.contains(r#"{"status":"ok""#), "{event} {payload}: {packet}");
                return packet;
            }
            self.events.push_back(packet);
        }
    }

    /// Hears of this order next, and says so.
    fn receives(&mut self, order: usize) {
        let next = self.events.pop_front();
        let event = next.unwrap_or_else(|| self.packet());
        let wanted = format!(r#""messageId":"{order}""#);
        assert!(event.starts_with(r#"42/caps,["pickup""#) && event.contains(&wanted), "{event}");
        let received =
            format!(r#"{{"clientId":"{STORE}","event":"pickup","messageId":"{order}"}}"#);
        self.ask("received", &received);
    }
}
