//! JSON, checked byte by byte as it comes in.
//!
//! It takes exactly the language of RFC 8259, in chunks that may be cut anywhere, and keeps
//! nothing of the text: only where in it it stands, and what is open.

use super::RoomKeysBodyError;

/// Something begins or ends here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Event {
    /// The opening quote of a property's name was read.
    BeginName,
    /// Its closing quote was read.
    EndName,
    /// The first byte of a value was read.
    Begin(Kind),
    /// The value is over, and its last byte was read.
    End,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum Kind {
    Object,
    Other,
}

/// Where in the grammar the next byte stands.
#[derive(Clone, Copy, Debug)]
enum State {
    Value,
    ValueOrEnd,
    Name,
    NameOrEnd,
    Colon,
    /// A comma, or the end of what is open.
    CommaOrEnd,
    Text(Text),
    Escape(Text),
    Hex(Text, u8),
    Number(Number),
    /// What is left of `true`, `false` or `null`.
    Word(&'static [u8]),
    Done,
}

/// What a string is.
#[derive(Clone, Copy, Debug)]
enum Text {
    Name,
    Value,
}

/// What of a number was read last.
#[derive(Clone, Copy, Debug)]
enum Number {
    Minus,
    LeadingZero,
    Integer,
    Point,
    Fraction,
    E,
    ExponentSign,
    Exponent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Object,
    Array,
}

/// What one byte did.
enum Step {
    Read,
    Event(Event),
    /// A number ended before this byte, which is still to be read.
    EndBefore,
}

#[derive(Debug)]
pub(in crate::store) struct Lexer {
    state: State,
    open: Vec<Open>,
    max_depth: usize,
    /// How many bytes were read.
    offset: u64,
}

impl Lexer {
    pub(in crate::store) fn new(max_depth: usize) -> Self {
        Self { state: State::Value, open: Vec::new(), max_depth, offset: 0 }
    }

    /// How many objects and arrays are open.
    pub(in crate::store) fn depth(&self) -> usize {
        self.open.len()
    }

    /// Reads up to the next event; says how many bytes that took. Without an event it was all.
    pub(in crate::store) fn read(
        &mut self,
        bytes: &[u8],
    ) -> Result<(usize, Option<Event>), RoomKeysBodyError> {
        let mut read = 0;
        let mut event = None;
        while event.is_none() {
            if let State::Text(_) = self.state {
                read += plain_run(bytes.get(read..).unwrap_or_default());
            }
            let Some(byte) = bytes.get(read) else { break };
            let offset = self.offset + read as u64;
            let step = self.step(*byte).ok_or(RoomKeysBodyError::Json { offset })?;
            if self.depth() > self.max_depth {
                return Err(RoomKeysBodyError::TooDeep { offset });
            }
            match step {
                Step::Read => read += 1,
                Step::Event(this) => (read, event) = (read + 1, Some(this)),
                Step::EndBefore => event = Some(Event::End),
            }
        }
        self.offset += read as u64;
        Ok((read, event))
    }

    /// Whether the text may end here.
    pub(in crate::store) fn finish(&self) -> Result<(), RoomKeysBodyError> {
        match self.state {
            State::Done => Ok(()),
            State::Number(number) if number.is_whole() && self.open.is_empty() => Ok(()),
            _ => Err(RoomKeysBodyError::Truncated { length: self.offset }),
        }
    }

    /// `None` where the byte cannot stand here.
    fn step(&mut self, byte: u8) -> Option<Step> {
        match self.state {
            State::Text(text) => self.in_text(text, byte),
            State::Escape(text) => {
                self.state = match byte {
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => State::Text(text),
                    b'u' => State::Hex(text, 4),
                    _ => return None,
                };
                Some(Step::Read)
            }
            State::Hex(text, left) => {
                self.state = if left > 1 { State::Hex(text, left - 1) } else { State::Text(text) };
                byte.is_ascii_hexdigit().then_some(Step::Read)
            }
            State::Number(number) => self.in_number(number, byte),
            State::Word(rest) => self.in_word(rest, byte),
            _ if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') => Some(Step::Read),
            State::Value => self.begin(byte),
            State::ValueOrEnd if byte == b']' => self.close(Open::Array),
            State::ValueOrEnd => self.begin(byte),
            State::NameOrEnd if byte == b'}' => self.close(Open::Object),
            State::Name | State::NameOrEnd => {
                self.state = State::Text(Text::Name);
                (byte == b'"').then_some(Step::Event(Event::BeginName))
            }
            State::Colon => {
                self.state = State::Value;
                (byte == b':').then_some(Step::Read)
            }
            State::CommaOrEnd => match byte {
                b',' => {
                    let in_object = self.open.last() == Some(&Open::Object);
                    self.state = if in_object { State::Name } else { State::Value };
                    Some(Step::Read)
                }
                b'}' => self.close(Open::Object),
                b']' => self.close(Open::Array),
                _ => None,
            },
            State::Done => None,
        }
    }

