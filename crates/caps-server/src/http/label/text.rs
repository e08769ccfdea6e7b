//! Makes text fit, without a font to measure it by: a letter's width is a guess on the large side.

/// The smallest size of letters that is still read.
const SMALLEST: f32 = 9.0;

/// From one line to the next.
pub(super) fn leading(size: f32) -> f32 {
    size * 1.2
}

/// The size, of at most `largest`, with which a text fits into a box, and its lines. What does not fit at all is cut, and
/// ends in an ellipsis.
pub(super) fn fit(text: &str, width: f32, height: f32, largest: f32) -> (f32, Vec<String>) {
    let mut size = largest;
    loop {
        let mut lines = wrap(text, width / size);
        let room = ((height / leading(size)) as usize).max(1);
        if lines.len() <= room {
            return (size, lines);
        }
        if size <= SMALLEST {
            lines.truncate(room);
            if let Some(last) = lines.last_mut() {
                while !last.is_empty() && width_of(last) + 1.0 > width / size {
                    last.pop();
                }
                last.push('…');
            }
            return (size, lines);
        }
        size = (size - 1.0).max(SMALLEST);
    }
}

/// Breaks a text between words, and long words anywhere, into lines of so many ems.
fn wrap(text: &str, width: f32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        if let Some(line) = lines.last_mut()
            && width_of(line) + width_of(" ") + width_of(word) <= width
        {
            line.push(' ');
            line.push_str(word);
            continue;
        }
        let mut line = String::new();
        for letter in word.chars() {
            if !line.is_empty() && width_of(&line) + width_of_letter(letter) > width {
                lines.push(std::mem::take(&mut line));
            }
            line.push(letter);
        }
        lines.push(line);
    }
    lines
}

/// In ems.
fn width_of(text: &str) -> f32 {
    text.chars().map(width_of_letter).sum()
}

fn width_of_letter(letter: char) -> f32 {
    match letter {
        ' ' | 'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' => 0.32,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.95,
        'A'..='Z' => 0.75,
        '\0'..='\u{2ff}' => 0.62,
        '\u{300}'..='\u{10ff}' => 0.8,
        _ => 1.0,
    }
}

/// A text as it stands in XML, which takes no control characters at all.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => escaped.push(char::REPLACEMENT_CHARACTER),
            letter if letter.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_wrapped_between_words_made_smaller_and_at_last_cut() {
        let (size, lines) = fit("Elm Street 12", 300.0, 50.0, 20.0);
        assert_eq!((size, lines), (20.0, vec!["Elm Street 12".to_owned()]));
        let long = "12 Upper Elm Street, Flat 7, Little Springfield on the Water, Somerset, United Kingdom";
        let (size, lines) = fit(long, 300.0, 80.0, 30.0);
        assert!((SMALLEST..30.0).contains(&size), "{size}");
        assert_eq!(lines.join(" "), long);
        let (size, lines) = fit(&"word ".repeat(1000), 300.0, 50.0, 20.0);
        assert_eq!((size, lines.len()), (SMALLEST, 4));
        assert!(lines[3].ends_with('…'));
        for text in [&"x".repeat(500), &"語".repeat(100), &"W".repeat(99)] {
            let (size, lines) = fit(text, 300.0, 90.0, 20.0);
            assert!(lines.iter().all(|line| width_of(line) * size <= 300.0), "{lines:?}");
        }
        assert!(fit("", 300.0, 50.0, 20.0).1.is_empty());
    }
}
