//! HTML out of texts that come from elsewhere.

use crate::printable::printable;

/// A page that is being written.
#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// Markup of our own.
    pub(super) fn raw(&mut self, markup: &str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Text from anywhere.
    pub(super) fn text(&mut self, from_anywhere: &str) -> &mut Self {
        self.0.push_str(&text(from_anywhere));
        self
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }
}

/// A text in which nothing is markup, and nothing hides or reorders what stands beside it.
pub(super) fn text(from_anywhere: &str) -> String {
    let mut escaped = String::with_capacity(from_anywhere.len());
    for character in printable(from_anywhere).chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// The same, for an attribute in double quotes.
pub(super) fn attribute(from_anywhere: &str) -> String {
    text(from_anywhere)
}
