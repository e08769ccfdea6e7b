//! The program with orders of its own, and with none.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../caps-client/tests/stage/mod.rs"]
mod stage;

use std::fs;
use std::process::Stdio;

use caps_client::{Client, Incoming};
use caps_proto::{Event, Message};
use serde_json::Value;
use stage::{Hub, Program, acme, deliver, driver, in_time, next, order, program, vendor};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

const VENDOR: &str = env!("CARGO_BIN_EXE_vendor");

/// A file of orders, where a shop finds it, and where it writes its log.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new(orders: &str) -> Self {
        let desk = Self { folder: TempDir::new().unwrap() };
        fs::write(desk.path("orders"), orders).unwrap();
        desk
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn shop(&self, hub: &Hub) -> Command {
        let mut shop = program(VENDOR);
        shop.args(["acme", "--orders", &self.path("orders")]).env("CAPS_URL", hub.url());
        shop.stderr(fs::File::create(self.path("log")).unwrap());
        shop
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }
}

/// Delivers so many orders, and returns their texts.
async fn deliver_all(courier: &Client, offered: &mut Incoming, count: usize) -> Vec<String> {
    let mut texts = vec![];
    for _ in 0..count {
        let pickup = next(offered, Event::Pickup).await;
        texts.push(pickup.order.text().to_owned());
        deliver(courier, pickup).await;
    }
    texts
}

fn thanks(lines: &[String]) -> usize {
    lines.iter().filter(|line| line.starts_with("Thank you")).count()
}

