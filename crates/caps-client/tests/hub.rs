//! The client with a real hub, which goes away and comes back.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod stage;

use std::io;
use std::ops::Range;

use caps_client::{Client, Error, Options, State};
use caps_proto::{Code, Event, Handshake, Proof, Role};
use caps_server::Config;
use stage::{Hub, acme, deliver, driver, in_time, next, order, vendor};
use tokio::sync::mpsc;

#[tokio::test]
async fn an_order_goes_all_the_way_and_leaves_nothing_behind() {
    let hub = Hub::start().await;
    let (shop, mut told) = vendor(hub.url()).await;
    let (courier, mut offered) = driver(hub.url()).await;

    let done = in_time(shop.pickup(&order("7"))).await.unwrap();
    assert_eq!(done.message_id.unwrap().as_str(), "7");
    deliver(&courier, next(&mut offered, Event::Pickup).await).await;
    for event in [Event::InTransit, Event::Delivered] {
        let delivery = next(&mut told, event).await;
        assert_eq!(delivery.message_id.as_str(), "7");
        in_time(shop.acknowledge(delivery)).await.unwrap();
    }

    assert!(in_time(shop.pickup(&order("7"))).await.unwrap().duplicate);
    assert_eq!(in_time(shop.get_all(Some(&acme()), None)).await.unwrap().count, Some(0));
    assert_eq!(in_time(courier.get_all(None, None)).await.unwrap().count, Some(0));
    assert_eq!(in_time(shop.close(std::time::Duration::from_secs(9))).await, 0);
}

#[tokio::test]
async fn a_client_goes_on_when_the_hub_is_back() {
    let hub = Hub::start().await;
    let (shop, mut told) = vendor(hub.url()).await;
    let (courier, mut offered) = driver(hub.url()).await;
    let port = hub.stop().await;
    in_time(shop.state().wait_for(|state| *state == State::Connecting)).await.unwrap();

    let placed = tokio::spawn({
        let shop = shop.clone();
        async move { shop.pickup(&order("7")).await }
    });
    let hub = Hub::start_again(port).await;
    in_time(placed).await.unwrap().unwrap();
    assert_eq!(*shop.state().borrow(), State::Connected { session: 2 });

    deliver(&courier, next(&mut offered, Event::Pickup).await).await;
    next(&mut told, Event::InTransit).await;
    next(&mut told, Event::Delivered).await;
    hub.stop().await;
}

#[tokio::test]
async fn a_message_that_was_not_acknowledged_comes_again() {
    let hub = Hub::start().await;
    let (shop, mut told) = vendor(hub.url()).await;
    let (courier, mut offered) = driver(hub.url()).await;
    in_time(shop.pickup(&order("7"))).await.unwrap();
    deliver(&courier, next(&mut offered, Event::Pickup).await).await;

    next(&mut told, Event::InTransit).await;
    drop(next(&mut told, Event::Delivered).await);
    let replayed = in_time(shop.get_all(Some(&acme()), Some(Event::Delivered))).await.unwrap();
    assert_eq!(replayed.count, Some(1));
    next(&mut told, Event::Delivered).await;
}

#[tokio::test]
async fn an_order_that_is_given_back_goes_to_another_driver() {
    let hub = Hub::start().await;
    let (shop, mut told) = vendor(hub.url()).await;
    let (courier, mut offered) = driver(hub.url()).await;
    in_time(shop.pickup(&order("7"))).await.unwrap();
    let pickup = next(&mut offered, Event::Pickup).await;
    in_time(courier.in_transit(&pickup)).await.unwrap();
    let (other, mut offered_to_other) = driver(hub.url()).await;
    in_time(courier.release(&pickup)).await.unwrap();
    assert!(in_time(courier.release(&pickup)).await.unwrap().duplicate);
    drop(pickup);

    deliver(&other, next(&mut offered_to_other, Event::Pickup).await).await;
    next(&mut told, Event::InTransit).await;
    let delivered = next(&mut told, Event::Delivered).await;
    let refused = in_time(courier.release(&delivered)).await.unwrap_err();
    assert_eq!(refused.refusal().unwrap().code, Code::AlreadyDelivered);
}

