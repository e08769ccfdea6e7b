//! What is in the file of a hub that has ended.

use std::collections::HashMap;
use std::path::Path;

use caps_proto::Event;
use rusqlite::Connection;

use crate::ledger::{Key, STORES};

/// How many snapshots there are, for how many rows of the log.
pub(crate) fn snapshots(data: &Path) -> (u64, u64) {
    let db = Connection::open(data.join("caps.db")).unwrap();
    let count = |table| {
        db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    };
    (count("snapshot"), count("log"))
}

/// Checks that everything in the log happened once, and no earlier than what was before it, and is numbered without a
/// gap. Returns the numbers of the messages.
pub(crate) fn check(data: &Path) -> HashMap<(Event, Key), u64> {
    let db = Connection::open(data.join("caps.db")).unwrap();
    let mut rows = db
        .prepare("SELECT seq, event, of, client_id, message_id, at FROM log ORDER BY seq")
        .unwrap();
    let mut rows = rows.query([]).unwrap();
    let mut messages = HashMap::new();
    let mut received = HashMap::new();
    let (mut last, mut latest) = (0, 0);
    while let Some(row) = rows.next().unwrap() {
        let seq: u64 = row.get(0).unwrap();
        assert_eq!(seq, last + 1, "the log has a gap");
        last = seq;
        let at: u64 = row.get(5).unwrap();
        assert!(at >= latest, "{seq} of the log was at {at}, after what was at {latest}");
        latest = at;
        let (event, of): (String, Option<String>) = (row.get(1).unwrap(), row.get(2).unwrap());
        let (store, number): (String, String) = (row.get(3).unwrap(), row.get(4).unwrap());
        let store = STORES.iter().position(|known| *known == store).unwrap();
        let key = Key { store, number: number.parse().unwrap() };
        if let Some(event) = Event::from_name(&event) {
            let earlier = messages.insert((event, key), seq);
            // What a nameless driver has on the road it says again when its connection is gone.
            let may_be = key.is_for_nameless() && event == Event::InTransit;
            assert!(earlier.is_none() || may_be, "{event} of {key:?} was queued twice");
            messages.insert((event, key), earlier.unwrap_or(seq));
        } else if event == "received" {
            let event = of.and_then(|of| Event::from_name(&of)).unwrap();
            let earlier = received.insert((event, key), seq);
            let may_be = key.is_for_nameless() && event == Event::Pickup;
            assert!(earlier.is_none() || may_be, "{event} of {key:?} was received twice");
        }
    }
    messages
}
