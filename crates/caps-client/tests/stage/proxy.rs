//! A line between a client and a hub that goes wrong in every way that lines do.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::net::{SocketAddr, TcpListener as StdListener};
use std::thread;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// How much is carried in one go.
const CHUNK: usize = 4096;

/// In how many steps a slow line carries what it carries in a second.
const SLOW_STEPS: usize = 20;

/// What happens to all that the connections carry from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// It comes through.
    Open,
    /// It comes through, each piece so much later.
    Late(Duration),
    /// So many bytes come through in a second, either way.
    Slow(usize),
    /// So many more bytes of the hub's come through on each connection, and then it ends: in the middle of a frame,
    /// as like as not.
    CutAfter(usize),
    /// Nothing comes through, and nothing ends. A connection that has met this stays so.
    Dead,
    /// Every connection ends, as soon as it is there.
    Cut,
}

#[derive(Debug, Clone, Copy)]
struct Now {
    line: Line,
    /// How many times all connections were cut.
    cuts: u64,
}

/// Stands between clients and a hub, on a thread of its own until it is dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    now: watch::Sender<Now>,
}

impl Proxy {
    /// An open line to the hub at this address, which need not be there.
    pub(crate) fn start(hub: SocketAddr) -> Self {
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let (now, changes) = watch::channel(Now { line: Line::Open, cuts: 0 });
        thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(serve(listener, hub, changes));
        });
        Self { address, now }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What the line is like from now on.
    pub(crate) fn set(&self, line: Line) {
        self.now.send_modify(|now| now.line = line);
    }

    /// Ends every connection that there is.
    pub(crate) fn cut(&self) {
        self.now.send_modify(|now| now.cuts += 1);
    }
}

async fn serve(listener: StdListener, hub: SocketAddr, mut changes: watch::Receiver<Now>) {
    let listener = TcpListener::from_std(listener).unwrap();
    let mut carried = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (client, _) = accepted.unwrap();
                carried.spawn(carry(client, hub, changes.clone()));
            }
            // The proxy is gone, and with it all that it carries.
            changed = changes.changed() => if changed.is_err() {
                return;
            },
            Some(_) = carried.join_next() => {}
        }
    }
}

async fn carry(client: TcpStream, hub: SocketAddr, changes: watch::Receiver<Now>) {
    let cuts = changes.borrow().cuts;
    let (mut ends, mut dies, now) = (changes.clone(), changes.clone(), changes);
    // That they fail means that the proxy is gone.
    let ends = async {
        let is_end = |now: &Now| now.line == Line::Cut || now.cuts != cuts;
        drop(ends.wait_for(is_end).await);
    };
    let dies = async { drop(dies.wait_for(|now| now.line == Line::Dead).await) };
    let both_ways = async {
        // Where nobody is there, the client sees its connection end.
        let Ok(hub) = TcpStream::connect(hub).await else { return };
        // Else a small frame may wait for the answer to the one before. What fails here fails below.
        let (_, _) = (client.set_nodelay(true), hub.set_nodelay(true));
        let (from_client, to_client) = client.into_split();
        let (from_hub, to_hub) = hub.into_split();
        tokio::select! {
            () = pump(from_client, to_hub, now.clone(), false) => {}
            () = pump(from_hub, to_client, now, true) => {}
        }
    };
    tokio::pin!(ends, both_ways);
    tokio::select! {
        () = &mut ends => return,
        () = &mut both_ways => return,
        () = dies => {}
    }
    // Both ends are held, and nothing is done with them.
    ends.await;
}

/// Carries one way, until an end is done or the line is to be cut. However that ends is the business of the ends.
async fn pump(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    now: watch::Receiver<Now>,
    is_hubs: bool,
) {
    let mut chunk = vec![0; CHUNK];
    // How many bytes have come since the line is to be cut after so many.
    let mut carried = 0;
    while let Ok(count @ 1..) = from.read(&mut chunk).await {
        let mut bytes = &chunk[..count];
        let mut piece = count;
        let mut pause = Duration::ZERO;
        let line = now.borrow().line;
        match line {
            Line::CutAfter(limit) if is_hubs => {
                bytes = &bytes[..count.min(limit - carried)];
                carried += bytes.len();
            }
            Line::Slow(rate) => {
                piece = (rate / SLOW_STEPS).max(1);
                pause = Duration::from_secs(1) / SLOW_STEPS as u32;
            }
            Line::Late(delay) => sleep(delay).await,
            _ => {}
        }
        for piece in bytes.chunks(piece) {
            if to.write_all(piece).await.is_err() {
                return;
            }
            sleep(pause).await;
        }
        if bytes.len() < count {
            return;
        }
    }
}
