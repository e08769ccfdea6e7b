//! The program with a real hub and a driver played by the test.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../caps-client/tests/stage/mod.rs"]
mod stage;

use std::collections::HashSet;

use caps_proto::{Event, Message};
use serde_json::Value;
use stage::{Hub, Program, acme, deliver, driver, in_time, next, order, program, vendor};

const VENDOR: &str = env!("CARGO_BIN_EXE_vendor");

fn customer(message: &Message) -> String {
    let order: Value = serde_json::from_str(message.order.text()).unwrap();
    order["customer"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_shop_places_orders_and_thanks_for_each() {
    let hub = Hub::start().await;
    let (courier, mut offered) = driver(hub.url()).await;
    let shop = Program::start(VENDOR, &hub, &["acme", "--count", "3", "--interval", "50ms"]);

    let mut expected = vec![];
    for _ in 0..3 {
        let pickup = next(&mut offered, Event::Pickup).await;
        let (id, text) = (pickup.message_id.clone(), pickup.order.text().to_owned());
        expected.push(format!("Your order {id} is on its way"));
        expected.push(format!("Thank you for your order {}", customer(&pickup)));
        expected.push(format!("{id} {text}"));
        deliver(&courier, pickup).await;
    }
    let (lines, status) = shop.end().await;
    assert_eq!(lines, expected);
    assert_eq!(status.code(), Some(0));

    let (left, _) = vendor(hub.url()).await;
    let left = in_time(left.get_all(Some(&acme()), None)).await.unwrap();
    assert_eq!(left.count, Some(0), "everything was acknowledged");
}

#[tokio::test]
async fn a_shop_that_was_away_thanks_when_it_is_back() {
    let hub = Hub::start().await;
    let (absent, _) = vendor(hub.url()).await;
    in_time(absent.pickup(&order("7"))).await.unwrap();
    in_time(absent.close(std::time::Duration::from_secs(9))).await;
    let (courier, mut offered) = driver(hub.url()).await;
    deliver(&courier, next(&mut offered, Event::Pickup).await).await;

    let mut shop = Program::start(VENDOR, &hub, &["acme", "--no-orders"]);
    assert_eq!(shop.line_of("Thank you").await, "Thank you for your order Ada");
    assert_eq!(
        shop.line().await.unwrap(),
        format!("7 {}", order("7").text().replace("1.50", "1.5"))
    );
}

#[tokio::test]
async fn orders_outlive_a_hub_that_forgets_them() {
    let hub = Hub::start().await;
    let shop = Program::start(VENDOR, &hub, &["acme", "--count", "2", "--interval", "50ms"]);
    let (courier, mut offered) = driver(hub.url()).await;
    let mut placed = HashSet::new();
    for _ in 0..2 {
        placed.insert(next(&mut offered, Event::Pickup).await.message_id.clone());
    }
    let port = hub.stop().await;
    let _hub = Hub::start_again(port).await;

    for _ in 0..2 {
        let pickup = next(&mut offered, Event::Pickup).await;
        assert!(placed.remove(&pickup.message_id), "{pickup:?}");
        deliver(&courier, pickup).await;
    }
    let (lines, status) = shop.end().await;
    let thanks = lines.iter().filter(|line| line.starts_with("Thank you")).count();
    assert_eq!((thanks, status.code()), (2, Some(0)));
}

#[cfg(unix)]
#[tokio::test]
async fn a_shop_that_is_told_to_stop_does_so() {
    let hub = Hub::start().await;
    let (_courier, mut offered) = driver(hub.url()).await;
    let shop = Program::start(VENDOR, &hub, &["acme"]);
    next(&mut offered, Event::Pickup).await;
    let (_, status) = shop.terminate().await;
    assert_eq!(status.code(), Some(0));
}

#[tokio::test]
async fn a_program_reads_one_object_for_each_thing_that_happens() {
    let hub = Hub::start().await;
    let (courier, mut offered) = driver(hub.url()).await;
    let mut shop = Program::start(VENDOR, &hub, &["acme", "--count", "1", "--json"]);
    let pickup = next(&mut offered, Event::Pickup).await;
    let (id, order) = (pickup.message_id.to_string(), pickup.order.text().to_owned());
    let mut said = vec![shop.line().await.unwrap()];
    deliver(&courier, pickup).await;
    let (lines, status) = shop.end().await;
    assert_eq!(status.code(), Some(0));
    said.extend(lines);
    let said: Vec<Value> = said.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (record, event) in said.iter().zip(["placed", "in-transit", "delivered"]) {
        assert_eq!((&record["event"], &record["messageId"]), (&event.into(), &id.clone().into()));
        assert_eq!(record["clientId"], "acme");
        assert!(record["time"].as_str().unwrap().ends_with('Z'), "{record}");
    }
    assert_eq!((said.len(), said[2]["order"].to_string()), (3, order));
}

#[tokio::test]
async fn a_wrong_command_line_says_the_mend() {
    for (args, code, words) in [
        (&["acme", "--url", "ftp://hub"][..], 2, "`ftp://hub` is no address of a hub"),
        (&["acme", "--interval", "soon"], 2, "'soon'"),
        (&[], 2, "<STORE>"),
    ] {
        let output = in_time(program(VENDOR).args(args).output()).await.unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert!(stderr.contains(words), "{stderr}");
    }
}
