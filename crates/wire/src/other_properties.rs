//! Properties that are no fields here, kept so that they survive a round trip.

use alloc::{
    borrow::{Cow, ToOwned},
    string::String,
    vec::Vec,
};
use core::{fmt, mem};

use zeroize::{Zeroize, Zeroizing};

use crate::{
    BUNDLE_SENDER_PROPERTY, CONTEXT_PROPERTY, Names, SHARED_HISTORY, SHARED_HISTORY_SDK,
    json::{Member, Object},
    write::{ill_formed_string_room, write_ill_formed_string, write_separator},
};

/// Names that are often there.
const KNOWN: [&str; 6] = [
    CONTEXT_PROPERTY,
    BUNDLE_SENDER_PROPERTY,
    Names::Stable.unauthenticated(),
    Names::Unstable.unauthenticated(),
    SHARED_HISTORY,
    SHARED_HISTORY_SDK,
];

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
    name: Cow<'static, [u8]>,
    value: String,
}

impl OtherProperties {
    /// Where the property of this name is, or belongs.
    fn find(&self, name: &[u8]) -> Result<usize, usize> {
        self.properties.binary_search_by(|property| (*property.name).cmp(name))
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

    /// Keeps the properties of an object as they were received, but for these.
    pub(crate) fn but(fields: &[&str], object: &Object<'_>) -> Self {
        let is_other = |member: &&Member<'_>| {
            member.name().as_str().is_none_or(|name| !fields.contains(&name))
        };
        let mut properties = Vec::with_capacity(object.len().saturating_sub(fields.len()));
        properties.extend(object.members().iter().filter(is_other).map(|member| Property {
            name: kept(member.name().as_bytes()),
            value: member.raw().to_owned(),
        }));
        Self { properties }
    }

    /// Puts a value that is known to be JSON.
    pub(crate) fn set(&mut self, name: &str, value: String) {
        let property = Property { name: kept(name.as_bytes()), value };
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
        properties
            .map(|property| ill_formed_string_room(&property.name) + property.value.len() + 2)
            .sum()
    }

    /// Appends all properties but those of the names in `without` to an object that is open.
    pub(crate) fn write(&self, out: &mut String, without: &[&str]) {
        for Property { name, value } in &self.properties {
            if without.iter().any(|without| without.as_bytes() == &**name) {
                continue;
            }
            write_separator(out);
            write_ill_formed_string(out, name);
            out.push(':');
            out.push_str(value);
        }
    }
}

/// A name to keep: those that are known need no copy.
fn kept(name: &[u8]) -> Cow<'static, [u8]> {
    let known = KNOWN.into_iter().map(str::as_bytes).find(|known| *known == name);
    known.map_or_else(|| Cow::Owned(name.to_owned()), Cow::Borrowed)
}

impl Drop for Property {
    fn drop(&mut self) {
        // Emptied first, all of it is spare room, which is wiped at once and not byte by byte.
        if let Cow::Owned(name) = &mut self.name {
            name.clear();
            name.zeroize();
        }
        self.value.clear();
        self.value.zeroize();
    }
}

impl fmt::Debug for OtherProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OtherProperties({}, [redacted])", self.len())
    }
}
