//! A program's own words.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use super::{Progress, Record};

/// Whole lines to one writer, from many tasks, above the bar where there is one.
#[derive(Debug)]
pub struct Lines<W> {
    writer: Mutex<W>,
    progress: Progress,
}

impl<W: Write> Lines<W> {
    /// Lines to `writer`, such as stdout, above this bar.
    pub fn new(writer: W, progress: Progress) -> Self {
        Self { writer: Mutex::new(writer), progress }
    }

    /// Writes one line, and sees to it that it is out.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn print(&self, line: impl Display) -> io::Result<()> {
        self.write(printable(&line.to_string()))
    }

    /// Writes one line, and rings the bell of a terminal.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn print_with_bell(&self, line: impl Display) -> io::Result<()> {
        self.write(format!("\u{7}{}", printable(&line.to_string())))
    }

    /// Writes one line of fields with tabs between.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn print_fields<'a>(&self, fields: impl IntoIterator<Item = &'a str>) -> io::Result<()> {
        let fields: Vec<_> = fields.into_iter().map(printable).collect();
        self.write(fields.join("\t"))
    }

    /// Writes one line of JSON.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn print_json(&self, record: &Record<'_>) -> io::Result<()> {
        // Such as these stand between the words of JSON alone, where a space says the same.
        self.print(serde_json::to_string(record)?.replace(['\n', '\r', '\t'], " "))
    }

    fn write(&self, mut text: String) -> io::Result<()> {
        text.push('\n');
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.progress.aside(|| {
            writer.write_all(text.as_bytes())?;
            writer.flush()
        })
    }

    /// The writer, when all lines are written.
    pub fn into_inner(self) -> W {
        self.writer.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `text` with its control characters written out as JSON would, so that an order cannot forge lines or move
/// the cursor of a terminal.
pub fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            printable.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            printable.push(c);
        }
    }
    printable
}

#[cfg(test)]
mod tests {
    use super::*;
    use caps_proto::{ClientId, Order};
    use serde_json::Value;

    fn text(lines: Lines<Vec<u8>>) -> String {
        String::from_utf8(lines.into_inner()).unwrap()
    }

    #[test]
    fn a_line_is_one_line_whatever_an_order_says() {
        let lines = Lines::new(Vec::new(), Progress::default());
        lines.print("Zoë & söhne").unwrap();
        lines.print("a\nb\u{1b}[2J\u{9b}").unwrap();
        lines.print_fields(["a\tb", "c"]).unwrap();
        assert_eq!(text(lines), "Zoë & söhne\na\\u000ab\\u001b[2J\\u009b\na\\u0009b\tc\n");
    }

    #[test]
    fn a_bell_rings_once_whatever_an_order_says() {
        let lines = Lines::new(Vec::new(), Progress::default());
        lines.print_with_bell("a\u{7}").unwrap();
        assert_eq!(text(lines), "\u{7}a\\u0007\n");
    }

    #[test]
    fn a_record_is_one_line_of_json_whatever_an_order_says() {
        let lines = Lines::new(Vec::new(), Progress::default());
        let store = ClientId::new("acme").unwrap();
        let order: Order = serde_json::from_str("{\"total\":1.50,\n\"x\":\"\u{9b}\"}").unwrap();
        let record = Record { order: Some(&order), ..Record::new("delivered", &store) };
        lines.print_json(&record).unwrap();
        let text = text(lines);
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains(r#""event":"delivered","clientId":"acme","order":{"total":1.50,"#));
        assert!(serde_json::from_str::<Value>(&text).is_ok(), "{text}");
    }
}
