//! The program with an outbox file, in a tunnel where its phone dies.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../caps-client/tests/stage/mod.rs"]
mod stage;

use caps_proto::Event;
use stage::outbox::OutboxFile;
use stage::proxy::{Line, Proxy};
use stage::{Hub, Program, in_time, order, program, vendor};

const DRIVER: &str = env!("CARGO_BIN_EXE_driver");

#[tokio::test]
async fn what_was_delivered_in_a_tunnel_is_told_after_the_driver_was_killed_there() {
    const ORDERS: usize = 5;
    let hub = Hub::start().await;
    let (shop, mut told) = vendor(hub.url()).await;
    for id in 0..ORDERS {
        in_time(shop.pickup(&order(&id.to_string()))).await.unwrap();
    }
    let line = Proxy::start(hub.address);
    let outbox = OutboxFile::new();
    let (file, url) = (outbox.arg(), line.url());
    let ann = |delay| {
        let mut driver = program(DRIVER);
        driver.args(["--name", "ann", "--outbox", &file, "--url", &url]);
        driver.args(["--pickup-delay", "0s", "--delivery-delay", delay]);
        driver
    };

    let mut driver = Program::spawn(&mut ann("200ms"));
    for _ in 0..ORDERS {
        driver.line_of("DRIVER: picked up").await;
    }
    line.set(Line::Cut);
    outbox.has(ORDERS, "delivered").await;
    let mut said = driver.killed().await;

    line.set(Line::Open);
    let mut driver = Program::spawn(&mut ann("1h"));
    said.retain(|line| line.starts_with("DRIVER: delivered"));
    while said.len() < ORDERS {
        said.push(driver.line_of("DRIVER: delivered").await);
    }
    said.sort_unstable();
    let expected: Vec<_> = (0..ORDERS).map(|id| format!("DRIVER: delivered {id}")).collect();
    assert_eq!(said, expected);
    let mut heard = vec![];
    while heard.len() < ORDERS {
        let delivery = in_time(told.recv()).await.unwrap();
        if delivery.event == Event::Delivered {
            heard.push(delivery.message_id.to_string());
        }
        in_time(shop.acknowledge(delivery)).await.unwrap();
    }
    heard.sort_unstable();
    heard.dedup();
    assert_eq!(heard.len(), ORDERS, "each once");
}
