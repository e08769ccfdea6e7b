//! Clients that come one after another, with one outbox file.

use std::path::PathBuf;

use caps_proto::Order;
use tempfile::TempDir;
use tokio::sync::mpsc;

use super::*;
use crate::{Client, Incoming, Resent};
use played_hub::{Door, Hub, receive};

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("outbox")
    }

    fn connect(&self) -> (Client, Incoming, Door) {
        start(|options| options.outbox_file = Some(self.file()))
    }

    /// A client that is gone before any hub was there, having taken these orders.
    async fn leave(&self, ids: impl IntoIterator<Item = usize>) {
        let (client, _incoming, _door) = self.connect();
        let mut left = 0;
        for id in ids {
            client.pickup(&order(id)).taken().await.unwrap();
            left += 1;
        }
        assert_eq!(client.close(Duration::ZERO).await, left);
    }
}

fn order(id: usize) -> Order {
    serde_json::from_value(json!({"store": "acme", "orderId": id})).unwrap()
}

async fn accept_orders(hub: &mut Hub, ids: impl IntoIterator<Item = usize>) {
    for id in ids {
        assert_eq!(hub.accept("pickup").await["messageId"], id.to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_not_answered_is_sent_by_the_next_client_before_what_is_new() {
    let place = Place::new();
    place.leave(1..=3).await;
    let (client, _incoming, mut door) = place.connect();
    let new = place_order(&client, 4).await;
    let mut hub = door.open().await;
    accept_orders(&mut hub, 1..=2).await;
    assert_eq!(hub.next().await.1["messageId"], "3");
    assert_eq!(client.close(Duration::ZERO).await, 2);
    assert!(new.await.is_err());

    let (client, _incoming, mut door) = place.connect();
    accept_orders(&mut door.open().await, 3..=4).await;
    assert_eq!(client.close(Duration::from_secs(1)).await, 0);
    let (_client, _incoming, mut door) = place.connect();
    assert!(soon(door.open().await.next()).await.is_none(), "everything was answered");
}

/// Places an order that the outbox has taken.
async fn place_order(client: &Client, id: usize) -> crate::Taken {
    client.pickup(&order(id)).taken().await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_call_is_on_the_disk_before_it_counts_as_taken_and_before_it_is_sent() {
    let place = Place::new();
    let (client, _incoming, mut door) = place.connect();
    let mut hub = door.open().await;
    let taken = place_order(&client, 1).await;
    let text = std::fs::read_to_string(place.file()).unwrap();
    assert!(text.contains(r#""messageId":"1""#), "{text}");
    accept_orders(&mut hub, [1]).await;
    taken.await.unwrap();

    let placed = super::place(&client, 2);
    assert_eq!(hub.next().await.1["messageId"], "2");
    let text = std::fs::read_to_string(place.file()).unwrap();
    assert!(text.contains(r#""messageId":"2""#), "{text}");
    placed.abort();
}

#[tokio::test(start_paused = true)]
async fn an_order_without_an_id_is_the_same_order_when_the_next_client_sends_it() {
    let place = Place::new();
    let (client, _incoming, mut door) = place.connect();
    let order: Order = serde_json::from_value(json!({"store": "acme"})).unwrap();
    client.pickup(&order).taken().await.unwrap();
    let first = door.open().await.next().await;
    client.close(Duration::ZERO).await;
    let (_client, _incoming, mut door) = place.connect();
    assert_eq!(door.open().await.next().await, first);
}

#[tokio::test(start_paused = true)]
async fn what_the_hub_refuses_of_an_earlier_client_is_told_and_holds_nothing_up() {
    let place = Place::new();
    place.leave(1..=2).await;
    let (tell, mut resent) = mpsc::unbounded_channel();
    let (_client, _incoming, mut door) = start(|options| {
        options.outbox_file = Some(place.file());
        options.resent = Some(tell);
    });
    let mut hub = door.open().await;
    hub.next().await;
    hub.refuse(Code::OrderConflict).await;
    accept_orders(&mut hub, [2]).await;
    let mut told = vec![];
    for _ in 0..2 {
        let Resent { verb, order, result } = resent.recv().await.unwrap();
        told.push((verb, order.to_string(), result.is_ok()));
    }
    let acme = |id| format!("acme/{id}");
    assert_eq!(told, [(Verb::Pickup, acme(1), false), (Verb::Pickup, acme(2), true)]);
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_does_not_know_the_client_leaves_its_file_as_it_is() {
    let place = Place::new();
    place.leave([1]).await;
    let (client, mut incoming, mut door) = place.connect();
    let mut hub = door.open().await;
    hub.next().await;
    hub.refuse(Code::Unauthorized).await;
    assert!(incoming.recv().await.is_err());
    client.close(Duration::ZERO).await;
    let (_client, _incoming, mut door) = place.connect();
    accept_orders(&mut door.open().await, [1]).await;
}

#[tokio::test(start_paused = true)]
async fn what_the_hub_does_not_let_a_client_do_is_left_in_its_file_for_one_with_another_token() {
    let place = Place::new();
    place.leave(1..=2).await;
    let (client, _incoming, mut door) = place.connect();
    let mut hub = door.open().await;
    hub.next().await;
    hub.refuse(Code::Forbidden).await;
    accept_orders(&mut hub, [2]).await;
    assert_eq!(client.close(Duration::from_secs(1)).await, 0);
    let (_client, _incoming, mut door) = place.connect();
    accept_orders(&mut door.open().await, [1]).await;
}

#[tokio::test(start_paused = true)]
async fn what_asks_to_listen_is_not_kept() {
    let place = Place::new();
    let (client, _incoming, mut door) = place.connect();
    let mut hub = door.open().await;
    let replayed = replay(&client);
    assert_eq!(hub.next().await.0, "getAll");
    let received = receive(&client, Event::Delivered, "7");
    hub.answer(json!({"status": "ok"})).await;
    replayed.await.unwrap().unwrap();
    assert_eq!(hub.next().await.0, "received");
    client.close(Duration::ZERO).await;
    received.abort();

    let (_client, _incoming, mut door) = place.connect();
    assert_eq!(door.open().await.next().await.0, "received");
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_client_has_left_takes_room_as_well() {
    let place = Place::new();
    place.leave(1..=2).await;
    let (client, _incoming, mut door) = start(|options| {
        options.outbox_file = Some(place.file());
        options.outbox = 2;
    });
    assert!(soon(client.pickup(&order(3)).taken()).await.is_none());
    let mut hub = door.open().await;
    accept_orders(&mut hub, 1..=2).await;
    place_order(&client, 4).await;
    accept_orders(&mut hub, [4]).await;
}

#[tokio::test(start_paused = true)]
async fn a_file_has_one_client_at_a_time() {
    let place = Place::new();
    let (client, _incoming, _door) = place.connect();
    let mut options = Options::driver("http://hub", None);
    options.outbox_file = Some(place.file());
    let error = Client::connect(options.clone()).unwrap_err().to_string();
    assert!(error.contains("another process uses the outbox file"), "{error}");
    client.close(Duration::ZERO).await;
    Client::connect(options).unwrap();
}
