//! The parser: one pass, recursive only up to the depth bound.

use alloc::{boxed::Box, string::String, vec::Vec};
use core::mem;

use memchr::{memchr, memchr2};
use zeroize::Zeroizing;

use super::{Decoded, Json, JsonError, JsonErrorKind, Member, Object, Repr, Text};

/// Properties in an ordinary entry; more are no problem, only another allocation.
const USUAL_SIZE: usize = 4;

pub(super) fn parse(text: &str, max_depth: usize) -> Result<Json<'_>, JsonError> {
    let mut parser = Parser {
        text,
        max_depth,
        has_controls: is_control(text.bytes().fold(u8::MAX, u8::min)),
        position: 0,
        members: Vec::with_capacity(USUAL_SIZE),
        elements: Vec::new(),
    };
    parser.skip_whitespace();
    let json = parser.value(max_depth)?;
    parser.skip_whitespace();
    match parser.peek() {
        None => Ok(json),
        Some(_) => Err(parser.error(JsonErrorKind::TrailingText)),
    }
}

/// Each method reads from `position` on. What belongs to objects and arrays that are still open is on
/// two stacks: so a closed one is allocated once, with its exact size, and small ones in large
/// numbers cost no spare room. Only the outermost object, of which there is one, takes its stack.
struct Parser<'a> {
    text: &'a str,
    max_depth: usize,
    /// Whether there are control characters at all. Between properties they are whitespace; where there
    /// are none, as in what most software writes, no string has to be searched for them.
    has_controls: bool,
    position: usize,
    members: Vec<Member<'a>>,
    elements: Vec<Json<'a>>,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    const fn error(&self, kind: JsonErrorKind) -> JsonError {
        JsonError { kind, offset: self.position }
    }

    /// The error for a character that does not belong here, or for the end of the text.
    fn unexpected(&self) -> JsonError {
        self.error(match self.peek() {
            Some(_) => JsonErrorKind::UnexpectedCharacter,
            None => JsonErrorKind::UnexpectedEnd,
        })
    }

    fn skip_whitespace(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.position += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.peek() != Some(byte) {
            return Err(self.unexpected());
        }
        self.position += 1;
        Ok(())
    }

    /// The text from `start` to the current position.
    #[expect(clippy::expect_used, reason = "both ends are next to ASCII characters just read")]
    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.position).expect("positions are character boundaries")
    }

    /// `levels` is how many more levels of nesting are allowed.
    fn value(&mut self, levels: usize) -> Result<Json<'a>, JsonError> {
        match self.peek() {
            Some(b'{') => self.object(levels).map(Json::Object),
            Some(b'[') => self.array(levels).map(Json::Array),
            Some(b'"') => Ok(Json::String(self.string()?.decoded())),
            Some(b'-' | b'0'..=b'9') => self.number().map(Json::Number),
            Some(b't') => self.literal("true", Json::Bool(true)),
            Some(b'f') => self.literal("false", Json::Bool(false)),
            Some(b'n') => self.literal("null", Json::Null),
            _ => Err(self.unexpected()),
        }
    }

    fn literal(&mut self, word: &str, value: Json<'a>) -> Result<Json<'a>, JsonError> {
        for byte in word.bytes() {
            self.expect(byte)?;
        }
        Ok(value)
    }

    fn enter(&mut self, levels: usize) -> Result<usize, JsonError> {
        let inner = levels.checked_sub(1).ok_or_else(|| self.error(JsonErrorKind::TooDeep))?;
        self.position += 1;
        self.skip_whitespace();
        Ok(inner)
    }

    /// After a value: whether another one follows in this container, which `close` ends.
    fn another(&mut self, close: u8) -> Result<bool, JsonError> {
        self.skip_whitespace();
        match self.peek() {
            Some(b',') => {
                self.position += 1;
                self.skip_whitespace();
                Ok(true)
            }
            Some(byte) if byte == close => {
                self.position += 1;
                Ok(false)
            }
            _ => Err(self.unexpected()),
        }
    }

    fn array(&mut self, levels: usize) -> Result<Box<[Json<'a>]>, JsonError> {
        let first = self.elements.len();
        let levels = self.enter(levels)?;
        if self.peek() == Some(b']') {
            self.position += 1;
        } else {
            self.element(levels)?;
            while self.another(b']')? {
                self.element(levels)?;
            }
        }
        Ok(self.elements.drain(first..).collect())
    }

    fn element(&mut self, levels: usize) -> Result<(), JsonError> {
        let element = self.value(levels)?;
        self.elements.push(element);
        Ok(())
    }

    fn object(&mut self, levels: usize) -> Result<Object<'a>, JsonError> {
        let (first, outermost) = (self.members.len(), levels == self.max_depth);
        let levels = self.enter(levels)?;
        if self.peek() == Some(b'}') {
            self.position += 1;
        } else {
            self.member(levels)?;
            while self.another(b'}')? {
                self.member(levels)?;
            }
        }
        // The outermost one takes the stack, unless what it enclosed has made that far too large.
        let mut members = if outermost && self.members.capacity() <= 2 * self.members.len() {
            mem::take(&mut self.members)
        } else {
            self.members.drain(first..).collect()
        };
        self.sort_without_duplicates(&mut members)?;
        Ok(Object { members })
    }

    /// Sorting and comparing neighbours keeps this from being quadratic in hostile input. What is
    /// sorted has none of the same name, and needs no more: so writers write.
    fn sort_without_duplicates(&self, members: &mut [Member<'a>]) -> Result<(), JsonError> {
        if members.is_sorted_by(|one, other| one.name < other.name) {
            return Ok(());
        }
        members.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        for pair in members.windows(2) {
            if let [one, other] = pair
                && one.name == other.name
            {
                let second = one.text.as_ptr().max(other.text.as_ptr());
                let offset = second.addr() - self.text.as_ptr().addr();
                return Err(JsonError { kind: JsonErrorKind::DuplicateProperty, offset });
            }
        }
        Ok(())
    }

    fn member(&mut self, levels: usize) -> Result<(), JsonError> {
        let start = self.position;
        if self.peek() != Some(b'"') {
            return Err(self.unexpected());
        }
        let name = self.string()?;
        self.skip_whitespace();
        self.expect(b':')?;
        self.skip_whitespace();
        let value_at = self.position - start;
        // Most are strings. Read here, what is known of them stays in registers.
        let value = if self.peek() == Some(b'"') {
            Json::String(self.string()?.decoded())
        } else {
            self.value(levels)?
        };
        let (name, text) = (name.decoded(), self.since(start));
        self.members.push(Member { name, value, text, value_at });
        Ok(())
    }

    fn number(&mut self) -> Result<&'a str, JsonError> {
        let start = self.position;
        if self.peek() == Some(b'-') {
            self.position += 1;
        }
        if self.peek() == Some(b'0') {
            // Nothing may follow a leading zero but a fraction or an exponent.
            self.position += 1;
            if let Some(b'0'..=b'9') = self.peek() {
                return Err(self.error(JsonErrorKind::Number));
            }
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.position += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.position += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.position += 1;
            }
            self.digits()?;
        }
        Ok(self.since(start))
    }

    /// One digit or more.
    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.position;
        while let Some(b'0'..=b'9') = self.peek() {
            self.position += 1;
        }
        if self.position == start {
            return Err(self.error(match self.peek() {
                Some(_) => JsonErrorKind::Number,
                None => JsonErrorKind::UnexpectedEnd,
            }));
        }
        Ok(())
    }

    /// A string, from its opening quote on. Inlined, it stays in registers.
    #[inline(always)]
    fn string(&mut self) -> Result<Quoted<'a>, JsonError> {
        self.position += 1;
        let start = self.position;
        let mut escaped = false;
        loop {
            let rest = self.text.as_bytes().get(self.position..).unwrap_or_default();
            let run = memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
            if self.has_controls {
                self.refuse_controls(run)?;
            }
            self.position += run;
            match self.peek() {
                Some(b'"') => break,
                Some(_) => {
                    escaped = true;
                    self.skip_escape()?;
                }
                None => return Err(self.error(JsonErrorKind::UnexpectedEnd)),
            }
        }
        let content = self.since(start);
        self.position += 1;
        Ok(Quoted { content, escaped })
    }

    /// There must be none in the next `run` bytes.
    fn refuse_controls(&mut self, run: usize) -> Result<(), JsonError> {
        let next = self.text.bytes().skip(self.position).take(run);
        match { next }.position(is_control) {
            None => Ok(()),
            Some(place) => {
                self.position += place;
                Err(self.error(JsonErrorKind::ControlCharacter))
            }
        }
    }

    #[cold]
    fn skip_escape(&mut self) -> Result<(), JsonError> {
        let rest = self.text.as_bytes().get(self.position + 1..).unwrap_or_default();
        self.position += match rest {
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
            [b'u', digits @ ..] if hex4(digits).is_some() => 6,
            _ => return Err(self.error(JsonErrorKind::Escape)),
        };
        Ok(())
    }
}

