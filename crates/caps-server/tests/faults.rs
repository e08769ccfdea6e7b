//! Vendors and drivers in a world where lines are cut, stuck, slow and late, and the hub is killed, stopped and
//! replaced: every order is delivered, and thanked for once.
//!
//! `SEED` repeats a run.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::time::{Duration, Instant};

mod crowd;
mod hub;
#[path = "../../caps-client/tests/stage/proxy.rs"]
mod proxy;

use crowd::Crowd;
use proxy::Line;
use rand::rngs::StdRng;
use rand::seq::{IteratorRandom as _, SliceRandom as _};
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;

const VENDORS: [&str; 2] = ["acme-widgets", "1-800-flowers"];
const DRIVERS: [&str; 2] = ["dana", "nameless"];

/// The most memory that a client may take, in kB.
const MOST_MEMORY: u64 = 20 * 1024;

/// The tests take their time, and share one machine: one after the other, be they of one process or of several.
fn one_at_a_time() -> File {
    let turn = File::create(concat!(env!("CARGO_TARGET_TMPDIR"), "/faults.lock")).unwrap();
    turn.lock().unwrap();
    turn
}

fn dice() -> StdRng {
    let seed = std::env::var("SEED").map(|seed| seed.parse().unwrap());
    let seed = seed.unwrap_or_else(|_| u64::from(std::process::id()));
    println!("SEED={seed}");
    StdRng::seed_from_u64(seed)
}

/// A crowd of two vendors with so many orders each, one every `interval`, and two drivers in a hurry.
fn crowd(bound: Duration, orders: usize, interval: &str) -> Crowd {
    let mut crowd = Crowd::new(bound, &[]);
    for name in DRIVERS {
        let name_it: &[_] = if name == "dana" { &["--name", "dana"] } else { &[] };
        let in_a_hurry = ["--pickup-delay", "0s", "--delivery-delay", "0s"];
        crowd.start_driver(name, &[name_it, &in_a_hurry].concat());
    }
    for store in VENDORS {
        crowd.start_vendor(store, &["--interval", interval, "--count", &orders.to_string()]);
    }
    crowd
}

/// Goes on until both vendors have ended, and sees that all is well.
fn end(mut crowd: Crowd, orders: usize) {
    crowd.hear_until(Crowd::is_over);
    crowd.is_well(VENDORS.len() * orders);
    println!("memory in kB: {:?}", crowd.memory);
    if cfg!(target_os = "linux") {
        assert_eq!(crowd.memory.len(), 4);
    }
    assert!(crowd.memory.values().all(|memory| *memory < MOST_MEMORY), "{:?}", crowd.memory);
}

#[test]
fn two_thousand_orders_are_thanked_for_once_through_forty_faults() {
    const ORDERS: usize = 1_000;
    const FAULTS: usize = 20;
    let _alone = one_at_a_time();
    let mut dice = dice();
    let start = Instant::now();
    let mut crowd = crowd(Duration::from_secs(120), ORDERS, "0s");
    // Each fault comes when so many orders are thanked for.
    let all = VENDORS.len() * ORDERS;
    let mut moments = (0..all).sample(&mut dice, 2 * FAULTS);
    moments.sort_unstable();
    let mut faults = [[true; FAULTS], [false; FAULTS]].concat();
    faults.shuffle(&mut dice);
    for (moment, is_kill) in moments.into_iter().zip(faults) {
        crowd.thank(moment);
        if is_kill {
            crowd.kill_hub();
            crowd.start_hub();
        } else if let Some(line) = crowd.lines().choose(&mut dice) {
            line.cut();
        }
    }
    end(crowd, ORDERS);
    println!("{:?}", start.elapsed());
}

#[test]
fn when_a_hub_is_replaced_everyone_is_at_work_again_within_five_seconds() {
    const ORDERS: usize = 1_000;
    const HUBS: usize = 3;
    let _alone = one_at_a_time();
    let mut crowd = crowd(Duration::from_secs(120), ORDERS, "10ms");
    for _ in 0..HUBS {
        crowd.thank(crowd.thanked.len() + 100);
        let asked = Instant::now();
        crowd.stop_hub();
        let stopped = asked.elapsed();
        crowd.start_hub();
        let before = crowd.said.clone();
        let everybody = [VENDORS, DRIVERS].concat();
        crowd.hear_until(|crowd| {
            everybody.iter().all(|name| crowd.said.get(name) > before.get(name)) || crowd.is_over()
        });
        println!("stopped in {stopped:?}, everyone is back after {:?}", asked.elapsed());
        assert!(!crowd.is_over(), "it was over too soon to tell");
        assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    }
    end(crowd, ORDERS);
}

/// What can go wrong for a while.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// Everything comes late on one line.
    Late,
    /// One line carries a kilobyte in a second.
    Slow,
    /// One line ends in the middle of what the hub says.
    CutInAFrame,
    /// One line swallows everything.
    Dead,
    /// The hub is stopped, and goes on before anybody has given it up.
    Paused,
    /// The hub is stopped until everybody has given it up.
    Stopped,
    /// The hub is gone until everybody has noticed.
    Away,
}

