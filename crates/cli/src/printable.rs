//! Text from elsewhere, made fit for a terminal.

use std::{borrow::Cow, fmt::Write as _};

use zeroize::Zeroizing;

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

/// The same for a text of several lines, whose ends stay.
///
/// What comes from elsewhere must have gone through [`printable`] before it is put into a line: here
/// a line end that it brings along cannot be told from our own.
pub(crate) fn printable_lines(text: &str) -> String {
    text.split_inclusive('\n')
        .map(|line| match line.strip_suffix('\n') {
            Some(line) => printable(line) + "\n",
            None => printable(line),
        })
        .collect()
}

/// The same for a JSON text: as the escapes of JSON, so that the values stay what they are.
///
/// Such characters stand in strings only. Control characters below U+0020 are escaped in any JSON;
/// what is outside of strings, a line end for instance, stays.
pub(crate) fn printable_json(json: &str) -> Zeroizing<String> {
    let escape = |character: char| character > '~' && is_unfit(character);
    let unfit = json.chars().filter(|character| escape(*character)).count();
    // As large as it gets, for it may hold a key.
    let mut escaped = Zeroizing::new(String::with_capacity(json.len() + unfit * ESCAPE_MAX_BYTES));
    for character in json.chars() {
        if escape(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a string does not fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// Two escapes, `\ud83d\ude00`.
const ESCAPE_MAX_BYTES: usize = 12;

/// Control characters, line separators, and the characters that change the direction of writing or
/// cannot be seen.
fn is_unfit(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(character, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{61c}')
        || matches!(character, '\u{ad}' | '\u{180e}' | '\u{fff9}'..='\u{fffb}')
        || matches!(character, '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::{printable, printable_json, printable_lines};

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
        assert_eq!(printable_lines("a\u{85}b\nc\u{7f}\n"), "a\\u{85}b\nc\\u{7f}\n");
        assert_eq!(printable_lines("a\u{feff}"), "a\\u{feff}");
    }

    #[test]
    fn json_keeps_its_values() {
        let hostile = "\u{7f}\u{9b}2J\u{202e}\u{feff}\u{e0041}\u{1b}\n\\ü例😀";
        let json = serde_json::json!({ hostile: [hostile, 1] });
        let text = format!("{json}\n");
        let escaped = printable_json(&text);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&escaped).unwrap(), json);
        assert!(
            escaped.contains("\\u007f\\u009b2J\\u202e\\ufeff\\udb40\\udc41\\u001b"),
            "{escaped:?}"
        );
        assert!(escaped.contains("ü例😀") && escaped.ends_with("}\n"));
        assert_eq!(*printable_json("{\"a\":\"ü\"}"), "{\"a\":\"ü\"}");
    }
}