/// What stands between two quotes, known to be well-formed.
struct Quoted<'a> {
    content: &'a str,
    escaped: bool,
}

impl<'a> Quoted<'a> {
    #[inline(always)]
    fn decoded(self) -> Text<'a> {
        Text(if self.escaped {
            Repr::Decoded(Box::new(decode(self.content)))
        } else {
            Repr::Borrowed(self.content)
        })
    }
}

/// Decodes the content of a string whose escapes are known to be well-formed.
#[cold]
fn decode(content: &str) -> Decoded {
    // No escape is shorter than what it stands for, so this never grows and leaves no copy behind.
    let mut decoded = Zeroizing::new(Vec::with_capacity(content.len()));
    let mut rest = content.as_bytes();
    loop {
        let (plain, escape) = rest.split_at(memchr(b'\\', rest).unwrap_or(rest.len()));
        decoded.extend_from_slice(plain);
        rest = match escape {
            [b'\\', b'u', tail @ ..] => decode_unicode(tail, &mut decoded),
            [b'\\', letter, tail @ ..] => {
                decoded.push(unescaped(*letter));
                tail
            }
            _ => break,
        };
    }
    // Only an encoded lone surrogate can make this ill-formed.
    match String::from_utf8(mem::take(&mut *decoded)) {
        Ok(text) => Decoded::WellFormed(Zeroizing::new(text)),
        Err(error) => Decoded::IllFormed(Zeroizing::new(error.into_bytes())),
    }
}

