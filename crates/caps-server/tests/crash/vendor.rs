//! A vendor that places many orders at once, says again what was not answered, and watches its hub.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::convert::Infallible;
use std::net::SocketAddr;

use caps_hub::AckId;
use caps_proto::{Answer, Event, Message};

use crate::ledger::{Key, STORES, Word};
use crate::socket::{Heard, Lost, Socket};
use crate::town::Talk;

/// The most orders that are placed and not answered.
const WINDOW: usize = 32;

/// The most orders that are not through.
const MOST_OPEN: usize = 150;

pub(crate) struct Vendor {
    store: usize,
    placed: usize,
    unanswered: BTreeSet<usize>,
    /// What it has said that it has received, and was not answered.
    receipts: HashSet<(Event, Key)>,
    arrived: HashSet<Key>,
    /// What it has heard on each of its connections.
    pub(crate) heard: Vec<Vec<Note>>,
}

/// Something that a vendor has heard.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Note {
    Message(Event, Key),
    /// It was put off when it asked for all that has waited, and asks again.
    AskedAgain,
    /// It was shown all that has waited.
    CaughtUp,
}

enum Asked {
    /// An order that the hub may have heard of before, or surely has.
    Place {
        number: usize,
        is_retry: bool,
        is_known: bool,
    },
    Received(Event, Key),
    Join,
    GetAll,
}

impl Vendor {
    pub(crate) fn new(store: usize) -> Self {
        Self {
            store,
            placed: 0,
            unanswered: BTreeSet::new(),
            receipts: HashSet::new(),
            arrived: HashSet::new(),
            heard: Vec::new(),
        }
    }

    /// Lives with one hub until that is gone.
    pub(crate) async fn live(&mut self, hub: SocketAddr, talk: &Talk) {
        self.heard.push(Vec::new());
        let Err(Lost) = self.connect(hub, talk).await;
    }

    async fn connect(&mut self, hub: SocketAddr, talk: &Talk) -> Result<Infallible, Lost> {
        let store = STORES[self.store];
        let auth = format!(r#"{{"role":"vendor","clientId":"{store}"}}"#);
        let mut socket = Socket::connect(hub, &auth).await?;
        let mut asked = HashMap::new();
        asked.insert(socket.emit("join", &format!("\"{store}\"")).await?, Asked::Join);
        asked.insert(socket.emit("getAll", "{}").await?, Asked::GetAll);
        for (event, key) in self.receipts.clone() {
            self.receive(event, key, &mut socket, &mut asked, talk).await?;
        }
        for number in self.unanswered.clone() {
            self.place(number, &mut socket, &mut asked, talk).await?;
        }
        loop {
            while self.unanswered.len() < WINDOW
                && talk.is_open()
                && talk.ledger().open(self.store) < MOST_OPEN
            {
                let number = self.placed;
                self.placed += 1;
                self.place(number, &mut socket, &mut asked, talk).await?;
            }
            socket.flush().await?;
            match socket.hear().await? {
                Heard::Answer(ack, answer) => {
                    let question = asked.remove(&ack).expect("one answer to each question");
                    if talk.puts_off(&answer).await {
                        self.ask_again(question, &mut socket, &mut asked, talk).await?;
                    } else {
                        self.answered(question, answer, talk);
                    }
                }
                Heard::Message(message) => {
                    let key = self.told(&message, talk);
                    self.receive(message.event, key, &mut socket, &mut asked, talk).await?;
                }
            }
        }
    }

    async fn place(
        &mut self,
        number: usize,
        socket: &mut Socket,
        asked: &mut HashMap<AckId, Asked>,
        talk: &Talk,
    ) -> Result<(), Lost> {
        let key = Key { store: self.store, number };
        let is_known = talk.ledger().is_kept(key, Word::Pickup);
        let is_retry = !self.unanswered.insert(number);
        talk.ledger().say(key, Word::Pickup);
        let (verb, payload) = Word::Pickup.packet(key);
        let ack = socket.emit(verb, &payload).await?;
        asked.insert(ack, Asked::Place { number, is_retry, is_known });
        Ok(())
    }

    async fn receive(
        &mut self,
        event: Event,
        key: Key,
        socket: &mut Socket,
        asked: &mut HashMap<AckId, Asked>,
        talk: &Talk,
    ) -> Result<(), Lost> {
        self.receipts.insert((event, key));
        talk.ledger().say(key, received(event));
        let (verb, payload) = received(event).packet(key);
        let ack = socket.emit(verb, &payload).await?;
        asked.insert(ack, Asked::Received(event, key));
        Ok(())
    }

    async fn ask_again(
        &mut self,
        question: Asked,
        socket: &mut Socket,
        asked: &mut HashMap<AckId, Asked>,
        talk: &Talk,
    ) -> Result<(), Lost> {
        match question {
            Asked::Place { number, .. } => {
                talk.ledger().put_off(Key { store: self.store, number });
                self.place(number, socket, asked, talk).await
            }
            Asked::Received(event, key) => self.receive(event, key, socket, asked, talk).await,
            Asked::GetAll => {
                self.note(Note::AskedAgain);
                asked.insert(socket.emit("getAll", "{}").await?, Asked::GetAll);
                Ok(())
            }
            Asked::Join => panic!("a vendor that only listens is put off"),
        }
    }

    fn answered(&mut self, asked: Asked, answer: Answer, talk: &Talk) {
        let Answer::Ok(done) = answer else { panic!("a vendor is answered {answer:?}") };
        match asked {
            Asked::Place { number, is_retry, is_known } => {
                let key = Key { store: self.store, number };
                assert!(
                    is_retry || !done.duplicate,
                    "the hub knew of {key:?} before it was placed"
                );
                assert!(done.duplicate || !is_known, "the hub has {key:?} twice");
                self.unanswered.remove(&number);
                talk.ledger().keep(key, Word::Pickup);
            }
            Asked::Received(event, key) => {
                self.receipts.remove(&(event, key));
                talk.ledger().keep(key, received(event));
            }
            Asked::Join => {}
            Asked::GetAll => self.note(Note::CaughtUp),
        }
    }

    /// Takes in a message. Nobody is told of what is not kept.
    fn told(&mut self, message: &Message, talk: &Talk) -> Key {
        let (key, event) = (Key::of(message), message.event);
        let mut ledger = talk.ledger();
        assert_eq!(key.store, self.store, "another vendor's message");
        assert!(!ledger.is_kept(key, received(event)), "risen: {event} of {key:?} was received");
        if event == Event::Delivered {
            self.arrived.insert(key);
        } else {
            assert!(!self.arrived.contains(&key), "risen: {key:?} was delivered");
        }
        ledger.keep(key, if event == Event::Delivered { Word::Delivered } else { Word::InTransit });
        self.note(Note::Message(event, key));
        key
    }

    fn note(&mut self, note: Note) {
        self.heard.last_mut().expect("it is connected").push(note);
    }
}

fn received(event: Event) -> Word {
    match event {
        Event::Delivered => Word::DeliveryReceived,
        _ => Word::TransitReceived,
    }
}
