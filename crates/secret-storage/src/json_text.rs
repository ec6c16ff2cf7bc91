//! JSON that is kept text for text, and what all types need to travel through serde.

use alloc::{
    borrow::ToOwned,
    boxed::Box,
    format,
    string::{String, ToString},
    vec::Vec,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use serde_json::value::RawValue;

/// The text of a JSON value, as it was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JsonText(String);

impl JsonText {
    /// Takes a text that is known to be JSON.
    pub(crate) fn new(json: &str) -> Self {
        Self(json.to_owned())
    }

    /// Writes a value.
    #[expect(clippy::expect_used, reason = "structs and maps of strings, numbers and JSON texts")]
    pub(crate) fn of(value: &impl Serialize) -> Self {
        Self(serde_json::to_string(value).expect("JSON"))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }
}

impl Serialize for JsonText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for JsonText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(|raw| Self(raw.get().to_owned()))
    }
}

/// Deserialises by way of a strict parser, which sees the text.
pub(crate) fn deserialize_with_parser<'de, D: Deserializer<'de>, T, E: ToString>(
    deserializer: D,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, D::Error> {
    let text = JsonText::deserialize(deserializer)?;
    parse(text.as_str()).map_err(|error| de::Error::custom(error.to_string()))
}

/// Some ids, for an error: not more of them than a person reads.
pub(crate) fn listed(ids: &[impl AsRef<str>]) -> String {
    const MOST: usize = 10;
    if ids.is_empty() {
        return "none".to_owned();
    }
    let shown = ids.iter().take(MOST).map(|id| format!("{:?}", shortened(id.as_ref())));
    let mut list = shown.collect::<Vec<_>>().join(", ");
    if let Some(more @ 1..) = ids.len().checked_sub(MOST) {
        list += &format!(" and {more} more");
    }
    list
}

/// What somebody else wrote, for an error: no longer than a person reads.
pub(crate) fn shortened(text: &str) -> String {
    const MOST: usize = 80;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => text.get(..end).unwrap_or_default().to_owned() + "…",
        None => text.to_owned(),
    }
}
