//! What slow and half-open clients can make a hub hold.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::hostile::{breaks_off, idles, reads_nothing};
use crate::hub::Hub;
use crate::line::{UPGRADE, connect, frame, head, socket, until};
use crate::{memory, number, one_at_a_time};

const KIB: u64 = 1024;

/// What a client does that then does nothing more.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// Connects over TCP.
    Silent,
    /// Has sent nearly as much of a head as one may have.
    InTheHead,
    /// Has sent as much of a body as is free.
    InTheBody,
    /// Has become a WebSocket, and not said for which namespace.
    HalfOpen,
    /// Idles, and its heart beats.
    Idle,
    /// Has sent as much of a frame as is free.
    InAFrame,
    /// Reads nothing of all the messages there are.
    ReadsNothing,
}

impl Kind {
    /// With the most memory that each of it may take, in bytes.
    const ALL: [(Self, u64); 7] = [
        (Self::Silent, 16 * KIB),
        (Self::InTheHead, 32 * KIB),
        (Self::InTheBody, 128 * KIB),
        (Self::HalfOpen, 32 * KIB),
        (Self::Idle, 32 * KIB),
        (Self::InAFrame, 128 * KIB),
        (Self::ReadsNothing, 256 * KIB),
    ];

    async fn begin(self, hub: SocketAddr, number: usize) -> io::Result<TcpStream> {
        if matches!(self, Self::Idle) {
            return idles(hub, number).await;
        }
        let mut stream = connect(hub, 3, number).await?;
        match self {
            Self::Silent | Self::Idle => {}
            Self::InTheHead => {
                let head = format!("GET / HTTP/1.1\r\nHost: hub\r\nX: {}", "x".repeat(15_000));
                stream.write_all(head.as_bytes()).await?;
            }
            Self::InTheBody => {
                let head = "POST /api/orders HTTP/1.1\r\nHost: hub\r\n\
                    Content-Type: application/json\r\nContent-Length: 70000\r\n\r\n";
                stream.write_all(head.as_bytes()).await?;
                stream.write_all(&[b' '; 60_000]).await?;
            }
            Self::HalfOpen => {
                stream.write_all(UPGRADE.as_bytes()).await?;
                until(&mut stream, "pingInterval").await?;
            }
            Self::InAFrame => breaks_off(&mut stream, 60_000).await?,
            Self::ReadsNothing => reads_nothing(&mut stream).await?,
        }
        Ok(stream)
    }
}

/// Lets so many of a kind begin, and holds them.
fn hold(runtime: &Runtime, hub: SocketAddr, kind: Kind, count: usize) -> Vec<TcpStream> {
    runtime.block_on(async {
        let mut held = Vec::new();
        for numbers in (0..count).collect::<Vec<_>>().chunks(100) {
            let mut beginning = JoinSet::new();
            for number in numbers {
                beginning.spawn(kind.begin(hub, *number));
            }
            held.extend(beginning.join_all().await.into_iter().map(Result::unwrap));
        }
        // All that they have sent before this is heard.
        let mut last = connect(hub, 4, 0).await.unwrap();
        socket(&mut last, r#"{"role":"vendor","clientId":"last"}"#).await.unwrap();
        held
    })
}

#[test]
fn a_thousand_slow_or_half_open_clients_hold_no_more_memory_than_is_stated() {
    let _alone = one_at_a_time();
    let count = number("CAPS_SLOW", 1000);
    let runtime = Runtime::new().unwrap();
    for (kind, most) in Kind::ALL {
        let hub = Hub::start_logging("error", &[]);
        if matches!(kind, Kind::ReadsNothing) {
            runtime.block_on(backlog(hub.address(), 2000)).unwrap();
        }
        // What the first of a kind costs is the hub's.
        let first = hold(&runtime, hub.address(), kind, 1);
        let before = memory::of(&hub);
        let held = hold(&runtime, hub.address(), kind, count);
        let each = (memory::settled(&hub) - before) / count as u64;
        println!("{kind:?}: {:.1} KiB each, of {} KiB", each as f64 / 1024.0, most / KIB);
        assert!(each < most, "{kind:?}: {each} bytes each, and {most} were enough");
        drop((first, held));
    }
}

#[test]
fn parts_of_frames_that_never_end_hold_no_more_memory_than_is_stated() {
    const FRAME: usize = 4 * 1024 * 1024 - 1;
    const MOST: u64 = 400 * 1024 * KIB;
    const SOON: Duration = Duration::from_millis(50);
    let _alone = one_at_a_time();
    let hub = Hub::start_logging("error", &[]);
    let before = memory::of(&hub);
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let mut beginning = JoinSet::new();
        for number in 0..100 {
            let mut stream = connect(hub.address(), 5, number).await.unwrap();
            beginning.spawn(async move {
                socket(&mut stream, "{}").await.unwrap();
                stream.write_all(&head(FRAME)).await?;
                // All of it but the end.
                for _ in 0..FRAME / 65_536 {
                    stream.write_all(&[b'x'; 65_536]).await?;
                }
                Ok::<_, io::Error>(stream)
            });
        }
        let lines = beginning.join_all().await;
        let grown = memory::settled(&hub) - before;
        println!("{} MiB", grown / KIB / KIB);
        assert!(grown < MOST, "{grown} bytes, and {MOST} were enough");
        // Others are served all the same.
        backlog(hub.address(), 10).await.unwrap();
        let mut cut_off = 0;
        for line in lines {
            // Who is not cut off hears a heartbeat in the end, and no end.
            let heard = async { until(&mut line?, "the end").await };
            cut_off += usize::from(!matches!(timeout(SOON, heard).await, Err(_still_open)));
        }
        assert!((25..100).contains(&cut_off), "{cut_off} were cut off");
    });
}

/// Places so many orders.
async fn backlog(hub: SocketAddr, orders: usize) -> io::Result<()> {
    let mut vendor = connect(hub, 6, 0).await?;
    socket(&mut vendor, r#"{"role":"vendor","clientId":"acme"}"#).await?;
    let note = "x".repeat(1000);
    for order in 0..orders {
        let order = format!(r#"{{"store":"acme","orderId":"{order}","note":"{note}"}}"#);
        vendor.write_all(&frame(&format!(r#"42/caps,1["pickup",{order}]"#))).await?;
        until(&mut vendor, r#"43/caps,1[{"status":"ok""#).await?;
    }
    Ok(())
}
