//! A line between the load and the hub that does to one message in a thousand what a hub must not do.

use std::io::{Read, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// What goes wrong, and how often.
const EVERY: u64 = 1000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A message never comes.
    Drop,
    /// A message comes twice.
    Double,
    /// A message comes after the next of its queue.
    Late,
    /// A vendor hears of another's delivery.
    Leak,
    /// An event is not answered.
    Unanswered,
    /// An event is answered twice.
    AnsweredTwice,
    /// What is received, and answered so, stays in its queue.
    Left,
}

impl Fault {
    /// Which packets it befalls.
    fn befalls(self, packet: &str) -> bool {
        match self {
            Self::Drop | Self::Double | Self::Late => packet.starts_with("42/caps,[\"pickup"),
            Self::Leak => packet.starts_with("42/caps,[\"delivered"),
            Self::Unanswered | Self::AnsweredTwice => packet.starts_with("43/caps,"),
            Self::Left => packet.contains("[\"received\","),
        }
    }
}

/// Where the hub seems to be. Takes so many connections, and no more.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
}

struct Shared {
    fault: Fault,
    /// How many packets it could have befallen.
    seen: AtomicU64,
    clients: Mutex<Vec<Arc<Mutex<TcpStream>>>>,
}

impl Proxy {
    pub(crate) fn start(hub: SocketAddr, fault: Fault, connections: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Shared { fault, seen: AtomicU64::new(0), clients: Mutex::default() };
        let shared = Arc::new(shared);
        thread::spawn(move || {
            for which in 0..connections {
                let (client, _) = listener.accept().unwrap();
                let hub = TcpStream::connect(hub).unwrap();
                client.set_nodelay(true).unwrap();
                hub.set_nodelay(true).unwrap();
                carry(client, hub, which, &shared);
            }
        });
        Self { address }
    }
}

/// Carries both ways until either side ends.
fn carry(client: TcpStream, hub: TcpStream, which: usize, shared: &Arc<Shared>) {
    let to_client = Arc::new(Mutex::new(client.try_clone().unwrap()));
    let to_hub = Mutex::new(hub.try_clone().unwrap());
    shared.clients.lock().unwrap().push(Arc::clone(&to_client));
    let (there, back) = (Arc::clone(shared), Arc::clone(shared));
    let answers = Arc::clone(&to_client);
    thread::spawn(move || {
        pump(client, |packet, frame| {
            if there.fault == Fault::Left && there.strikes(packet) {
                let number = &packet["42/caps,".len()..packet.find('[').unwrap()];
                let answer = format!(r#"43/caps,{number}[{{"status":"ok"}}]"#);
                return write(&answers, &[&[0x81, answer.len() as u8], answer.as_bytes()].concat());
            }
            write(&to_hub, frame);
        });
        // Fails where that side has ended first.
        let _ = to_hub.into_inner().unwrap().shutdown(Shutdown::Both);
    });
    thread::spawn(move || {
        let mut late = None;
        pump(hub, |packet, frame| {
            if back.fault != Fault::Left && back.strikes(packet) {
                match back.fault {
                    Fault::Drop | Fault::Unanswered => return,
                    Fault::Late => return late = Some((vendor(packet), frame.to_vec())),
                    Fault::Double | Fault::AnsweredTwice => write(&to_client, frame),
                    // The first connections are vendors'.
                    Fault::Leak => write(&back.clients.lock().unwrap()[1 - which], frame),
                    Fault::Left => unreachable!(),
                }
            }
            write(&to_client, frame);
            if let Some((_, late)) =
                late.take_if(|(whose, _)| back.fault.befalls(packet) && vendor(packet) == *whose)
            {
                write(&to_client, &late);
            }
        });
        let _ = to_client.lock().unwrap().shutdown(Shutdown::Both);
    });
}

impl Shared {
    /// Whether it is this packet's turn.
    fn strikes(&self, packet: &str) -> bool {
        self.fault.befalls(packet) && self.seen.fetch_add(1, Ordering::Relaxed) % EVERY == EVERY / 2
    }
}

/// Whose order a message is of.
fn vendor(packet: &str) -> String {
    let (_, rest) = packet.split_once(r#""clientId":""#).unwrap();
    rest.split_once('"').unwrap().0.to_owned()
}

fn write(to: &Mutex<TcpStream>, bytes: &[u8]) {
    // The load hangs up as soon as it has seen what is wrong.
    let _ = to.lock().unwrap().write_all(bytes);
}

/// Hands over what comes, frame by frame after the handshake, each as text and as it came.
fn pump(mut from: TcpStream, mut each: impl FnMut(&str, &[u8])) {
    let mut is_open = false;
    let mut bytes = Vec::new();
    let mut piece = [0; 64 * 1024];
    while let Ok(read @ 1..) = from.read(&mut piece) {
        bytes.extend_from_slice(&piece[..read]);
        while let Some((payload, end)) = first(&bytes, is_open) {
            is_open = true;
            let text = String::from_utf8_lossy(&bytes[payload..end]).into_owned();
            each(&text, &bytes[..end]);
            bytes.drain(..end);
        }
    }
}

/// Where the payload of the first frame begins and ends, or the end of the handshake. The load's mask is all zeros.
fn first(bytes: &[u8], is_open: bool) -> Option<(usize, usize)> {
    if !is_open {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        return Some((end, end));
    }
    let length = *bytes.get(1)?;
    let (header, size) = match length & 0x7f {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().unwrap()))),
        127 => panic!("no packet here is so long"),
        size => (2, usize::from(size)),
    };
    let payload = header + if length & 0x80 == 0 { 0 } else { 4 };
    (bytes.len() >= payload + size).then_some((payload, payload + size))
}
