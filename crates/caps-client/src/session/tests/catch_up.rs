//! How a backlog is heard that is larger than the inbox.

use serde_json::Value;

use super::*;
use crate::{Client, Delivery, Incoming};
use played_hub::Hub;

/// A hub with one queue of pickups, which are numbered in the order in which they were placed.
struct Queue {
    hub: Hub,
    waiting: VecDeque<usize>,
    placed: usize,
    sent: usize,
    pages: usize,
    /// How many more orders are placed: one at each thing that the client asks, before and after it is done.
    to_come: usize,
}

impl Queue {
    fn new(hub: Hub, backlog: usize) -> Self {
        let waiting = (0..backlog).collect();
        Self { hub, waiting, placed: backlog, sent: 0, pages: 0, to_come: 0 }
    }

    async fn serve(&mut self) {
        loop {
            let (verb, payload) = self.hub.next().await;
            self.place().await;
            match verb {
                "getAll" => self.replay(&payload).await,
                "received" => {
                    let id = payload["messageId"].as_str().unwrap().parse().unwrap();
                    let at = self.waiting.binary_search(&id).unwrap();
                    self.waiting.remove(at);
                    self.hub.answer(json!({"status": "ok", "removed": 1})).await;
                }
                other => panic!("{other} {payload}"),
            }
            self.place().await;
        }
    }

    async fn replay(&mut self, payload: &Value) {
        let limit = usize::try_from(payload["limit"].as_u64().unwrap()).unwrap();
        let page: Vec<_> = self.waiting.iter().copied().take(limit).collect();
        for id in &page {
            self.hub.emit("pickup", *id).await;
        }
        self.sent += page.len();
        self.pages += usize::from(limit > 0);
        assert!(self.pages < 20_000, "it asks again and again");
        let remaining = self.waiting.len() - page.len();
        let answer = json!({"status": "ok", "count": page.len(), "remaining": remaining});
        self.hub.answer(answer).await;
    }

    /// Places an order, if any are to come, which is sent at once.
    async fn place(&mut self) {
        if self.to_come > 0 {
            self.to_come -= 1;
            self.waiting.push_back(self.placed);
            self.hub.emit("pickup", self.placed).await;
            self.sent += 1;
            self.placed += 1;
        }
    }
}

fn number(delivery: &Delivery) -> usize {
    delivery.message_id.as_str().parse().unwrap()
}

/// Hears and acknowledges so many orders, and sees that they come in order, and each once.
async fn hear(client: &Client, incoming: &mut Incoming, orders: usize) {
    client.get_all(None, None).await.unwrap();
    for expected in 0..orders {
        let delivery = incoming.recv().await.unwrap();
        assert_eq!(number(&delivery), expected);
        client.acknowledge(delivery).await.unwrap();
    }
}

/// Does `what` with a hub that has such a backlog, and returns what became of the hub's queue.
async fn with_backlog(mut queue: Queue, what: impl Future<Output = ()>) -> Queue {
    tokio::select! {
        () = queue.serve() => unreachable!("it serves for ever"),
        () = what => {}
    }
    queue
}

