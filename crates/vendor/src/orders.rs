//! A shop's own orders: a file of JSON Lines, or stdin.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::{fmt, thread};

use caps_proto::{ClientId, MessageId, Order, Request, Verb};
use serde_json::json;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use uuid::Uuid;

/// The longest line that is read. Hubs take less.
const MAX_LINE: u64 = 4 * 1024 * 1024;

/// How many lines are read ahead.
const READ_AHEAD: usize = 16;

/// Where orders come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Stdin,
    File(PathBuf),
}

impl FromStr for Source {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(if text == "-" { Self::Stdin } else { Self::File(text.into()) })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("stdin"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// A line that is not blank, by its number from 1; or why nothing more can be read.
pub(crate) type Line = io::Result<(u64, Vec<u8>)>;

/// Reads the lines as they come, on a thread of its own: nobody can stop a read of stdin but the end of the process.
///
/// # Errors
/// When the file cannot be opened, or there can be no thread.
pub(crate) fn read(source: &Source) -> io::Result<mpsc::Receiver<Line>> {
    let input: Box<dyn BufRead + Send> = match source {
        Source::Stdin => Box::new(BufReader::new(io::stdin())),
        Source::File(path) => Box::new(BufReader::new(open(path)?)),
    };
    let (send, lines) = mpsc::channel(READ_AHEAD);
    thread::Builder::new().name("orders".into()).spawn(move || carry(input, &send))?;
    Ok(lines)
}

fn open(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    Ok(file)
}

/// How many lines of a file are not blank.
///
/// # Errors
/// Those of reading it. What is no plain file can be read only once, and is not counted.
pub(crate) fn count(path: &Path) -> io::Result<u64> {
    let file = open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::NotSeekable.into());
    }
    let mut input = BufReader::new(file);
    let mut count = 0;
    while let Some(line) = next(&mut input)? {
        count += u64::from(!line.trim_ascii().is_empty());
    }
    Ok(count)
}

fn carry(mut input: impl BufRead, to: &mpsc::Sender<Line>) {
    for number in 1.. {
        let line = match next(&mut input) {
            Ok(Some(line)) if line.trim_ascii().is_empty() => continue,
            Ok(Some(line)) => Ok((number, line)),
            Ok(None) => return,
            Err(why) => Err(why),
        };
        let is_last = line.is_err();
        // An error means that the shop has closed.
        if to.blocking_send(line).is_err() || is_last {
            return;
        }
    }
}

/// The next line, cut off where it is too long; none at the end.
fn next(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    if input.by_ref().take(MAX_LINE + 1).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    if line.len() as u64 > MAX_LINE && !line.ends_with(b"\n") {
        input.skip_until(b'\n')?;
    }
    Ok(Some(line))
}

/// The order on a line of `store`'s, and its id. Where it names no store it is this one's, and where it has no id it
/// is given one; that is then in its text.
///
/// # Errors
/// What is wrong with it, and how to mend it.
pub(crate) fn order(line: &[u8], store: &ClientId) -> Result<(MessageId, Order), String> {
    if line.len() as u64 > MAX_LINE {
        return Err(format!("is longer than {MAX_LINE} bytes; give an order less to carry"));
    }
    let text = str::from_utf8(line).map_err(|_| "is not UTF-8; save it as such")?.trim();
    let is_object = text.starts_with('{');
    let json = |text: &str| -> Result<Box<RawValue>, String> {
        serde_json::from_str(text)
            .map_err(|why| format!("is no JSON ({why}); write one order, whole, on each line"))
    };
    let (named, order) = match parse(&json(text)?) {
        Err(_) if is_object => parse(&json(&with_field(text, "store", store.as_str()))?)?,
        result => result?,
    };
    let (client_id, message_id) = named;
    if client_id != *store {
        return Err(format!("is an order of `{client_id}`; this shop is `{store}`"));
    }
    match message_id {
        Some(id) => Ok((id, order)),
        None => {
            let id = Uuid::new_v4().to_string();
            let text = with_field(order.text(), "orderId", &id);
            let order = Order::new(&json(&text)?).map_err(|why| why.to_string())?;
            Ok((MessageId::new(&id).map_err(|why| why.to_string())?, order))
        }
    }
}

