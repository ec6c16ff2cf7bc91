//! The second step down: the plaintext, not yet tied to the place where it was found.

use matrix_key_backup_wire::{BackedUpSessionData, BindError, Expected};

use crate::bound::BoundSession;

/// A decrypted v1 room key that nobody has yet compared with where it was filed.
#[derive(Debug)]
pub struct DecryptedSessionData {
    data: BackedUpSessionData,
}

impl DecryptedSessionData {
    pub(crate) fn new(data: BackedUpSessionData) -> Self {
        Self { data }
    }

    /// Compares the key with the place where it was found (B-1, B-2).
    ///
    /// # Errors
    ///
    /// [`BindError`] if the session key is that of another session, or the key carries a context
    /// that is malformed or names another place. In a v1 backup nothing vouches for a context that
    /// fits; one that does not fit is reason enough to refuse the key.
    pub fn bind(self, expected: &Expected) -> Result<BoundSession, BindError> {
        expected.check(&self.data)?;
        Ok(BoundSession::new(self.data, expected))
    }
}