    fn begin(&mut self, byte: u8) -> Option<Step> {
        self.state = match byte {
            b'{' => {
                self.open.push(Open::Object);
                State::NameOrEnd
            }
            b'[' => {
                self.open.push(Open::Array);
                State::ValueOrEnd
            }
            b'"' => State::Text(Text::Value),
            b'-' => State::Number(Number::Minus),
            b'0' => State::Number(Number::LeadingZero),
            b'1'..=b'9' => State::Number(Number::Integer),
            b't' => State::Word(b"rue"),
            b'f' => State::Word(b"alse"),
            b'n' => State::Word(b"ull"),
            _ => return None,
        };
        let kind = if byte == b'{' { Kind::Object } else { Kind::Other };
        Some(Step::Event(Event::Begin(kind)))
    }

    fn close(&mut self, what: Open) -> Option<Step> {
        if self.open.pop() != Some(what) {
            return None;
        }
        Some(self.end(Step::Event(Event::End)))
    }

    fn end(&mut self, step: Step) -> Step {
        self.state = if self.open.is_empty() { State::Done } else { State::CommaOrEnd };
        step
    }

    fn in_text(&mut self, text: Text, byte: u8) -> Option<Step> {
        match (byte, text) {
            (b'"', Text::Name) => {
                self.state = State::Colon;
                Some(Step::Event(Event::EndName))
            }
            (b'"', Text::Value) => Some(self.end(Step::Event(Event::End))),
            (b'\\', _) => {
                self.state = State::Escape(text);
                Some(Step::Read)
            }
            (0x00..=0x1f, _) => None,
            _ => Some(Step::Read),
        }
    }

    fn in_number(&mut self, number: Number, byte: u8) -> Option<Step> {
        match number.then(byte) {
            Some(next) => {
                self.state = State::Number(next);
                Some(Step::Read)
            }
            None => number.is_whole().then(|| self.end(Step::EndBefore)),
        }
    }

    fn in_word(&mut self, rest: &'static [u8], byte: u8) -> Option<Step> {
        let (first, rest) = rest.split_first()?;
        if *first != byte {
            return None;
        }
        if rest.is_empty() {
            return Some(self.end(Step::Event(Event::End)));
        }
        self.state = State::Word(rest);
        Some(Step::Read)
    }
}

impl Number {
    /// What the number is with this byte more, if it can have it.
    fn then(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (Self::Minus, b'0') => Some(Self::LeadingZero),
            (Self::Minus | Self::Integer, b'0'..=b'9') => Some(Self::Integer),
            (Self::LeadingZero | Self::Integer, b'.') => Some(Self::Point),
            (Self::Point | Self::Fraction, b'0'..=b'9') => Some(Self::Fraction),
            (Self::LeadingZero | Self::Integer | Self::Fraction, b'e' | b'E') => Some(Self::E),
            (Self::E, b'+' | b'-') => Some(Self::ExponentSign),
            (Self::E | Self::ExponentSign | Self::Exponent, b'0'..=b'9') => Some(Self::Exponent),
            _ => None,
        }
    }

    /// Whether it may end here.
    fn is_whole(self) -> bool {
        matches!(self, Self::LeadingZero | Self::Integer | Self::Fraction | Self::Exponent)
    }
}

/// How many bytes from the start stand in a string for themselves: most of a backup is these.
fn plain_run(bytes: &[u8]) -> usize {
    const AT_ONCE: usize = 32;
    // Nothing ends this early and nothing branches, so that it becomes vector instructions.
    let is_plain =
        |chunk: &&[u8; AT_ONCE]| chunk.iter().fold(0, |any, byte| any | is_special(*byte)) == 0;
    let (chunks, _) = bytes.as_chunks::<AT_ONCE>();
    let plain = chunks.iter().take_while(is_plain).count() * AT_ONCE;
    let rest = bytes.get(plain..).unwrap_or_default();
    plain + rest.iter().position(|byte| is_special(*byte) != 0).unwrap_or(rest.len())
}

/// 1 for what does not stand for itself.
fn is_special(byte: u8) -> u8 {
    u8::from(byte < 0x20) | u8::from(byte == b'"') | u8::from(byte == b'\\')
}