/// The store and the id that an order names.
type Names = (ClientId, Option<MessageId>);

fn parse(text: &RawValue) -> Result<(Names, Order), String> {
    let mut is_minted = false;
    let mint = || {
        is_minted = true;
        MessageId::new("minted").expect("a word is an id")
    };
    match Request::parse(Verb::Pickup, Some(text), mint) {
        Ok(Request::Pickup(which, order)) if order.text() == text.get() => {
            let id = (!is_minted).then_some(which.message_id);
            Ok(((which.client_id, id), order))
        }
        Ok(_) => Err("is a message around an order; write the order alone".into()),
        Err(refusal) => Err(format!("is no order: {}", refusal.message)),
    }
}

/// The text of an object, with one more field in front.
fn with_field(object: &str, name: &str, value: &str) -> String {
    let rest = object.strip_prefix('{').unwrap_or(object);
    let comma = if rest.trim_start().starts_with('}') { "" } else { "," };
    format!("{{{}:{}{comma}{rest}", json!(name), json!(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_order(line: &str) -> Result<(String, String), String> {
        let (id, order) = order(line.as_bytes(), &ClientId::new("acme").unwrap())?;
        Ok((id.to_string(), order.text().to_owned()))
    }

    #[test]
    fn an_order_is_taken_as_it_is_written() {
        let text = r#"{"total":1.50, "storeId":"acme","id":7,"é":"\u0041"}"#;
        assert_eq!(read_order(&format!(" {text}\r\n")).unwrap(), ("7".into(), text.into()));
    }

    #[test]
    fn an_order_that_names_no_store_is_this_shop_s() {
        let (id, text) = read_order(r#"{"orderId":"7"}"#).unwrap();
        assert_eq!((&*id, &*text), ("7", r#"{"store":"acme","orderId":"7"}"#));
    }

    #[test]
    fn an_order_without_an_id_is_given_one_that_is_in_its_text() {
        for line in ["{}", "{ }", r#"{"store":"acme"}"#, r#"{"customer":"Ada"}"#] {
            let (id, text) = read_order(line).unwrap();
            assert_eq!(id.len(), 36);
            assert_eq!(read_order(&text).unwrap(), (id, text));
        }
    }

    #[test]
    fn what_is_no_order_of_this_shop_is_refused_with_the_mend() {
        for (line, words) in [
            ("no", "is no JSON"),
            (r#"{"orderId":"7"} {"orderId":"8"}"#, "one order, whole, on each line"),
            ("7", "takes a JSON object"),
            ("[]", "takes a JSON object"),
            (r#"{"store":"other","orderId":"7"}"#, "is an order of `other`; this shop is `acme`"),
            (r#"{"orderId":""}"#, "`orderId` that is empty"),
            (
                r#"{"clientId":"acme","event":"pickup","order":{"orderId":"7"}}"#,
                "write the order alone",
            ),
        ] {
            let why = read_order(line).unwrap_err();
            assert!(why.contains(words), "{line}: {why}");
        }
        assert!(order(b"{\"customer\":\"\xff\"}", &ClientId::new("acme").unwrap()).is_err());
    }

    #[test]
    fn lines_have_their_numbers_and_blank_ones_are_skipped() {
        let long = "x".repeat(usize::try_from(MAX_LINE).unwrap() + 9);
        let text = format!("\none\n \t\r\ntwo\n{long}\nthree");
        let (send, mut lines) = mpsc::channel(READ_AHEAD);
        carry(text.as_bytes(), &send);
        let mut next = || lines.try_recv().unwrap().unwrap();
        assert_eq!(next(), (2, b"one\n".to_vec()));
        assert_eq!(next(), (4, b"two\n".to_vec()));
        let (number, cut_off) = next();
        assert_eq!((number, cut_off.len() as u64), (5, MAX_LINE + 1));
        let store = ClientId::new("acme").unwrap();
        assert!(order(&cut_off, &store).unwrap_err().contains("is longer than"));
        assert_eq!(next(), (6, b"three".to_vec()));
    }
}
