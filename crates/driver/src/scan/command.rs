//! What a line says.

/// What a driver can say. Everything that is no other command is a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command<'a> {
    List,
    Mine,
    /// Give back the order of this code, or else the last.
    Undo(Option<&'a str>),
    Help,
    Quit,
    Code(&'a str),
}

impl<'a> Command<'a> {
    /// Reads a line; a blank one says nothing.
    pub(super) fn read(line: &'a str) -> Option<Self> {
        let line = line.trim();
        Some(match line {
            "" => return None,
            "list" => Self::List,
            "mine" => Self::Mine,
            "undo" => Self::Undo(None),
            "help" => Self::Help,
            "quit" => Self::Quit,
            _ => match line.strip_prefix("undo ") {
                Some(code) => Self::Undo(Some(code.trim_start())),
                None => Self::Code(line),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_command_or_a_code() {
        for (line, command) in [
            ("list", Some(Command::List)),
            ("  mine\r", Some(Command::Mine)),
            ("undo", Some(Command::Undo(None))),
            ("undo  acme/7 ", Some(Command::Undo(Some("acme/7")))),
            ("help", Some(Command::Help)),
            ("quit", Some(Command::Quit)),
            (" 4711\r", Some(Command::Code("4711"))),
            ("acme/list", Some(Command::Code("acme/list"))),
            ("List", Some(Command::Code("List"))),
            ("an order 7", Some(Command::Code("an order 7"))),
            (" \t", None),
        ] {
            assert_eq!(Command::read(line), command, "{line:?}");
        }
    }
}
