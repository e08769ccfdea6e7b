//! The lines of an outbox file: JSON, the first of which says what file it is.
//!
//! ```json
//! {"capsOutbox":1,"client":{"role":"driver","clientId":"ann"}}
//! {"added":1,"verb":"delivered","clientId":"acme","messageId":"7","payload":{…}}
//! {"answered":1}
//! ```

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::sync::Arc;

use caps_proto::{ClientId, MessageId, OrderRef, Verb};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// The format that is written here. A later one has a higher number.
const VERSION: u32 = 1;

/// What is kept of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) verb: Verb,
    pub(crate) order: OrderRef,
    pub(crate) payload: Arc<str>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Header {
    caps_outbox: u32,
    /// Who has written it, as in a handshake.
    client: Value,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Added<'a> {
    added: u64,
    verb: Cow<'a, str>,
    client_id: ClientId,
    message_id: MessageId,
    #[serde(borrow)]
    payload: &'a RawValue,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answered {
    answered: u64,
}

/// What a file says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Contents {
    pub(super) client: Value,
    /// How many bytes the first line has.
    pub(super) header: u64,
    /// What was not answered, and how many bytes its line has.
    pub(super) open: BTreeMap<u64, (Entry, u64)>,
    /// The number that comes next.
    pub(super) next: u64,
    /// Up to where it is whole, in bytes.
    pub(super) whole: u64,
    /// Whether the last line lacks its end, which an editor may have left out.
    pub(super) lacks_end: bool,
}

/// Why it says nothing.
#[derive(Debug)]
pub(super) enum Unreadable {
    Io(io::Error),
    Foreign,
    Newer(u32),
    Line { line: u64, why: String },
}

impl From<io::Error> for Unreadable {
    fn from(why: io::Error) -> Self {
        Self::Io(why)
    }
}

/// Reads a file from its start. A last line that breaks off is left out: nobody was told that it is kept.
pub(super) fn read(mut file: impl BufRead) -> Result<Contents, Unreadable> {
    let mut line = Vec::new();
    file.read_until(b'\n', &mut line)?;
    let Header { caps_outbox: version, client } =
        serde_json::from_slice(&line).map_err(|_| Unreadable::Foreign)?;
    if version > VERSION {
        return Err(Unreadable::Newer(version));
    }
    let header = line.len() as u64;
    let mut contents = Contents {
        client,
        header,
        open: BTreeMap::new(),
        next: 1,
        whole: header,
        lacks_end: !line.ends_with(b"\n"),
    };
    for number in 2.. {
        line.clear();
        if file.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let bytes = line.len() as u64;
        match contents.take(&line, bytes) {
            Ok(()) => {
                contents.whole += bytes;
                contents.lacks_end = !line.ends_with(b"\n");
            }
            Err(why) if (why.is_eof() || why.is_syntax()) && file.fill_buf()?.is_empty() => break,
            Err(why) => return Err(Unreadable::Line { line: number, why: why.to_string() }),
        }
    }
    Ok(contents)
}

impl Contents {
    fn take(&mut self, line: &[u8], bytes: u64) -> Result<(), serde_json::Error> {
        if let Ok(Answered { answered }) = serde_json::from_slice(line) {
            self.open.remove(&answered);
            return Ok(());
        }
        let Added { added, verb, client_id, message_id, payload } = serde_json::from_slice(line)?;
        let verb = Verb::from_name(&verb).ok_or_else(|| {
            serde::de::Error::custom(format_args!("`{verb}` is not known to this release"))
        })?;
        let order = OrderRef { client_id, message_id };
        let entry = Entry { verb, order, payload: payload.get().into() };
        self.open.insert(added, (entry, bytes));
        self.next = self.next.max(added.saturating_add(1));
        Ok(())
    }
}

pub(super) fn write_header(to: &mut Vec<u8>, client: &Value) {
    write(to, &Header { caps_outbox: VERSION, client: client.clone() });
}

pub(super) fn write_added(to: &mut Vec<u8>, added: u64, entry: &Entry) {
    let Entry { verb, order: OrderRef { client_id, message_id }, payload } = entry;
    // Line breaks in JSON stand between its words alone, where a space says the same.
    let payload = payload.replace(['\n', '\r'], " ");
    let line = Added {
        added,
        verb: verb.name().into(),
        client_id: client_id.clone(),
        message_id: message_id.clone(),
        payload: serde_json::from_str(&payload).expect("a payload is JSON"),
    };
    write(to, &line);
}

