//! The device that is said to have made a session.

use alloc::{collections::BTreeMap, string::String, vec::Vec};
use core::fmt;

use zeroize::Zeroize as _;

use crate::{
    json::Json,
    property::{self, PropertyError},
    write::{string_room, write_other_name, write_string},
};

/// `sender_key` and `sender_claimed_keys`, one after the other in one buffer: there is one for each
/// key of a backup, and most of what it takes would be allocation. Wiped on drop.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct ClaimedSender {
    text: String,
    /// Where `sender_key` ends, and then each algorithm and each key, in the order of algorithms.
    ends: Vec<usize>,
}

impl ClaimedSender {
    pub(crate) fn new(mut sender_key: String, claimed_keys: BTreeMap<String, String>) -> Self {
        let pairs = claimed_keys.iter().map(|(algorithm, key)| (algorithm.as_str(), key.as_str()));
        let sender = Self::from_texts(&sender_key, pairs);
        sender_key.zeroize();
        for (mut algorithm, mut key) in claimed_keys {
            algorithm.zeroize();
            key.zeroize();
        }
        sender
    }

    /// Reads the value of `sender_claimed_keys`, the name of which is given for errors.
    pub(crate) fn from_json(
        sender_key: &str,
        claimed_keys: &Json<'_>,
        property: &'static str,
    ) -> Result<Self, PropertyError> {
        const EXPECTED: &str = "an object of strings";
        let members = claimed_keys
            .as_object()
            .ok_or_else(|| property::wrong_type(claimed_keys, property, EXPECTED))?;
        for (algorithm, key) in members.iter() {
            property::name(algorithm, property, EXPECTED)?;
            property::string(key, property, EXPECTED)?;
        }
        // They are in order, and all of them are strings.
        let pairs = members.iter().filter_map(|(name, key)| name.as_str().zip(key.as_str()));
        Ok(Self::from_texts(sender_key, pairs))
    }

    fn from_texts<'t>(
        sender_key: &'t str,
        claimed_keys: impl Iterator<Item = (&'t str, &'t str)> + Clone,
    ) -> Self {
        let claimed_keys = claimed_keys.flat_map(|(algorithm, key)| [algorithm, key]);
        let texts = core::iter::once(sender_key).chain(claimed_keys);
        let (count, length) =
            texts.clone().fold((0, 0), |(count, length), text| (count + 1, length + text.len()));
        // It never grows, and so leaves no copy behind.
        let mut text = String::with_capacity(length);
        let mut ends = Vec::with_capacity(count);
        for next in texts {
            text.push_str(next);
            ends.push(text.len());
        }
        Self { text, ends }
    }

    pub(crate) fn sender_key(&self) -> &str {
        let end = self.ends.first().copied().unwrap_or_default();
        self.text.get(..end).unwrap_or_default()
    }

    pub(crate) fn claimed_keys(&self) -> ClaimedKeys<'_> {
        ClaimedKeys(self)
    }
}

impl Drop for ClaimedSender {
    fn drop(&mut self) {
        // Emptied first, all of it is spare room, which is wiped at once and not byte by byte.
        self.text.clear();
        self.text.zeroize();
    }
}

/// `sender_claimed_keys`: keys that a device claims beside its Curve25519 one, by algorithm.
///
/// # Security
///
/// They prove nothing: whoever wrote the key wrote these too. `Debug` tells how many there are, and
/// not which.
///
/// ```
/// # use matrix_key_backup_wire::{BackedUpSessionData, MegolmSessionExport};
/// # fn show(data: &BackedUpSessionData, another_session: MegolmSessionExport) {
/// if let Some(key) = data.sender_claimed_keys().get("ed25519") {
///     println!("the device claims to sign with {key}");
/// }
/// for (algorithm, key) in data.sender_claimed_keys() {
///     println!("{algorithm}: {key}");
/// }
/// // Another session of the same device:
/// let (sender_key, claimed_keys) = (data.sender_key().to_owned(), data.sender_claimed_keys().to_map());
/// let another = BackedUpSessionData::new(another_session, sender_key, claimed_keys, Vec::new());
/// assert_eq!(another.sender_claimed_keys(), data.sender_claimed_keys());
/// # }
/// ```
///
/// Source: V1-1; [`BackedUpSessionData` in the specification][spec].
///
/// [spec]: https://spec.matrix.org/v1.19/client-server-api/#backup-algorithm-mmegolm_backupv1curve25519-aes-sha2
#[derive(Clone, Copy)]
pub struct ClaimedKeys<'a>(&'a ClaimedSender);

impl<'a> ClaimedKeys<'a> {
    /// The key of this algorithm.
    pub fn get(&self, algorithm: &str) -> Option<&'a str> {
        self.iter().find(|(name, _)| *name == algorithm).map(|(_, key)| key)
    }

    /// Algorithms and keys, in the order of the algorithms.
    pub fn iter(&self) -> ClaimedKeysIter<'a> {
        let ClaimedSender { text, ends } = self.0;
        ClaimedKeysIter { text, ends }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.ends.len() / 2
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A copy of its own, which is not wiped.
    pub fn to_map(&self) -> BTreeMap<String, String> {
        self.iter().map(|(algorithm, key)| (algorithm.into(), key.into())).collect()
    }

    /// Most bytes that [`write`](Self::write) appends.
    pub(crate) fn room(&self) -> usize {
        2 + self.iter().map(|(name, key)| string_room(name) + string_room(key) + 2).sum::<usize>()
    }

    pub(crate) fn write(&self, out: &mut String) {
        out.push('{');
        for (algorithm, key) in self.iter() {
            write_other_name(out, algorithm);
            write_string(out, key);
        }
        out.push('}');
    }
}

impl<'a> IntoIterator for ClaimedKeys<'a> {
    type Item = (&'a str, &'a str);
    type IntoIter = ClaimedKeysIter<'a>;

    fn into_iter(self) -> ClaimedKeysIter<'a> {
        self.iter()
    }
}

/// Iterates over [`ClaimedKeys`]: algorithms and keys, in the order of the algorithms.
#[derive(Clone)]
pub struct ClaimedKeysIter<'a> {
    text: &'a str,
    /// Where the text before the next algorithm ends, and then as in [`ClaimedSender`].
    ends: &'a [usize],
}

impl<'a> Iterator for ClaimedKeysIter<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let [start, rest @ ..] = self.ends else { return None };
        let &[middle, end, ..] = rest else { return None };
        self.ends = rest.get(1..)?;
        Some((self.text.get(*start..middle)?, self.text.get(middle..end)?))
    }
}

impl fmt::Debug for ClaimedKeysIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClaimedKeysIter([redacted])")
    }
}

impl PartialEq for ClaimedKeys<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for ClaimedKeys<'_> {}

impl PartialEq<BTreeMap<String, String>> for ClaimedKeys<'_> {
    fn eq(&self, other: &BTreeMap<String, String>) -> bool {
        self.iter().eq(other.iter().map(|(algorithm, key)| (algorithm.as_str(), key.as_str())))
    }
}

impl fmt::Debug for ClaimedKeys<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClaimedKeys({}, [redacted])", self.len())
    }
}