#[tokio::test(start_paused = true)]
async fn a_large_backlog_is_heard_in_order_and_sent_about_once() {
    const BACKLOG: usize = 10_000;
    for inbox in [1, 64] {
        let (client, mut incoming, mut door) = start(|options| options.inbox = inbox);
        let queue = Queue::new(door.open().await, BACKLOG);
        let before = Instant::now();
        let queue = with_backlog(queue, hear(&client, &mut incoming, BACKLOG)).await;
        assert!(queue.waiting.is_empty());
        assert!(queue.sent <= 2 * BACKLOG + inbox, "inbox {inbox}: {} sent", queue.sent);
        assert_eq!(before.elapsed(), Duration::ZERO, "no page waits for a silence");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_new_is_heard_after_the_backlog() {
    for inbox in [1, 2, 7, 64] {
        let (client, mut incoming, mut door) = start(|options| options.inbox = inbox);
        let mut queue = Queue::new(door.open().await, 300);
        queue.to_come = 500;
        with_backlog(queue, hear(&client, &mut incoming, 800)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_application_that_acknowledges_nothing_is_not_fed_in_a_loop() {
    let (client, mut incoming, mut door) = start(|options| options.inbox = 2);
    let queue = Queue::new(door.open().await, 5);
    let silence = Duration::from_secs(20);
    let gives_up_all = async {
        client.get_all(None, None).await.unwrap();
        let mut given_up = 0;
        let all = async {
            loop {
                drop(incoming.recv().await.unwrap());
                given_up += 1;
            }
        };
        assert!(tokio::time::timeout(silence * 10, all).await.is_err());
        assert!(given_up >= 10, "what is given up comes again");
    };
    let queue = with_backlog(queue, gives_up_all).await;
    assert!(queue.pages <= 11, "{} pages", queue.pages);
}

#[tokio::test(start_paused = true)]
async fn an_application_that_holds_much_hears_more_when_it_has_any_room() {
    let (client, mut incoming, mut door) = start(|options| options.inbox = 4);
    let queue = Queue::new(door.open().await, 6);
    let holds = async {
        client.get_all(None, None).await.unwrap();
        let mut held = vec![];
        for _ in 0..4 {
            held.push(incoming.recv().await.unwrap());
        }
        assert!(soon(incoming.recv()).await.is_none());
        client.acknowledge(held.remove(0)).await.unwrap();
        assert_eq!(number(&incoming.recv().await.unwrap()), 4);
    };
    with_backlog(queue, holds).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_is_asked_for_when_a_look_shows_it() {
    let (client, mut incoming, mut door) = connect();
    let mut hub = door.open().await;
    let replayed = replay(&client);
    hub.accept("getAll").await;
    replayed.await.unwrap().unwrap();

    let (verb, look) = hub.next().await;
    assert_eq!((verb, &look["limit"]), ("getAll", &json!(0)));
    hub.answer(json!({"status": "ok", "count": 0, "remaining": 1})).await;
    let (verb, page) = hub.next().await;
    assert_eq!((verb, &page["limit"]), ("getAll", &json!(16_384)));
    hub.emit("pickup", 7).await;
    hub.answer(json!({"status": "ok", "count": 1, "remaining": 0})).await;
    let delivery = incoming.recv().await.unwrap();
    assert_eq!(number(&delivery), 7);

    let (_, look) = hub.next().await;
    assert_eq!(look["limit"], 0);
    hub.answer(json!({"status": "ok", "count": 0, "remaining": 1})).await;
    let (_, look) = hub.next().await;
    assert_eq!(look["limit"], 0, "what waits is in the application's hands");
    delivery.settle();
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_in_an_outage_is_heard_before_what_is_new() {
    let (client, mut incoming, mut door) = connect();
    let mut hub = door.open().await;
    let replayed = replay(&client);
    hub.accept("getAll").await;
    replayed.await.unwrap().unwrap();
    drop(hub);

    let mut hub = door.open().await;
    hub.emit("pickup", 2).await;
    assert_eq!(hub.next().await.0, "getAll");
    hub.emit("pickup", 3).await;
    for id in 1..=3 {
        hub.emit("pickup", id).await;
    }
    hub.answer(json!({"status": "ok", "count": 3, "remaining": 0})).await;
    for expected in 1..=3 {
        let delivery = incoming.recv().await.unwrap();
        assert_eq!(number(&delivery), expected);
        delivery.settle();
    }
}

#[tokio::test(start_paused = true)]
async fn one_backlog_does_not_hold_up_another() {
    let (client, mut incoming, mut door) = start(|options| options.inbox = 2);
    let mut hub = door.open().await;
    let listen = {
        let client = client.clone();
        tokio::spawn(async move {
            client.get_all(Some(&acme()), Some(Event::Delivered)).await?;
            client.get_all(Some(&acme()), Some(Event::InTransit)).await
        })
    };
    hub.next().await;
    hub.emit("delivered", 1).await;
    hub.answer(json!({"status": "ok", "count": 1, "remaining": 5})).await;
    hub.next().await;
    // Of the page before this one.
    hub.emit("delivered", 9).await;
    hub.answer(json!({"status": "ok", "count": 0, "remaining": 0})).await;
    listen.await.unwrap().unwrap();
    hub.emit("in-transit", 2).await;
    for expected in [(Event::Delivered, 1), (Event::InTransit, 2)] {
        let delivery = incoming.recv().await.unwrap();
        assert_eq!((delivery.event, number(&delivery)), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_no_room_on_a_page_comes_again() {
    let (client, mut incoming, mut door) = start(|options| options.inbox = 4);
    let mut hub = door.open().await;
    let listen = {
        let client = client.clone();
        tokio::spawn(async move {
            client.get_all(Some(&acme()), Some(Event::Delivered)).await?;
            client.get_all(Some(&acme()), Some(Event::InTransit)).await
        })
    };
    for (event, ids) in [("delivered", 1..=3), ("in-transit", 4..=5)] {
        assert_eq!(hub.next().await.1["event"], event);
        for id in ids.clone() {
            hub.emit(event, id).await;
        }
        hub.answer(json!({"status": "ok", "count": ids.count(), "remaining": 0})).await;
    }
    listen.await.unwrap().unwrap();
    // Half of what it holds.
    for expected in 1..=2 {
        let delivery = incoming.recv().await.unwrap();
        assert_eq!(number(&delivery), expected);
        let (acknowledged, _) = tokio::join!(client.acknowledge(delivery), hub.accept("received"));
        acknowledged.unwrap();
    }
    assert_eq!(hub.next().await.1["event"], "in-transit");
    for id in 4..=5 {
        hub.emit("in-transit", id).await;
    }
    hub.answer(json!({"status": "ok", "count": 2, "remaining": 0})).await;
    let mut held = vec![];
    for expected in 3..=5 {
        let delivery = incoming.recv().await.unwrap();
        assert_eq!(number(&delivery), expected);
        held.push(delivery);
    }
}
