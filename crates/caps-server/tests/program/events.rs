//! The stream of what happens, as it is kept.

use std::io::{BufRead as _, BufReader, Lines, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::hub::{End, Hub};

/// How long a test waits for the next event of a stream.
const PATIENCE: Duration = Duration::from_secs(30);

/// One who listens to a stream.
struct Listener {
    lines: Lines<BufReader<TcpStream>>,
    /// Where to go on when the stream has ended.
    last_id: String,
}

/// An event as it came.
#[derive(Debug, PartialEq)]
struct Event {
    id: u64,
    name: String,
    data: Value,
}

impl Listener {
    /// Listens from the end of the log on.
    fn to(hub: &Hub, filter: &str) -> Self {
        Self::after(hub, filter, "")
    }

    /// Listens from the event after `id` on.
    fn after(hub: &Hub, filter: &str, id: &str) -> Self {
        let path = format!("/api/events?{filter}");
        let mut lines = request(hub.address(), &path, &format!("Last-Event-ID: {id}\r\n"));
        let status = lines.next().unwrap().unwrap();
        assert!(status.contains(" 200 "), "{status}");
        let head: Vec<_> =
            lines.by_ref().map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
        assert!(head.contains(&"content-type: text/event-stream".to_owned()), "{head:?}");
        let mut listener = Self { lines, last_id: String::new() };
        // Where it begins is told first, so that who has heard nothing can go on, too.
        let begin = listener.fields().unwrap();
        assert_eq!(begin.len(), 2, "{begin:?}");
        listener
    }

    /// The next event, or nothing when the stream has ended.
    fn next(&mut self) -> Option<Event> {
        let fields = self.fields()?;
        let field = |name: &str| {
            let prefix = format!("{name}: ");
            let found = fields.iter().filter_map(|line| line.strip_prefix(&prefix));
            found.collect::<Vec<_>>().join("\n")
        };
        let data = serde_json::from_str(&field("data")).unwrap();
        Some(Event { id: field("id").parse().unwrap(), name: field("event"), data })
    }

    /// The lines up to the next empty one, without comments.
    fn fields(&mut self) -> Option<Vec<String>> {
        let mut fields = Vec::new();
        loop {
            let line = self.lines.next()?.ok()?;
            match line.strip_prefix("id: ") {
                Some(id) => self.last_id = id.to_owned(),
                None if line.is_empty() && !fields.is_empty() => return Some(fields),
                None => {}
            }
            if !line.is_empty() && !line.starts_with(':') {
                fields.push(line);
            }
        }
    }
}

fn request(hub: SocketAddr, path: &str, headers: &str) -> Lines<BufReader<TcpStream>> {
    let mut stream = TcpStream::connect(hub).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // A response to HTTP/1.0 comes as it is, without chunks.
    write!(stream, "GET {path} HTTP/1.0\r\nHost: hub\r\n{headers}\r\n").unwrap();
    BufReader::new(stream).lines()
}

fn order(id: u32) -> Value {
    json!({"store": if id.is_multiple_of(2) { "acme" } else { "flowers" }, "orderId": id})
}

fn start(data: &Path) -> Hub {
    Hub::start(&["--data-dir", data.to_str().unwrap()])
}

#[test]
fn what_happens_is_heard_within_a_second_of_being_kept_as_the_log_tells_it() {
    let hub = Hub::start(&[]);
    hub.post("/api/orders", &order(0));
    let mut listener = Listener::to(&hub, "");
    let text = "{\"store\": \"acme\",\n\"orderId\": 2}";
    hub.http_with("POST", "/api/orders", "Content-Type: application/json\r\n", text);
    let kept = Instant::now();
    let event = listener.next().unwrap();
    assert!(kept.elapsed() < Duration::from_secs(1), "{:?}", kept.elapsed());
    assert_eq!((event.id, event.name.as_str()), (2, "pickup"), "only what is new is heard");
    hub.post("/api/orders/acme/2/in-transit", &json!({"driver": "dana"}));
    let log = hub.shows("/api/log");
    assert_eq!(event.data, log["events"][1]);
    assert_eq!(listener.next().unwrap().data, log["events"][2]);
}

#[test]
fn a_stream_is_narrowed_by_vendor_and_event() {
    let hub = Hub::start(&[]);
    let mut listeners =
        ["clientId=acme", "event=claimed", "clientId=flowers&event=pickup", "clientId=nobody"]
            .map(|filter| Listener::to(&hub, filter));
    for id in 0..6 {
        hub.post("/api/orders", &order(id));
    }
    for (client, id) in [("acme", 0), ("flowers", 5)] {
        hub.post(&format!("/api/orders/{client}/{id}/received"), &json!({"driver": "dana"}));
    }
    let heard = [&[1, 3, 5, 7, 8][..], &[7, 9], &[2, 4, 6], &[]];
    for (listener, ids) in listeners.iter_mut().zip(heard) {
        for id in ids {
            assert_eq!(listener.next().unwrap().id, *id);
        }
    }
    hub.end("-TERM");
    for mut listener in listeners {
        assert_eq!(listener.next(), None);
    }
}

#[test]
fn a_client_that_comes_back_hears_what_it_has_missed_through_restarts_of_the_hub() {
    let data = TempDir::new().unwrap();
    let mut hub = start(data.path());
    let mut listener = Listener::to(&hub, "");
    let mut heard = Vec::new();
    for round in 0..4 {
        let ids = round * 500..(round + 1) * 500;
        let address = hub.address();
        let vendor = thread::spawn(move || {
            let placed = ids.filter(|id| place(address, *id).is_some());
            placed.count()
        });
        // The hub dies in the middle of it.
        while heard.len() < (round as usize) * 200 + 200 {
            heard.push(listener.next().unwrap());
        }
        hub.end("-KILL");
        assert!(vendor.join().unwrap() > 0);
        heard.extend(std::iter::from_fn(|| listener.next()));
        hub = start(data.path());
        listener = Listener::after(&hub, "", &listener.last_id);
    }
    hub.post("/api/orders", &order(9999));
    while heard.last().is_none_or(|event| event.data["messageId"] != "9999") {
        heard.push(listener.next().unwrap());
    }
    let ids: Vec<_> = heard.iter().map(|event| event.id).collect();
    let last = *ids.last().unwrap();
    assert_eq!(ids, (1..=last).collect::<Vec<_>>(), "no gap and no repeat");
    assert!(last > 800, "{last}");
    let page = hub.shows("/api/log?limit=1000");
    let kept = page["events"].as_array().unwrap().iter();
    kept.zip(&heard).for_each(|(kept, event)| assert_eq!(event.data, *kept));
}

/// Places an order, and tells whether the hub has answered that it is kept.
fn place(hub: SocketAddr, id: u32) -> Option<()> {
    let order = order(id).to_string();
    let mut stream = TcpStream::connect(hub).ok()?;
    let length = order.len();
    write!(
        stream,
        "POST /api/orders HTTP/1.0\r\nHost: hub\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{order}"
    )
    .ok()?;
    let mut response = String::new();
    stream.read_to_string(&mut response).ok()?;
    response.contains(" 201 Created").then_some(())
}

#[test]
fn a_client_that_takes_nothing_costs_nobody_anything() {
    let hub = Hub::start(&[]);
    let _stalled: Vec<_> = (0..20).map(|_| request(hub.address(), "/api/events", "")).collect();
    let mut listener = Listener::to(&hub, "");
    let note = "x".repeat(100_000);
    for id in 0..150 {
        hub.post("/api/orders", &json!({"store": "acme", "orderId": id, "note": note}));
    }
    for id in 0..150 {
        assert_eq!(listener.next().unwrap().id, id + 1);
    }
    // Each of the stalled clients has been sent 15 MB that it does not take.
    let status = std::fs::read_to_string(format!("/proc/{}/status", hub.pid()));
    if let Ok(status) = status {
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        // 15 MB of orders wait, and each client may have some pages on its way.
        assert!(kib < 250 * 1024, "the hub takes {kib} KiB");
    }
    let began = Instant::now();
    let End { status, log } = hub.end("-TERM");
    assert!(status.success() && began.elapsed() < Duration::from_secs(10), "{log}");
    assert_eq!(listener.next(), None);
}

#[test]
fn a_hub_that_stops_ends_its_streams_and_does_not_wait_for_them() {
    let hub = Hub::start(&[]);
    let mut listeners: Vec<_> = (0..10).map(|_| Listener::to(&hub, "")).collect();
    let began = Instant::now();
    let End { status, log } = hub.end("-TERM");
    assert!(status.success(), "{log}");
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert!(!log.contains("did not end in time"), "{log}");
    assert!(listeners.iter_mut().all(|listener| listener.next().is_none()));
}

#[test]
fn a_place_for_a_stream_is_free_again_when_its_client_is_gone() {
    let hub = Hub::start(&[]);
    let mut listeners: Vec<_> = (0..100).map(|_| Listener::to(&hub, "")).collect();
    let (status, why) = hub.refuses("/api/events");
    assert!(status == 503 && why.contains("100 streams of events are open"), "{why}");
    listeners.pop();
    let since = Instant::now();
    let is_free = || {
        let mut lines = request(hub.address(), "/api/events", "");
        lines.next().unwrap().unwrap().contains(" 200 ")
    };
    while !is_free() {
        assert!(since.elapsed() < PATIENCE, "it stays taken");
    }
}

#[test]
fn a_stream_begins_where_its_client_says() {
    let hub = Hub::start(&[]);
    for id in 0..4 {
        hub.post("/api/orders", &order(id));
    }
    assert_eq!(Listener::after(&hub, "", "2").next().unwrap().id, 3);
    assert_eq!(Listener::to(&hub, "").last_id, "4", "the end is told to one who has heard nothing");
    assert_eq!(
        Listener::after(&hub, "", "7").last_id,
        "4",
        "an id of another log is no place in this"
    );
    let mut lines = request(hub.address(), "/api/events?lastEventId=1&event=pickup", "");
    assert!(lines.any(|line| line.unwrap() == "id: 2"));
    let (status, why) = hub.refuses("/api/events?lastEventId=x");
    assert!(status == 400 && why.contains("it is not `x`"), "{why}");
    assert_eq!(hub.refuses("/api/events?event=lost").0, 400);
}
