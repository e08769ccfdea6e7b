//! Vendors and drivers as their users run them, each behind a line of its own that the test can spoil, and a hub that
//! keeps what it is told in a folder of its own, so that another can take its place.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::hub::{End, Hub, forget_settings};
use crate::proxy::Proxy;

/// What is heard of a program.
enum Heard {
    /// A record on its stdout.
    Record(Value),
    /// A line of its log.
    Log(String),
    End,
}

/// A program that runs. Killed when it is dropped.
struct Program {
    child: Child,
    line: Proxy,
    readers: Vec<JoinHandle<()>>,
}

impl Drop for Program {
    fn drop(&mut self) {
        // Fails where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        for reader in self.readers.drain(..) {
            // All that it has said is in the channel then.
            let _ = reader.join();
        }
    }
}

/// The programs, their hub, and what they have said.
pub(crate) struct Crowd {
    vendor: Command,
    driver: Command,
    hub: Option<Hub>,
    hub_flags: Vec<String>,
    programs: BTreeMap<&'static str, Program>,
    vendors: BTreeSet<&'static str>,
    heard: Receiver<(&'static str, Heard)>,
    hear: Sender<(&'static str, Heard)>,
    /// How many times each order was thanked for.
    pub(crate) thanked: BTreeMap<String, u32>,
    /// How much each has said.
    pub(crate) said: BTreeMap<&'static str, u32>,
    /// How many connections each has lost, or not come to.
    pub(crate) outages: BTreeMap<&'static str, u32>,
    /// How the programs have ended that have.
    pub(crate) ended: BTreeMap<&'static str, ExitStatus>,
    /// The most memory that each has had, in kB, where the system tells.
    pub(crate) memory: BTreeMap<&'static str, u64>,
    deadline: Instant,
    /// The order that each vendor has thanked for last, until it is killed.
    last: BTreeMap<&'static str, String>,
    /// Orders for which a vendor may thank twice: it was killed before it was sure that it is known to have.
    pub(crate) in_doubt: BTreeSet<String>,
    /// Where the hub keeps what it is told, and programs their outbox files.
    folder: TempDir,
}

impl Crowd {
    /// A hub with these flags, and nobody yet. All has to be over within `bound`.
    pub(crate) fn new(bound: Duration, flags: &[&str]) -> Self {
        let build =
            |name| escargot::CargoBuild::new().package(name).bin(name).run().unwrap().command();
        let (vendor, driver) = (build("vendor"), build("driver"));
        let folder = TempDir::new().unwrap();
        let data = folder.path().join("data").to_str().unwrap().to_owned();
        let flags = flags.iter().map(|flag| (*flag).to_owned());
        let mut hub_flags: Vec<_> = flags.chain(["--data-dir".into(), data]).collect();
        let hub = start_hub(&hub_flags);
        hub_flags.extend(["--port".into(), hub.address().port().to_string()]);
        let (hear, heard) = mpsc::channel();
        Self {
            vendor,
            driver,
            hub: Some(hub),
            hub_flags,
            programs: BTreeMap::new(),
            vendors: BTreeSet::new(),
            heard,
            hear,
            thanked: BTreeMap::new(),
            said: BTreeMap::new(),
            outages: BTreeMap::new(),
            ended: BTreeMap::new(),
            memory: BTreeMap::new(),
            last: BTreeMap::new(),
            in_doubt: BTreeSet::new(),
            deadline: Instant::now() + bound,
            folder,
        }
    }

    /// Starts a vendor of the store that is called so.
    pub(crate) fn start_vendor(&mut self, store: &'static str, args: &[&str]) {
        let program = Command::new(self.vendor.get_program());
        self.start(store, program, &[&[store], args].concat());
        self.vendors.insert(store);
    }

    /// Starts a driver that this test calls so.
    pub(crate) fn start_driver(&mut self, name: &'static str, args: &[&str]) {
        let program = Command::new(self.driver.get_program());
        self.start(name, program, args);
    }

    fn start(&mut self, name: &'static str, mut program: Command, args: &[&str]) {
        let line = Proxy::start(self.hub().address());
        forget_settings(&mut program);
        program.args(args).args(["--json", "--url", &line.url()]).env("RUST_LOG", "warn");
        program.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = program.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (hear, hear_log) = (self.hear.clone(), self.hear.clone());
        // The test is over where nobody listens.
        let records = thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                // A program that is killed may break off.
                let Ok(record) = serde_json::from_str(&line) else { break };
                let _ = hear.send((name, Heard::Record(record)));
            }
            let _ = hear.send((name, Heard::End));
        });
        let log = thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = hear_log.send((name, Heard::Log(line)));
            }
        });
        self.programs.insert(name, Program { child, line, readers: vec![records, log] });
    }

    pub(crate) fn hub(&self) -> &Hub {
        self.hub.as_ref().unwrap()
    }

    /// Ends the hub without a warning.
    pub(crate) fn kill_hub(&mut self) {
        let status = self.hub.take().unwrap().end("-KILL").status;
        assert!(!status.success(), "the hub had ended by itself");
    }

    /// Asks the hub to end, and waits until it has.
    pub(crate) fn stop_hub(&mut self) {
        let End { status, log } = self.hub.take().unwrap().end("-TERM");
        assert!(status.success() && !log.contains("in time"), "{status}: {log}");
    }

    /// Puts a hub where one has ended. Whoever says something from now on, says it of this one.
    pub(crate) fn start_hub(&mut self) {
        self.hub = Some(start_hub(&self.hub_flags));
        while let Ok(heard) = self.heard.try_recv() {
            self.note(heard);
        }
    }

    /// Ends a program without a warning, and hears it out.
    pub(crate) fn kill(&mut self, name: &'static str) {
        let program = self.programs.get_mut(name).unwrap();
        program.child.kill().unwrap();
        let ended = program.child.wait().unwrap();
        assert!(ended.code().is_none(), "{name} had ended by itself: {ended}");
        for reader in program.readers.drain(..) {
            reader.join().unwrap();
        }
        while let Ok(heard) = self.heard.try_recv() {
            self.note(heard);
        }
        self.programs.remove(name);
        self.ended.remove(name);
        self.in_doubt.extend(self.last.remove(name));
    }

    /// A file of this test.
    pub(crate) fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    /// The line of a program to its hub.
    pub(crate) fn line(&self, name: &str) -> &Proxy {
        &self.programs[name].line
    }

    pub(crate) fn lines(&self) -> impl Iterator<Item = &Proxy> {
        self.programs.values().map(|program| &program.line)
    }

    /// Takes in what the programs say until something is so.
    pub(crate) fn hear_until(&mut self, is_so: impl Fn(&Self) -> bool) {
        while !is_so(self) {
            let left = self.deadline.saturating_duration_since(Instant::now());
            match self.heard.recv_timeout(left) {
                Ok(heard) => self.note(heard),
                Err(RecvTimeoutError::Timeout) => {
                    panic!(
                        "not in time; thanked for: {}, ended: {:?}",
                        self.thanked.len(),
                        self.ended
                    )
                }
                Err(RecvTimeoutError::Disconnected) => unreachable!("it holds an end itself"),
            }
        }
    }

    /// Whether all vendors have ended.
    pub(crate) fn is_over(&self) -> bool {
        self.vendors.iter().all(|name| self.ended.contains_key(name))
    }

    /// Goes on until so many orders are thanked for, or nobody is left who would thank.
    pub(crate) fn thank(&mut self, count: usize) {
        self.hear_until(|crowd| crowd.thanked.len() >= count || crowd.is_over());
    }

    fn note(&mut self, (name, heard): (&'static str, Heard)) {
        let Some(program) = self.programs.get_mut(name) else { return };
        if let Some(memory) = memory(&program.child) {
            self.memory.insert(name, memory);
        }
        if matches!(heard, Heard::Record(_)) {
            *self.said.entry(name).or_default() += 1;
        }
        match heard {
            // Drivers say so, too.
            Heard::Record(record)
                if record["event"] == "delivered" && record["clientId"] == name =>
            {
                let order = format!("{name}/{}", record["messageId"].as_str().unwrap());
                *self.thanked.entry(order.clone()).or_default() += 1;
                self.last.insert(name, order);
            }
            Heard::Record(_) => {}
            Heard::Log(line) => {
                if line.contains("no connection to the hub") {
                    *self.outages.entry(name).or_default() += 1;
                }
                println!("{name}: {line}");
            }
            Heard::End => {
                self.ended.insert(name, program.child.wait().unwrap());
            }
        }
    }

    /// Goes on until these programs have lost their connections, as far as there is anything to do.
    pub(crate) fn lose(&mut self, names: &[&'static str], break_it: impl FnOnce(&mut Self)) {
        let before = self.outages.clone();
        break_it(self);
        self.hear_until(|crowd| {
            let has_lost = |name| crowd.outages.get(name) > before.get(name);
            names.iter().all(|name| has_lost(name) || crowd.ended.contains_key(name))
                || crowd.is_over()
        });
    }

    /// Sees that so many orders were thanked for, each once, by vendors that have all ended well.
    pub(crate) fn is_well(&self, orders: usize) {
        let twice: Vec<_> = self.thanked.iter().filter(|(_, times)| **times != 1).collect();
        assert!(twice.is_empty(), "thanked for more than once: {twice:?}");
        assert_eq!(self.thanked.len(), orders);
        assert!(self.ended.values().all(ExitStatus::success), "{:?}", self.ended);
    }
}

fn start_hub(flags: &[String]) -> Hub {
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    Hub::start_logging("warn", &flags)
}

/// The most memory that a process has had, in kB.
fn memory(child: &Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
