//! Properties that nobody here knows, kept so that they survive a round trip.

use alloc::{borrow::ToOwned, string::String, vec::Vec};
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
    /// In the order of the names. They are few: in a list they take the least room.
    properties: Vec<Property>,
}

/// One property, wiped on drop.
#[derive(Clone, PartialEq, Eq)]
struct Property {
    /// UTF-8, extended to lone surrogates.
    name: Vec<u8>,
    value: String,
}

impl OtherProperties {
    /// Where the property of this name is, or belongs.
    fn find(&self, name: &[u8]) -> Result<usize, usize> {
        self.properties.binary_search_by(|property| property.name.as_slice().cmp(name))
    }

    /// The JSON text of the value of this property, as it was received.
    pub fn get(&self, name: &str) -> Option<&str> {
        let place = self.find(name.as_bytes()).ok()?;
        self.properties.get(place).map(|property| property.value.as_str())
    }

    /// Whether there is a property of this name.
    pub fn contains(&self, name: &str) -> bool {
        self.find(name.as_bytes()).is_ok()
    }

    /// Names and JSON texts, in the order of the names. A name with a lone surrogate is left out.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.properties.iter().filter_map(|property| {
            Some((core::str::from_utf8(&property.name).ok()?, property.value.as_str()))
        })
    }

    /// How many properties there are.
    pub fn len(&self) -> usize {
        self.properties.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.properties.is_empty()
    }

    /// Keeps properties as they were received, in the order of their names, each of which is new.
    pub(crate) fn keep<'t, 'a: 't>(
        properties: impl Iterator<Item = (&'t Text<'a>, &'t str)>,
    ) -> Self {
        let property = |(name, value): (&Text<'_>, &str)| Property {
            name: name.as_bytes().to_owned(),
            value: value.to_owned(),
        };
        Self { properties: properties.map(property).collect() }
    }

    /// Puts a value that is known to be JSON.
    pub(crate) fn set(&mut self, name: &str, value: String) {
        let property = Property { name: name.as_bytes().to_owned(), value };
        match self.find(&property.name) {
            Ok(place) => self.properties.splice(place..=place, [property]),
            Err(place) => self.properties.splice(place..place, [property]),
        };
    }

    pub(crate) fn remove(&mut self, name: &str) -> Option<Zeroizing<String>> {
        let place = self.find(name.as_bytes()).ok()?;
        let mut property = self.properties.remove(place);
        Some(Zeroizing::new(mem::take(&mut property.value)))
    }

    /// Most bytes that [`write`](Self::write) appends.
    pub(crate) fn room(&self) -> usize {
        let properties = self.properties.iter();
        properties.map(|property| string_room(property.name.len()) + property.value.len() + 2).sum()
    }

    /// Appends all properties but those of the names in `without` to an object that is open.
    pub(crate) fn write(&self, out: &mut String, without: &[&str]) {
        for Property { name, value } in &self.properties {
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

impl Drop for Property {
    fn drop(&mut self) {
        // Emptied first, all of it is spare room, which is wiped at once and not byte by byte.
        self.name.clear();
        self.name.zeroize();
        self.value.clear();
        self.value.zeroize();
    }
}

impl fmt::Debug for OtherProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OtherProperties({}, [redacted])", self.len())
    }
}
