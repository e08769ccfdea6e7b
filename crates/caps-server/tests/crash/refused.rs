//! Data directories that no hub can work with: it says which file it is and how to mend it, and leaves it as it was.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::TempDir;

use crate::hub::{End, Hub, program, refusal};
use crate::ledger::Word;
use crate::plain::{DRIVER, VENDOR, connect, order, say, waiting};

/// How many orders are in the file that is damaged: enough for pages of all kinds.
const ORDERS: usize = 500;

/// SQLite's pages, in bytes.
const PAGE: usize = 4096;

/// Runs a hub that must refuse the directory, leave its file as it is, and say all this of it.
fn is_refused(data: &Path, says: &[&str]) {
    let file = data.join("caps.db");
    let before = fs::read(&file).unwrap();
    let said = refusal(program(data));
    for part in says.iter().copied().chain([file.to_str().unwrap()]) {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
    assert!(fs::read(&file).unwrap() == before, "the file has changed");
}

/// A directory in which a hub has kept orders, and ended as it should.
async fn kept() -> (TempDir, PathBuf) {
    let data = TempDir::new().unwrap();
    let hub = Hub::start(data.path());
    let mut vendor = connect(&hub, VENDOR).await;
    for number in 0..ORDERS {
        let (pickup, payload) = Word::Pickup.packet(order(number));
        vendor.emit(pickup, &payload).await.unwrap();
    }
    say(&mut vendor, ORDERS, Word::Pickup).await;
    assert!(hub.terminate().status.success());
    let file = data.path().join("caps.db");
    (data, file)
}

fn execute(file: &Path, sql: &str) {
    Connection::open(file).unwrap().execute_batch(sql).unwrap();
}

#[tokio::test]
async fn a_file_with_a_damaged_page_is_refused_with_the_mend() {
    let (data, file) = kept().await;
    let whole = fs::read(&file).unwrap();
    let pages_with_orders = (1..whole.len() / PAGE).filter(|page| {
        let page = &whole[page * PAGE..(page + 1) * PAGE];
        page.windows(7).any(|text| text == b"orderId")
    });
    let pages: Vec<_> = pages_with_orders.collect();
    assert!(pages.len() > 10, "{pages:?}");
    for page in [pages[0], pages[pages.len() / 2], *pages.last().unwrap()] {
        for junk in [0x00, 0xff] {
            let mut damaged = whole.clone();
            damaged[page * PAGE..(page + 1) * PAGE].fill(junk);
            fs::write(&file, damaged).unwrap();
            is_refused(data.path(), &["is damaged", "put a backup in its place", "salvage"]);
        }
    }
    for length in [whole.len() / 2, whole.len() / 2 + 100, PAGE] {
        fs::write(&file, &whole[..length]).unwrap();
        is_refused(data.path(), &["is damaged", "put a backup in its place", "salvage"]);
    }
    fs::write(&file, whole).unwrap();
    let hub = Hub::start(data.path());
    assert_eq!(waiting(&hub).await, [(0..=ORDERS).collect(), vec![], vec![]]);
}

#[tokio::test]
async fn damage_that_a_hub_meets_only_when_it_writes_ends_it_with_the_mend() {
    let (data, file) = kept().await;
    // Of orders that no vendor has announced: a restart does not read it.
    let index = "SELECT rootpage FROM sqlite_schema WHERE name = 'unannounced_by_client'";
    let page: usize =
        Connection::open(&file).unwrap().query_row(index, [], |row| row.get(0)).unwrap();
    let mut damaged = fs::read(&file).unwrap();
    damaged[(page - 1) * PAGE..page * PAGE].fill(0xff);
    fs::write(&file, damaged).unwrap();
    let hub = Hub::start(data.path());
    let mut driver = connect(&hub, DRIVER).await;
    let (in_transit, payload) = Word::InTransit.packet(order(ORDERS + 1));
    let answered = driver.ask(in_transit, &payload).await;
    assert!(answered.is_err(), "{answered:?}");
    let End { status, log } = hub.end();
    assert_eq!(status.code(), Some(1), "{log}");
    let damaged = format!("`{}` is damaged", file.display());
    assert!(log.contains(&damaged) && log.contains("`caps-server check`"), "{log}");
}

#[tokio::test]
async fn a_file_of_which_rows_are_gone_or_make_no_sense_is_refused_with_the_mend() {
    let (data, file) = kept().await;
    let whole = fs::read(&file).unwrap();
    for sql in [
        "DELETE FROM block WHERE first = (SELECT first FROM block LIMIT 1 OFFSET 3)",
        "UPDATE block SET events = substr(events, 2) WHERE first = 1",
        "UPDATE block SET events = replace(events, 'pickup', 'lost--') WHERE first = 1",
        "UPDATE block SET events = replace(events, 'pickup', 'released') WHERE first = 1",
        "UPDATE block SET sizes = '7' WHERE first = 1",
        "UPDATE block SET last = last + 1 WHERE first = 1",
        "INSERT INTO snapshot VALUES (3, 1, 'nonsense')",
    ] {
        execute(&file, sql);
        is_refused(data.path(), &["is damaged", "put a backup in its place", "salvage"]);
        fs::write(&file, &whole).unwrap();
    }
}

#[tokio::test]
async fn a_file_of_a_later_release_is_refused_with_the_mend() {
    let (data, file) = kept().await;
    execute(&file, "PRAGMA user_version = 99");
    is_refused(data.path(), &["a later release of CAPS (its version is 99)", "start that release"]);
}

#[test]
fn a_file_of_another_program_is_refused_with_the_mend() {
    let data = TempDir::new().unwrap();
    let file = data.path().join("caps.db");
    execute(&file, "CREATE TABLE notes (text); INSERT INTO notes VALUES ('mine')");
    is_refused(data.path(), &["is not a file of CAPS", "move it away"]);
    execute(&file, "PRAGMA journal_mode = WAL");
    is_refused(data.path(), &["is not a file of CAPS", "move it away"]);
    fs::write(&file, "Dear diary,\n".repeat(1000)).unwrap();
    is_refused(data.path(), &["is not a file of CAPS", "move it away"]);
}

#[tokio::test]
async fn a_directory_that_another_hub_uses_is_refused_and_that_hub_goes_on() {
    let data = TempDir::new().unwrap();
    let hub = Hub::start(data.path());
    let mut vendor = connect(&hub, VENDOR).await;
    say(&mut vendor, 0, Word::Pickup).await;
    let said = refusal(program(data.path()));
    let directory = data.path().to_str().unwrap();
    let mend = format!("another hub uses the data directory `{directory}`; stop that one first");
    assert!(said.contains(&mend), "{said}");
    say(&mut vendor, 1, Word::Pickup).await;
    assert_eq!(waiting(&hub).await, [vec![0, 1], vec![], vec![]]);
}

#[tokio::test]
async fn a_hub_that_was_killed_leaves_its_directory_to_the_next_one_at_once() {
    let data = TempDir::new().unwrap();
    for number in 0..20 {
        let hub = Hub::start(data.path());
        say(&mut connect(&hub, VENDOR).await, number, Word::Pickup).await;
        hub.kill();
    }
    let hub = Hub::start(data.path());
    assert_eq!(waiting(&hub).await, [(0..20).collect(), vec![], vec![]]);
}

#[test]
fn what_is_no_directory_is_refused_with_the_mend() {
    let dir = TempDir::new().unwrap();
    let data = dir.path().join("data");
    fs::write(&data, "").unwrap();
    let said = refusal(program(&data));
    let why = format!("cannot use the data directory `{}`", data.display());
    assert!(said.contains(&why) && said.contains("`--data-dir` (CAPS_DATA_DIR)"), "{said}");
}

/// As it is for those who are not root, when its permissions say so.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_file_that_may_only_be_read_is_refused_with_the_mend() {
    use crate::machine::{Fault, Machine};

    let machine = Machine::new();
    for ends_well in [true, false] {
        let hub = machine.start();
        say(&mut connect(&hub, VENDOR).await, 0, Word::Pickup).await;
        let end = if ends_well { hub.terminate() } else { hub.kill() };
        assert_eq!(end.status.success(), ends_well);
        machine.fail(Fault::MayNotOpen, 0);
        let said = refusal(machine.program());
        assert!(said.contains("`caps.db` in it may only be read"), "{said}");
        assert!(said.contains("`--data-dir` (CAPS_DATA_DIR)"), "{said}");
        machine.mend();
        assert_eq!(waiting(&machine.start()).await, [vec![0], vec![], vec![]]);
    }
}
