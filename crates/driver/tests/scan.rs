//! A driver who scans, on a pipe, with a real hub and a vendor played by the test.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../caps-client/tests/stage/mod.rs"]
mod stage;

use std::process::Stdio;

use caps_client::{Client, Incoming, Options};
use caps_proto::{DriverName, Event};
use serde_json::Value;
use stage::outbox::OutboxFile;
use stage::proxy::{Line, Proxy};
use stage::{Hub, Program, in_time, next, order, program, vendor};
use tokio::io::AsyncWriteExt as _;
use tokio::process::ChildStdin;

const DRIVER: &str = env!("CARGO_BIN_EXE_driver");

/// A driver's program, with somebody who scans.
struct Scanner {
    program: Program,
    stdin: ChildStdin,
}

impl Scanner {
    /// Starts when the orders that wait are known.
    async fn start(url: &str, name: &str, args: &[&str]) -> Self {
        let mut scanner = Self::start_at_once(url, name, args);
        scanner.says("orders that wait").await;
        scanner
    }

    fn start_at_once(url: &str, name: &str, args: &[&str]) -> Self {
        let mut driver = program(DRIVER);
        driver.args(["--scan", "--name", name, "--url", url]).args(args).stdin(Stdio::piped());
        let mut program = Program::spawn(&mut driver);
        let stdin = program.stdin();
        Self { program, stdin }
    }

    async fn scan(&mut self, line: &str) {
        in_time(self.stdin.write_all(format!("{line}\n").as_bytes())).await.unwrap();
    }

    /// The next line, which has these words in it.
    async fn says(&mut self, words: &str) -> String {
        let line = self.program.line().await.expect("the program has ended");
        assert!(line.contains(words), "`{line}` has no `{words}` in it");
        line
    }

    /// Scans, and hears what is said of it.
    async fn hears(&mut self, line: &str, words: &str) {
        self.scan(line).await;
        self.says(words).await;
    }

    /// Ends the input, and then the program, which has nothing more to say.
    async fn ends_well(self) {
        drop(self.stdin);
        let (said, status) = self.program.end().await;
        assert_eq!((said, status.code()), (vec![], Some(0)));
    }
}

async fn place(shop: &Client, ids: &[&str]) {
    for id in ids {
        in_time(shop.pickup(&order(id))).await.unwrap();
    }
}

/// The next message of the shop, which is an `event`; acknowledges it.
async fn hear(shop: &Client, told: &mut Incoming, event: Event) -> (String, Option<Value>) {
    let delivery = next(told, event).await;
    let id = delivery.message_id.to_string();
    let proof = delivery.proof.as_ref().map(|proof| serde_json::from_str(proof.text()).unwrap());
    in_time(shop.acknowledge(delivery)).await.unwrap();
    (id, proof)
}

#[tokio::test]
async fn a_code_takes_an_order_and_once_more_delivers_it_with_a_proof() {
    let hub = Hub::start().await;
    let (shop, mut told) = vendor(hub.url()).await;
    place(&shop, &["7"]).await;
    let mut ann = Scanner::start(&hub.url(), "ann", &[]).await;
    ann.hears("7", "DRIVER: picked up 7").await;
    assert_eq!(hear(&shop, &mut told, Event::InTransit).await.0, "7");
    place(&shop, &["8"]).await;
    ann.says("DRIVER: waits acme/8  Ada").await;
    ann.hears("acme/7", "DRIVER: delivered 7").await;
    let (id, proof) = hear(&shop, &mut told, Event::Delivered).await;
    let proof = proof.unwrap();
    assert_eq!((&*id, &proof["driver"], &proof["code"]), ("7", &"ann".into(), &"acme/7".into()));
    let at = proof["scannedAt"].as_str().unwrap();
    assert!(at.len() == 24 && at.starts_with("20") && at.ends_with('Z'), "{at}");
    ann.ends_well().await;

    let (left, mut offered) = stage::driver(hub.url()).await;
    assert_eq!(next(&mut offered, Event::Pickup).await.message_id.as_str(), "8");
    assert_eq!(in_time(left.get_all(None, None)).await.unwrap().count, Some(1));
}

