//! The file, with a hub that is played by the test.

use std::path::PathBuf;

use caps_hub::{Hub, Identity, Input, PARTITIONS};
use caps_proto::{ClientId, Event, MessageId, Request, Verb};
use serde_json::value::RawValue;
use tempfile::TempDir;

use super::*;
use crate::metrics::Metrics;

/// The time at which all begins, long ago.
const BEGIN: u64 = 1_763_845_445_123;

/// In milliseconds.
const DAY: u64 = 24 * 60 * 60 * 1000;

const ANYONE: ConnId = ConnId(1);

/// A hub, its journal, and a clock.
struct Desk {
    data: TempDir,
    hub: Hub,
    journal: FileJournal,
    now: u64,
}

impl Desk {
    fn new() -> Self {
        Self::keeping(Duration::from_secs(u32::MAX.into()))
    }

    /// A desk whose log is kept for so long.
    fn keeping(retention: Duration) -> Self {
        let data = TempDir::new().unwrap();
        let (hub, journal) = open(data.path(), retention);
        Self { data, hub, journal, now: BEGIN }
    }

    fn says(&mut self, verb: &str, payload: &str) {
        let payload: Box<RawValue> = serde_json::from_str(payload).unwrap();
        let verb = Verb::from_name(verb).unwrap();
        let request = Request::parse(verb, Some(&payload), || MessageId::new("minted").unwrap());
        let mut step = Step::default();
        let input = Input::Asked { conn: ANYONE, ack: None, request: request.unwrap() };
        self.hub.handle(input, Timestamp::from_millis(self.now), &mut step);
        assert!(!step.facts.is_empty(), "nothing has changed");
        self.journal.keep(step.facts);
        self.now += 1;
    }

