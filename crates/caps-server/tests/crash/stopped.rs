//! Hubs that are asked to end while everybody is at work.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use rand::RngExt as _;
use tempfile::TempDir;
use tokio::net::TcpSocket;
use tokio::time::timeout;

use crate::chance::dice;
use crate::hub::{End, Hub, program};
use crate::log;
use crate::socket::{Lost, Socket};
use crate::town::{BOUND, Talk, Town};

/// The hub parts with so many at once that it takes a while.
const CROWD: usize = 400;

fn ended_well(end: &End) {
    assert!(end.status.success() && !end.log.contains("in time"), "{end:?}");
}

#[tokio::test]
async fn a_hub_asked_to_end_has_every_order_it_said_ok_to_once_and_in_order() {
    const HUBS: usize = 10;
    let mut dice = dice();
    let data = TempDir::new().unwrap();
    let mut town = Town::new();
    for _ in 0..HUBS {
        let hub = Hub::start(data.path());
        town.check(&hub).await;
        let answers = dice.random_range(0..=400);
        let end = town.work_until_asked_to_end(hub, async |talk: &Talk| talk.hear(answers).await);
        let end = timeout(BOUND, end).await.expect("it ends in time");
        ended_well(&end);
    }
    town.settle(Hub::start(data.path())).await;
    let hub = Hub::start(data.path());
    town.check(&hub).await;
    assert!(hub.terminate().status.success());
    town.check_order(&log::check(data.path()));
    println!("{HUBS} hubs, {}", town.describe());
}

/// When a client was last answered, and when the hub hung up on it.
struct Parting {
    answered: Instant,
    hung_up: Instant,
}

/// Asks for something again and again until the hub hangs up.
async fn goes_on_asking(mut socket: Socket) -> Parting {
    const REST: Duration = Duration::from_millis(20);
    let mut answered = Instant::now();
    while let Ok(_answer) = socket.ask("join", r#""acme""#).await {
        answered = Instant::now();
        tokio::time::sleep(REST).await;
    }
    Parting { answered, hung_up: Instant::now() }
}

#[tokio::test]
async fn a_crowd_is_sent_away_little_by_little_in_no_order_and_served_until_then() {
    let data = TempDir::new().unwrap();
    let hub = Hub::start(data.path());
    let address = hub.address();
    let mut sockets = Vec::new();
    for _ in 0..CROWD {
        sockets.push(
            Socket::connect(address, r#"{"role":"vendor","clientId":"acme"}"#).await.unwrap(),
        );
    }
    let numbers = get(&mut TcpStream::connect(address).unwrap(), "/metrics").unwrap();
    for line in
        [r#"caps_connections{protocol="websocket"} 400"#, r#"caps_clients{role="vendor"} 400"#]
    {
        assert!(numbers.lines().any(|is| is == line), "{line}: {numbers}");
    }
    let clients: Vec<_> =
        sockets.into_iter().map(|socket| tokio::spawn(goes_on_asking(socket))).collect();
    hub.ask_to_end();
    let partings: Vec<_> = timeout(BOUND, join_all(clients)).await.unwrap();
    let partings: Vec<_> = partings.into_iter().map(Result::unwrap).collect();
    let end = tokio::task::spawn_blocking(|| hub.end()).await.unwrap();
    ended_well(&end);

    let first = partings.iter().map(|parting| parting.hung_up).min().unwrap();
    let last = partings.iter().map(|parting| parting.hung_up).max().unwrap();
    println!("sent away within {:?}", last - first);
    assert!(last - first > Duration::from_millis(200), "all at once: {:?}", last - first);
    let served = partings.iter().filter(|parting| parting.answered > first).count();
    assert!(served > CROWD / 4, "only {served} were served when the first was gone");
    let in_order = partings.is_sorted_by_key(|parting| parting.hung_up);
    assert!(!in_order, "those who came first have to go first");
}

#[tokio::test]
async fn a_handful_of_clients_is_not_waited_for() {
    let data = TempDir::new().unwrap();
    let hub = Hub::start(data.path());
    let mut sockets = Vec::new();
    for _ in 0..20 {
        sockets.push(Socket::connect(hub.address(), "{}").await.unwrap());
    }
    let began = Instant::now();
    let end = tokio::task::spawn_blocking(|| hub.terminate()).await.unwrap();
    ended_well(&end);
    println!("ended within {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
    for mut socket in sockets {
        assert!(matches!(socket.hear().await, Err(Lost)));
    }
}

/// One who asks for so much and takes none of it that the hub cannot send any more.
async fn stuck(hub: SocketAddr) -> Socket {
    const SMALL: u32 = 4096;
    const QUESTIONS: u64 = 60_000;
    let tcp = TcpSocket::new_v4().unwrap();
    tcp.set_recv_buffer_size(SMALL).unwrap();
    let mut socket = Socket::begin(tcp.connect(hub).await.unwrap(), hub, "{}").await.unwrap();
    for _ in 0..QUESTIONS {
        socket.emit("whatever", "{}").await.unwrap();
    }
    socket.flush().await.unwrap();
    let mut watch = TcpStream::connect(hub).unwrap();
    let began = Instant::now();
    while answered(&get(&mut watch, "/metrics").unwrap()) < QUESTIONS {
        assert!(began.elapsed() < BOUND, "the hub does not answer");
    }
    socket
}

/// How many events of no known name were answered.
fn answered(numbers: &str) -> u64 {
    let lines =
        numbers.lines().filter(|line| line.starts_with(r#"caps_events_total{event="other""#));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

/// The response to a request on a connection that stays open, if there is one.
fn get(stream: &mut TcpStream, path: &str) -> Option<String> {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: hub\r\n\r\n").ok()?;
    let mut response = String::new();
    loop {
        let mut piece = [0; 65_536];
        let length = stream.read(&mut piece).ok().filter(|length| *length > 0)?;
        response += std::str::from_utf8(&piece[..length]).unwrap();
        let Some((head, body)) = response.split_once("\r\n\r\n") else { continue };
        let wanted = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
        if body.len() == wanted.parse::<usize>().unwrap() {
            return Some(response);
        }
    }
}

#[tokio::test]
async fn one_who_takes_nothing_holds_up_a_hub_no_longer_than_its_drain_time() {
    const DRAIN: Duration = Duration::from_secs(8);
    let data = TempDir::new().unwrap();
    let mut program = program(data.path());
    program.args(["--drain-time", "8s"]);
    let hub = Hub::run(program);
    let _stuck = stuck(hub.address()).await;
    let mut probe = TcpStream::connect(hub.address()).unwrap();
    assert!(get(&mut probe, "/readyz").unwrap().starts_with("HTTP/1.1 200 "));
    let began = Instant::now();
    hub.ask_to_end();
    let mut probes = std::iter::from_fn(|| get(&mut probe, "/readyz"));
    let not_ready = probes.find(|response| !response.starts_with("HTTP/1.1 200 "));
    let not_ready = not_ready.expect("it is served until the hub is gone");
    assert!(not_ready.starts_with("HTTP/1.1 503 "), "{not_ready}");
    assert!(TcpStream::connect(hub.address()).is_err(), "nobody else is let in");
    let end = tokio::task::spawn_blocking(|| hub.end()).await.unwrap();
    println!("ended within {:?}", began.elapsed());
    assert!(end.status.success(), "{end:?}");
    assert!(end.log.contains("some clients did not take their last answers in time"), "{end:?}");
    assert!(began.elapsed() < DRAIN, "{:?}", began.elapsed());
}
