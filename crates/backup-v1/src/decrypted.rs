//! The second step down: the plaintext, not yet tied to the place where it was found.

use matrix_key_backup_wire::{BackedUpSessionData, Expected};

use crate::bound::{BoundSession, WrongSession};

/// A decrypted v1 room key that nobody has yet compared with where it was filed.
#[derive(Debug)]
pub struct DecryptedSessionData {
    data: BackedUpSessionData,
}

impl DecryptedSessionData {
    pub(crate) fn new(data: BackedUpSessionData) -> Self {
        Self { data }
    }

    /// Compares the key's session id with the one under which it was found (B-1).
    ///
    /// # Errors
    ///
    /// [`WrongSession`] if the session key is that of another session.
    pub fn bind(self, expected: &Expected) -> Result<BoundSession, WrongSession> {
        let found = self.data.session_key().session_id();
        if found == expected.session_id {
            Ok(BoundSession::new(self.data, expected))
        } else {
            Err(WrongSession { found })
        }
    }
}
