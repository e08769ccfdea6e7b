//! A driver with many orders at hand, which goes on with each where it was when its hub has gone.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::convert::Infallible;
use std::net::SocketAddr;

use caps_hub::AckId;
use caps_proto::{Answer, Code, Event, Message};

use crate::hearing::Hearing;
use crate::ledger::{DRIVERS, Key, STORES, Word};
use crate::socket::{Heard, Lost, Socket};
use crate::town::Talk;

/// The most that it has said and was not answered.
const WINDOW: usize = 32;

pub(crate) struct Driver {
    index: usize,
    /// What it is to say next of which order.
    todo: VecDeque<(Key, Word)>,
    /// What it has said, and was not answered.
    said: BTreeMap<AckId, (Key, Word)>,
    /// Every order that it has ever begun with.
    begun: HashSet<Key>,
    /// Of which it has received the pickup, and that was its own to receive; or which it has delivered.
    taken: HashSet<Key>,
}

impl Driver {
    pub(crate) fn new(index: usize) -> Self {
        Self {
            index,
            todo: VecDeque::new(),
            said: BTreeMap::new(),
            begun: HashSet::new(),
            taken: HashSet::new(),
        }
    }

    /// Lives with one hub until that is gone.
    pub(crate) async fn live(&mut self, hub: SocketAddr, talk: &Talk) {
        let Err(Lost) = self.connect(hub, talk).await;
        // What was not answered is said again, first.
        for unanswered in std::mem::take(&mut self.said).into_values().rev() {
            self.todo.push_front(unanswered);
        }
    }

    async fn connect(&mut self, hub: SocketAddr, talk: &Talk) -> Result<Infallible, Lost> {
        let auth = match DRIVERS[self.index] {
            Some(name) => format!(r#"{{"role":"driver","clientId":"{name}"}}"#),
            None => r#"{"role":"driver"}"#.to_owned(),
        };
        let mut socket = Socket::connect(hub, &auth).await?;
        let mut get_all = socket.emit("getAll", "{}").await?;
        let mut hearings = STORES.map(|_| Hearing::new());
        loop {
            while self.said.len() < WINDOW
                && let Some((key, word)) = self.todo.pop_front()
            {
                talk.ledger().say(key, word);
                let (verb, payload) = word.packet(key);
                // Until it is known by its number, it is as good as unsaid.
                match socket.emit(verb, &payload).await {
                    Ok(ack) => self.said.insert(ack, (key, word)),
                    Err(lost) => {
                        self.todo.push_front((key, word));
                        return Err(lost);
                    }
                };
            }
            socket.flush().await?;
            match socket.hear().await? {
                Heard::Answer(ack, answer) if ack == get_all => {
                    if talk.puts_off(&answer).await {
                        hearings.iter_mut().for_each(Hearing::asked_again);
                        get_all = socket.emit("getAll", "{}").await?;
                    } else {
                        hearings.iter_mut().for_each(Hearing::caught_up);
                    }
                }
                Heard::Answer(ack, answer) => {
                    let (key, word) = self.said.remove(&ack).expect("one answer to each question");
                    if talk.puts_off(&answer).await {
                        self.todo.push_front((key, word));
                    } else {
                        self.answered(key, word, answer, talk);
                    }
                }
                Heard::Message(message) => {
                    let key = Key::of(&message);
                    if talk.ledger().comes_in_turn(key) {
                        hearings[key.store].hear(key.number);
                    }
                    self.told(&message, talk);
                }
            }
        }
    }

    fn told(&mut self, message: &Message, talk: &Talk) {
        let key = Key::of(message);
        assert_eq!(message.event, Event::Pickup, "a driver hears of pickups");
        let may_be = !self.taken.contains(&key) || talk.ledger().may_be_offered_again(key);
        assert!(may_be, "risen: the pickup of {key:?}");
        // Nobody is told of what is not kept.
        talk.ledger().keep(key, Word::Pickup);
        if key.is_for(self.index) && self.begun.insert(key) {
            // Some drivers never say that they have received a pickup.
            let first = if key.number % 4 == 1 { Word::InTransit } else { Word::Take };
            self.todo.push_back((key, first));
        }
    }

    fn answered(&mut self, key: Key, word: Word, answer: Answer, talk: &Talk) {
        match answer {
            Answer::Ok(done) => {
                talk.ledger().keep(key, word);
                if word == Word::Delivered || (word == Word::Take && done.removed == Some(1)) {
                    self.taken.insert(key);
                }
            }
            Answer::Error(refusal) => {
                let is_anothers =
                    matches!(refusal.code, Code::AlreadyClaimed | Code::AlreadyDelivered);
                let rivals = (0..DRIVERS.len()).filter(|driver| key.is_for(*driver)).count();
                assert!(is_anothers && rivals > 1, "{word:?} of {key:?} is answered {refusal:?}");
                return;
            }
        }
        match word {
            Word::Take => self.todo.push_back((key, Word::InTransit)),
            Word::InTransit => self.todo.push_back((key, Word::Delivered)),
            _ => {}
        }
    }
}
