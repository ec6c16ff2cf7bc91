//! A strict JSON tree that borrows from its input.
//!
//! Why another JSON parser: to check a MAC, the object must be taken exactly as it was received
//! (V2-4). A general parser keeps the last of two properties of one name, turns numbers into floats
//! and refuses lone surrogates with an error of its own; here duplicates are an error at any depth
//! (V2-13), numbers keep their text, and lone surrogates are kept so that duplicates are still seen.
//! Apart from that the language is exactly RFC 8259.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::{cmp::Ordering, fmt};

use zeroize::Zeroizing;

use crate::write::ill_formed_string_room;

mod parser;

/// Longest entry that is read, in bytes: 1 MiB (V2-13).
pub const ENTRY_MAX_BYTES: usize = 1 << 20;

/// Deepest nesting of arrays and objects that is read (V2-13). The outermost one is level 1.
pub const MAX_DEPTH: usize = 128;

/// A JSON value, borrowed from the text it was parsed from.
///
/// `Debug` tells kinds and sizes and never the content, which may be secret.
///
/// ```
/// use matrix_key_backup_wire::Json;
///
/// let json = Json::parse(r#"{"b": [1.50, true], "\u0061": "x"}"#)?;
/// let object = json.as_object().unwrap();
/// assert_eq!(object.get("a").and_then(Json::as_str), Some("x"));
/// assert_eq!(object.raw("b"), Some("[1.50, true]"));
/// # Ok::<(), matrix_key_backup_wire::JsonError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub enum Json<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, as the text that stood there: nothing is rounded or normalised.
    Number(&'a str),
    /// A string
    String(Text<'a>),
    /// An array
    Array(Box<[Json<'a>]>),
    /// An object
    Object(Object<'a>),
}

impl<'a> Json<'a> {
    /// Parses one JSON text of at most [`ENTRY_MAX_BYTES`] and [`MAX_DEPTH`] levels (V2-13).
    ///
    /// # Errors
    ///
    /// What is wrong and at which byte, when the text is no JSON by RFC 8259, is too large or too
    /// deep, or has a duplicate property at any depth. Names are compared after decoding: `"\u0063"`
    /// and `"c"` are the same.
    pub fn parse(text: &'a str) -> Result<Self, JsonError> {
        Self::parse_within(text, ENTRY_MAX_BYTES, MAX_DEPTH)
    }

    /// The same within other limits, for what encloses an entry.
    pub(crate) fn parse_within(
        text: &'a str,
        max_bytes: usize,
        max_depth: usize,
    ) -> Result<Self, JsonError> {
        if text.len() > max_bytes {
            return Err(JsonError { kind: JsonErrorKind::TooLarge, offset: max_bytes });
        }
        parser::parse(text, max_depth)
    }

    /// The string, unless this is something else or a string with a lone surrogate.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => text.as_str(),
            _ => None,
        }
    }

    /// The truth value, unless this is something else.
    pub const fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The array, unless this is something else.
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// The object, unless this is something else.
    pub const fn as_object(&self) -> Option<&Object<'a>> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// What this is, for messages.
    pub fn kind(&self) -> JsonKind {
        match self {
            Self::Null => JsonKind::Null,
            Self::Bool(_) => JsonKind::Bool,
            Self::Number(_) => JsonKind::Number,
            Self::String(text) if text.as_str().is_none() => JsonKind::IllFormedString,
            Self::String(_) => JsonKind::String,
            Self::Array(_) => JsonKind::Array,
            Self::Object(_) => JsonKind::Object,
        }
    }
}

impl fmt::Debug for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Array(elements) => write!(f, "Json(array of {})", elements.len()),
            Self::Object(object) => write!(f, "Json(object of {})", object.len()),
            other => write!(f, "Json({})", other.kind()),
        }
    }
}

/// The kinds of JSON values, named in errors instead of the value itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JsonKind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// A number
    Number,
    /// A string
    String,
    /// A string with a lone surrogate, which is no Unicode text
    IllFormedString,
    /// An array
    Array,
    /// An object
    Object,
}

impl fmt::Display for JsonKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Bool => "a boolean",
            Self::Number => "a number",
            Self::String => "a string",
            Self::IllFormedString => "a string with a lone surrogate",
            Self::Array => "an array",
            Self::Object => "an object",
        })
    }
}

/// A string or property name: borrowed where the text had no escapes, decoded otherwise.
///
/// Two texts are equal when they decode to the same sequence of UTF-16 code units, whatever their
/// escapes were. Their order is that of their code points, which is the order of their UTF-8 bytes.
#[derive(Clone)]
pub struct Text<'a>(Repr<'a>);

#[derive(Clone)]
enum Repr<'a> {
    /// Without escapes, so there is nothing in it that canonical JSON would escape either.
    Borrowed(&'a str),
    /// Apart, since that is rare: so a text is no larger than what it borrows.
    Decoded(Box<Decoded>),
}

#[derive(Clone)]
enum Decoded {
    WellFormed(Zeroizing<String>),
    /// With a lone surrogate, which is encoded as UTF-8 would encode any other code point
    /// ("WTF-8"), so that different strings stay different.
    IllFormed(Zeroizing<Vec<u8>>),
}

