//! The program when it is told to stop and the hub is away.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../caps-client/tests/stage/mod.rs"]
mod stage;

use std::process::{ExitStatus, Stdio};

use stage::outbox::OutboxFile;
use stage::proxy::{Line, Proxy};
use stage::{Hub, in_time, program, signal};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr};

const VENDOR: &str = env!("CARGO_BIN_EXE_vendor");

/// A shop that has placed an order, and found no hub.
struct Shop {
    child: Child,
    log: Lines<BufReader<ChildStderr>>,
}

impl Shop {
    async fn without_a_hub(args: &[&str]) -> Self {
        let hub = Hub::start().await;
        let line = Proxy::start(hub.address);
        line.set(Line::Cut);
        let mut shop = program(VENDOR);
        shop.arg("acme").args(args).env("CAPS_URL", line.url());
        let mut child = shop.stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut shop = Self { child, log };
        shop.log_of("no connection to the hub").await;
        shop
    }

    async fn log_of(&mut self, words: &str) -> String {
        loop {
            let line = in_time(self.log.next_line()).await.unwrap();
            let line = line.unwrap_or_else(|| panic!("it has not said `{words}`"));
            if line.contains(words) {
                return line;
            }
        }
    }

    async fn terminate(&self) {
        signal(self.child.id().unwrap(), "TERM").await;
    }

    async fn end(mut self) -> ExitStatus {
        in_time(self.child.wait()).await.unwrap()
    }
}

#[tokio::test]
async fn a_shop_that_stops_without_a_hub_says_what_is_lost_and_fails() {
    let mut shop = Shop::without_a_hub(&[]).await;
    shop.terminate().await;
    let why = shop.log_of("error: ").await;
    let words =
        "events that the hub has not answered, and that are lost: 1; name a file with `--outbox`";
    assert!(why.contains(words), "{why}");
    assert_eq!(shop.end().await.code(), Some(1));
}

#[tokio::test]
async fn a_shop_with_an_outbox_that_stops_without_a_hub_says_what_is_kept() {
    let outbox = OutboxFile::new();
    let mut shop = Shop::without_a_hub(&["--outbox", &outbox.arg()]).await;
    shop.terminate().await;
    shop.log_of("events that the hub has not answered: 1; they are kept in").await;
    assert_eq!(shop.end().await.code(), Some(0));
    assert_eq!(outbox.orders("pickup").len(), 1);
}

#[tokio::test]
async fn a_shop_that_is_told_twice_stops_at_once() {
    let mut shop = Shop::without_a_hub(&[]).await;
    shop.terminate().await;
    shop.log_of("once more to stop at once").await;
    shop.terminate().await;
    shop.log_of("error: stopped at once").await;
    assert_eq!(shop.end().await.code(), Some(1));
}