#[tokio::test]
async fn a_shop_with_a_file_of_orders_ends_when_all_are_thanked_for() {
    let hub = Hub::start().await;
    let (courier, mut offered) = driver(hub.url()).await;
    let desk = Desk::new(
        "{\"store\":\"acme\",\"orderId\":7,\"customer\":\"Ada\"}\n\n{\"customer\":\"Zoë\"}\n{\"id\":\"8\"}",
    );
    let shop = Program::spawn(&mut desk.shop(&hub));
    let orders = deliver_all(&courier, &mut offered, 3).await;
    assert_eq!(orders[0], r#"{"store":"acme","orderId":7,"customer":"Ada"}"#);
    let second: Value = serde_json::from_str(&orders[1]).unwrap();
    assert_eq!((&second["store"], &second["customer"]), (&"acme".into(), &"Zoë".into()));
    assert_eq!(orders[2], r#"{"store":"acme","id":"8"}"#);
    let (lines, status) = shop.end().await;
    assert_eq!((thanks(&lines), status.code()), (3, Some(0)), "{lines:?}");
}

#[tokio::test]
async fn a_line_that_is_no_order_is_said_with_its_number_and_the_others_go_on() {
    let hub = Hub::start().await;
    let (other, _told) = vendor(hub.url()).await;
    in_time(other.pickup(&order("7"))).await.unwrap();
    let (courier, mut offered) = driver(hub.url()).await;
    let desk = Desk::new(
        "not JSON\n{\"orderId\":\"1\"}\n\n{\"orderId\":\"7\",\"customer\":\"Eve\"}\n{\"orderId\":\"1\"}\n{\"orderId\":\"2\"}\n",
    );
    let _under_way = next(&mut offered, Event::Pickup).await;
    let shop = Program::spawn(&mut desk.shop(&hub));
    deliver_all(&courier, &mut offered, 2).await;
    let (lines, status) = shop.end().await;
    assert_eq!((thanks(&lines), status.code()), (2, Some(1)), "{lines:?}");
    let log = desk.log();
    for words in [
        "line 1 of",
        "is no JSON",
        "line 4: the hub refuses order `7`",
        "line 5 of",
        "has the id of an earlier one, `1`",
        "orders not placed: 3",
    ] {
        assert!(log.contains(words), "{words}: {log}");
    }
}

#[tokio::test]
async fn orders_on_stdin_are_placed_as_they_come() {
    let hub = Hub::start().await;
    let (courier, mut offered) = driver(hub.url()).await;
    let mut shop = program(VENDOR);
    shop.args(["acme", "--orders", "-"]).env("CAPS_URL", hub.url()).stdin(Stdio::piped());
    let mut shop = Program::spawn(&mut shop);
    let mut stdin = shop.stdin();
    for id in ["1", "2"] {
        in_time(stdin.write_all(format!("{}\n", order(id).text()).as_bytes())).await.unwrap();
        deliver_all(&courier, &mut offered, 1).await;
        shop.line_of("Thank you").await;
    }
    drop(stdin);
    assert_eq!(shop.end().await.1.code(), Some(0));
}

#[cfg(unix)]
#[tokio::test]
async fn a_shop_that_waits_for_stdin_ends_when_it_is_told_to() {
    let hub = Hub::start().await;
    let (_courier, mut offered) = driver(hub.url()).await;
    let mut shop = program(VENDOR);
    shop.args(["acme", "--orders", "-"]).env("CAPS_URL", hub.url()).stdin(Stdio::piped());
    let mut shop = Program::spawn(&mut shop);
    let mut stdin = shop.stdin();
    in_time(stdin.write_all(b"{\"orderId\":\"1\"}\n")).await.unwrap();
    next(&mut offered, Event::Pickup).await;
    assert_eq!(shop.terminate().await.1.code(), Some(0));
}

#[tokio::test]
async fn a_file_that_is_placed_again_places_nothing_twice() {
    let hub = Hub::start().await;
    let desk = Desk::new("{\"orderId\":\"1\"}\n{\"orderId\":\"2\"}\n");
    let first = Program::spawn(&mut desk.shop(&hub));
    let (courier, mut offered) = driver(hub.url()).await;
    let one = next(&mut offered, Event::Pickup).await;
    let two = next(&mut offered, Event::Pickup).await;
    first.kill().await;

    let shop = Program::spawn(&mut desk.shop(&hub));
    deliver(&courier, one).await;
    deliver(&courier, two).await;
    let (lines, status) = shop.end().await;
    assert_eq!((thanks(&lines), status.code()), (2, Some(0)), "{lines:?}");
    assert_eq!(in_time(courier.get_all(None, None)).await.unwrap().count, Some(0));
}

#[tokio::test]
async fn a_shop_does_not_wait_for_what_an_earlier_run_has_thanked_for() {
    let hub = Hub::start().await;
    let (courier, mut offered) = driver(hub.url()).await;
    let desk = Desk::new("{\"orderId\":\"1\"}\n{\"orderId\":\"2\"}\n");
    let mut first = Program::spawn(&mut desk.shop(&hub));
    let one = next(&mut offered, Event::Pickup).await;
    let two = next(&mut offered, Event::Pickup).await;
    deliver(&courier, one).await;
    first.line_of("Thank you").await;
    let received = async {
        let (shop, _told) = vendor(hub.url()).await;
        let delivered = Some(Event::Delivered);
        while in_time(shop.get_all(Some(&acme()), delivered)).await.unwrap().count != Some(0) {}
    };
    in_time(received).await;
    first.kill().await;

    let shop = Program::spawn(&mut desk.shop(&hub));
    deliver(&courier, two).await;
    let (lines, status) = shop.end().await;
    assert_eq!((thanks(&lines), status.code()), (1, Some(0)), "{lines:?}");
}

#[tokio::test]
async fn a_file_that_is_not_there_is_said_with_the_mend() {
    let hub = Hub::start().await;
    let desk = Desk::new("");
    fs::remove_file(desk.path("orders")).unwrap();
    let (_, status) = Program::spawn(&mut desk.shop(&hub)).end().await;
    assert_eq!(status.code(), Some(1));
    let log = desk.log();
    assert!(log.contains("name a file of orders, or `-` for stdin"), "{log}");
}

#[tokio::test]
async fn a_shop_that_listens_shows_a_line_of_fields_for_each_thing_and_leaves_nothing_behind() {
    let hub = Hub::start().await;
    let (other, mut told) = vendor(hub.url()).await;
    let mut shop = Program::start(VENDOR, &hub, &["acme", "--listen"]);
    in_time(other.pickup(&order("7"))).await.unwrap();
    let (courier, mut offered) = driver(hub.url()).await;
    let pickup: Message = next(&mut offered, Event::Pickup).await.clone();
    for (event, told) in
        [("in-transit", courier.in_transit(&pickup)), ("delivered", courier.delivered(&pickup))]
    {
        in_time(told).await.unwrap();
        let line = shop.line().await.unwrap();
        let fields: Vec<_> = line.split('\t').collect();
        assert_eq!(fields[1..], [event, "7", "Ada"], "{line}");
    }
    // Held, so that no repeat is heard of what the shop has acknowledged meanwhile.
    let _held = (next(&mut told, Event::InTransit).await, next(&mut told, Event::Delivered).await);
    let left = async {
        while in_time(other.get_all(Some(&acme()), None)).await.unwrap().count != Some(0) {}
    };
    in_time(left).await;
}
