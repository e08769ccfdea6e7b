//! The load program against the real hub, and against one that seems to lose, double, misplace, leak or leave one message
//! in a thousand: the first passes, the others do not.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod faulty;

use std::net::SocketAddr;
use std::process::{Output, Stdio};

use caps_server::{Config, Server, Store};
use tokio::process::Command;
use tokio_util::sync::{CancellationToken, DropGuard};

use faulty::{Fault, Proxy};

/// A hub in this process.
struct Hub {
    address: SocketAddr,
    _stop: DropGuard,
}

impl Hub {
    async fn start() -> Self {
        let config = Config { port: 0, store: Store::Memory, ..Config::default() };
        let server = Server::bind(config).await.unwrap();
        let (address, stop) = (server.local_addr(), CancellationToken::new());
        tokio::spawn(server.run(stop.clone()));
        Self { address, _stop: stop.drop_guard() }
    }
}

/// What the program says of a server at that address.
async fn bench(mode: &str, address: SocketAddr) -> Output {
    let mut bench = Command::new(env!("CARGO_BIN_EXE_caps-bench"));
    bench.args(mode.split(' ')).arg("--address").arg(address.to_string());
    bench.arg("--pid").arg(std::process::id().to_string());
    bench.stdin(Stdio::null()).kill_on_drop(true).output().await.unwrap()
}

async fn passes(mode: &str, expected: &[&str]) {
    let hub = Hub::start().await;
    let output = bench(mode, hub.address).await;
    assert!(output.status.success(), "{mode}: {output:?}");
    let said = String::from_utf8_lossy(&output.stdout);
    for part in expected {
        assert!(said.contains(part), "`{part}` is not in what `{mode}` tells: {said}");
    }
}

/// The same in a mode that starts the hub itself: its program, as the tests have built it.
async fn passes_by_itself(mode: &str, expected: &str) {
    let hub = escargot::CargoBuild::new().package("caps-server").bin("caps-server").run().unwrap();
    let mut bench = Command::new(env!("CARGO_BIN_EXE_caps-bench"));
    // No other server is to be found.
    bench.args(mode.split(' ')).arg("--hub").arg(hub.path()).env("PATH", "").stdin(Stdio::null());
    let output = bench.kill_on_drop(true).output().await.unwrap();
    assert!(output.status.success(), "{mode}: {output:?}");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(expected), "`{expected}` is not in what `{mode}` tells: {said}");
}

async fn fails(fault: Fault, sentence: &str) {
    let hub = Hub::start().await;
    let mode = "roundtrip --vendors 2 --drivers 1 --window 16 --orders 1200";
    let proxy = Proxy::start(hub.address, fault, 3);
    let output = bench(mode, proxy.address).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{fault:?} passes: {output:?}");
    assert!(said.contains(sentence), "{fault:?} is told as {said}");
}

#[tokio::test]
async fn round_trips_pass_on_a_hub_that_keeps_its_promises() {
    let mode = "roundtrip --vendors 3 --drivers 2 --window 8 --orders 60";
    passes(mode, &["round trip, 3 vendors, 2 drivers, window 8: orders"]).await;
}

#[tokio::test]
async fn so_do_round_trips_of_one_write_an_event() {
    passes("roundtrip --writes single --orders 60", &["one write an event"]).await;
}

#[tokio::test]
async fn so_do_ingest_and_catch_up() {
    let expected = ["acknowledged pickups, window 16", "catch-up of one driver"];
    passes("ingest --orders 300 --window 16", &expected).await;
}

#[tokio::test]
async fn so_does_a_fan_out() {
    passes("fanout --drivers 5 --orders 50", &["fan-out to 5 drivers: deliveries"]).await;
}

#[tokio::test]
async fn so_do_idle_connections() {
    passes("idle --connections 30", &["idle connections: connections"]).await;
}

#[tokio::test]
async fn so_does_a_backlog() {
    let expected = ["received, 200 waiting", "round trip, window 64, 200 waiting"];
    passes("backlog --waiting 200 --orders 50", &expected).await;
}

#[tokio::test]
async fn so_does_the_durable_job() {
    passes("durable --orders 300 --window 16", &["durable: stored, confirmed"]).await;
}

#[tokio::test]
async fn so_does_one_order_alone() {
    passes("alone --orders 20", &["one order alone"]).await;
}

#[tokio::test]
async fn so_do_messages_that_wait_through_a_kill() {
    passes_by_itself("waiting --messages 200", "ready again").await;
}

#[tokio::test]
async fn so_does_a_log() {
    passes_by_itself("log --rows 40000 --queries 10", "one vendor's last 100 deliveries").await;
}

#[tokio::test]
async fn so_does_a_soak() {
    passes_by_itself("soak --time 2s --rate 50", "orders were delivered, and received").await;
}

#[tokio::test]
async fn a_comparison_without_a_peer_says_so_and_is_written_down_and_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let (json, svg) = (folder.path().join("run.json"), folder.path().join("run.svg"));
    let compare = format!("compare --quick --servers file,redis --json {}", json.display());
    passes_by_itself(&compare, "left out: Redis Streams: `redis-server` is missing").await;
    passes_by_itself(&format!("plot {} --svg {}", json.display(), svg.display()), "").await;
    let picture = std::fs::read_to_string(svg).unwrap();
    assert!(picture.contains("hub, file") && picture.contains("one order alone"), "{picture}");
}

#[tokio::test]
async fn a_hub_that_drops_one_message_in_a_thousand_fails() {
    fails(Fault::Drop, "was due: it is lost or late").await;
}

#[tokio::test]
async fn a_hub_that_doubles_one_message_in_a_thousand_fails() {
    fails(Fault::Double, "twice, or late").await;
}

#[tokio::test]
async fn a_hub_that_reorders_one_message_in_a_thousand_fails() {
    fails(Fault::Late, "was due: it is lost or late").await;
}

#[tokio::test]
async fn a_hub_that_leaks_one_message_in_a_thousand_to_another_vendor_fails() {
    fails(Fault::Leak, "it is not apart").await;
}

#[tokio::test]
async fn a_hub_that_does_not_answer_one_event_in_a_thousand_fails() {
    fails(Fault::Unanswered, "it has lost an event or an answer").await;
}

#[tokio::test]
async fn a_hub_that_answers_one_event_in_a_thousand_twice_fails() {
    fails(Fault::AnsweredTwice, "is answered twice").await;
}

#[tokio::test]
async fn a_hub_that_leaves_one_message_in_a_thousand_in_its_queue_fails() {
    fails(Fault::Left, "leaves something in the `delivered` queue").await;
}
