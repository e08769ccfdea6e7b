//! The client on lines that are cut, or that swallow everything without a word.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod stage;

use std::time::Duration;

use caps_client::{Client, Options, State};
use caps_proto::Event;
use stage::proxy::{Line, Proxy};
use stage::{Hub, acme, driver, in_time, next, order};

/// Short waits, so that the test need not wait long for what has to happen anyway.
fn impatient(url: String) -> Options {
    let mut options = Options::vendor(url, acme());
    options.connect_timeout = Duration::from_millis(500);
    options.answer_timeout = Duration::from_millis(500);
    options.silence = Duration::from_millis(500);
    options
}

/// Does `what` to the line of a client that listens, mends it, and sees that nothing was lost.
async fn survives(what: Line) {
    let hub = Hub::start().await;
    let proxy = Proxy::start(hub.address);
    let (shop, mut told) = Client::connect(impatient(proxy.url())).unwrap();
    in_time(shop.join(&acme())).await.unwrap();
    in_time(shop.get_all(Some(&acme()), None)).await.unwrap();
    let (courier, mut offered) = driver(hub.url()).await;
    in_time(shop.pickup(&order("1"))).await.unwrap();

    proxy.set(what);
    let placed = tokio::spawn({
        let shop = shop.clone();
        async move { shop.pickup(&order("2")).await }
    });
    let pickup = next(&mut offered, Event::Pickup).await;
    in_time(courier.delivered(&pickup)).await.unwrap();
    in_time(shop.state().wait_for(|state| *state == State::Connecting)).await.unwrap();

    proxy.set(Line::Open);
    in_time(placed).await.unwrap().unwrap();
    assert_eq!(next(&mut told, Event::Delivered).await.message_id.as_str(), "1");
}

#[tokio::test]
async fn nothing_is_lost_when_the_line_is_cut() {
    survives(Line::Cut).await;
}

#[tokio::test]
async fn nothing_is_lost_when_the_line_swallows_everything() {
    survives(Line::Dead).await;
}

#[tokio::test]
async fn a_client_that_only_listens_notices_a_dead_line() {
    let hub = Hub::start().await;
    let proxy = Proxy::start(hub.address);
    let (shop, _told) = Client::connect(impatient(proxy.url())).unwrap();
    in_time(shop.join(&acme())).await.unwrap();
    proxy.set(Line::Dead);
    in_time(shop.state().wait_for(|state| *state == State::Connecting)).await.unwrap();
    proxy.set(Line::Open);
    let back = |state: &State| matches!(state, State::Connected { .. });
    in_time(shop.state().wait_for(back)).await.unwrap();
}
