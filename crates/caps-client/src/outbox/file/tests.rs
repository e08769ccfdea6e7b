//! The file through crashes, full disks and other hands.

use caps_proto::{ClientId, MessageId, OrderRef, Verb};
use serde_json::json;
use tempfile::TempDir;

use super::*;

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: TempDir::new().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("outbox")
    }

    fn open(&self) -> Result<OutboxFile, OutboxFileError> {
        OutboxFile::open(&self.path(), &json!({"role": "driver", "clientId": "ann"}))
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path()).unwrap()
    }
}

fn entry(id: usize) -> Entry {
    let order = OrderRef {
        client_id: ClientId::new("acme").unwrap(),
        message_id: MessageId::new(&id.to_string()).unwrap(),
    };
    Entry { verb: Verb::Delivered, order, payload: r#"{"order":{}}"#.into() }
}

fn entries(file: &OutboxFile) -> Vec<(u64, Entry)> {
    file.entries().collect()
}

#[test]
fn what_was_kept_is_there_again_in_order_and_what_was_answered_is_not() {
    let place = Place::new();
    let mut file = place.open().unwrap();
    assert_eq!(file.keep(vec![entry(1), entry(2)], &[]).unwrap(), 1..3);
    assert_eq!(file.keep(vec![entry(3)], &[1]).unwrap(), 3..4);
    drop(file);
    let mut file = place.open().unwrap();
    assert_eq!(entries(&file), [(2, entry(2)), (3, entry(3))]);
    assert_eq!(file.keep(vec![entry(4)], &[2, 3]).unwrap(), 4..5);
    drop(file);
    assert_eq!(entries(&place.open().unwrap()), [(4, entry(4))]);
}

#[test]
fn a_line_that_was_not_finished_is_cut_off_and_what_comes_next_is_whole() {
    let place = Place::new();
    place.open().unwrap().keep(vec![entry(1)], &[]).unwrap();
    let whole = place.text();
    fs::write(place.path(), format!("{whole}{{\"added\":2,\"verb")).unwrap();
    let mut file = place.open().unwrap();
    assert_eq!(place.text(), whole);
    file.keep(vec![entry(2)], &[]).unwrap();
    drop(file);
    assert_eq!(entries(&place.open().unwrap()), [(1, entry(1)), (2, entry(2))]);
}

#[test]
fn an_end_of_line_that_an_editor_has_left_out_is_put_back() {
    let place = Place::new();
    place.open().unwrap().keep(vec![entry(1)], &[]).unwrap();
    fs::write(place.path(), place.text().trim_end()).unwrap();
    place.open().unwrap().keep(vec![entry(2)], &[]).unwrap();
    assert_eq!(entries(&place.open().unwrap()), [(1, entry(1)), (2, entry(2))]);
}

#[test]
fn what_was_answered_is_swept_out_at_the_start_and_now_and_then() {
    let place = Place::new();
    let mut file = place.open().unwrap();
    let large = |id| Entry { payload: json!("x".repeat(10_000)).to_string().into(), ..entry(id) };
    let mut largest = 0;
    for id in 1..=500 {
        let answered: Vec<_> = file.entries().map(|(number, _)| number).collect();
        file.keep(vec![large(id)], &answered).unwrap();
        largest = largest.max(fs::metadata(place.path()).unwrap().len());
    }
    assert!((SWEEP_FROM..2 * SWEEP_FROM).contains(&largest), "{largest} bytes");
    drop(file);
    assert_eq!(entries(&place.open().unwrap()), [(500, large(500))]);
    assert_eq!(place.text().lines().count(), 2);
}

#[test]
fn one_file_is_one_process_s_by_whatever_name() {
    let place = Place::new();
    let file = place.open().unwrap();
    let error = place.open().unwrap_err();
    assert!(matches!(&error, OutboxFileError::InUse { .. }), "{error}");
    #[cfg(unix)]
    {
        let other = place.folder.path().join("other");
        std::os::unix::fs::symlink(place.path(), &other).unwrap();
        let error = OutboxFile::open(&other, &Value::Null).unwrap_err();
        assert!(matches!(&error, OutboxFileError::InUse { .. }), "{error}");
    }
    drop(file);
    place.open().unwrap();
}

#[test]
fn another_client_s_file_is_refused_and_left_as_it_is() {
    let place = Place::new();
    place.open().unwrap().keep(vec![entry(1)], &[]).unwrap();
    let open = |client| OutboxFile::open(&place.path(), &client);
    for client in [json!({"role": "vendor", "clientId": "ann"}), json!({"clientId": "bob"})] {
        let error = open(client).unwrap_err().to_string();
        assert!(error.contains("`driver ann`"), "{error}");
    }
    // A driver may have got its name since, or lost it.
    for client in [json!({"role": "driver"}), json!({"role": "driver", "clientId": "ann"})] {
        assert_eq!(entries(&open(client).unwrap()), [(1, entry(1))]);
    }
    assert!(open(json!({"role": "driver", "clientId": "bob"})).is_err());
}

#[test]
fn what_is_no_outbox_file_is_refused_with_the_mend_and_left_as_it_is() {
    let place = Place::new();
    for (text, mend) in [
        ("my diary\n", "no outbox file"),
        ("{\"capsOutbox\":99,\"client\":null}\n", "use the release that has written it"),
        ("{\"capsOutbox\":1,\"client\":null}\nx\n{\"answered\":1}\n", "line 2 of"),
    ] {
        fs::write(place.path(), text).unwrap();
        let error = place.open().unwrap_err().to_string();
        assert!(error.contains(mend) && error.contains("outbox`"), "{error}");
        assert_eq!(place.text(), text);
    }
    let folder = OutboxFile::open(place.folder.path(), &Value::Null).unwrap_err().to_string();
    assert!(folder.contains("name another file"), "{folder}");
    let nowhere = OutboxFile::open(&place.path().join("no/where"), &Value::Null).unwrap_err();
    assert!(nowhere.to_string().contains("in a folder that exists"), "{nowhere}");
}

#[test]
fn an_empty_file_is_taken_for_a_new_one() {
    let place = Place::new();
    fs::write(place.path(), "").unwrap();
    place.open().unwrap().keep(vec![entry(1)], &[]).unwrap();
    assert_eq!(entries(&place.open().unwrap()), [(1, entry(1))]);
}

#[test]
fn a_new_file_that_was_not_finished_is_no_obstacle() {
    let place = Place::new();
    fs::write(with_ending(&place.path(), ".new"), "half a li").unwrap();
    place.open().unwrap().keep(vec![entry(1)], &[]).unwrap();
    assert_eq!(entries(&place.open().unwrap()), [(1, entry(1))]);
}

#[cfg(unix)]
#[test]
fn nobody_else_may_read_it_unless_its_owner_lets_them() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    let mode = || fs::metadata(place.path()).unwrap().permissions().mode() & 0o777;
    place.open().unwrap().keep(vec![entry(1)], &[]).unwrap();
    assert_eq!(mode(), 0o600);
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o640)).unwrap();
    let mut file = place.open().unwrap();
    file.keep(vec![], &[1]).unwrap();
    file.close();
    assert_eq!((mode(), place.text().lines().count()), (0o640, 1), "it was swept out");
}
