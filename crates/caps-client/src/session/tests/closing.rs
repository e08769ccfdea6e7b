//! How a client ends.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_closing_client_sends_what_it_has_and_then_hangs_up() {
    let (client, mut incoming, mut door) = connect();
    let mut hub = door.open().await;
    let placed = place(&client, 1);
    let (name, _) = hub.next().await;
    assert_eq!(name, "pickup");
    let closed = tokio::spawn(client.clone().close(Duration::from_secs(5)));
    assert!(soon(hub.next()).await.is_none());
    assert!(place(&client, 2).await.unwrap().is_err(), "it takes nothing new");
    hub.answer(json!({"status": "ok"})).await;
    assert!(placed.await.unwrap().is_ok());
    hub.is_left().await;
    drop(hub);
    assert_eq!(closed.await.unwrap(), 0);
    assert!(matches!(incoming.recv().await, Err(Error::Closed)));
}

#[tokio::test(start_paused = true)]
async fn a_closing_client_says_what_is_left_when_its_time_is_up() {
    let (client, _incoming, mut door) = connect();
    let hub = door.knock().await;
    hub.tell(Heard::Lost("away".into())).await;
    let placed = [place(&client, 1), place(&client, 2)];
    tokio::task::yield_now().await;
    let before = Instant::now();
    assert_eq!(client.close(Duration::from_secs(5)).await, 2);
    assert_eq!(before.elapsed(), Duration::from_secs(5));
    for placed in placed {
        assert!(matches!(placed.await.unwrap(), Err(Error::Closed)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_whose_handles_are_gone_sends_what_it_has_and_ends() {
    let (client, incoming, mut door) = connect();
    let mut hub = door.open().await;
    let placed = place(&client, 1);
    hub.next().await;
    placed.abort();
    drop((client, incoming));
    hub.answer(json!({"status": "ok"})).await;
    hub.is_left().await;
}

#[tokio::test(start_paused = true)]
async fn a_closing_client_does_not_wait_for_what_it_would_hear() {
    let (client, _incoming, mut door) = connect();
    let mut hub = door.open().await;
    let (replayed, placed) = (replay(&client), place(&client, 1));
    assert_eq!(hub.next().await.0, "getAll");
    let closed = tokio::spawn(client.close(Duration::from_secs(5)));
    assert!(replayed.await.unwrap().is_err());
    hub.answer(json!({"status": "ok"})).await;
    hub.accept("pickup").await;
    placed.await.unwrap().unwrap();
    drop(hub);
    assert_eq!(closed.await.unwrap(), 0);

    let (client, _incoming, _door) = connect();
    replay(&client);
    tokio::task::yield_now().await;
    let before = Instant::now();
    client.close(Duration::from_secs(5)).await;
    assert_eq!(before.elapsed(), Duration::ZERO, "the hub is away, and there is nothing to send");
}

#[tokio::test(start_paused = true)]
async fn a_closing_client_listens_to_nothing_on_its_last_connection() {
    let (client, _incoming, mut door) = connect();
    let mut hub = door.open().await;
    let replayed = replay(&client);
    hub.accept("getAll").await;
    replayed.await.unwrap().unwrap();
    let placed = place(&client, 1);
    hub.next().await;
    drop(hub);
    let closed = tokio::spawn(client.close(Duration::from_secs(5)));
    door.open().await.accept("pickup").await;
    placed.await.unwrap().unwrap();
    assert_eq!(closed.await.unwrap(), 0);
}
