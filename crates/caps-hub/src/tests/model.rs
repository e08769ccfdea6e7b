//! Random calls, and after each of them the same answers, the same queues and the same broadcasts as a model
//! that is too simple to be wrong.
//!
//! `SEED=7` brings a run back. `CASES=4000` tries more of them.

use std::collections::BTreeMap;
use std::time::Duration;

use caps_proto::Event;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use serde_json::{Value, json};

use super::seed::{number_from_env, seed};
use super::world::{World, order, verdict};
use crate::{ConnId, Limits};
use oracle::{By, Oracle, REPORTED, client_of};

mod oracle;

const CLIENTS: [&str; 2] = ["acme", "flowers"];
const CUSTOMERS: [&str; 2] = [REPORTED, "Grace"];
const PROOFS: [&str; 2] = [r#"{"code":1}"#, r#"{"code":2}"#];

/// Those who act. Each connects when it first acts, and again when it acts after it has gone.
const CAST: [Actor; 7] = [
    Actor { auth: r#"{"role":"vendor","clientId":"acme"}"#, joins: Some("acme"), ..STRANGER },
    Actor { joins: Some("flowers"), ..STRANGER },
    Actor { auth: r#"{"clientId":"dora"}"#, name: Some("dora"), ..STRANGER },
    Actor { auth: r#"{"clientId":"dora"}"#, name: Some("dora"), ..STRANGER },
    STRANGER,
    Actor { is_slow: true, joins: Some("acme"), ..STRANGER },
    Actor { auth: r#"{"clientId":"slow"}"#, name: Some("slow"), is_slow: true, ..STRANGER },
];

const STRANGER: Actor = Actor { auth: "null", name: None, joins: None, is_slow: false };

struct Actor {
    auth: &'static str,
    name: Option<&'static str>,
    joins: Option<&'static str>,
    /// Its line stands still until it is told to drain, and it reads page by page.
    is_slow: bool,
}

#[derive(Debug, Clone)]
enum Act {
    Place(String, &'static str),
    Take(String),
    Deliver(String, Option<&'static str>),
    Release(String),
    Receive(Event, String),
    Narrow(&'static str),
    GetAll(&'static str, Event, u64),
    GetPickups(u64),
    Drain,
    Go,
    Wait(u64),
    Snapshot(String),
}

fn acts() -> impl Strategy<Value = Vec<(usize, Act)>> {
    let client = prop::sample::select(&CLIENTS[..]);
    let name = (client.clone(), 1..4).prop_map(|(client, id)| format!("{client}/{id}"));
    let customer = prop::sample::select(&CUSTOMERS[..]);
    let event = prop::sample::select(&Event::ALL[..]);
    let proof = prop::option::of(prop::sample::select(&PROOFS[..]));
    let act = prop_oneof![
        6 => (name.clone(), customer).prop_map(|(name, customer)| Act::Place(name, customer)),
        4 => name.clone().prop_map(Act::Take),
        2 => name.clone().prop_map(Act::Snapshot),
        3 => (name.clone(), proof).prop_map(|(name, proof)| Act::Deliver(name, proof)),
        2 => name.clone().prop_map(Act::Release),
        6 => (event.clone(), name).prop_map(|(event, name)| Act::Receive(event, name)),
        1 => client.clone().prop_map(Act::Narrow),
        2 => (client, event, 1..4_u64).prop_map(|(client, event, n)| Act::GetAll(client, event, n)),
        2 => (1..4_u64).prop_map(Act::GetPickups),
        3 => Just(Act::Drain),
        2 => Just(Act::Go),
        2 => prop::sample::select(&[10, 50, 100, 400][..]).prop_map(Act::Wait),
    ];
    prop::collection::vec((0..CAST.len(), act), 1..120)
}

/// The hub in its world, and the model beside it.
struct Pair {
    world: World,
    oracle: Oracle,
    conns: BTreeMap<usize, ConnId>,
    narrowed: BTreeMap<usize, Vec<&'static str>>,
}

#[test]
fn the_hub_does_what_a_simple_model_does() {
    let seed = seed();
    let config = Config {
        cases: number_from_env("CASES").map_or(40, |cases| cases as u32),
        max_shrink_time: 10_000,
        failure_persistence: None,
        ..Config::default()
    };
    let bytes: Vec<u8> = seed.to_le_bytes().repeat(4);
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let outcome = TestRunner::new_with_rng(config, rng).run(&acts(), |acts| {
        let mut pair = Pair::new();
        for (actor, act) in acts {
            pair.act(actor, act);
            pair.compare();
        }
        let mut read_back = pair.world.read_back().into_book(pair.world.now);
        read_back.forget_like(&pair.world.hub.book);
        read_back.audit(&pair.world.hub.limits);
        assert_eq!(read_back.portrait(), pair.world.hub.book.portrait(), "what a restart brings");
        Ok(())
    });
    if let Err(TestError::Fail(why, acts)) = outcome {
        panic!("{why}\nafter {acts:?}\nSEED={seed} brings it back");
    }
}

impl Pair {
    fn new() -> Self {
        let limits = Limits {
            claim_time: Duration::from_millis(100),
            dedupe_window: Duration::from_millis(400),
            max_remembered: 3,
            max_queue: 3,
            window_messages: 2,
            ..Limits::default()
        };
        let world = World::with(limits.clone());
        let oracle = Oracle::new(limits, world.now);
        Self { world, oracle, conns: BTreeMap::new(), narrowed: BTreeMap::new() }
    }

    fn act(&mut self, actor: usize, act: Act) {
        let conn = self.connected(actor);
        // No two acts share a moment.
        self.pass(1);
        let conn_name = conn.to_string();
        let by = By { who: CAST[actor].name.unwrap_or(&conn_name), conn: &conn_name };
        let (hub, model) = match act {
            Act::Place(name, customer) => {
                let mut order = order(&name);
                order["customer"] = customer.into();
                let answer = self.world.ask(conn, "pickup", order);
                let is_anothers = actor == 0 && client_of(&name) != "acme";
                let model =
                    if is_anothers { "forbidden" } else { self.oracle.place(&by, &name, customer) };
                (verdict(&answer), model)
            }
            Act::Take(_) | Act::Deliver(..) | Act::Release(_) if actor == 0 => return,
            Act::Receive(Event::Pickup, _) if actor == 0 => return,
            Act::Receive(_, name) if actor == 0 && client_of(&name) != "acme" => {
                (self.world.receive(conn, &format!("delivered {name}")), "forbidden")
            }
            Act::Take(name) => (self.world.take(conn, &name), self.oracle.take(&by, &name)),
            Act::Deliver(name, proof) => {
                let answered = match proof {
                    Some(proof) => self.world.prove(conn, &name, proof),
                    None => self.world.deliver(conn, &name),
                };
                (answered, self.oracle.deliver(&by, &name, proof))
            }
            Act::Release(name) => {
                (self.world.release(conn, &name), self.oracle.release(&by, &name))
            }
            Act::Receive(event, name) => (
                self.world.receive(conn, &format!("{event} {name}")),
                self.oracle.receive(&by, event, &name),
            ),
            Act::Narrow(client) if actor != 0 => {
                let subscription = json!({"clientId": client, "event": "pickup"});
                self.hears_as_the_model_says();
                self.narrowed.entry(actor).or_default().push(client);
                (verdict(&self.world.ask(conn, "subscribe", subscription)), "ok")
            }
            Act::Narrow(_) => return,
            Act::GetAll(client, event, limit) => return self.get_all(actor, client, event, limit),
            Act::GetPickups(limit) => return self.get_pickups(actor, limit),
            Act::Drain => {
                self.world.drain(conn);
                return;
            }
            Act::Go => return self.go(actor),
            Act::Wait(millis) => return self.pass(millis),
            Act::Snapshot(name) => return self.world.snapshot(&name),
        };
        assert_eq!(hub, model);
    }

    fn connected(&mut self, actor: usize) -> ConnId {
        if let Some(conn) = self.conns.get(&actor) {
            return *conn;
        }
        let Actor { auth, joins, is_slow, .. } = CAST[actor];
        let conn = self.world.connect(serde_json::from_str(auth).unwrap());
        if let Some(client) = joins {
            self.world.ask(conn, "join", json!(client));
        }
        if is_slow {
            self.world.stall(conn);
        }
        self.conns.insert(actor, conn);
        conn
    }

    fn go(&mut self, actor: usize) {
        let Some(conn) = self.conns.remove(&actor) else { return };
        self.narrowed.remove(&actor);
        self.world.disconnect(conn);
        if CAST[actor].name.is_none() {
            self.oracle.void(&conn.to_string());
        }
    }

    fn pass(&mut self, millis: u64) {
        self.world.wait(Duration::from_millis(millis));
        self.oracle.wait(Duration::from_millis(millis));
    }

    fn get_all(&mut self, actor: usize, client: &str, event: Event, limit: u64) {
        let question = json!({"clientId": client, "event": event});
        if !(actor == 0 && client != "acme") {
            self.reads(actor, question, &[client], event, limit);
        }
    }

    fn get_pickups(&mut self, actor: usize, limit: u64) {
        let clients = match self.narrowed.get(&actor) {
            _ if actor == 0 => vec!["acme"],
            Some(narrowed) => CLIENTS.into_iter().filter(|it| narrowed.contains(it)).collect(),
            None => CLIENTS.to_vec(),
        };
        self.reads(actor, json!({"event": "pickup"}), &clients, Event::Pickup, limit);
    }

    /// A slow reader asks for a page, and what it gets is the witness's to judge.
    fn reads(&mut self, actor: usize, mut question: Value, of: &[&str], event: Event, limit: u64) {
        let conn = self.conns[&actor];
        if CAST[actor].is_slow {
            question["limit"] = limit.into();
            self.world.send(conn, "getAll", question);
            return;
        }
        self.hears_as_the_model_says();
        let conn_name = conn.to_string();
        let who = CAST[actor].name.unwrap_or(&conn_name);
        let visible: Vec<_> =
            of.iter().flat_map(|client| self.oracle.visible(who, client, event)).collect();
        assert_eq!(self.world.get_all(conn, question), visible);
    }

    /// Every queue, as a stranger and as a holder sees it; and what was broadcast.
    fn compare(&mut self) {
        let (stranger, dora) = (self.world.observer(), self.world.driver("dora"));
        for client in CLIENTS {
            for event in Event::ALL {
                let queue = json!({"clientId": client, "event": event});
                let seen = self.world.get_all(stranger, queue);
                assert_eq!(seen, self.oracle.visible("a stranger", client, event));
            }
            let seen = self.world.get_all(dora, json!({"clientId": client, "event": "pickup"}));
            assert_eq!(seen, self.oracle.visible("dora", client, Event::Pickup));
        }
        self.world.disconnect(stranger);
        self.world.disconnect(dora);
        self.hears_as_the_model_says();
    }

    /// Everyone whose line is fast has heard what was just queued for them, each queue in order, and nothing else.
    fn hears_as_the_model_says(&mut self) {
        let announced = std::mem::take(&mut self.oracle.announced);
        for (actor, conn) in self.conns.clone() {
            let heard = self.world.heard(conn);
            if CAST[actor].is_slow {
                continue;
            }
            let is_for_it = |event: Event, client: &str| match event {
                Event::Pickup => match self.narrowed.get(&actor) {
                    _ if actor == 0 => false,
                    Some(narrowed) => narrowed.contains(&client),
                    None => true,
                },
                _ => CAST[actor].joins == Some(client),
            };
            let expected = announced.iter().filter(|(waiting, sender)| {
                *sender != conn.to_string() && is_for_it(waiting.event, client_of(&waiting.name))
            });
            let expected: Vec<_> = expected.map(|(waiting, _)| waiting.to_string()).collect();
            assert_eq!(by_queue(heard), by_queue(expected), "{conn}");
        }
    }
}

/// More messages than a window holds may be queued at one moment, as when several claims lapse. Then one queue's
/// rest comes after the other's.
fn by_queue(mut messages: Vec<String>) -> Vec<String> {
    messages.sort_by_key(|message| message.split('/').next().map(str::to_owned));
    messages
}
