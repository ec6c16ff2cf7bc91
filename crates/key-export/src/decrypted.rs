//! A key export file after it was opened.

use alloc::string::String;
use core::fmt;

use zeroize::Zeroizing;

use crate::{
    DecryptError, Entries,
    list::{self, NotAList},
};

/// What is in a key export file: a list of sessions, not looked at one by one yet.
///
/// # Security
///
/// It holds the session keys in clear, and wipes them on drop.
pub struct DecryptedKeyExport {
    text: Zeroizing<String>,
    len: usize,
}

impl DecryptedKeyExport {
    /// That the text is one list is settled here, before the first key is used: a broken one is
    /// refused as a whole, and the number of entries is known in advance.
    pub(crate) fn new(text: Zeroizing<String>) -> Result<Self, DecryptError> {
        match list::count(&text) {
            Ok(len) => Ok(Self { text, len }),
            Err(NotAList { offset }) => Err(DecryptError::NotAList { offset }),
        }
    }

    /// How many entries there are, good and bad.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no entry.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The entries, one by one, in the order of the file.
    ///
    /// Each is parsed when it is asked for, so that the sessions of a large file are never in memory
    /// all at once. An entry that cannot be used is an error of its own and says which one it is;
    /// the others come all the same.
    #[must_use]
    pub fn entries(&self) -> Entries<'_> {
        Entries::new(&self.text, self.len)
    }
}

impl<'a> IntoIterator for &'a DecryptedKeyExport {
    type Item = <Entries<'a> as Iterator>::Item;
    type IntoIter = Entries<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries()
    }
}

impl fmt::Debug for DecryptedKeyExport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecryptedKeyExport").field("len", &self.len).finish_non_exhaustive()
    }
}