#[tokio::test]
async fn codes_that_come_all_at_once_are_all_heard() {
    let hub = Hub::start().await;
    let (shop, _told) = vendor(hub.url()).await;
    place(&shop, &["1", "2"]).await;
    let mut ann = Scanner::start_at_once(&hub.url(), "ann", &[]);
    ann.scan("1\n2\n1\n2").await;
    drop(ann.stdin);
    let (mut said, status) = ann.program.end().await;
    assert_eq!(status.code(), Some(0));
    said[1..].sort_unstable();
    assert_eq!(
        said[1..],
        [
            "DRIVER: delivered 1",
            "DRIVER: delivered 2",
            "DRIVER: picked up 1",
            "DRIVER: picked up 2"
        ]
    );
}

#[tokio::test]
async fn an_order_that_is_given_back_is_taken_by_another_driver() {
    let hub = Hub::start().await;
    let (shop, _told) = vendor(hub.url()).await;
    place(&shop, &["7"]).await;
    let mut ann = Scanner::start(&hub.url(), "ann", &[]).await;
    ann.hears("7", "picked up 7").await;
    let mut bob = Scanner::start(&hub.url(), "bob", &[]).await;
    bob.hears("7", "`7` is no order that waits").await;
    ann.hears("undo", "gave back 7").await;
    bob.says("waits acme/7").await;
    bob.hears("7", "picked up 7").await;

    // Ann has not heard of that, and learns it from the hub.
    ann.hears("list", "acme/7  Ada").await;
    ann.says("orders that wait: 1").await;
    ann.hears("7", "Another driver holds order `acme/7`").await;
    ann.hears("list", "orders that wait: 0").await;
    ann.hears("7", "another driver holds `acme/7`").await;
    bob.hears("7", "delivered 7").await;
    bob.hears("7", "`acme/7` is delivered already").await;
    ann.ends_well().await;
    bob.ends_well().await;
}

#[tokio::test]
async fn a_driver_finds_its_unfinished_orders_at_its_start() {
    let hub = Hub::start().await;
    let (shop, mut told) = vendor(hub.url()).await;
    place(&shop, &["1", "2", "3"]).await;
    let mut ann = Scanner::start(&hub.url(), "ann", &[]).await;
    ann.hears("2", "picked up 2").await;
    ann.program.kill().await;
    let mut ann = Scanner::start_at_once(&hub.url(), "ann", &[]);
    ann.says("orders that wait: 2; that you have: 1").await;
    let bob = DriverName::new("bob").unwrap();
    let (bob, mut offered) = Client::connect(Options::driver(hub.url(), Some(&bob))).unwrap();
    in_time(bob.get_all(None, None)).await.unwrap();
    let first = next(&mut offered, Event::Pickup).await;
    in_time(bob.in_transit(&first)).await.unwrap();
    ann.hears("mine", "acme/2  Ada: on the road").await;
    ann.says("orders that you have: 1").await;
    ann.hears("2", "delivered 2").await;
    ann.hears("1", "Another driver holds order `acme/1`").await;
    hear(&shop, &mut told, Event::InTransit).await;
    hear(&shop, &mut told, Event::InTransit).await;
    assert_eq!(hear(&shop, &mut told, Event::Delivered).await.0, "2");
    ann.ends_well().await;
}

#[tokio::test]
async fn scanning_goes_on_while_the_hub_is_away() {
    let hub = Hub::start().await;
    let (shop, mut told) = vendor(hub.url()).await;
    place(&shop, &["7", "8"]).await;
    let line = Proxy::start(hub.address);
    let mut ann = Scanner::start(&line.url(), "ann", &[]).await;
    line.set(Line::Cut);
    ann.hears("7", "7 is on the road; the hub has not answered yet").await;
    ann.hears("7", "7 is delivered; the hub has not answered yet").await;
    ann.hears("8", "8 is on the road; the hub has not answered yet").await;
    ann.hears("mine", "acme/7  Ada: delivered, not sent yet").await;
    ann.says("acme/8  Ada: on the road, not sent yet").await;
    ann.says("orders that you have: 2").await;
    line.set(Line::Open);
    let mut said = vec![];
    for _ in 0..3 {
        said.push(ann.says("DRIVER: ").await);
    }
    said.sort_unstable();
    assert_eq!(said, ["DRIVER: delivered 7", "DRIVER: picked up 7", "DRIVER: picked up 8"]);
    assert_eq!(hear(&shop, &mut told, Event::InTransit).await.0, "7");
    let (id, proof) = hear(&shop, &mut told, Event::Delivered).await;
    assert_eq!((&*id, &proof.unwrap()["code"]), ("7", &"7".into()));
    assert_eq!(hear(&shop, &mut told, Event::InTransit).await.0, "8");
    ann.ends_well().await;
}

