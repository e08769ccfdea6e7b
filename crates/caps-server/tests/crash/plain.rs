//! Few words, said one after the other, of the first vendor's orders.

use std::time::Duration;

use caps_proto::{Answer, Code, Done, Event};
use tokio::time::timeout;

use crate::hub::Hub;
use crate::ledger::{Key, Word};
use crate::reader::Reader;
use crate::socket::Socket;
use crate::town::BOUND;

pub(crate) const VENDOR: &str = r#"{"role":"vendor","clientId":"acme-widgets"}"#;
pub(crate) const DRIVER: &str = r#"{"role":"driver","clientId":"dana"}"#;
pub(crate) const OBSERVER: &str = r#"{"role":"observer"}"#;

/// An order of the first vendor.
pub(crate) fn order(number: usize) -> Key {
    Key { store: 0, number }
}

pub(crate) async fn connect(hub: &Hub, auth: &str) -> Socket {
    Socket::connect(hub.address(), auth).await.unwrap()
}

/// Says something, which is to be answered ok.
pub(crate) async fn say(socket: &mut Socket, number: usize, word: Word) -> Done {
    let answer = socket.say(order(number), word).await;
    let Answer::Ok(done) = answer else { panic!("{word:?} of {number} is answered {answer:?}") };
    done
}

/// Says what cannot be kept.
pub(crate) async fn say_in_vain(socket: &mut Socket, number: usize, word: Word) {
    let Answer::Error(refusal) = socket.say(order(number), word).await else {
        panic!("{word:?} of {number} is answered ok, and cannot be kept")
    };
    assert_eq!((refusal.code, refusal.temporary), (Code::Busy, true));
}

/// Says it until it is kept.
pub(crate) async fn say_again(socket: &mut Socket, number: usize, word: Word) {
    /// As a client would.
    const REST: Duration = Duration::from_millis(20);
    let kept = timeout(BOUND, async {
        loop {
            match socket.say(order(number), word).await {
                Answer::Error(refusal) if refusal.code == Code::Busy => {
                    tokio::time::sleep(REST).await;
                }
                answer => return answer,
            }
        }
    });
    let answer = kept.await.expect("the hub goes on by itself");
    assert!(matches!(answer, Answer::Ok(_)), "{answer:?}");
}

/// What waits in each queue of the first vendor, as the numbers of its orders.
pub(crate) async fn waiting(hub: &Hub) -> [Vec<usize>; 3] {
    let mut reader = Reader::connect(hub.address()).await.unwrap();
    let mut queues = Event::ALL.map(|_| Vec::new());
    for (queue, event) in queues.iter_mut().zip(Event::ALL) {
        let keys = reader.ask(0, event).await.unwrap().unwrap();
        *queue = keys.iter().map(|key| key.number).collect();
    }
    queues
}

/// What it has heard since it was last asked.
pub(crate) async fn heard(listener: &mut Socket) -> Vec<(Event, Key)> {
    let (heard, _) = listener.ask("getAll", r#"{"limit":0}"#).await.unwrap();
    heard.iter().map(|message| (message.event, Key::of(message))).collect()
}
