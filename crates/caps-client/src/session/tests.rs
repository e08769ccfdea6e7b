//! A client against a hub that is played by the test, in virtual time.

mod catch_up;
mod closing;
mod outages;
mod outbox_file;
mod played_hub;
mod refusals;

use caps_proto::{Code, Event};
use serde_json::json;

use super::*;
use crate::Error;
use crate::line::Heard;
use played_hub::{acme, connect, place, replay, soon, start};

#[tokio::test(start_paused = true)]
async fn nothing_is_emitted_before_the_hub_has_taken_the_client_in() {
    let (client, _incoming, mut door) = connect();
    let placed = place(&client, 1);
    let mut hub = door.knock().await;
    assert!(soon(hub.next()).await.is_none());
    hub.tell(Heard::Connected).await;
    assert_eq!(hub.accept("pickup").await["messageId"], "1");
    placed.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_event_is_on_its_way_at_a_time_and_they_go_in_order() {
    let (client, _incoming, mut door) = connect();
    let mut hub = door.open().await;
    let first = place(&client, 1);
    assert_eq!(hub.next().await.1["messageId"], "1");
    let second = place(&client, 2);
    assert!(soon(hub.next()).await.is_none());
    hub.answer(json!({"status": "ok", "messageId": "1"})).await;
    assert!(first.await.unwrap().is_ok());
    hub.accept("pickup").await;
    assert!(second.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_was_not_answered_is_sent_again_on_the_next_connection() {
    let (client, _incoming, mut door) = connect();
    let mut hub = door.open().await;
    let (first, second) = (place(&client, 1), place(&client, 2));
    assert_eq!(hub.next().await.1["messageId"], "1");
    hub.tell(Heard::Lost("cut".into())).await;

    let mut hub = door.open().await;
    assert_eq!(hub.accept("pickup").await["messageId"], "1");
    assert_eq!(hub.accept("pickup").await["messageId"], "2");
    assert!(first.await.unwrap().is_ok() && second.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_is_listened_to_is_restored_before_anything_else_is_sent() {
    let (client, _incoming, mut door) = connect();
    let mut hub = door.open().await;
    let listen = {
        let client = client.clone();
        tokio::spawn(async move {
            client.join(&acme()).await?;
            client.subscribe(&acme(), Event::Pickup).await?;
            client.get_all(Some(&acme()), None).await
        })
    };
    for verb in ["join", "subscribe", "getAll"] {
        hub.accept(verb).await;
    }
    listen.await.unwrap().unwrap();
    let placed = place(&client, 1);
    hub.next().await;
    drop(hub);

    let mut hub = door.open().await;
    assert_eq!(hub.accept("join").await, json!({"clientId": "acme"}));
    assert_eq!(hub.accept("subscribe").await, json!({"clientId": "acme", "event": "pickup"}));
    assert_eq!(hub.accept("getAll").await, json!({"clientId": "acme", "limit": 16_384}));
    let state = client.state().borrow().clone();
    assert_eq!(state, State::Connecting, "not yet: the answer to `getAll` is on its way");
    hub.accept("pickup").await;
    placed.await.unwrap().unwrap();
    assert_eq!(*client.state().borrow(), State::Connected { session: 2 });
}

#[tokio::test(start_paused = true)]
async fn an_answer_about_another_order_is_no_answer() {
    let (client, _incoming, mut door) = connect();
    let mut hub = door.open().await;
    let placed = place(&client, 1);
    hub.next().await;
    hub.answer(json!({"status": "ok", "messageId": "2"})).await;
    hub.is_left().await;
    door.open().await.accept("pickup").await;
    placed.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_hub_that_does_not_answer_is_left_for_a_new_connection() {
    let (client, _incoming, mut door) = connect();
    let mut silent = door.knock().await;
    silent.is_left().await;

    let mut stopped = door.open().await;
    let placed = place(&client, 1);
    stopped.next().await;
    stopped.is_left().await;

    door.open().await.accept("pickup").await;
    placed.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_replay_may_take_as_long_as_messages_come() {
    let (client, mut incoming, mut door) = connect();
    let mut hub = door.open().await;
    let replayed = replay(&client);
    hub.next().await;
    for id in 0..100 {
        tokio::time::sleep(Duration::from_secs(5)).await;
        hub.emit("pickup", id).await;
    }
    hub.answer(json!({"status": "ok", "count": 100, "remaining": 0})).await;
    assert_eq!(replayed.await.unwrap().unwrap().count, Some(100));
    for id in 0..100 {
        assert_eq!(incoming.recv().await.unwrap().message_id.as_str(), id.to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_line_is_asked_whether_the_hub_is_still_there() {
    let (client, _incoming, mut door) = connect();
    let mut hub = door.open().await;
    let replayed = replay(&client);
    hub.accept("getAll").await;
    replayed.await.unwrap().unwrap();
    // It answers once, and then the line goes dead.
    hub.accept("getAll").await;
    hub.next().await;
    hub.is_left().await;
    door.open().await.accept("getAll").await;
}

#[tokio::test(start_paused = true)]
async fn an_order_reaches_the_application_as_it_came() {
    let (_client, mut incoming, mut door) = connect();
    let hub = door.open().await;
    let text =
        r#"{"event":"pickup","messageId":"7","clientId":"acme","order":{"z":1,"a":{"y":2,"b":3}}}"#;
    let payload = serde_json::from_str(text).unwrap();
    hub.tell(Heard::Event { name: "pickup".into(), payload }).await;
    let delivery = incoming.recv().await.unwrap();
    assert_eq!(delivery.order.text(), r#"{"z":1,"a":{"y":2,"b":3}}"#);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_message_is_left_out() {
    let (_client, mut incoming, mut door) = connect();
    let hub = door.open().await;
    for (name, payload) in [
        ("pickup", json!(7)),
        ("pickup", json!({})),
        ("news", json!({})),
        ("exception", json!("x")),
    ] {
        hub.tell(Heard::Event { name: name.into(), payload }).await;
    }
    hub.emit("pickup", 1).await;
    assert_eq!(incoming.recv().await.unwrap().message_id.as_str(), "1");
}
