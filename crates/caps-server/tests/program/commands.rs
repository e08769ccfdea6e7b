//! What can be done with a hub and its data directory besides running it.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::hub::{Hub, program};

pub(crate) fn on(data: &Path, args: &[&str]) -> Command {
    let mut program = program(args);
    program.env("CAPS_STORE", "file").env("CAPS_DATA_DIR", data);
    program
}

/// What the command says, which must succeed.
pub(crate) fn says(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

/// What the command says, which must fail.
fn fails(command: &mut Command) -> String {
    let Output { status, stderr, .. } = command.output().unwrap();
    let said = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{said}");
    said
}

/// Starts a hub on a directory that outlives it.
fn start(data: &Path) -> Hub {
    Hub::start(&["--data-dir", data.to_str().unwrap()])
}

fn place(hub: &Hub, ids: std::ops::Range<u32>) {
    let orders: Vec<_> = ids.map(|id| format!(r#"{{"store":"acme","orderId":{id}}}"#)).collect();
    let pickups: Vec<_> = orders.iter().map(|order| ("pickup", order.as_str())).collect();
    hub.says("{}", &pickups);
}

/// How many messages wait.
fn depth(hub: &Hub) -> u64 {
    hub.shows("/api/queues")["queues"][0]["depth"].as_u64().unwrap()
}

#[test]
fn the_log_is_exported_while_the_hub_is_at_work() {
    let data = TempDir::new().unwrap();
    let hub = start(data.path());
    place(&hub, 0..20);
    let lines = says(&mut on(data.path(), &["export"]));
    let events: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.len(), 20);
    assert_eq!((&events[7]["event"], &events[7]["messageId"]), (&"pickup".into(), &"7".into()));
    for (filter, count) in [
        (["--event", "delivered"], 0),
        (["--client-id", "acme"], 20),
        (["--client-id", "flowers"], 0),
        (["--since", "9999-01-01T00:00:00Z"], 0),
    ] {
        let lines = says(on(data.path(), &["export"]).args(filter));
        assert_eq!(lines.lines().count(), count, "{filter:?}");
    }
    let file = data.path().join("log.jsonl");
    says(on(data.path(), &["export", "--output"]).arg(&file));
    assert_eq!(fs::read_to_string(&file).unwrap(), lines);
    let said = fails(on(data.path(), &["export", "--output"]).arg(&file));
    assert!(said.contains("log.jsonl"), "{said}");
}

#[test]
fn a_hub_starts_with_a_backup_that_was_made_of_another_at_work() {
    let (data, copies) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let hub = start(data.path());
    place(&hub, 0..20);
    let copy = copies.path().join("caps.db");
    says(on(data.path(), &["backup"]).arg(&copy));
    place(&hub, 20..30);
    assert_eq!(depth(&hub), 30);
    assert_eq!(fs::read_dir(copies.path()).unwrap().count(), 1, "one file is all");
    let again = fails(on(data.path(), &["backup"]).arg(&copy));
    assert!(again.contains("name a file that does not exist"), "{again}");
    assert!(says(&mut on(copies.path(), &["check"])).contains("20 messages that wait"));
    assert_eq!(depth(&start(copies.path())), 20);
}

#[test]
fn a_file_is_checked_while_the_hub_is_at_work() {
    let data = TempDir::new().unwrap();
    let missing = fails(&mut on(data.path(), &["check"]));
    assert!(missing.contains("set `--data-dir` (CAPS_DATA_DIR)"), "{missing}");
    let hub = start(data.path());
    place(&hub, 0..20);
    let said = says(&mut on(data.path(), &["check"]));
    assert!(said.contains("20 events since 2") && said.contains("20 open orders"), "{said}");
    assert!(hub.end("-TERM").status.success());
    assert_eq!(says(&mut on(data.path(), &["check"])), said);
    fs::write(
        data.path().join("caps.db"),
        "something else, and long enough to have a head".repeat(9),
    )
    .unwrap();
    let foreign = fails(&mut on(data.path(), &["check"]));
    assert!(foreign.contains("is not a file of CAPS"), "{foreign}");
}

/// Overwrites the page of a file that has this text.
fn damage_page_of(file: &Path, text: &str) {
    const PAGE: usize = 4096;
    let mut bytes = fs::read(file).unwrap();
    let at = bytes.windows(text.len()).position(|window| window == text.as_bytes()).unwrap();
    bytes[at / PAGE * PAGE..][..PAGE].fill(0x55);
    fs::write(file, bytes).unwrap();
}

#[test]
fn what_is_whole_of_a_damaged_file_is_saved() {
    let (data, new) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let hub = start(data.path());
    let note = "x".repeat(1000);
    let order = |id: u32| format!(r#"{{"store":"acme","orderId":{id},"note":"{note}"}}"#);
    let orders: Vec<_> = (0..200).map(order).collect();
    let pickups: Vec<_> = orders.iter().map(|order| ("pickup", order.as_str())).collect();
    hub.says("{}", &pickups);
    let said = fails(on(data.path(), &["salvage"]).arg(new.path()));
    assert!(said.contains("another hub uses"), "{said}");
    assert!(hub.end("-TERM").status.success());

    damage_page_of(&data.path().join("caps.db"), r#""orderId":100,"#);
    for args in [&["check"][..], &["--port", "0"]] {
        let damaged = fails(&mut on(data.path(), args));
        assert!(damaged.contains("is damaged") && damaged.contains("salvage"), "{damaged}");
    }

    let said = says(on(data.path(), &["salvage"]).arg(new.path()));
    assert!(said.contains("lost: what happened from number"), "{said}");
    assert!(says(&mut on(new.path(), &["check"])).contains("the file is well"));
    let hub = start(new.path());
    // A page holds a few orders of this size.
    assert!((190..200).contains(&depth(&hub)), "{}", depth(&hub));
    place(&hub, 1000..1001);
    let said = fails(on(data.path(), &["salvage"]).arg(new.path()));
    assert!(said.contains("is not empty"), "{said}");
}

#[test]
fn a_healthcheck_says_where_it_has_looked_in_vain() {
    // The port was free a moment ago.
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let said = fails(&mut program(&["healthcheck", "--port", &port.to_string()]));
    assert!(said.contains(&format!("no hub listens on `127.0.0.1:{port}`")), "{said}");
}
