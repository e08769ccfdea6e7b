//! Everybody else: idle clients, and hostile ones of every kind.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};

use crate::line::{UPGRADE, connect, frame, head, socket, until};

/// How many connect at the same time, as many as wait to be accepted.
const AT_ONCE: usize = 100;

/// The longest that they may take to go.
const BOUND: Duration = Duration::from_secs(10);

/// How often a client comes back that was cut off, or says more where it says little.
const TICK: Duration = Duration::from_secs(1);

/// What a hostile client does, until the siege ends.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Listens to everything, asks for everything there is, and reads nothing; its heart beats.
    ReadsNothing,
    /// Breaks off in the middle of a frame.
    BreaksOff,
    /// Sends the head of a request by the byte.
    SlowHead,
    /// Emits as much as its line takes, and reads the answers.
    Floods,
    /// Talks nonsense, is cut off, and comes back.
    Nonsense,
}

const KINDS: [Kind; 5] =
    [Kind::ReadsNothing, Kind::BreaksOff, Kind::SlowHead, Kind::Floods, Kind::Nonsense];

/// Who one is that is sent no pickups: a broadcast to all who want it is no siege.
const NO_LISTENER: &str = r#"{"role":"vendor","clientId":"flood"}"#;

/// What costs a line.
const NONSENSE: [&str; 8] = [
    "42/caps,1[\"pickup\",{]",
    "42/caps,7[\"\\u0000\"]",
    "4599999999999-/caps,[\"pickup\",{}]",
    "451-/caps,[\"pickup\"]",
    "99",
    "",
    "\u{1e}\u{1e}",
    "4",
];

/// What there was to see.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// How many of each kind were at work.
    at_work: [AtomicUsize; KINDS.len()],
    idle: AtomicUsize,
    wanted: (usize, usize),
    /// How many idle clients were cut off.
    idle_lost: AtomicUsize,
    /// How often hostile ones came back.
    again: AtomicUsize,
    /// What flooders have sent, in bytes.
    flooded: AtomicUsize,
}

impl Seen {
    fn are_at_work(&self) -> bool {
        let load = |count: &AtomicUsize| count.load(Ordering::Relaxed);
        let hostile: usize = self.at_work.iter().map(load).sum();
        (load(&self.idle), hostile) == self.wanted
    }

    /// Sees that the siege was one.
    pub(crate) fn all_were_at_work(&self) {
        assert!(self.are_at_work(), "{self:?}");
        assert_eq!(self.idle_lost.load(Ordering::Relaxed), 0, "{self:?}");
    }
}

/// Idle and hostile clients at work.
#[derive(Debug)]
pub(crate) struct Siege {
    runtime: Runtime,
    seen: Arc<Seen>,
}

impl Siege {
    /// Sends them.
    pub(crate) fn begin(hub: SocketAddr, idle: usize, hostile: usize) -> Self {
        let runtime =
            Builder::new_multi_thread().enable_all().on_thread_start(give_way).build().unwrap();
        let seen = Arc::new(Seen { wanted: (idle, hostile), ..Seen::default() });
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        for number in 0..idle {
            let (seen, turns) = (Arc::clone(&seen), Arc::clone(&turns));
            runtime.spawn(async move {
                let turn = turns.acquire().await.unwrap();
                let stream = idles(hub, number).await.unwrap();
                drop(turn);
                seen.idle.fetch_add(1, Ordering::Relaxed);
                beats(stream).await;
                seen.idle_lost.fetch_add(1, Ordering::Relaxed);
            });
        }
        for number in 0..hostile {
            let (seen, turns) = (Arc::clone(&seen), Arc::clone(&turns));
            runtime.spawn(async move {
                let kind = number % KINDS.len();
                let mut is_first = true;
                loop {
                    let turn = turns.acquire().await.unwrap();
                    let stream = connect(hub, 2, number).await;
                    drop(turn);
                    if std::mem::take(&mut is_first) {
                        seen.at_work[kind].fetch_add(1, Ordering::Relaxed);
                    } else {
                        seen.again.fetch_add(1, Ordering::Relaxed);
                    }
                    // It is cut off, which is as it should be.
                    if let Ok(stream) = stream {
                        let _ = harm(KINDS[kind], stream, &seen).await;
                    }
                    sleep(TICK).await;
                }
            });
        }
        Self { runtime, seen }
    }

