//! The hub, vendors and drivers, as their users run them: every order is delivered, and its customer thanked once,
//! when they are killed at random, and when queues are full.
//!
//! One thing nobody can rule out: a vendor that is killed in the moment between its thanks and the hub's hearing
//! of it thanks for that one order again.
//!
//! `SEED` repeats a run, and `CAPS_KILLS` makes it longer than its 12 kills.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

mod hub;

use hub::{End, Hub, forget_settings};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// The longest that orders may take to be thanked for.
const BOUND: Duration = Duration::from_secs(60);

/// How many orders are thanked for between two kills.
const BETWEEN_KILLS: usize = 8;

/// A line that a program has printed: to stdout, or to its log.
struct Line {
    from: &'static str,
    text: String,
}

/// A vendor or a driver that runs. Killed when it is dropped.
struct Program {
    child: Child,
    readers: Vec<JoinHandle<()>>,
}

impl Program {
    fn start(name: &'static str, built: &Command, args: &[&str], lines: &Sender<Line>) -> Self {
        let mut program = Command::new(built.get_program());
        forget_settings(&mut program);
        program.args(args).env("RUST_LOG", "info").stdin(Stdio::null());
        let mut child = program.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let streams: [Box<dyn Iterator<Item = _> + Send>; 2] =
            [Box::new(stdout.lines()), Box::new(stderr.lines())];
        let readers = streams.map(|stream| {
            let lines = lines.clone();
            thread::spawn(move || {
                for text in stream.map_while(Result::ok) {
                    // The test is over where nobody listens.
                    let _ = lines.send(Line { from: name, text });
                }
            })
        });
        Self { child, readers: readers.into() }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Fails where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        for reader in self.readers.drain(..) {
            // All that it has printed is in the channel now.
            let _ = reader.join();
        }
    }
}

/// The four programs, the hub, and what has been seen of them.
struct Town {
    vendor: Command,
    driver: Command,
    hub: Option<Hub>,
    url: String,
    programs: BTreeMap<&'static str, Program>,
    lines: Receiver<Line>,
    sender: Sender<Line>,
    placed: BTreeSet<String>,
    thanked: BTreeMap<String, u32>,
    /// The order that each vendor has thanked for last.
    last: BTreeMap<&'static str, String>,
    /// Those of them that were the last before a kill.
    in_doubt: BTreeSet<String>,
}

const VENDORS: [&str; 2] = ["acme-widgets", "1-800-flowers"];
const DRIVERS: [&str; 2] = ["dana", "nameless"];

impl Town {
    /// A town whose hub has these flags until it is killed.
    fn new(flags: &[&str]) -> Self {
        let build =
            |name| escargot::CargoBuild::new().package(name).bin(name).run().unwrap().command();
        let hub = Hub::start(flags);
        let (sender, lines) = mpsc::channel();
        Self {
            vendor: build("vendor"),
            driver: build("driver"),
            url: format!("http://{}", hub.address()),
            hub: Some(hub),
            programs: BTreeMap::new(),
            lines,
            sender,
            placed: BTreeSet::new(),
            thanked: BTreeMap::new(),
            last: BTreeMap::new(),
            in_doubt: BTreeSet::new(),
        }
    }

    fn start(&mut self, name: &'static str) {
        if DRIVERS.contains(&name) {
            self.start_with(name, &["--pickup-delay", "50ms", "--delivery-delay", "100ms"]);
        } else {
            self.start_with(name, &["--interval", "100ms"]);
        }
    }

    fn start_with(&mut self, name: &'static str, flags: &[&str]) {
        let Self { vendor, driver, url, sender, .. } = self;
        let (program, mut args) = match name {
            "dana" => (driver, vec!["--name", "dana"]),
            "nameless" => (driver, vec![]),
            store => (vendor, vec![store]),
        };
        args.extend(["--url", url]);
        args.extend(flags);
        let program = Program::start(name, program, &args, sender);
        self.programs.insert(name, program);
    }

