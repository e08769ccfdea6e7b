//! A program's own words.

use std::fmt::Display;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

/// Whole lines to one writer, from many tasks.
#[derive(Debug)]
pub struct Lines<W>(Mutex<W>);

impl<W: Write> Lines<W> {
    /// Lines to `writer`, such as stdout.
    pub fn new(writer: W) -> Self {
        Self(Mutex::new(writer))
    }

    /// Writes one line, and sees to it that it is out.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn print(&self, line: impl Display) -> io::Result<()> {
        self.write(printable(&line.to_string()))
    }

    /// Writes one line of fields with tabs between.
    ///
    /// # Errors
    /// Those of the writer.
    pub fn print_fields<'a>(&self, fields: impl IntoIterator<Item = &'a str>) -> io::Result<()> {
        let fields: Vec<_> = fields.into_iter().map(printable).collect();
        self.write(fields.join("\t"))
    }

    fn write(&self, mut text: String) -> io::Result<()> {
        text.push('\n');
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        writer.write_all(text.as_bytes())?;
        writer.flush()
    }

    /// The writer, when all lines are written.
    pub fn into_inner(self) -> W {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
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

    #[test]
    fn a_line_is_one_line_whatever_an_order_says() {
        let lines = Lines::new(Vec::new());
        lines.print("Zoë & söhne").unwrap();
        lines.print("a\nb\u{1b}[2J\u{9b}").unwrap();
        lines.print_fields(["a\tb", "c"]).unwrap();
        assert_eq!(
            String::from_utf8(lines.into_inner()).unwrap(),
            "Zoë & söhne\na\\u000ab\\u001b[2J\\u009b\na\\u0009b\tc\n"
        );
    }
}
