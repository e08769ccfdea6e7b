use caps_hub::{Change, ConnId, Timestamp, Who};
use caps_proto::OrderRef;

use super::super::block::Appender;
use super::super::schema;
use super::*;

const VENDORS: [&str; 3] = ["acme", "books", "flowers"];

/// A log of so many events, of one vendor after another, of which none is listed.
fn log(count: u64) -> Connection {
    let mut db = Connection::open_in_memory().unwrap();
    schema::migrate(&mut db).unwrap();
    let change = db.transaction().unwrap();
    let mut log = Appender::new(&change).unwrap();
    (1..=count).for_each(|seq| log.add(&fact(seq)).unwrap());
    log.finish().unwrap();
    change.commit().unwrap();
    db
}

fn fact(seq: u64) -> Fact {
    let by = Who::Nameless(ConnId(1));
    Fact {
        seq: Seq(seq),
        at: Timestamp::from_millis(seq),
        which: OrderRef {
            client_id: ClientId::new(VENDORS[seq as usize % 3]).unwrap(),
            message_id: "7".parse().unwrap(),
        },
        previous: None,
        change: if seq.is_multiple_of(2) { Change::Claimed(by) } else { Change::Released { by } },
    }
}

fn is_of_acme(seq: u64, event: Option<&str>) -> bool {
    let fact = fact(seq);
    fact.which.client_id.as_str() == "acme" && event.is_none_or(|it| fact.change.name() == it)
}

fn check(db: &Connection, count: u64) {
    assert!(is_right(db).unwrap());
    assert_eq!(vendors(db, 9).unwrap(), VENDORS);
    assert_eq!(vendors(db, 2).unwrap(), VENDORS[..2]);
    for (low, high) in [(1, count), (2, BLOCK as u64), (BLOCK as u64 + 1, count - 7), (9, 9)] {
        for (events, event) in
            [(&["claimed", "released"][..], None), (&["claimed"], Some("claimed"))]
        {
            let range = (Seq(low), Seq(high));
            let found = |sort, limit| of_client(db, "acme", events, range, sort, limit).unwrap();
            let mut all: Vec<_> = (low..=high).filter(|seq| is_of_acme(*seq, event)).collect();
            let few = all.len().min(5);
            assert_eq!(found(Sort::Oldest, ALL), all, "{range:?}");
            assert_eq!(found(Sort::Oldest, 5), all[..few], "{range:?}");
            all.reverse();
            assert_eq!(found(Sort::Newest, ALL), all, "{range:?}");
            assert_eq!(found(Sort::Newest, 5), all[..few], "{range:?}");
        }
    }
}

#[test]
fn a_vendors_events_are_found_in_order_whether_they_are_listed_or_not() {
    let count = 3 * BLOCK as u64;
    let mut db = log(count);
    check(&db, count);
    let mut unlisted = Unlisted::of(&mut db).unwrap();
    assert_eq!((unlisted.count as u64, listed(&db).unwrap()), (count, Seq(0)));
    unlisted.list(&db).unwrap();
    unlisted.clear();
    check(&db, count);
    let mut log = Appender::new(&db).unwrap();
    for seq in count + 1..count + 100 {
        log.add(&fact(seq)).unwrap();
        unlisted.note(&fact(seq));
    }
    log.finish().unwrap();
    check(&db, count + 99);
    unlisted.list(&db).unwrap();
    check(&db, count + 99);
}

#[test]
fn what_is_not_listed_of_a_long_log_is_when_it_is_opened() {
    let count = MANY + BLOCK as u64;
    let mut db = log(count);
    let unlisted = Unlisted::of(&mut db).unwrap();
    assert!(unlisted.count < BLOCK, "{} are left", unlisted.count);
    assert_eq!(listed(&db).unwrap(), Seq(count - unlisted.count as u64));
    check(&db, count);
}

#[test]
fn a_list_is_forgotten_with_the_last_of_its_events() {
    let mut db = log(100);
    Unlisted::of(&mut db).unwrap().list(&db).unwrap();
    let rows = |db: &Connection| -> u64 {
        db.query_row("SELECT count(*) FROM listing", [], |row| row.get(0)).unwrap()
    };
    let listed = rows(&db);
    for (sql, left) in [("DELETE FROM block WHERE last < 100", listed), ("DELETE FROM block", 0)] {
        db.execute_batch(sql).unwrap();
        forget(&db).unwrap();
        assert_eq!(rows(&db), left);
        assert!(is_right(&db).unwrap());
    }
}

#[test]
fn a_list_that_names_the_wrong_events_or_lacks_some_is_not_right() {
    for sql in [
        "DELETE FROM listing WHERE client_id = 'acme' AND event = 'claimed'",
        "UPDATE listing SET client_id = 'zoo' WHERE client_id = 'acme'",
        "UPDATE listing SET seqs = '[7]' WHERE client_id = 'acme'",
        "UPDATE listing SET seqs = '[7' WHERE client_id = 'acme'",
    ] {
        let mut db = log(100);
        Unlisted::of(&mut db).unwrap().list(&db).unwrap();
        db.execute_batch(sql).unwrap();
        assert!(!is_right(&db).unwrap(), "{sql}");
    }
}
