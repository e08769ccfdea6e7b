//! The hub's program, run as its users run it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};

mod acts;
mod api;
mod commands;
mod cors;
mod documents;
mod event_rights;
mod events;
mod headers;
#[path = "../hub/mod.rs"]
mod hub;
mod journals;
mod label;
mod limits;
mod list;
mod metrics;
mod pages;
mod rights;
mod sessions;
mod tokens;

use hub::{End, Hub, program};

impl Hub {
    fn http(&self, method: &str, path: &str, body: &str) -> String {
        self.http_with(method, path, "", body)
    }

    /// `headers` are lines of their own.
    fn http_with(&self, method: &str, path: &str, headers: &str, body: &str) -> String {
        let mut response = String::new();
        self.request(method, path, headers, body).read_to_string(&mut response).unwrap();
        response
    }

    /// The first line of a response, whether that has an end or not.
    fn first_line_of(&self, method: &str, path: &str, headers: &str, body: &str) -> String {
        let mut line = String::new();
        let stream = self.request(method, path, headers, body);
        BufReader::new(stream).read_line(&mut line).unwrap();
        line
    }

    fn request(&self, method: &str, path: &str, headers: &str, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: hub\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
        )
        .unwrap();
        stream
    }

    /// Places one order.
    fn place(&self, order: &str) {
        self.says("{}", &[("pickup", order)]);
    }

    /// Connects as who `auth` says, and emits these events, which must be answered `ok`.
    fn says(&self, auth: &str, events: &[(&str, &str)]) {
        let session = self.connect(auth);
        for (ack, (event, payload)) in events.iter().enumerate() {
            self.emit(&session, ack, event, payload);
        }
    }

    /// Asks for what waits, and waits for what is wanted of it.
    fn hears(&self, get_all: &str, wanted: &str) {
        self.hears_answer("getAll", get_all, wanted);
    }

    /// Emits an event, and waits for what is wanted of what comes.
    fn hears_answer(&self, event: &str, payload: &str, wanted: &str) {
        let session = self.connect("{}");
        self.http("POST", &session, &format!(r#"42/caps,7["{event}",{payload}]"#));
        self.poll_until(&session, wanted);
    }

    /// Emits an event, which must be answered `ok`.
    fn emit(&self, session: &str, ack: usize, event: &str, payload: &str) {
        self.http("POST", session, &format!(r#"42/caps,{ack}["{event}",{payload}]"#));
        self.poll_until(session, &format!(r#"43/caps,{ack}[{{"status":"ok""#));
    }

    /// Connects as who `auth` says. Returns where to post and to poll.
    fn connect(&self, auth: &str) -> String {
        let session = self.asks_to_connect(auth);
        self.poll_until(&session, "40/caps,{");
        session
    }

    /// What `auth` is refused with.
    fn is_refused(&self, auth: &str) -> String {
        let session = self.asks_to_connect(auth);
        self.poll_until(&session, "44/caps,{")
    }

    /// Emits an event, which must be refused with this code.
    fn is_refused_with(&self, auth: &str, event: &str, payload: &str, code: &str) {
        let session = self.connect(auth);
        self.http("POST", &session, &format!(r#"42/caps,7["{event}",{payload}]"#));
        let answer = self.poll_until(&session, "43/caps,7[");
        assert!(answer.contains(&format!(r#""code":"{code}""#)), "{event}: {answer}");
    }

    fn asks_to_connect(&self, auth: &str) -> String {
        const SESSION: &str = "/socket.io/?EIO=4&transport=polling";
        let opened = self.http("GET", SESSION, "");
        let (_, sid) = opened.split_once(r#""sid":""#).unwrap();
        let session = format!("{SESSION}&sid={}", sid.split('"').next().unwrap());
        self.http("POST", &session, &format!("40/caps,{auth}"));
        session
    }

    /// Polls past heartbeats and whatever else comes, which is never much here.
    fn poll_until(&self, session: &str, wanted: &str) -> String {
        let mut polled = (0..10).map(|_| self.http("GET", session, ""));
        polled.find(|packets| packets.contains(wanted)).expect(wanted)
    }
}

fn fails(program: &mut Command) -> (i32, String) {
    let Output { status, stderr, .. } = program.output().unwrap();
    (status.code().unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn it_stops_cleanly_when_it_is_asked_to() {
    for signal in ["-TERM", "-INT"] {
        let hub = Hub::start(&[]);
        let mut idle = TcpStream::connect(hub.address()).unwrap();
        let End { status, log } = hub.end(signal);
        assert!(status.success(), "{signal}: {status}\n{log}");
        assert_eq!(idle.read(&mut [0]).unwrap_or(0), 0);
    }
}

#[test]
fn it_says_that_it_is_alive_and_well_and_what_it_is() {
    let hub = Hub::start(&[]);
    let alive = hub.http("GET", "/healthz", "");
    assert!(alive.starts_with("HTTP/1.1 200 ") && alive.ends_with("ok\n"), "{alive}");
    assert!(hub.http("GET", "/readyz", "").starts_with("HTTP/1.1 200 "));
    let about = hub.http("GET", "/", "");
    assert!(about.contains("a package-delivery event hub"), "{about}");
    assert!(hub.http("GET", "/nowhere", "").starts_with("HTTP/1.1 404 "));
    assert!(hub.end("-TERM").status.success());
}

#[test]
fn it_records_every_event_that_it_hears() {
    let order = r#"{"store":"acme-widgets","orderId":7,"total":1.50}"#;
    let hub = Hub::start(&[]);
    hub.place(order);
    let log = hub.end("-TERM").log;
    let record = log.lines().find(|line| line.starts_with("EVENT ")).unwrap();
    let [_, event, time, client, payload] = record.splitn(5, ' ').collect::<Vec<_>>()[..] else {
        panic!("{record}")
    };
    assert_eq!((event, client, payload), ("pickup", "acme-widgets", order));
    assert!(humantime::parse_rfc3339(time).is_ok(), "{time}");

    let hub = Hub::start(&["--log-format", "json"]);
    hub.place(order);
    let log = hub.end("-TERM").log;
    let lines: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let record = lines.iter().find(|line| line["record"] == "EVENT").unwrap();
    assert_eq!((&record["event"], &record["clientId"]), (&"pickup".into(), &"acme-widgets".into()));
    assert_eq!(record["payload"]["orderId"], 7);
}

#[test]
fn what_was_given_back_and_what_was_proven_outlive_a_hub_that_is_killed() {
    const IDS: &str = r#""messageId":"7","clientId":"acme""#;
    const PROOF: &str = r#"{ "code":1.50 }"#;
    let data = tempfile::TempDir::new().unwrap();
    let flags = ["--data-dir", data.path().to_str().unwrap()];

    let hub = Hub::start(&flags);
    hub.place(&format!(r#"{{{IDS},"order":{{"total":1.50}}}}"#));
    let order = format!(r#"{{{IDS},"order":{{}}}}"#);
    hub.says(r#"{"clientId":"dora"}"#, &[("in-transit", &order), ("release", &order)]);
    hub.end("-KILL");

    let hub = Hub::start(&flags);
    let offered = format!(r#"["pickup",{{"event":"pickup",{IDS},"order":{{"total":1.50}}}}]"#);
    hub.hears(r#"{"clientId":"acme","event":"pickup"}"#, &offered);
    let delivered = format!(r#"{{{IDS},"order":{{}},"proof":{PROOF}}}"#);
    hub.says(r#"{"clientId":"emil"}"#, &[("delivered", &delivered)]);
    hub.end("-KILL");

    let hub = Hub::start(&flags);
    let proven = format!(
        r#"["delivered",{{"event":"delivered",{IDS},"order":{{"total":1.50}},"proof":{PROOF}}}]"#
    );
    hub.hears(r#"{"clientId":"acme"}"#, &proven);
    assert!(hub.end("-TERM").status.success());
}

#[test]
fn a_log_that_nobody_reads_stops_nobody() {
    let hub = Hub::start(&[]);
    let note = "x".repeat(100_000);
    // A pipe holds far less than this.
    for _ in 0..20 {
        hub.place(&format!(r#"{{"store":"acme-widgets","orderId":7,"note":"{note}"}}"#));
    }
    assert!(hub.end("-TERM").status.success());
}

#[test]
fn a_hub_that_is_told_to_be_quiet_records_nothing() {
    let hub = Hub::start_logging("error", &[]);
    hub.place(r#"{"store":"acme-widgets","orderId":7}"#);
    assert_eq!(hub.end("-TERM").log, "");
}

#[test]
fn what_cannot_be_is_said_with_the_mend() {
    for (args, mend) in [
        (&["--claim-time", "0s"][..], "`--claim-time` must be longer than zero"),
        (&["--claim-time", "soon"], "--claim-time"),
        (&["--max-payload", "1B"], "must be from 1KiB to 16MiB"),
        (&["--port", "99999"], "--port"),
    ] {
        let (code, said) = fails(&mut program(args));
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(mend), "{said}");
    }
    let (code, said) = fails(program(&[]).env("CAPS_STORE", "tape"));
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("'tape'"), "{said}");
}

#[test]
fn an_address_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let (code, said) = fails(&mut program(&["--port", &port]));
    assert_eq!(code, 1, "{said}");
    assert!(said.contains(&format!("cannot listen on `127.0.0.1:{port}`")), "{said}");
}
