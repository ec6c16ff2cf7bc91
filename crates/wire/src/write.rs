//! Writing JSON strings, as canonical JSON writes them.

use alloc::string::String;

/// What JSON is written to, piece by piece.
pub(crate) trait Sink {
    /// Appends a piece.
    fn push_str(&mut self, piece: &str);
}

impl Sink for String {
    fn push_str(&mut self, piece: &str) {
        self.push_str(piece);
    }
}

impl Sink for &mut dyn FnMut(&str) {
    fn push_str(&mut self, piece: &str) {
        self(piece);
    }
}

/// Appends `text` as a JSON string: only `"`, `\` and control characters are escaped, the latter by
/// their short forms where there is one and in lower-case hexadecimal otherwise.
pub(crate) fn write_string(out: &mut impl Sink, text: &str) {
    out.push_str("\"");
    write_content(out, text);
    out.push_str("\"");
}

fn write_content(out: &mut impl Sink, text: &str) {
    // Hardly any text has one of these.
    if is_plain(text) {
        return out.push_str(text);
    }
    let mut rest = text;
    while let Some((plain, special)) = rest.bytes().position(is_special).map(|at| rest.split_at(at))
    {
        out.push_str(plain);
        let mut characters = special.chars();
        characters.next().into_iter().for_each(|character| write_escape(out, character));
        rest = characters.as_str();
    }
    out.push_str(rest);
}

/// Whether there is nothing to escape: one loop without a way out, which becomes vector instructions.
fn is_plain(text: &str) -> bool {
    !text.bytes().fold(false, |any, byte| any | is_special(byte))
}

/// What canonical JSON escapes.
const fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

fn write_escape(out: &mut impl Sink, character: char) {
    match character {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\u{8}' => out.push_str("\\b"),
        '\t' => out.push_str("\\t"),
        '\n' => out.push_str("\\n"),
        '\u{c}' => out.push_str("\\f"),
        '\r' => out.push_str("\\r"),
        other => write_unicode_escape(out, u32::from(other)),
    }
}

fn write_unicode_escape(out: &mut impl Sink, unit: u32) {
    out.push_str("\\u");
    for shift in [12, 8, 4, 0] {
        let digit = char::from_digit(unit >> shift & 0xf, 16).unwrap_or('0');
        out.push_str(digit.encode_utf8(&mut [0; 4]));
    }
}

/// The same for bytes in which lone surrogates are encoded as UTF-8 would encode them; these are
/// written as escapes again.
pub(crate) fn write_ill_formed_string(out: &mut String, bytes: &[u8]) {
    out.push('"');
    let mut rest = bytes;
    loop {
        let valid = match core::str::from_utf8(rest) {
            Ok(text) => {
                write_content(out, text);
                break;
            }
            Err(error) => error.valid_up_to(),
        };
        let (text, ill_formed) = rest.split_at(valid);
        write_content(out, core::str::from_utf8(text).unwrap_or_default());
        let [one, two, three, tail @ ..] = ill_formed else { break };
        let unit =
            u32::from(one & 0x0f) << 12 | u32::from(two & 0x3f) << 6 | u32::from(three & 0x3f);
        write_unicode_escape(out, unit);
        rest = tail;
    }
    out.push('"');
}

/// Appends `"name":`, preceded by a comma unless this is the first member of the object. The name
/// is a known one, in which nothing is to be escaped.
pub(crate) fn write_name(out: &mut String, name: &'static str) {
    write_separator(out);
    write_plain_string(out, name);
    out.push(':');
}

/// The same for any name.
pub(crate) fn write_other_name(out: &mut String, name: &str) {
    write_separator(out);
    write_string(out, name);
    out.push(':');
}

/// Appends a string that is known to have nothing to escape.
pub(crate) fn write_plain_string(out: &mut impl Sink, text: &str) {
    debug_assert!(is_plain(text), "nothing to escape");
    out.push_str("\"");
    out.push_str(text);
    out.push_str("\"");
}

/// Appends a comma unless this is the first member of the object.
pub(crate) fn write_separator(out: &mut String) {
    if !out.ends_with('{') {
        out.push(',');
    }
}

/// Most bytes that a string takes as JSON. A buffer with this room never grows, and so leaves no
/// copy of a secret behind.
pub(crate) fn string_room(text: &str) -> usize {
    if is_plain(text) { text.len() + 2 } else { most_string_room(text.len()) }
}

/// The same for what [`write_ill_formed_string`] appends.
pub(crate) fn ill_formed_string_room(bytes: &[u8]) -> usize {
    core::str::from_utf8(bytes).map_or_else(|_| most_string_room(bytes.len()), string_room)
}

/// The same for any string of `length` bytes: an escape has six characters.
const fn most_string_room(length: usize) -> usize {
    length * 6 + 2
}