pub(super) fn write_answered(to: &mut Vec<u8>, answered: u64) {
    write(to, &Answered { answered });
}

fn write(to: &mut Vec<u8>, line: &impl Serialize) {
    serde_json::to_writer(&mut *to, line).expect("memory takes what is plain JSON");
    to.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry(id: &str, payload: &str) -> Entry {
        let order = OrderRef {
            client_id: ClientId::new("acme").unwrap(),
            message_id: MessageId::new(id).unwrap(),
        };
        Entry { verb: Verb::Pickup, order, payload: payload.into() }
    }

    /// A file with two lines that were added, the first of which was answered.
    fn file() -> Vec<u8> {
        let mut file = vec![];
        write_header(&mut file, &json!({"role": "vendor"}));
        write_added(&mut file, 1, &entry("a", "{}"));
        write_added(&mut file, 2, &entry("b", r#"{"total":1.50,"é":"\n"}"#));
        write_answered(&mut file, 1);
        file
    }

    fn reads(file: &[u8]) -> Vec<(u64, Entry)> {
        let contents = read(file).unwrap();
        contents.open.into_iter().map(|(number, (entry, _))| (number, entry)).collect()
    }

    #[test]
    fn what_was_not_answered_is_read_as_it_was_written() {
        let contents = read(&*file()).unwrap();
        assert_eq!(contents.client, json!({"role": "vendor"}));
        assert_eq!((contents.next, contents.whole), (3, file().len() as u64));
        assert_eq!(reads(&file()), [(2, entry("b", r#"{"total":1.50,"é":"\n"}"#))]);
    }

    #[test]
    fn an_order_of_many_lines_is_kept_in_one() {
        let mut file = vec![];
        write_header(&mut file, &Value::Null);
        write_added(&mut file, 1, &entry("a", "{\r\n  \"n\": 1\n}"));
        assert_eq!(file.iter().filter(|byte| **byte == b'\n').count(), 2);
        assert_eq!(reads(&file), [(1, entry("a", "{    \"n\": 1 }"))]);
    }

    #[test]
    fn wherever_it_breaks_off_what_was_whole_before_is_read() {
        let file = file();
        let header = file.iter().position(|byte| *byte == b'\n').unwrap();
        for end in header + 1..=file.len() {
            let contents = read(&file[..end]).unwrap();
            let lines = file[..end].iter().filter(|byte| **byte == b'\n').count();
            // The last line counts without its line break, too.
            let lines = lines + usize::from(contents.lacks_end);
            assert_eq!(contents.open.len(), [0, 1, 2, 1][lines - 1], "up to byte {end}");
        }
    }

    #[test]
    fn a_tail_of_zeros_is_cut_off() {
        let whole = file().len() as u64;
        let file = [file(), vec![0; 4096]].concat();
        assert_eq!(read(&*file).unwrap().whole, whole);
    }

    #[test]
    fn a_line_in_the_middle_that_cannot_be_read_is_no_break_off() {
        let lines = |text: &str| [&file(), text.as_bytes(), &file()[file().len() - 15..]].concat();
        for text in ["{\"added\":3,\"ve\n", "{\"added\":3}\n", "\0\0\n", "\n"] {
            let line = read(&*lines(text)).unwrap_err();
            assert!(matches!(line, Unreadable::Line { line: 5, .. }), "{text:?}: {line:?}");
        }
    }

    #[test]
    fn a_call_of_a_later_release_is_not_thrown_away() {
        let text =
            r#"{"added":3,"verb":"teleport","clientId":"acme","messageId":"7","payload":{}}"#;
        let file = [&file(), text.as_bytes()].concat();
        let Err(Unreadable::Line { why, .. }) = read(&*file) else { panic!("it is known") };
        assert!(why.contains("`teleport`"), "{why}");
    }

    #[test]
    fn another_file_is_known_for_one() {
        for text in ["", "\n", "{}\n", "SQLite format 3\0", r#"{"capsOutbox":"1"}"#] {
            assert!(matches!(read(text.as_bytes()), Err(Unreadable::Foreign)), "{text:?}");
        }
        let newer = "{\"capsOutbox\":2,\"client\":null}\n{\"what\":1}\n";
        assert!(matches!(read(newer.as_bytes()), Err(Unreadable::Newer(2))));
    }
}
