//! Canonical JSON, from the tree as it was received.

use alloc::string::String;

use crate::{
    json::{Json, Object, Text},
    write::{Sink, write_string},
};

/// Largest integer that canonical JSON carries, 2^53 − 1.
const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Canonical JSON of a value: no whitespace, properties in the order of their code points, shortest
/// escapes, integers only.
///
/// ```
/// use matrix_key_backup_wire::{Json, canonical_json};
///
/// let json = Json::parse(r#"{ "b": 2, "a": "\u65e5\/" }"#)?;
/// assert_eq!(canonical_json(&json)?, r#"{"a":"日/","b":2}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`CanonicalJsonError`] if the value holds a number or a string that canonical JSON cannot carry
/// (V2-13).
///
/// Source: [canonical JSON](https://spec.matrix.org/v1.19/appendices/#canonical-json).
pub fn canonical_json(json: &Json<'_>) -> Result<String, CanonicalJsonError> {
    let mut out = match json {
        Json::Object(object) => String::with_capacity(object.room()),
        _ => String::new(),
    };
    write_value(&mut out, json)?;
    Ok(out)
}

/// What signatures and MACs cover: canonical JSON of the object without its `signatures` and
/// `unsigned` (V2-4).
///
/// The two are removed before anything is looked at, so they may hold what canonical JSON cannot
/// carry. Only those at the top are removed; properties of these names further down are covered.
///
/// # Errors
///
/// [`CanonicalJsonError`] if what is covered holds a number or a string that canonical JSON cannot
/// carry (V2-13).
pub fn signable(object: &Object<'_>) -> Result<String, CanonicalJsonError> {
    let mut out = String::with_capacity(object.room());
    write_signable(&mut out, object)?;
    Ok(out)
}

/// Writes what [`signable`] gives.
pub(crate) fn write_signable(
    out: &mut impl Sink,
    object: &Object<'_>,
) -> Result<(), CanonicalJsonError> {
    write_members(out, object, &["signatures", "unsigned"])
}

fn write_value(out: &mut impl Sink, json: &Json<'_>) -> Result<(), CanonicalJsonError> {
    match json {
        Json::Null => out.push_str("null"),
        Json::Bool(true) => out.push_str("true"),
        Json::Bool(false) => out.push_str("false"),
        Json::Number(number) => out.push_str(integer(number)?),
        Json::String(text) => write_text(out, text)?,
        Json::Array(elements) => {
            out.push_str("[");
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    out.push_str(",");
                }
                write_value(out, element)?;
            }
            out.push_str("]");
        }
        Json::Object(object) => write_members(out, object, &[])?,
    }
    Ok(())
}

fn write_members(
    out: &mut impl Sink,
    object: &Object<'_>,
    without: &[&str],
) -> Result<(), CanonicalJsonError> {
    let mut before = "{";
    for member in object.members() {
        if member.name().as_str().is_some_and(|name| without.contains(&name)) {
            continue;
        }
        out.push_str(before);
        before = ",";
        // Most are canonical as they stand.
        if let Some(text) = member.as_plain_string() {
            out.push_str(text);
            continue;
        }
        write_text(out, member.name())?;
        out.push_str(":");
        write_value(out, member.value())?;
    }
    out.push_str(if before == "{" { "{}" } else { "}" });
    Ok(())
}

fn write_text(out: &mut impl Sink, text: &Text<'_>) -> Result<(), CanonicalJsonError> {
    match text.as_unescaped() {
        // Nothing was escaped, so nothing is to be escaped.
        Some(plain) => {
            out.push_str("\"");
            out.push_str(plain);
            out.push_str("\"");
        }
        None => write_string(out, text.as_str().ok_or(CanonicalJsonError::LoneSurrogate)?),
    }
    Ok(())
}

/// The text of a number, if it is an integer as canonical JSON writes it.
fn integer(number: &str) -> Result<&str, CanonicalJsonError> {
    // Rust also parses `-0`; and `+1` and `01`, which a tree made by hand could hold.
    let plain = matches!(number.as_bytes(), [b'0'] | [b'1'..=b'9', ..] | [b'-', b'1'..=b'9', ..]);
    match number.parse::<i64>() {
        Ok(integer) if plain && integer.unsigned_abs() <= MAX_INTEGER => Ok(number),
        _ => Err(CanonicalJsonError::Number),
    }
}

/// A value cannot be written as canonical JSON, and so nothing can be signed or authenticated
/// (V2-13).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CanonicalJsonError {
    /// A number has a fraction or an exponent, is −0, or lies beyond ±(2^53 − 1).
    #[error("a number is not an integer that canonical JSON can carry")]
    Number,
    /// A string or property name has a lone surrogate, which is no Unicode text.
    #[error("a string has a lone surrogate, which canonical JSON cannot carry")]
    LoneSurrogate,
}