    /// Takes in what the programs print until something is so.
    fn hear_until(&mut self, is_so: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !is_so(self) {
            let left = BOUND.saturating_sub(start.elapsed());
            let line = self.lines.recv_timeout(left).ok().filter(|_| !left.is_zero());
            let Some(line) = line else {
                panic!("not thanked for within {BOUND:?}: {:?}", self.unthanked())
            };
            self.hear(line);
        }
    }

    fn hear(&mut self, Line { from, text }: Line) {
        if !VENDORS.contains(&from) {
            return;
        }
        if let Some((_, order)) =
            text.split_once("placed an order").and_then(|(_, fields)| fields.split_once("order="))
        {
            self.placed.insert(order.trim().to_owned());
        } else if let Some((order, _)) = text.split_once(" {") {
            // The line after the thanks: the order's id and its text.
            *self.thanked.entry(order.to_owned()).or_default() += 1;
            self.last.insert(from, order.to_owned());
        }
    }

    fn unthanked(&self) -> Vec<String> {
        let placed = self.placed.iter();
        placed.filter(|order| !self.thanked.contains_key(*order)).cloned().collect()
    }

    /// Waits until so many more orders are thanked for.
    fn thank(&mut self, more: usize) {
        let enough = self.thanked.len() + more;
        self.hear_until(|town| town.thanked.len() >= enough);
    }

    /// Waits until every order that is known of by now is thanked for.
    fn settle(&mut self) {
        let known = self.unthanked();
        self.hear_until(|town| known.iter().all(|order| town.thanked.contains_key(order)));
    }

    /// Ends a program or the hub without a warning, and starts it again.
    fn kill(&mut self, name: &'static str) {
        if name == "hub" {
            let hub = self.hub.take().unwrap();
            let port = hub.address().port().to_string();
            let End { status, log } = hub.end("-KILL");
            assert_eq!(status.signal(), Some(9), "the hub had ended by itself: {status}\n{log}");
            self.hub = Some(Hub::start(&["--port", &port]));
        } else {
            self.programs.remove(name);
            while let Ok(line) = self.lines.try_recv() {
                self.hear(line);
            }
            self.in_doubt.extend(self.last.remove(name));
            self.start(name);
        }
    }
}

fn number_from_env(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|number| number.parse().unwrap())
}

#[test]
fn whoever_is_killed_every_order_is_delivered_and_thanked_for_once() {
    let seed = number_from_env("SEED").unwrap_or_else(|| u64::from(std::process::id()));
    println!("SEED={seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let mut town = Town::new(&[]);
    for name in VENDORS.into_iter().chain(DRIVERS) {
        town.start(name);
    }
    let kills = number_from_env("CAPS_KILLS").unwrap_or(12);
    // The hub keeps its messages in memory: when it is gone, what the vendors and drivers remember is all there
    // is. So the vendors are not killed any more when its turn comes.
    for victims in
        [["acme-widgets", "1-800-flowers", "dana", "nameless"], ["hub", "hub", "dana", "nameless"]]
    {
        for _ in 0..kills / 2 {
            town.thank(BETWEEN_KILLS);
            let victim = victims[dice.random_range(..victims.len())];
            println!("kill {victim}");
            town.kill(victim);
        }
        town.settle();
    }
    let mut twice: Vec<_> = town.thanked.iter().filter(|(_, times)| **times != 1).collect();
    twice.retain(|(order, _)| !town.in_doubt.contains(*order));
    assert!(twice.is_empty(), "thanked more than once: {twice:?}");
    println!("{} orders", town.thanked.len());
}

#[test]
fn a_queue_that_is_full_holds_nothing_up_for_good() {
    const ORDERS: usize = 20;
    let mut town = Town::new(&["--max-queue", "2"]);
    town.start_with("dana", &["--pickup-delay", "0s", "--delivery-delay", "0s"]);
    for store in VENDORS {
        town.start_with(store, &["--interval", "1ms", "--count", &ORDERS.to_string()]);
    }
    town.thank(VENDORS.len() * ORDERS);
    assert!(town.thanked.values().all(|times| *times == 1), "{:?}", town.thanked);
}
