//! A JSON list, one element at a time.

use serde_json::value::RawValue;

/// A text is not one JSON list from its beginning to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotAList {
    /// Where it stops being a list, in bytes from 0.
    pub(crate) offset: usize,
}

/// The elements of a JSON list as they stand in the text, without a tree of all of them.
///
/// The syntax is checked as it goes along; after an error there is nothing more.
#[derive(Clone)]
pub(crate) struct Elements<'a> {
    text: &'a str,
    position: usize,
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    /// Before the opening bracket.
    Start,
    /// After an element.
    Element,
    /// After the closing bracket, or an error.
    End,
}

impl<'a> Elements<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { text, position: 0, state: State::Start }
    }

    fn advance(&mut self) -> Result<Option<&'a str>, NotAList> {
        let first = self.state == State::Start;
        if first {
            self.expect(b'[')?;
        }
        match self.peek() {
            Some(b']') => return self.finish(),
            Some(_) if first => {}
            _ => self.expect(b',')?,
        }
        self.state = State::Element;
        self.element().map(Some)
    }

    /// One value of any kind.
    fn element(&mut self) -> Result<&'a str, NotAList> {
        let mut values =
            serde_json::Deserializer::from_str(self.rest()).into_iter::<&'a RawValue>();
        let Some(Ok(value)) = values.next() else { return Err(self.error()) };
        self.position += values.byte_offset();
        Ok(value.get())
    }

    fn finish(&mut self) -> Result<Option<&'a str>, NotAList> {
        self.expect(b']')?;
        self.state = State::End;
        if self.peek().is_some() { Err(self.error()) } else { Ok(None) }
    }

    fn expect(&mut self, byte: u8) -> Result<(), NotAList> {
        if self.peek() != Some(byte) {
            return Err(self.error());
        }
        self.position += 1;
        Ok(())
    }

    /// The next byte that is not whitespace.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.rest();
        let trimmed = rest.trim_start_matches([' ', '\t', '\n', '\r']);
        self.position += rest.len() - trimmed.len();
        trimmed.bytes().next()
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or_default()
    }

    const fn error(&self) -> NotAList {
        NotAList { offset: self.position }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<&'a str, NotAList>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == State::End {
            return None;
        }
        let element = self.advance();
        if element.is_err() {
            self.state = State::End;
        }
        element.transpose()
    }
}

/// How many elements the list has, if it is one.
pub(crate) fn count(text: &str) -> Result<usize, NotAList> {
    Elements::new(text).try_fold(0, |count, element| element.map(|_| count + 1))
}
