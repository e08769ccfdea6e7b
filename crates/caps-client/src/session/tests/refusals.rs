//! What the hub refuses, and what it refuses for now.

use caps_proto::{Done, Message};
use tokio::task::JoinHandle;

use super::*;
use crate::Client;
use played_hub::{Hub, receive};

/// Says that an order of `store` is on the road or has arrived, and leaves the answer for later.
fn report(client: &Client, event: Event, store: &str, id: &str) -> JoinHandle<Result<Done, Error>> {
    let pickup = json!({"event": "pickup", "messageId": id, "clientId": store, "order": {}});
    let pickup: Message = serde_json::from_str(&pickup.to_string()).unwrap();
    let client = client.clone();
    tokio::spawn(async move {
        match event {
            Event::InTransit => client.in_transit(&pickup).await,
            _ => client.delivered(&pickup).await,
        }
    })
}

async fn accept_about(hub: &mut Hub, verb: &str, id: &str) {
    assert_eq!(hub.accept(verb).await["messageId"], id);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_returned_and_does_not_block_what_is_behind_it() {
    let (client, _incoming, mut door) = connect();
    let mut hub = door.open().await;
    let (first, second) = (place(&client, 1), place(&client, 2));
    hub.next().await;
    hub.refuse(Code::OrderConflict).await;
    hub.accept("pickup").await;
    assert_eq!(first.await.unwrap().unwrap_err().refusal().unwrap().code, Code::OrderConflict);
    assert!(second.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_order_that_is_refused_for_now_stays_ahead_of_the_next() {
    let (client, _incoming, mut door) = connect();
    let mut hub = door.open().await;
    let (first, second) = (place(&client, 1), place(&client, 2));
    for _ in 0..5 {
        assert_eq!(hub.next().await.1["messageId"], "1");
        hub.refuse(Code::QueueFull).await;
    }
    accept_about(&mut hub, "pickup", "1").await;
    accept_about(&mut hub, "pickup", "2").await;
    assert!(first.await.unwrap().is_ok() && second.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_for_now_is_not_hammered() {
    let (client, _incoming, mut door) = connect();
    let mut hub = door.open().await;
    let placed = place(&client, 1);
    let start = Instant::now();
    for _ in 0..100 {
        hub.next().await;
        hub.refuse(Code::Busy).await;
    }
    assert!(start.elapsed() > Duration::from_secs(60), "{:?}", start.elapsed());
    placed.abort();
}

#[tokio::test(start_paused = true)]
async fn what_makes_room_is_not_held_up_by_what_waits_for_room() {
    let (client, _incoming, mut door) = start(|options| options.outbox = 1);
    let mut hub = door.open().await;
    let (first, second) = (place(&client, 1), place(&client, 2));
    assert_eq!(hub.next().await.1["messageId"], "1");
    hub.refuse(Code::QueueFull).await;

    // The outbox is full, and the order that fills it is refused.
    let received = receive(&client, Event::Delivered, "0");
    accept_about(&mut hub, "received", "0").await;
    received.await.unwrap().unwrap();
    accept_about(&mut hub, "pickup", "1").await;
    accept_about(&mut hub, "pickup", "2").await;
    assert!(first.await.unwrap().is_ok() && second.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_holds_up_its_own_and_what_is_about_the_same_order() {
    let (client, _incoming, mut door) = connect();
    let mut hub = door.open().await;
    let mut calls = vec![report(&client, Event::Delivered, "acme", "1")];
    assert_eq!(hub.next().await.0, "delivered");
    calls.push(report(&client, Event::Delivered, "acme", "2"));
    calls.push(receive(&client, Event::Pickup, "1"));
    calls.push(report(&client, Event::InTransit, "acme", "3"));
    calls.push(report(&client, Event::Delivered, "flowers", "4"));
    // All of them are in the outbox, in this order.
    tokio::task::yield_now().await;
    hub.refuse(Code::QueueFull).await;

    accept_about(&mut hub, "in-transit", "3").await;
    accept_about(&mut hub, "delivered", "4").await;
    accept_about(&mut hub, "delivered", "1").await;
    accept_about(&mut hub, "delivered", "2").await;
    accept_about(&mut hub, "received", "1").await;
    for call in calls {
        call.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_replay_waits_for_the_join_before_it() {
    let (client, _incoming, mut door) = connect();
    let mut hub = door.open().await;
    let joined = {
        let client = client.clone();
        tokio::spawn(async move { client.join(&acme()).await })
    };
    assert_eq!(hub.next().await.0, "join");
    let replayed = replay(&client);
    tokio::task::yield_now().await;
    hub.refuse(Code::Busy).await;
    hub.accept("join").await;
    hub.accept("getAll").await;
    assert!(joined.await.unwrap().is_ok() && replayed.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_for_now_is_sent_again_on_the_next_connection() {
    let (client, _incoming, mut door) = connect();
    let mut hub = door.open().await;
    let (first, second) = (place(&client, 1), place(&client, 2));
    hub.next().await;
    hub.refuse(Code::QueueFull).await;
    drop(hub);
    let mut hub = door.open().await;
    accept_about(&mut hub, "pickup", "1").await;
    accept_about(&mut hub, "pickup", "2").await;
    assert!(first.await.unwrap().is_ok() && second.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_refuses_the_client_for_good_ends_it() {
    let (client, mut incoming, mut door) = connect();
    let placed = place(&client, 1);
    let hub = door.knock().await;
    hub.tell(Heard::Refused(json!({"message": "Wrong token. (unauthorized)"}))).await;
    for error in [placed.await.unwrap().unwrap_err(), incoming.recv().await.unwrap_err()] {
        assert_eq!(error.to_string(), "Wrong token. (unauthorized)");
    }
    assert!(place(&client, 2).await.unwrap().is_err());
    assert_eq!(client.close(Duration::from_secs(1)).await, 0);
    door.is_left().await;
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_is_busy_is_tried_again() {
    let (_client, _incoming, mut door) = connect();
    let hub = door.knock().await;
    hub.tell(Heard::Refused(json!({"message": "Later. (busy)"}))).await;
    door.open().await;
}
