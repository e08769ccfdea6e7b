//! Whatever is in the file is read, or named as damaged in a sentence; what can be read means the same when it is written
//! and read again.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use caps_hub::{Change, Fact, Limits, Seq, Timestamp};
use rusqlite::Connection;

use super::block::{self, Appender};
use super::reader::{LAST, Sort};
use super::{FILE, Store, bring_back, check, salvage, schema};

/// Takes values out of bytes.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn taken(&mut self, most: usize) -> Vec<u8> {
        let (taken, rest) = self.0.split_at(most.min(self.0.len()));
        self.0 = rest;
        taken.to_vec()
    }

    fn number(&mut self) -> i64 {
        let mut number = [0; 8];
        let taken = self.taken(8);
        number[..taken.len()].copy_from_slice(&taken);
        i64::from_le_bytes(number)
    }

    fn text(&mut self) -> String {
        let length = usize::from(self.byte());
        String::from_utf8_lossy(&self.taken(length)).into_owned()
    }

    /// One of these, or something else in JSON; or what is none.
    fn one_of(&mut self, likely: &[&str]) -> String {
        let choice = usize::from(self.byte());
        match likely.get(choice % (likely.len() + 4)) {
            Some(likely) => (*likely).to_owned(),
            None => match choice % 4 {
                0 => "null".to_owned(),
                1 => quoted(&self.text()),
                2 => self.number().to_string(),
                _ => self.text(),
            },
        }
    }

    /// An event that may well be one.
    fn event(&mut self, seq: i64) -> String {
        let orders = ["{}", r#"{"orderId":"7"}"#, r#"{ "a" : [1.50] }"#];
        let at = if self.byte() == 255 { self.number() } else { seq.wrapping_mul(1000) };
        let previous = match self.byte() {
            255 => self.number().to_string(),
            0 => "null".to_owned(),
            back => seq.wrapping_sub(i64::from(back)).to_string(),
        };
        let by = match self.byte() % 4 {
            0 => self.number().to_string(),
            _ => self.one_of(&[r#""dora""#, r#""emil""#]),
        };
        let fields = [
            at.to_string(),
            self.one_of(&Change::NAMES.map(quoted).each_ref().map(String::as_str)),
            self.one_of(&[r#""acme""#, r#""flowers""#]),
            self.one_of(&[r#""7""#, r#""8""#]),
            previous,
            by,
            self.one_of(&[r#""pickup""#, r#""in-transit""#, r#""delivered""#, r#""release""#]),
            self.one_of(&orders),
            self.one_of(&orders),
            self.one_of(&[r#""already_claimed""#, r#""already_delivered""#]),
        ];
        let most = usize::from(self.byte()) % (2 * fields.len());
        format!("[{}]", fields[..most.max(4).min(fields.len())].join(","))
    }

    /// A row that may well be a block.
    fn block(&mut self, first: i64) -> (i64, i64, i64, String, String) {
        let count = i64::from(self.byte() % 8);
        let events: Vec<_> = (first..first + count).map(|seq| self.event(seq)).collect();
        let last = if self.byte() == 255 { self.number() } else { first + count - 1 };
        let first = if self.byte() == 255 { self.number() } else { first };
        let sizes: Vec<_> = events.iter().map(|event| event.len().to_string()).collect();
        let sizes = if self.byte() == 255 { self.text() } else { sizes.join(",") };
        (first, last, last.wrapping_mul(1000), format!("[{}]", events.join(",")), sizes)
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a text is JSON")
}

/// Brings a hub back from a log of these blocks, and from snapshots if there are any.
pub(crate) fn rows(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let mut db = Connection::open_in_memory().expect("memory");
    schema::migrate(&mut db).expect("tables");
    {
        let mut insert =
            db.prepare("INSERT INTO block VALUES (?1, ?2, ?3, ?4, ?5)").expect("a statement");
        let mut first = 1;
        for _ in 0..bytes.byte() % 16 {
            let block = bytes.block(first);
            first = block.1.saturating_add(1).min(i64::MAX - 8);
            // Two may have the same number.
            let _ = insert.execute(block);
        }
        let mut insert =
            db.prepare("INSERT INTO snapshot VALUES (?1, ?2, ?3)").expect("a statement");
        while !bytes.0.is_empty() {
            let (part, as_of) = (bytes.byte(), bytes.byte());
            let orders = String::from_utf8_lossy(&bytes.taken(4096)).into_owned();
            let _ = insert.execute((part, as_of, orders));
        }
    }
    read_again(&db);
    if let Ok(restore) = bring_back(&db, Limits::default()) {
        let now = Timestamp::from_millis(1_795_381_445_123);
        drop(restore.finish(now, &mut Default::default()));
    }
}

/// Each fact that can be read means the same when it is written and read once more.
fn read_again(db: &Connection) {
    let read = |db: &Connection| {
        let mut facts: Vec<Fact> = Vec::new();
        // What was read before an error is whole.
        let _ = block::scan(db, (Seq::default(), LAST), Sort::Oldest, |record| {
            let last = facts.last().map_or(Seq::default(), |fact| fact.seq);
            if record.seq > last
                && let Ok(fact) = record.fact()
            {
                facts.push(fact);
            }
            Ok(ControlFlow::Continue(()))
        });
        facts
    };
    let facts = read(db);
    let mut copy = Connection::open_in_memory().expect("memory");
    schema::migrate(&mut copy).expect("tables");
    let mut log = Appender::new(&copy).expect("a log");
    facts.iter().for_each(|fact| log.add(fact).expect("a fact is written"));
    log.finish().expect("a fact is written");
    assert_eq!(format!("{:?}", read(&copy)), format!("{facts:?}"));
}

/// Checks it, saves of it what is whole, and opens it as a hub does.
pub(crate) fn file(bytes: &[u8], folder: &Path) {
    let (data, saved) = (folder.join("data"), folder.join("saved"));
    fs::create_dir(&data).expect("a folder");
    fs::write(data.join(FILE), bytes).expect("a file");
    let is_well = match check(&data) {
        Ok(_) => true,
        Err(why) => {
            assert!(!why.to_string().is_empty());
            false
        }
    };
    match salvage(&data, &saved) {
        Ok(_) => assert!(check(&saved).is_ok(), "what was saved is well"),
        Err(why) => assert!(!why.to_string().is_empty()),
    }
    let now = Timestamp::from_millis(1_795_381_445_123);
    let opened = Store::open(&data).and_then(|store| store.restore(Limits::default(), now));
    if let Err(why) = &opened {
        assert!(!is_well, "it was checked and is well, but: {why}");
    }
}
