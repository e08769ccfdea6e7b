//! The program with a real hub and a vendor played by the test.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../caps-client/tests/stage/mod.rs"]
mod stage;

use std::time::{Duration, Instant};

use caps_client::{Client, Incoming, Options};
use caps_proto::{DriverName, Event};
use caps_server::Config;
use stage::{Hub, Program, in_time, next, order, vendor};

const DRIVER: &str = env!("CARGO_BIN_EXE_driver");

async fn place(shop: &Client, ids: impl IntoIterator<Item = usize>) {
    for id in ids {
        in_time(shop.pickup(&order(&id.to_string()))).await.unwrap();
    }
}

/// The next message of the shop, which is an `event`; acknowledges it, and says which order it is about.
async fn hear(shop: &Client, told: &mut Incoming, event: Event) -> String {
    let delivery = next(told, event).await;
    let id = delivery.message_id.to_string();
    in_time(shop.acknowledge(delivery)).await.unwrap();
    id
}

#[tokio::test]
async fn a_driver_delivers_what_waits_and_what_comes() {
    let hub = Hub::start().await;
    let (shop, mut told) = vendor(hub.url()).await;
    place(&shop, [1]).await;
    let args = ["--count", "3", "--pickup-delay", "10ms", "--delivery-delay", "20ms"];
    let mut driver = Program::start(DRIVER, &hub, &args);
    assert_eq!(driver.line().await.unwrap(), "DRIVER: picked up 1");
    assert_eq!(driver.line().await.unwrap(), "DRIVER: delivered 1");
    place(&shop, [2, 3]).await;
    let (mut lines, status) = driver.end().await;
    lines.sort_unstable();
    assert_eq!(
        lines,
        [2, 3]
            .map(|id| format!("DRIVER: delivered {id}"))
            .into_iter()
            .chain([2, 3].map(|id| format!("DRIVER: picked up {id}")))
            .collect::<Vec<_>>()
    );
    assert_eq!(status.code(), Some(0));

    let mut delivered = 0;
    while delivered < 3 {
        let delivery = in_time(told.recv()).await.unwrap();
        delivered += usize::from(delivery.event == Event::Delivered);
    }
    let (left, _) = stage::driver(hub.url()).await;
    assert_eq!(in_time(left.get_all(None, None)).await.unwrap().count, Some(0));
}

#[tokio::test]
async fn a_program_reads_one_object_for_each_thing_that_happens() {
    let hub = Hub::start().await;
    let (shop, _told) = vendor(hub.url()).await;
    place(&shop, [7]).await;
    let args = ["--count", "1", "--pickup-delay", "0s", "--delivery-delay", "0s", "--json"];
    let (lines, status) = Program::start(DRIVER, &hub, &args).end().await;
    assert_eq!((lines.len(), status.code()), (2, Some(0)));
    for (line, event) in lines.iter().zip(["in-transit", "delivered"]) {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!((&record["event"], &record["messageId"]), (&event.into(), &"7".into()));
        assert_eq!(
            (&record["clientId"], &record["order"]["customer"]),
            (&"acme".into(), &"Ada".into())
        );
    }
}

#[tokio::test]
async fn a_wrong_command_line_says_the_mend() {
    for (args, words) in [
        (&["--url", "ftp://hub"][..], "`ftp://hub` is no address of a hub"),
        (&["--pickup-delay", "soon"], "'soon'"),
    ] {
        let output = in_time(stage::program(DRIVER).args(args).output()).await.unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(words), "{stderr}");
    }
}

