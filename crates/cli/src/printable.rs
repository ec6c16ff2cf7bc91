//! Text from elsewhere, made fit for a terminal.

use std::borrow::Cow;

/// Escapes what would move the cursor, change colours or reorder the line.
///
/// Room ids, session ids and names of algorithms are the word of a server or of a file; whoever
/// wrote them must not write to the terminal of the person who reads about them.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unfit) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if is_unfit(character) {
            escaped.extend(character.escape_unicode());
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

/// Control characters, line separators, and the characters that change the direction of writing or
/// cannot be seen.
fn is_unfit(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(character, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{61c}')
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn leaves_ordinary_text_alone() {
        for text in ["!room:example.org", "!ünïcödé:例え.jp", "a/b+c"] {
            assert_eq!(printable(text), text);
        }
    }

    #[test]
    fn escapes_what_a_terminal_would_obey() {
        assert_eq!(printable("!\u{1b}[2J:a"), "!\\u{1b}[2J:a");
        assert_eq!(printable("a\nb"), "a\\u{a}b");
        assert_eq!(printable("\u{9b}31m"), "\\u{9b}31m"); // CSI as one character
        assert_eq!(printable("a\u{202e}b"), "a\\u{202e}b"); // right to left from here on
    }
}