#[tokio::test]
async fn a_vendor_is_shown_what_a_driver_has_to_show_for_a_delivery() {
    let hub = Hub::start().await;
    let (shop, mut told) = vendor(hub.url()).await;
    let (courier, mut offered) = driver(hub.url()).await;
    in_time(shop.pickup(&order("7"))).await.unwrap();
    let pickup = next(&mut offered, Event::Pickup).await;
    let proof: Proof = serde_json::from_str(r#"{"code":"4711","driver":"dora"}"#).unwrap();
    in_time(courier.delivered_with_proof(&pickup, proof.clone())).await.unwrap();
    let delivered = next(&mut told, Event::Delivered).await;
    assert_eq!(delivered.proof.as_ref().map(Proof::text), Some(proof.text()));
    in_time(shop.acknowledge(delivered)).await.unwrap();
}

#[tokio::test]
async fn a_backlog_is_heard_in_order_with_what_is_new_behind_it() {
    const WAITING: usize = 300;
    const ORDERS: usize = 400;
    let hub = Hub::start().await;
    let (shop, _told) = vendor(hub.url()).await;
    let place = async |ids: Range<usize>| {
        for id in ids {
            in_time(shop.pickup(&order(&id.to_string()))).await.unwrap();
        }
    };
    place(0..WAITING).await;

    let mut options = Options::driver(hub.url(), None);
    options.inbox = 16;
    let (courier, mut offered) = Client::connect(options).unwrap();
    let hear = async {
        let first = in_time(courier.get_all(None, None)).await.unwrap();
        assert!(first.remaining.unwrap() > 0, "{first:?}");
        for id in 0..ORDERS {
            let pickup = next(&mut offered, Event::Pickup).await;
            assert_eq!(pickup.message_id.as_str(), id.to_string());
            in_time(courier.acknowledge(pickup)).await.unwrap();
        }
    };
    tokio::join!(hear, place(WAITING..ORDERS));
}

#[tokio::test]
async fn a_full_queue_holds_an_order_up_until_there_is_room() {
    // That the hub has said no is only in the log.
    let (tell, mut log) = mpsc::unbounded_channel();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter("caps_client=debug")
        .with_writer(move || Log(tell.clone()))
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let hub = Hub::start_with(Config { max_queue: 1, ..Config::default() }).await;
    let (shop, _told) = vendor(hub.url()).await;
    let (courier, mut offered) = driver(hub.url()).await;
    in_time(shop.pickup(&order("1"))).await.unwrap();
    let second = tokio::spawn(async move { shop.pickup(&order("2")).await });
    while !in_time(log.recv()).await.unwrap().contains("queue_full") {}

    in_time(courier.acknowledge(next(&mut offered, Event::Pickup).await)).await.unwrap();
    in_time(second).await.unwrap().unwrap();
    assert_eq!(next(&mut offered, Event::Pickup).await.message_id.as_str(), "2");
}

/// Where the log is heard.
struct Log(mpsc::UnboundedSender<String>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The test that listens may be over before the others.
        drop(self.0.send(String::from_utf8_lossy(bytes).into_owned()));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_client_that_the_hub_refuses_ends_with_the_hubs_words() {
    let hub = Hub::start().await;
    let nobody = Handshake { role: Some(Role::Vendor), client_id: None };
    let (client, mut incoming) = Client::connect(Options::new(hub.url(), nobody)).unwrap();
    let error = in_time(incoming.recv()).await.unwrap_err();
    assert!(matches!(&error, Error::Refused(_)), "{error:?}");
    assert!(error.to_string().contains("`clientId`"), "{error}");
    assert!(matches!(in_time(client.join(&acme())).await, Err(Error::Refused(_))));
}

#[tokio::test]
async fn a_client_of_a_hub_that_is_not_there_waits_and_can_be_closed() {
    let hub = Hub::start().await;
    let url = hub.url();
    hub.stop().await;
    let (client, _incoming) = Client::connect(Options::vendor(url, acme())).unwrap();
    let placed = tokio::spawn({
        let client = client.clone();
        async move { client.pickup(&order("7")).await }
    });
    tokio::task::yield_now().await;
    assert_eq!(in_time(client.close(std::time::Duration::ZERO)).await, 1);
    assert!(matches!(in_time(placed).await.unwrap(), Err(Error::Closed)));
}
