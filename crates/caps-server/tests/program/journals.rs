//! Files of this release and of every one before it: each brings the same orders back.
//!
//! `CAPS_KEEP_JOURNAL=FILE` keeps this release's, to be one of `tests/journals` from the next one on.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::commands::{on, says};
use crate::hub::Hub;

const FOR_EVER: &str = "36500d";

/// A hub that lets nothing go by itself, however old the file.
fn start(data: &Path) -> Hub {
    let data = data.to_str().unwrap();
    let times = ["--claim-time", "--dedupe-window", "--log-retention"];
    let mut flags = vec!["--data-dir", data];
    flags.extend(times.into_iter().flat_map(|time| [time, FOR_EVER]));
    Hub::start(&flags)
}

/// Has all happen to orders that can. The first part is in snapshots, the second in the log alone.
fn write(data: &Path) {
    let (acme, dana) =
        (r#"{"role":"vendor","clientId":"acme"}"#, r#"{"role":"driver","clientId":"dana"}"#);
    let order =
        |id: &str| format!(r#"{{"store":"acme","orderId":"{id}","total":1.50,"note":"\u00e9 ☃"}}"#);
    let received = |event: &str, id: &str| {
        format!(r#"{{"clientId":"acme","event":"{event}","messageId":"{id}"}}"#)
    };
    let old = TempDir::new().unwrap();
    let hub = start(old.path());
    for id in ["ready", "on the road", "arrived", "over", "given back", "held"] {
        hub.says(acme, &[("pickup", &order(id))]);
    }
    for id in ["on the road", "arrived", "over", "given back"] {
        hub.says(dana, &[("in-transit", &order(id))]);
    }
    let proven = format!(
        r#"{{"clientId":"acme","messageId":"arrived","order":{},"proof":{{ "code":1.50 }}}}"#,
        order("arrived")
    );
    hub.says(dana, &[("delivered", &proven), ("delivered", &order("over"))]);
    assert!(hub.end("-TERM").status.success());
    // Which writes a snapshot of every part.
    says(on(old.path(), &["salvage"]).arg(data));

    let hub = start(data);
    hub.says(acme, &[("received", &received("delivered", "over")), ("pickup", &order("new"))]);
    hub.says(dana, &[("release", &order("given back")), ("received", &received("pickup", "held"))]);
    let emil = r#"{"role":"driver","clientId":"emil"}"#;
    hub.is_refused_with(emil, "in-transit", &order("on the road"), "already_claimed");
    assert!(hub.end("-TERM").status.success());
}

/// Checks that a hub with such a file knows what [`write`] has had happen.
fn check(data: &Path) {
    assert!(says(&mut on(data, &["check"])).contains("the file is well"));
    let hub = start(data);
    for (id, state, holder) in [
        ("ready", "ready", None),
        ("new", "ready", None),
        ("given back", "ready", None),
        ("held", "claimed", Some("dana")),
        ("on the road", "in-transit", Some("dana")),
        ("arrived", "delivered", Some("dana")),
        ("over", "delivered", Some("dana")),
    ] {
        let shown = hub.shows(&format!("/api/orders/acme/{}", id.replace(' ', "%20")));
        assert_eq!((&shown["state"], &shown["holder"]), (&json!(state), &json!(holder)), "{id}");
    }
    let queues = hub.shows("/api/queues");
    let queues = queues["queues"].as_array().unwrap();
    let mut depths: Vec<_> =
        queues.iter().map(|queue| (&queue["event"], &queue["depth"])).collect();
    depths.sort_by_key(|(event, _)| event.to_string());
    let depth = |event: &str, depth: u64| (json!(event), json!(depth));
    let expected = [depth("delivered", 1), depth("in-transit", 2), depth("pickup", 4)];
    assert!(
        depths.iter().copied().eq(expected.iter().map(|(event, depth)| (event, depth))),
        "{depths:?}"
    );
    hub.hears(
        r#"{"clientId":"acme","event":"delivered"}"#,
        r#""total":1.50,"note":"\u00e9 ☃"},"proof":{ "code":1.50 }}"#,
    );
    hub.hears(r#"{"clientId":"acme","event":"pickup"}"#, r#""orderId":"ready""#);
    let log = hub.shows("/api/log?limit=1000");
    let events: Vec<_> = log["events"].as_array().unwrap().iter().map(name).collect();
    for event in ["pickup", "in-transit", "delivered", "received", "claimed", "released", "refused"]
    {
        assert!(events.contains(&event), "{event}: {events:?}");
    }
    // A retry is known for one.
    let order = r#"{"store":"acme","orderId":"over","total":1.50,"note":"\u00e9 ☃"}"#;
    hub.hears_answer("pickup", order, r#""duplicate":true"#);
}

fn name(event: &Value) -> &str {
    event["event"].as_str().unwrap()
}

#[test]
fn a_file_of_this_release_brings_everything_back() {
    let data = TempDir::new().unwrap();
    write(data.path());
    if let Some(keep) = std::env::var_os("CAPS_KEEP_JOURNAL") {
        // The smallest file that says the same.
        Connection::open(data.path().join("caps.db"))
            .unwrap()
            .execute("VACUUM INTO ?1", [keep.to_str().unwrap()])
            .unwrap();
    }
    check(data.path());
}

#[test]
fn a_file_of_any_earlier_release_brings_everything_back() {
    let journals = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/journals"));
    let journals: Vec<_> =
        fs::read_dir(journals).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(!journals.is_empty());
    for journal in journals {
        let data = TempDir::new().unwrap();
        fs::copy(&journal, data.path().join("caps.db")).unwrap();
        println!("{}", journal.display());
        check(data.path());
    }
}
