//! Whatever is in the file is read, or named as damaged in a sentence; what can be read means the same when it is written
//! and read again.

use std::fs;
use std::path::Path;

use caps_hub::{Change, Limits, Timestamp};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::{FILE, Store, bring_back, check, row, salvage, schema};

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

    fn one_of(&mut self, likely: &[&str]) -> Value {
        let choice = usize::from(self.byte());
        match likely.get(choice % (likely.len() + 3)) {
            Some(likely) => Value::Text((*likely).into()),
            None => match choice % 3 {
                0 => Value::Null,
                1 => Value::Text(self.text()),
                _ => Value::Integer(self.number()),
            },
        }
    }

    /// A row that may well be one.
    fn row(&mut self, seq: i64) -> Vec<Value> {
        let orders = ["{}", r#"{"orderId":"7"}"#, r#"{ "a" : [1.50] }"#];
        let seq = if self.byte() == 255 { self.number() } else { seq };
        let at = if self.byte() == 255 { self.number() } else { seq.wrapping_mul(1000) };
        let previous = match self.byte() {
            255 => Value::Integer(self.number()),
            0 => Value::Null,
            back => Value::Integer(seq.wrapping_sub(i64::from(back))),
        };
        let by = match self.byte() % 4 {
            0 => Value::Integer(self.number()),
            _ => self.one_of(&["dora", "emil"]),
        };
        vec![
            Value::Integer(seq),
            Value::Integer(at),
            self.one_of(&Change::NAMES),
            self.one_of(&["acme", "flowers"]),
            self.one_of(&["7", "8"]),
            previous,
            by,
            self.one_of(&["pickup", "in-transit", "delivered", "release", "received"]),
            self.one_of(&["already_claimed", "already_delivered"]),
            self.one_of(&orders),
            self.one_of(&orders),
        ]
    }
}

/// Brings a hub back from a log of these rows, and from snapshots if there are any.
pub(crate) fn rows(bytes: &[u8]) {
    let mut bytes = Bytes(bytes);
    let mut db = Connection::open_in_memory().expect("memory");
    schema::migrate(&mut db).expect("tables");
    {
        let mut insert = db.prepare(row::INSERT).expect("a statement");
        for seq in 1..=bytes.byte() % 32 {
            // The table refuses what cannot be by its types.
            let _ = insert.execute(params_from_iter(bytes.row(seq.into())));
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
    let read = |db: &Connection| -> Vec<_> {
        let all = format!("SELECT {} FROM log ORDER BY seq", row::COLUMNS);
        let mut log = db.prepare(&all).expect("a statement");
        let facts = log.query_map([], row::read).expect("rows");
        facts.filter_map(Result::ok).collect()
    };
    let facts = read(db);
    let mut copy = Connection::open_in_memory().expect("memory");
    schema::migrate(&mut copy).expect("tables");
    {
        let mut insert = copy.prepare(row::INSERT).expect("a statement");
        facts.iter().for_each(|fact| row::insert(&mut insert, fact).expect("a fact is written"));
    }
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
