//! Changes to an entry's text. They look for what [`entry`](super::super::entry) writes, and
//! whether they found it shows in the case's intermediates and in its outcome.

use matrix_key_backup_primitives::base64;

/// Replaces the string that stands under `name`.
pub(super) fn string(text: &str, name: &str, change: impl FnOnce(&str) -> String) -> String {
    let open = format!("\"{name}\":\"");
    let Some((before, rest)) = text.split_once(&open) else { return text.to_owned() };
    let Some((value, after)) = rest.split_once('"') else { return text.to_owned() };
    format!("{before}{open}{}\"{after}", change(value))
}

/// Replaces the string under `name`, quotes included.
pub(super) fn value(text: &str, name: &str, json: &str) -> String {
    let quoted = format!("\"{name}\":\"\"");
    string(text, name, |_| String::new()).replace(&quoted, &format!("\"{name}\":{json}"))
}

/// Another first character of base64: a changed first byte, and no other difference in form.
pub(super) fn first_character(text: &str, name: &str) -> String {
    string(text, name, |value| {
        let other = if value.starts_with('A') { 'B' } else { 'A' };
        value.chars().take(1).map(|_| other).chain(value.chars().skip(1)).collect()
    })
}

/// The MAC, under either of its names.
pub(super) fn mac(text: &str) -> String {
    let name = match text.contains("\"backup_mac\"") {
        true => "backup_mac",
        false => "org.matrix.msc4048.backup_mac",
    };
    first_character(text, name)
}

/// The bytes under `name` without the last one.
pub(super) fn cut_byte(text: &str, name: &str) -> String {
    string(text, name, |value| {
        let mut bytes = base64::decode_unpadded(value).unwrap_or_default();
        bytes.pop();
        base64::encode_unpadded(&bytes)
    })
}

/// A property in front of all others, written as `"name":value`.
pub(super) fn in_front(text: &str, property: &str) -> String {
    text.replacen('{', &format!("{{{property},"), 1)
}

/// A property in `unsigned`, in front of the MAC.
pub(super) fn in_unsigned(text: &str, property: &str) -> String {
    let open = "\"unsigned\":{";
    text.replace(open, &format!("{open}{property},"))
}

/// The first property last, and whitespace at every comma.
pub(super) fn reordered(text: &str) -> String {
    let moved = text
        .strip_prefix('{')
        .and_then(|text| text.strip_suffix('}'))
        .and_then(|members| members.split_once(','))
        .map(|(first, rest)| format!(" {{ {rest},{first} }}\r\n"));
    moved.unwrap_or_default().replace(',', " ,\n\t")
}

/// `1` in this many arrays.
pub(super) fn nested(levels: usize) -> String {
    format!("{}1{}", "[".repeat(levels), "]".repeat(levels))
}
