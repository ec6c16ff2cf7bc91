//! Properties that nobody here knows, kept so that they survive a round trip.

use alloc::{borrow::ToOwned, collections::BTreeMap, string::String, vec::Vec};
use core::{fmt, mem};

use zeroize::{Zeroize, Zeroizing};

use crate::{
    json::Text,
    write::{string_room, write_ill_formed_string, write_separator},
};

/// The unknown properties of a plaintext: the text of each value exactly as it was received.
///
/// Names and values are wiped on drop and never printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct OtherProperties {
    /// Names are UTF-8, extended to lone surrogates.
    values: BTreeMap<Vec<u8>, String>,
}

impl OtherProperties {
    /// The JSON text of the value of this property, as it was received.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name.as_bytes()).map(String::as_str)
    }

    /// Whether there is a property of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.values.contains_key(name.as_bytes())
    }

    /// Names and JSON texts, in the order of the names. A name with a lone surrogate is left out.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values
            .iter()
            .filter_map(|(name, value)| Some((core::str::from_utf8(name).ok()?, value.as_str())))
    }

    /// How many properties there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Keeps a property as it was received. Its name must be new.
    pub(crate) fn keep(&mut self, name: &Text<'_>, value: &str) {
        self.values.insert(name.as_bytes().to_owned(), value.to_owned());
    }

    /// Puts a value that is known to be JSON.
    pub(crate) fn set(&mut self, name: &str, value: String) {
        if let Some(mut old) = self.values.insert(name.as_bytes().to_owned(), value) {
            old.zeroize();
        }
    }

    pub(crate) fn remove(&mut self, name: &str) -> Option<Zeroizing<String>> {
        let (mut name, value) = self.values.remove_entry(name.as_bytes())?;
        name.zeroize();
        Some(Zeroizing::new(value))
    }

    /// Most bytes that [`write`](Self::write) appends.
    pub(crate) fn room(&self) -> usize {
        self.values.iter().map(|(name, value)| string_room(name.len()) + value.len() + 2).sum()
    }

    /// Appends all properties but those of the names in `without` to an object that is open.
    pub(crate) fn write(&self, out: &mut String, without: &[&str]) {
        for (name, value) in &self.values {
            if without.iter().any(|without| without.as_bytes() == name) {
                continue;
            }
            write_separator(out);
            write_ill_formed_string(out, name);
            out.push(':');
            out.push_str(value);
        }
    }
}

impl Drop for OtherProperties {
    fn drop(&mut self) {
        for (mut name, mut value) in mem::take(&mut self.values) {
            name.zeroize();
            value.zeroize();
        }
    }
}

impl fmt::Debug for OtherProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OtherProperties({}, [redacted])", self.len())
    }
}
