use caps_hub::Timestamp;
use caps_proto::OrderRef;

use super::super::schema;
use super::*;

/// Events with these numbers, the text of whose orders is so long.
fn log(seqs: impl IntoIterator<Item = u64>, bytes: usize) -> Connection {
    let mut db = Connection::open_in_memory().unwrap();
    schema::migrate(&mut db).unwrap();
    let mut log = Appender::new(&db).unwrap();
    for seq in seqs {
        let order = format!(r#"{{"note":"{}"}}"#, "x".repeat(bytes));
        let which =
            OrderRef { client_id: "acme".parse().unwrap(), message_id: "7".parse().unwrap() };
        let change = Change::Placed(serde_json::from_str(&order).unwrap());
        let at = Timestamp::from_millis(seq);
        log.add(&Fact { seq: Seq(seq), at, which, previous: None, change }).unwrap();
    }
    log.finish().unwrap();
    db
}

fn blocks(db: &Connection) -> Vec<(u64, u64)> {
    let mut blocks = db.prepare("SELECT first, last FROM block ORDER BY first").unwrap();
    let blocks = blocks.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    blocks.map(Result::unwrap).collect()
}

fn found(db: &Connection, range: (u64, u64), sort: Sort) -> Vec<u64> {
    let mut found = Vec::new();
    let range = (Seq(range.0), Seq(range.1));
    let rest = scan(db, range, sort, |record| {
        found.push(record.seq.0);
        Ok(ControlFlow::Continue(()))
    });
    assert_eq!(rest.unwrap(), None);
    found
}

#[test]
fn a_block_has_no_gap_and_neither_many_events_nor_many_bytes() {
    let gaps = (1..=40).chain(50..=51).chain([60]);
    assert_eq!(blocks(&log(gaps, 1)), [(1, 32), (33, 40), (50, 51), (60, 60)]);
    assert_eq!(blocks(&log(1..=5, ENOUGH_BYTES / 2)), [(1, 2), (3, 4), (5, 5)]);
    assert_eq!(blocks(&log([], 1)), []);
}

#[test]
fn any_range_is_read_in_order_from_either_end() {
    let seqs: Vec<_> = (1..=2500).chain(3000..=3040).collect();
    let db = log(seqs.clone(), 1);
    let ends = [0, 1, 2, 31, 32, 33, 1024, 1025, 2499, 2500, 2501, 2999, 3000, 3040, 9999];
    for low in ends {
        for high in ends.into_iter().chain([LAST.0]) {
            let in_range = |seq: &u64| (low..=high).contains(seq);
            let mut expected: Vec<_> = seqs.iter().copied().filter(in_range).collect();
            assert_eq!(found(&db, (low, high), Sort::Oldest), expected, "{low} {high}");
            expected.reverse();
            assert_eq!(found(&db, (low, high), Sort::Newest), expected, "{low} {high}");
        }
    }
}

#[test]
fn who_has_read_enough_is_told_how_far() {
    let db = log(1..=100, 1);
    let stop_at = |seq| {
        move |record: &Record<'_>| {
            let is_there = record.seq == Seq(seq);
            Ok(if is_there { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        }
    };
    let all = (Seq(1), LAST);
    assert_eq!(scan(&db, all, Sort::Oldest, stop_at(70)).unwrap(), Some(Seq(70)));
    assert_eq!(pick(&db, &[90, 70, 3], stop_at(70)).unwrap(), Some(Seq(70)));
}

#[test]
fn events_are_picked_by_their_numbers_and_those_that_are_gone_left_out() {
    let db = log((1..=40).chain(50..=99), 1);
    for (sought, in_log) in [
        (&[1, 2, 33, 41, 49, 50, 99, 100][..], &[1, 2, 33, 50, 99][..]),
        (&[200, 60, 45, 40, 32, 1], &[60, 40, 32, 1]),
        (&[], &[]),
    ] {
        let mut found = Vec::new();
        let picked = pick(&db, sought, |record| {
            found.push(record.seq.0);
            Ok(ControlFlow::Continue(()))
        });
        assert_eq!((picked.unwrap(), &found[..]), (None, in_log));
    }
    assert_eq!(get(&db, Seq(40), |record| Ok(record.seq)).unwrap(), Some(Seq(40)));
    assert_eq!(get(&db, Seq(41), |record| Ok(record.seq)).unwrap(), None);
}

#[test]
fn a_block_that_does_not_have_the_events_that_it_names_is_damaged() {
    for sql in [
        "last = 9",
        "last = 0",
        "events = '[]'",
        "sizes = '9'",
        "sizes = ''",
        "sizes = replace(sizes, '5', '6')",
        "events = replace(events, 'pickup', 'pick\"p')",
    ] {
        let db = log(1..=10, 1);
        db.execute_batch(&format!("UPDATE block SET {sql}")).unwrap();
        let read = scan(&db, (Seq(1), LAST), Sort::Oldest, |_| Ok(ControlFlow::Continue(())));
        assert!(read.is_err(), "{sql}");
    }
}