    fn place(&mut self, store: &str, id: usize) {
        self.says("pickup", &format!(r#"{{"store":"{store}","orderId":{id}}}"#));
    }

    fn deliver(&mut self, store: &str, id: usize) {
        self.says("delivered", &format!(r#"{{"store":"{store}","orderId":{id}}}"#));
    }

    fn snapshot_all(&mut self) {
        for partition in 0..=u8::MAX {
            self.journal.save(self.hub.snapshot(partition));
        }
    }

    fn file(&self) -> PathBuf {
        self.data.path().join(FILE)
    }

    async fn has_kept_all(&mut self) {
        let last = self.hub.last();
        self.journal.progress.wait_for(|progress| progress.kept >= last).await.unwrap();
    }
}

fn open(data: &Path, retention: Duration) -> (Hub, FileJournal) {
    let store = Store::open(data).unwrap();
    let restored = store.restore(Limits::default(), Timestamp::from_millis(BEGIN)).unwrap();
    let journal = FileJournal::start(store, &restored, retention, Metrics::new().commits).unwrap();
    let mut hub = restored.hub;
    let input =
        Input::Connected { conn: ANYONE, identity: Identity::Anyone { name: None }, until: None };
    hub.handle(input, Timestamp::from_millis(BEGIN), &mut Step::default());
    (hub, journal)
}

fn numbers(page: &Page) -> Vec<u64> {
    page.facts.iter().map(|fact| fact.seq.0).collect()
}

/// Everything that a query finds, page by page.
async fn all(reader: &Reader, mut query: Query, limit: usize) -> Vec<u64> {
    let mut found = Vec::new();
    loop {
        let page = reader.page(query.clone(), limit).await.unwrap();
        assert!(page.facts.len() <= limit);
        found.extend(numbers(&page));
        let Some(next) = page.next else { return found };
        query.after = Some(next);
    }
}

#[tokio::test]
async fn a_long_log_is_read_in_order_whatever_is_asked_for() {
    const STORES: [&str; 3] = ["acme", "flowers", "books"];
    let mut desk = Desk::new();
    for id in 0..3000 {
        let store = STORES[id % 3];
        desk.place(store, id);
        if id % 2 == 0 {
            desk.deliver(store, id);
        }
    }
    desk.has_kept_all().await;
    let reader = Reader::new(&desk.file());
    let last = desk.hub.last().0;
    let every: Vec<_> = all(&reader, Query::default(), 1000).await;
    assert_eq!(every, (1..=last).collect::<Vec<_>>());

    let acme = Query { client_id: Some(ClientId::new("acme").unwrap()), ..Query::default() };
    let of_acme = all(&reader, acme.clone(), 1000).await;
    assert_eq!(of_acme.len(), 1500);
    assert!(of_acme.is_sorted());
    let mut backwards = all(&reader, Query { sort: Sort::Newest, ..acme.clone() }, 7).await;
    backwards.reverse();
    assert_eq!(backwards, of_acme);

    let deliveries = Query { event: Some("delivered"), ..acme.clone() };
    assert_eq!(all(&reader, deliveries, 100).await.len(), 500);
    let one = Query { message_id: Some(MessageId::new("2997").unwrap()), ..acme };
    assert_eq!(all(&reader, one, 100).await.len(), 1);
}

#[tokio::test]
async fn a_time_is_found_without_reading_what_is_older() {
    let mut desk = Desk::new();
    for id in 0..50 {
        desk.place("acme", id);
        desk.now += 1000;
    }
    desk.has_kept_all().await;
    let reader = Reader::new(&desk.file());
    let since = |millis| Query { since: Some(Timestamp::from_millis(millis)), ..Query::default() };
    for (millis, first) in [(0, 1), (BEGIN, 1), (BEGIN + 1, 2), (BEGIN + 10 * 1001, 11)] {
        let page = reader.page(since(millis), 1).await.unwrap();
        assert_eq!(numbers(&page), [first], "{millis}");
        let newest = Query { sort: Sort::Newest, ..since(millis) };
        assert_eq!(all(&reader, newest, 100).await.last(), Some(&first));
    }
    assert!(all(&reader, since(desk.now), 100).await.is_empty());
}

#[tokio::test]
async fn an_order_has_one_timeline_through_all_that_used_its_id() {
    let mut desk = Desk::new();
    for _ in 0..2 {
        desk.place("acme", 7);
        desk.place("acme", 8);
        desk.deliver("acme", 7);
        desk.deliver("acme", 8);
        // Long enough for both to be forgotten but for what waits of them.
        desk.now += 2 * DAY;
    }
    desk.has_kept_all().await;
    let which = "acme/7";
    let view = desk.hub.queues().find(|queue| queue.key.event == Event::Delivered).unwrap();
    assert_eq!(view.depth, 4);
    let timeline = Reader::new(&desk.file()).timeline(Seq(7)).await.unwrap();
    let found: Vec<_> = timeline.iter().map(|fact| (fact.seq.0, fact.which.to_string())).collect();
    assert_eq!(found, [1, 3, 5, 7].map(|seq| (seq, which.to_owned())));
}

#[tokio::test]
async fn the_file_of_an_earlier_release_gets_what_it_lacks() {
    let mut desk = Desk::new();
    desk.place("acme", 1);
    desk.deliver("acme", 2);
    desk.has_kept_all().await;
    let Desk { data, journal, .. } = desk;
    drop(journal);
    let file = data.path().join(FILE);
    let mut db = super::open(&file).unwrap();
    db.execute_batch(
        "CREATE TABLE event AS SELECT * FROM log; \
         DROP VIEW log; DROP TABLE block; DROP TABLE unannounced; DROP TABLE listing; DROP TABLE snapshot; \
         PRAGMA user_version = 0",
    )
    .unwrap();
    schema::migrate_to(1, &mut db).unwrap();
    db.execute_batch("INSERT INTO log SELECT * FROM event; DROP TABLE event").unwrap();
    drop(db);
    let (hub, _journal) = open(data.path(), Duration::from_secs(1));
    assert_eq!(hub.open(), 2);
    let found = Reader::new(&file).beginnings(None, None, None, 10).await.unwrap();
    let seqs: Vec<_> = found.orders.iter().map(|begun| begun.seq).collect();
    assert_eq!(seqs, [Seq(2), Seq(1)]);
}

#[tokio::test]
async fn what_is_too_old_is_removed_when_a_restart_needs_it_no_more_and_its_room_is_used_again() {
    let mut desk = Desk::keeping(Duration::from_secs(1));
    let reader = Reader::new(&desk.file());
    let mut pages = Vec::new();
    for _ in 0..4 {
        for id in 0..1000 {
            desk.place("acme", id);
            desk.deliver("acme", id);
            desk.says(
                "received",
                &format!(r#"{{"clientId":"acme","event":"delivered","messageId":{id}}}"#),
            );
        }
        desk.has_kept_all().await;
        let kept = all(&reader, Query::default(), 1000).await;
        assert_eq!(kept.len(), 3000, "a restart needs all of it");
        let db = reader::open(&desk.file()).unwrap();
        pages.push(db.pragma_query_value(None, "page_count", |row| row.get::<_, u64>(0)).unwrap());
        desk.snapshot_all();
        // The writer has a look when it has nothing else to do.
        while !all(&reader, Query::default(), 1000).await.is_empty() {
            tokio::task::yield_now().await;
        }
        // The hub forgets all that is over, and its snapshots stay small.
        desk.now += 2 * DAY;
    }
    assert!(pages[3] < pages[1] * 11 / 10, "the file grows: {pages:?}");
    let Desk { data, hub, journal, .. } = desk;
    drop(journal);
    let (again, _journal) = open(data.path(), Duration::from_secs(1));
    assert_eq!((again.open(), again.last()), (hub.open(), hub.last()));
}

#[tokio::test]
async fn a_snapshot_of_every_part_is_taken_in_turn_so_that_a_restart_folds_little() {
    let mut desk = Desk::new();
    let mut taken = Vec::new();
    for id in 0..30_000 {
        desk.place("acme", id);
        if let Some(partition) = desk.journal.wants_snapshot(&desk.hub) {
            taken.push(partition);
        }
    }
    let in_turn: Vec<_> = (0..taken.len()).map(|turn| (turn % PARTITIONS) as u8).collect();
    assert_eq!(taken, in_turn);
    assert!((10..=15).contains(&taken.len()), "{} snapshots", taken.len());
}