impl Text<'_> {
    /// The text, unless it has a lone surrogate.
    pub fn as_str(&self) -> Option<&str> {
        match &self.0 {
            Repr::Borrowed(text) => Some(text),
            Repr::Decoded(decoded) => match &**decoded {
                Decoded::WellFormed(text) => Some(text),
                Decoded::IllFormed(_) => None,
            },
        }
    }

    /// UTF-8, or its extension to lone surrogates.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Borrowed(text) => text.as_bytes(),
            Repr::Decoded(decoded) => match &**decoded {
                Decoded::WellFormed(text) => text.as_bytes(),
                Decoded::IllFormed(bytes) => bytes,
            },
        }
    }

    /// The text if it stood in the source as it is, without escapes.
    pub(crate) const fn as_unescaped(&self) -> Option<&str> {
        match self.0 {
            Repr::Borrowed(text) => Some(text),
            Repr::Decoded(_) => None,
        }
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Text<'_> {}

impl PartialOrd for Text<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.as_bytes().len())
    }
}

/// The members of a JSON object, each name once, in the order of their names' code points.
///
/// Two objects are equal when their names and values are, whatever the order and the whitespace.
#[derive(Clone)]
pub struct Object<'a> {
    members: Vec<Member<'a>>,
}

/// One property of an object. There are many of them: each should fit into a line of the cache.
#[derive(Clone)]
pub(crate) struct Member<'a> {
    name: Text<'a>,
    value: Json<'a>,
    /// All of it as it stands in the text, from the name's opening quote to the value's end.
    text: &'a str,
    /// Where in there the value starts.
    value_at: usize,
}

const _: () = assert!(size_of::<Member<'_>>() <= 64);

impl<'a> Member<'a> {
    pub(crate) fn name(&self) -> &Text<'a> {
        &self.name
    }

    pub(crate) fn value(&self) -> &Json<'a> {
        &self.value
    }

    /// The value as it stands in the text.
    pub(crate) fn raw(&self) -> &'a str {
        self.text.get(self.value_at..).unwrap_or_default()
    }

    /// All of it as it stands in the text, if that is name and string, with no escape in them and
    /// no whitespace around: so canonical JSON would write it too.
    pub(crate) fn as_plain_string(&self) -> Option<&'a str> {
        let Json::String(value) = &self.value else { return None };
        let (name, value) = (self.name.as_unescaped()?, value.as_unescaped()?);
        let shortest = name.len() + value.len() + r#""":"""#.len();
        (self.text.len() == shortest).then_some(self.text)
    }
}

impl PartialEq for Object<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Object<'_> {}

/// So many properties an ordinary object has, and no more.
const FEW: usize = 16;

impl<'a> Object<'a> {
    fn find(&self, name: &str) -> Option<&Member<'a>> {
        let name = name.as_bytes();
        // In few, it is quicker to look for one of the same length.
        if self.members.len() <= FEW {
            return self.members.iter().find(|member| member.name.as_bytes() == name);
        }
        let order = |member: &Member<'a>| member.name.as_bytes().cmp(name);
        self.members.get(self.members.binary_search_by(order).ok()?)
    }

    /// The value of the property of this name.
    pub fn get(&self, name: &str) -> Option<&Json<'a>> {
        self.find(name).map(|member| &member.value)
    }

    /// The value of the property of this name, as it stands in the text it was parsed from.
    pub fn raw(&self, name: &str) -> Option<&'a str> {
        self.find(name).map(Member::raw)
    }

    /// Whether there is a property of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// Names and values, in the order of the names' code points.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Text<'a>, &Json<'a>)> + Clone {
        self.members.iter().map(|member| (&member.name, &member.value))
    }

    /// Names and the text of the values, in the order of the names' code points.
    pub fn iter_raw(&self) -> impl ExactSizeIterator<Item = (&Text<'a>, &'a str)> + Clone {
        self.members.iter().map(|member| (&member.name, member.raw()))
    }

    /// All of them, in the order of the names' code points.
    pub(crate) fn members(&self) -> &[Member<'a>] {
        &self.members
    }

    /// Most bytes that the object takes without whitespace.
    pub(crate) fn room(&self) -> usize {
        let members = self.members.iter();
        members
            .map(|member| ill_formed_string_room(member.name.as_bytes()) + member.raw().len() + 2)
            .sum::<usize>()
            + 2
    }

    /// How many properties there are.
    pub const fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is no property.
    pub const fn is_empty(&self) -> bool {
        self.members.is_empty()
    }
}

impl fmt::Debug for Object<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Object({} properties)", self.len())
    }
}

/// A text is not the JSON that is accepted here: what is wrong, and at which byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at byte {offset}")]
pub struct JsonError {
    kind: JsonErrorKind,
    offset: usize,
}

impl JsonError {
    /// What is wrong.
    pub const fn kind(&self) -> JsonErrorKind {
        self.kind
    }

    /// Offset in bytes of the place, counted from 0.
    pub const fn offset(&self) -> usize {
        self.offset
    }
}

/// What can be wrong with a JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonErrorKind {
    /// The text ends in the middle of a value.
    #[error("unexpected end of JSON")]
    UnexpectedEnd,
    /// Something else was expected here.
    #[error("unexpected character in JSON")]
    UnexpectedCharacter,
    /// A number is not written as JSON writes numbers.
    #[error("malformed number in JSON")]
    Number,
    /// A backslash is not followed by an escape that JSON knows.
    #[error("malformed escape in JSON string")]
    Escape,
    /// A control character stands in a string without being escaped.
    #[error("unescaped control character in JSON string")]
    ControlCharacter,
    /// Something follows the value.
    #[error("unexpected text after the end of JSON")]
    TrailingText,
    /// An object has two properties of one name (V2-13).
    #[error("duplicate property in JSON object")]
    DuplicateProperty,
    /// Arrays and objects are nested too deeply (V2-13).
    #[error("JSON nested too deeply")]
    TooDeep,
    /// The text is too long (V2-13).
    #[error("JSON text too long, its limit is reached")]
    TooLarge,
}