#[tokio::test]
async fn a_driver_serves_only_the_stores_that_it_is_told_to() {
    let hub = Hub::start().await;
    let (shop, _told) = vendor(hub.url()).await;
    place(&shop, [1]).await;
    let (other, _) =
        Client::connect(Options::vendor(hub.url(), caps_proto::ClientId::new("other").unwrap()))
            .unwrap();
    let args = ["--vendors", "other", "--pickup-delay", "0s", "--delivery-delay", "0s"];
    let driver = Program::start(DRIVER, &hub, &[&args[..], &["--count", "1"]].concat());
    let order = serde_json::from_str(r#"{"store":"other","orderId":"2"}"#).unwrap();
    in_time(other.pickup(&order)).await.unwrap();
    assert_eq!(driver.end().await.0, ["DRIVER: picked up 2", "DRIVER: delivered 2"]);
}

#[tokio::test]
async fn two_drivers_deliver_each_order_once() {
    const ORDERS: usize = 20;
    let hub = Hub::start().await;
    let (shop, mut told) = vendor(hub.url()).await;
    let args = ["--pickup-delay", "5ms", "--delivery-delay", "5ms"];
    let drivers = [(); 2].map(|()| Program::start(DRIVER, &hub, &args));
    place(&shop, 0..ORDERS).await;
    let mut heard = vec![];
    for _ in 0..2 * ORDERS {
        let delivery = in_time(told.recv()).await.unwrap();
        heard.push((delivery.event, delivery.message_id.to_string()));
        in_time(shop.acknowledge(delivery)).await.unwrap();
    }
    heard.sort_unstable();
    heard.dedup();
    assert_eq!(heard.len(), 2 * ORDERS, "the shop hears of each transit and delivery once");

    #[cfg(unix)]
    {
        let mut lines = 0;
        for driver in drivers {
            let (said, status) = driver.terminate().await;
            lines += said.len();
            assert_eq!(status.code(), Some(0));
        }
        assert_eq!(lines, 2 * ORDERS);
    }
}

#[tokio::test]
async fn an_order_on_the_road_of_a_driver_that_dies_is_delivered_by_another() {
    let hub = Hub::start().await;
    let (shop, mut told) = vendor(hub.url()).await;
    let slow = ["--pickup-delay", "0s", "--delivery-delay", "1h"];
    let mut first = Program::start(DRIVER, &hub, &slow);
    place(&shop, [7]).await;
    assert_eq!(first.line().await.unwrap(), "DRIVER: picked up 7");
    first.kill().await;

    let quick = ["--pickup-delay", "0s", "--delivery-delay", "0s", "--count", "1"];
    let second = Program::start(DRIVER, &hub, &quick);
    assert_eq!(second.end().await.0, ["DRIVER: picked up 7", "DRIVER: delivered 7"]);
    assert_eq!(hear(&shop, &mut told, Event::InTransit).await, "7");
    assert_eq!(hear(&shop, &mut told, Event::Delivered).await, "7");
}

#[tokio::test]
async fn a_driver_with_a_name_comes_back_to_its_orders() {
    let hub = Hub::start().await;
    let (shop, mut told) = vendor(hub.url()).await;
    let ann = |delay| ["--name", "ann", "--pickup-delay", "0s", "--delivery-delay", delay];
    let mut first = Program::start(DRIVER, &hub, &ann("1h"));
    place(&shop, [7]).await;
    assert_eq!(first.line().await.unwrap(), "DRIVER: picked up 7");
    first.kill().await;

    let second = Program::start(DRIVER, &hub, &[&ann("0s")[..], &["--count", "1"]].concat());
    assert_eq!(second.end().await.1.code(), Some(0));
    assert_eq!(hear(&shop, &mut told, Event::InTransit).await, "7");
    assert_eq!(hear(&shop, &mut told, Event::Delivered).await, "7");
}

#[tokio::test]
async fn an_order_that_a_driver_has_received_and_never_takes_on_the_road_goes_to_another() {
    const CLAIM_TIME: Duration = Duration::from_secs(1);
    let config = Config { claim_time: CLAIM_TIME, ..Config::default() };
    let hub = Hub::start_with(config).await;
    let (shop, mut told) = vendor(hub.url()).await;
    place(&shop, [7]).await;
    // The program itself has an order on the road as soon as it has it; others say `received` first.
    let bob = DriverName::new("bob").unwrap();
    let (absent, mut offered) = Client::connect(Options::driver(hub.url(), Some(&bob))).unwrap();
    in_time(absent.get_all(None, None)).await.unwrap();
    let pickup = next(&mut offered, Event::Pickup).await;
    let received = Instant::now();
    in_time(absent.acknowledge(pickup)).await.unwrap();
    in_time(absent.close(Duration::from_secs(9))).await;

    let args = ["--name", "ann", "--pickup-delay", "0s", "--delivery-delay", "0s", "--count", "1"];
    assert_eq!(Program::start(DRIVER, &hub, &args).end().await.1.code(), Some(0));
    assert!(received.elapsed() >= CLAIM_TIME, "{:?}", received.elapsed());
    assert_eq!(hear(&shop, &mut told, Event::InTransit).await, "7");
    assert_eq!(hear(&shop, &mut told, Event::Delivered).await, "7");
}

#[tokio::test]
async fn an_order_that_a_driver_has_heard_of_and_not_begun_is_anybodys() {
    let hub = Hub::start().await;
    let (shop, _told) = vendor(hub.url()).await;
    let idle = ["--name", "ann", "--pickup-delay", "1h"];
    let first = Program::start(DRIVER, &hub, &idle);
    place(&shop, [7]).await;
    let quick = ["--name", "bob", "--pickup-delay", "0s", "--delivery-delay", "0s", "--count", "1"];
    let second = Program::start(DRIVER, &hub, &quick);
    assert_eq!(second.end().await.0, ["DRIVER: picked up 7", "DRIVER: delivered 7"]);
    first.kill().await;
}

#[tokio::test]
async fn a_driver_goes_on_when_the_hub_is_back_and_has_forgotten_everything() {
    let hub = Hub::start().await;
    let (shop, mut told) = vendor(hub.url()).await;
    let args = ["--pickup-delay", "0s", "--delivery-delay", "0s", "--count", "2"];
    let mut driver = Program::start(DRIVER, &hub, &args);
    place(&shop, [1]).await;
    assert_eq!(driver.line_of("DRIVER: delivered").await, "DRIVER: delivered 1");
    hear(&shop, &mut told, Event::InTransit).await;
    hear(&shop, &mut told, Event::Delivered).await;

    let port = hub.stop().await;
    let _hub = Hub::start_again(port).await;
    // To the new hub it is a new order, which has arrived long ago; the driver only says so again.
    place(&shop, [1]).await;
    assert_eq!(hear(&shop, &mut told, Event::Delivered).await, "1");
    place(&shop, [2]).await;
    assert_eq!(driver.end().await.0, ["DRIVER: picked up 2", "DRIVER: delivered 2"]);
}

#[cfg(unix)]
#[tokio::test]
async fn a_driver_that_is_told_to_stop_leaves_its_orders_to_others() {
    let hub = Hub::start().await;
    let (shop, _told) = vendor(hub.url()).await;
    let slow = ["--pickup-delay", "0s", "--delivery-delay", "1h"];
    let mut driver = Program::start(DRIVER, &hub, &slow);
    place(&shop, [7]).await;
    assert_eq!(driver.line().await.unwrap(), "DRIVER: picked up 7");
    let (_, status) = driver.terminate().await;
    assert_eq!(status.code(), Some(0));
    let (_other, mut offered) = stage::driver(hub.url()).await;
    assert_eq!(next(&mut offered, Event::Pickup).await.message_id.as_str(), "7");
}