impl Fault {
    const ALL: [Self; 7] = [
        Self::Late,
        Self::Slow,
        Self::CutInAFrame,
        Self::Dead,
        Self::Paused,
        Self::Stopped,
        Self::Away,
    ];

    /// Brings it about, on one line or on all, and mends it.
    fn happen(self, crowd: &mut Crowd, dice: &mut StdRng) {
        let everybody = [VENDORS, DRIVERS].concat();
        let still_there: Vec<_> =
            everybody.into_iter().filter(|name| !crowd.ended.contains_key(name)).collect();
        let Some(&one) = still_there.iter().choose(dice) else { return };
        println!("{self:?}, {one}");
        let more = crowd.thanked.len() + 20;
        match self {
            Self::Late | Self::Slow => {
                let late = Line::Late(Duration::from_millis(dice.random_range(10..100)));
                let is_late = matches!(self, Self::Late);
                crowd.line(one).set(if is_late { late } else { Line::Slow(1_000) });
                crowd.thank(more);
            }
            Self::CutInAFrame => {
                let bytes = dice.random_range(1..2_000);
                crowd.lose(&[one], |crowd| crowd.line(one).set(Line::CutAfter(bytes)));
            }
            Self::Dead => crowd.lose(&[one], |crowd| crowd.line(one).set(Line::Dead)),
            Self::Paused => {
                crowd.hub().signal("-STOP");
                std::thread::sleep(Duration::from_millis(dice.random_range(100..2_000)));
                crowd.hub().signal("-CONT");
            }
            Self::Stopped => {
                crowd.lose(&still_there, |crowd| crowd.hub().signal("-STOP"));
                crowd.hub().signal("-CONT");
            }
            Self::Away => {
                crowd.lose(&still_there, Crowd::kill_hub);
                crowd.start_hub();
            }
        }
        crowd.line(one).set(Line::Open);
    }
}

#[test]
fn every_order_is_thanked_for_once_whatever_lines_and_the_hub_do() {
    const ORDERS: usize = 300;
    let _alone = one_at_a_time();
    let mut dice = dice();
    let mut crowd = crowd(Duration::from_secs(180), ORDERS, "100ms");
    let mut faults = Fault::ALL;
    faults.shuffle(&mut dice);
    for fault in faults {
        crowd.thank(crowd.thanked.len() + dice.random_range(1..50));
        fault.happen(&mut crowd, &mut dice);
    }
    end(crowd, ORDERS);
}

/// The orders of a store that its outbox file knows of, answered or not.
fn kept(crowd: &Crowd, store: &str) -> Vec<String> {
    let text = fs::read_to_string(crowd.path(store)).unwrap_or_default();
    let lines = text.lines().map(serde_json::from_str::<Value>);
    // The last one may break off.
    let calls = lines.filter_map(Result::ok).filter(|line| line["verb"] == "pickup");
    calls.map(|line| format!("{store}/{}", line["messageId"].as_str().unwrap())).collect()
}

fn start_with_an_outbox(crowd: &mut Crowd, name: &'static str) {
    let outbox = crowd.path(name);
    let in_a_hurry = ["--pickup-delay", "10ms", "--delivery-delay", "10ms"];
    match name {
        "dana" => {
            let args = ["--name", "dana", "--outbox", &outbox];
            crowd.start_driver(name, &[args, in_a_hurry].concat());
        }
        "nameless" => crowd.start_driver(name, &in_a_hurry),
        _ => crowd.start_vendor(name, &["--interval", "20ms", "--outbox", &outbox]),
    }
}

#[test]
fn whoever_is_killed_no_order_is_lost_that_an_outbox_file_has() {
    const KILLS: usize = 20;
    let _alone = one_at_a_time();
    let mut dice = dice();
    let mut crowd = Crowd::new(Duration::from_secs(120), &[]);
    for name in VENDORS.into_iter().chain(DRIVERS) {
        start_with_an_outbox(&mut crowd, name);
    }
    let mut taken = BTreeSet::new();
    for _ in 0..KILLS {
        crowd.thank(crowd.thanked.len() + dice.random_range(1..20));
        match dice.random_range(0..5) {
            4 => {
                println!("kill the hub");
                crowd.kill_hub();
                crowd.start_hub();
            }
            nth => {
                let name = [VENDORS, DRIVERS].concat()[nth];
                println!("kill {name}");
                crowd.kill(name);
                taken.extend(kept(&crowd, name));
                start_with_an_outbox(&mut crowd, name);
            }
        }
    }
    for store in VENDORS {
        crowd.kill(store);
        taken.extend(kept(&crowd, store));
        let outbox = crowd.path(store);
        crowd.start_vendor(store, &["--no-orders", "--outbox", &outbox]);
    }
    crowd.hear_until(|crowd| taken.iter().all(|order| crowd.thanked.contains_key(order)));
    let mut twice: Vec<_> = crowd.thanked.iter().filter(|(_, times)| **times > 1).collect();
    twice.retain(|(order, _)| !crowd.in_doubt.contains(*order));
    assert!(twice.is_empty(), "thanked for more than once: {twice:?}");
    println!("{} orders", taken.len());
}