    /// Waits a moment for all to be at work. Says whether they are.
    pub(crate) fn is_at_work(&self) -> bool {
        let are_at_work = async {
            while !self.seen.are_at_work() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        self.runtime.block_on(async { timeout(TICK, are_at_work).await.is_ok() })
    }

    /// Ends it.
    pub(crate) fn end(self) -> Arc<Seen> {
        self.runtime.shutdown_timeout(BOUND);
        self.seen
    }
}

/// Leaves the processor to the hub and to who is honest: a siege comes from other machines.
fn give_way() {
    const LAST: i32 = 19;
    rustix::process::setpriority_process(None, LAST).unwrap();
}

/// A vendor of a store of its own, to whom nothing is ever said.
pub(crate) async fn idles(hub: SocketAddr, number: usize) -> io::Result<TcpStream> {
    let mut stream = connect(hub, 1, number).await?;
    socket(&mut stream, &format!(r#"{{"role":"vendor","clientId":"idle-{number}"}}"#)).await?;
    Ok(stream)
}

/// Answers heartbeats, until the line ends.
async fn beats(mut stream: TcpStream) {
    let mut heard = [0; 64];
    while let Ok(1..) = stream.read(&mut heard).await {
        if stream.write_all(&frame("3")).await.is_err() {
            return;
        }
    }
}

async fn harm(kind: Kind, mut stream: TcpStream, seen: &Seen) -> io::Result<()> {
    match kind {
        Kind::ReadsNothing => {
            reads_nothing(&mut stream).await?;
            loop {
                sleep(20 * TICK).await;
                stream.write_all(&frame("3")).await?;
            }
        }
        Kind::BreaksOff => {
            breaks_off(&mut stream, 256 * 1024).await?;
            until(&mut stream, "the end").await
        }
        Kind::SlowHead => {
            for byte in UPGRADE.as_bytes() {
                stream.write_all(&[*byte]).await?;
                sleep(TICK).await;
            }
            Ok(())
        }
        Kind::Floods => floods(stream, seen).await,
        Kind::Nonsense => {
            stream.write_all(UPGRADE.as_bytes()).await?;
            stream.write_all(&frame(&format!("40/caps,{NO_LISTENER}"))).await?;
            let turn = seen.again.load(Ordering::Relaxed);
            stream.write_all(&frame(NONSENSE[turn % NONSENSE.len()])).await?;
            until(&mut stream, "the end").await
        }
    }
}

/// Listens to all pickups and to some vendors, and asks for all there is, many times.
pub(crate) async fn reads_nothing(stream: &mut TcpStream) -> io::Result<()> {
    socket(stream, "{}").await?;
    for ask in 0..64 {
        stream.write_all(&frame(&format!(r#"42/caps,{ask}["getAll"]"#))).await?;
    }
    Ok(())
}

/// Leaves so much of a frame behind.
pub(crate) async fn breaks_off(stream: &mut TcpStream, bytes: usize) -> io::Result<()> {
    socket(stream, NO_LISTENER).await?;
    stream.write_all(&head(bytes + 1)).await?;
    stream.write_all(&vec![b'x'; bytes]).await
}

/// Emits what is good, what is not, and an order now and then.
async fn floods(mut stream: TcpStream, seen: &Seen) -> io::Result<()> {
    socket(&mut stream, NO_LISTENER).await?;
    let mut packets = Vec::new();
    for event in 0..50 {
        let mut packet = format!("42/caps,{event}");
        let _ = match event % 5 {
            0 => write!(packet, r#"["join","store-{event}"]"#),
            1 => write!(packet, r#"["nonsense",{event}]"#),
            2 => write!(packet, r#"["getAll",{{"limit":0}}]"#),
            3 => write!(packet, r#"["pickup",[{event}]]"#),
            _ => write!(
                packet,
                r#"["received",{{"clientId":"x","event":"pickup","messageId":"x"}}]"#
            ),
        };
        packets.extend(frame(&packet));
    }
    packets.extend(frame(r#"42/caps,50["pickup",{"store":"flood","note":"an order"}]"#));
    let (mut answers, mut line) = stream.split();
    let read = async {
        let mut heard = vec![0; 64 * 1024];
        while answers.read(&mut heard).await? > 0 {}
        Ok(())
    };
    let write = async {
        let mut beaten = Instant::now();
        loop {
            line.write_all(&packets).await?;
            seen.flooded.fetch_add(packets.len(), Ordering::Relaxed);
            if beaten.elapsed() > 15 * TICK {
                beaten = Instant::now();
                line.write_all(&frame("3")).await?;
            }
        }
    };
    tokio::select! { ended = read => ended, ended = write => ended }
}