#[tokio::test]
async fn what_was_scanned_while_the_hub_was_away_outlives_the_driver_that_was_killed() {
    let hub = Hub::start().await;
    let (shop, mut told) = vendor(hub.url()).await;
    place(&shop, &["7", "8"]).await;
    let line = Proxy::start(hub.address);
    let outbox = OutboxFile::new();
    let args = ["--outbox", &outbox.arg()];
    let mut ann = Scanner::start(&line.url(), "ann", &args).await;
    line.set(Line::Cut);
    ann.hears("7", "7 is on the road").await;
    ann.hears("7", "7 is delivered").await;
    ann.hears("8", "8 is on the road").await;
    ann.program.kill().await;

    line.set(Line::Open);
    let mut ann = Scanner::start_at_once(&line.url(), "ann", &args);
    let mut said = vec![];
    for _ in 0..4 {
        said.push(ann.says("DRIVER: ").await);
    }
    said.sort_unstable();
    assert_eq!(said[0], "DRIVER: delivered 7");
    assert!(said[1].starts_with("DRIVER: orders that wait: 0; that you have: 1"), "{said:?}");
    assert_eq!(said[2..], ["DRIVER: picked up 7", "DRIVER: picked up 8"]);
    ann.hears("8", "delivered 8").await;
    ann.ends_well().await;
    let mut delivered = vec![];
    while delivered.len() < 2 {
        let delivery = in_time(told.recv()).await.unwrap();
        if delivery.event == Event::Delivered {
            assert!(delivery.proof.is_some());
            delivered.push(delivery.message_id.to_string());
        }
    }
    assert_eq!(delivered, ["7", "8"]);
}

#[cfg(unix)]
#[tokio::test]
async fn a_driver_that_stops_while_the_hub_is_away_fails_unless_an_outbox_keeps_what_is_left() {
    let hub = Hub::start().await;
    let (shop, _told) = vendor(hub.url()).await;
    place(&shop, &["7"]).await;
    let outbox = OutboxFile::new();
    let outbox = outbox.arg();
    for (name, args, code) in [("ann", &[][..], 1), ("bob", &["--outbox", &*outbox], 0)] {
        let line = Proxy::start(hub.address);
        let mut driver = Scanner::start(&line.url(), name, args).await;
        line.set(Line::Cut);
        driver.hears("7", "7 is on the road; the hub has not").await;
        assert_eq!(driver.program.terminate().await.1.code(), Some(code));
    }
}

#[tokio::test]
async fn a_program_in_a_drivers_place_reads_json() {
    let hub = Hub::start().await;
    let (shop, _told) = vendor(hub.url()).await;
    place(&shop, &["7"]).await;
    let mut ann = Scanner::start_at_once(&hub.url(), "ann", &["--json"]);
    ann.says(r#""event":"ready""#).await;
    for (line, event) in
        [("list", "list"), ("7", "in-transit"), ("mine", "mine"), ("7", "delivered")]
    {
        ann.scan(line).await;
        let record: Value = serde_json::from_str(&ann.program.line().await.unwrap()).unwrap();
        assert_eq!((&record["event"], &record["messageId"]), (&event.into(), &"7".into()));
        assert_eq!(record["order"]["customer"], "Ada");
    }
    ann.hears("8", r#""event":"failed","code":"8","error":"`8` is no order"#).await;
    ann.scan("quit").await;
    ann.ends_well().await;
}

#[tokio::test]
async fn who_scans_without_a_name_is_told_the_mend() {
    let output = in_time(stage::program(DRIVER).arg("--scan").output()).await.unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(
        stderr.contains("`--scan` needs a name") && stderr.contains("`--name ann`"),
        "{stderr}"
    );
}