const fn is_control(byte: u8) -> bool {
    byte < 0x20
}

const fn unescaped(letter: u8) -> u8 {
    match letter {
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        // `"`, `\` and `/` stand for themselves.
        other => other,
    }
}

/// Decodes what follows `\u`, together with the second half of a surrogate pair, and returns the
/// rest.
fn decode_unicode<'b>(digits: &'b [u8], decoded: &mut Vec<u8>) -> &'b [u8] {
    let Some((unit, rest)) = hex4(digits) else { return digits };
    if let (0xd800..=0xdbff, [b'\\', b'u', tail @ ..]) = (unit, rest)
        && let Some((low @ 0xdc00..=0xdfff, rest)) = hex4(tail)
    {
        let code_point = 0x10000 + ((u32::from(unit) - 0xd800) << 10) + (u32::from(low) - 0xdc00);
        push_code_point(code_point, decoded);
        return rest;
    }
    push_code_point(u32::from(unit), decoded);
    rest
}

fn push_code_point(code_point: u32, decoded: &mut Vec<u8>) {
    match char::from_u32(code_point) {
        Some(character) => {
            decoded.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        }
        // A surrogate: three bytes, as for any other code point of its size.
        None => decoded.extend_from_slice(&[
            0xe0 | (code_point >> 12) as u8,
            0x80 | (code_point >> 6 & 0x3f) as u8,
            0x80 | (code_point & 0x3f) as u8,
        ]),
    }
}

/// Four hexadecimal digits at the start, and what follows them.
fn hex4(digits: &[u8]) -> Option<(u16, &[u8])> {
    let (digits, rest) = digits.split_first_chunk::<4>()?;
    let mut unit = 0;
    for &digit in digits {
        let value = char::from(digit).to_digit(16)?;
        unit = unit << 4 | value as u16;
    }
    Some((unit, rest))
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::String};

    use super::{Json, parse};

    #[test]
    fn what_was_enclosed_leaves_no_room_behind() {
        let room = |inner: usize, outer: usize| {
            let members = |count| (0..count).map(|n| format!(",\"{n}\":0")).collect::<String>();
            let text = format!("{{\"x\":{{\"y\":0{}}}{}}}", members(inner), members(outer));
            let Ok(Json::Object(object)) = parse(&text, 2) else { panic!("{text}") };
            assert_eq!(object.len(), outer + 1);
            object.members.capacity()
        };
        for outer in [0, 1, 2, 3, 7, 100] {
            for inner in [0, 1, 10, 1000] {
                assert!(room(inner, outer) <= 2 * (outer + 1), "{inner}, {outer}");
            }
        }
    }
}
