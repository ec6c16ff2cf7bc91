//! What a write-only device needs, as one text to hand over (K-6).

use alloc::string::String;

use matrix_key_backup_primitives::{BackupMacKey, BackupPublicKey, Base64KeyError};
use zeroize::Zeroizing;

use crate::{
    BackupAlgorithm, Names, UnknownBackupAlgorithm, UserId,
    cause::from_causes,
    json::{Json, JsonError},
    property::{self, PropertyError},
    write::{string_room, write_name, write_string},
};

const USER_ID: &str = "user_id";
const ALGORITHM: &str = "algorithm";
const PUBLIC_KEY: &str = "public_key";
const BACKUP_MAC_KEY: &str = "backup_mac_key";

/// All that a device needs to write authenticated keys without being able to read any (K-6).
///
/// The public key is pinned together with the MAC key: knowing the MAC key alone, a writer would
/// take any public key that the server names (T-2). There is none for a v1 backup, which has no MAC.
///
/// # Security
///
/// The MAC key is a secret: who has it can make keys that every reader takes for authenticated.
///
/// ```
/// use matrix_key_backup_primitives::BackupDecryptionKey;
/// use matrix_key_backup_wire::{Names, UserId, WriterKey};
///
/// let key = BackupDecryptionKey::from_slice(&[7; 32])?;
/// let alice = UserId::new("@alice:example.org")?;
/// let writer_key = WriterKey::new(alice, Names::Unstable, key.public_key(), key.mac_key());
/// assert_eq!(WriterKey::from_json(&writer_key.expose_json())?, writer_key);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriterKey {
    user_id: UserId,
    names: Names,
    public_key: BackupPublicKey,
    backup_mac_key: BackupMacKey,
}

impl WriterKey {
    /// Puts together what a writer of a v2 backup needs: whose backup it is, the names to write,
    /// and both keys.
    #[must_use]
    pub fn new(
        user_id: UserId,
        names: Names,
        public_key: BackupPublicKey,
        backup_mac_key: BackupMacKey,
    ) -> Self {
        Self { user_id, names, public_key, backup_mac_key }
    }

    /// Whose backup it is.
    #[must_use]
    pub fn user_id(&self) -> &UserId {
        &self.user_id
    }

    /// Algorithm of the backup, and with it the names to write. It is never that of v1.
    #[must_use]
    pub fn algorithm(&self) -> BackupAlgorithm {
        BackupAlgorithm::V2(self.names)
    }

    /// Public key of the backup, 32 bytes.
    #[must_use]
    pub fn public_key(&self) -> &BackupPublicKey {
        &self.public_key
    }

    /// MAC key of the backup, 32 bytes.
    #[must_use]
    pub fn backup_mac_key(&self) -> &BackupMacKey {
        &self.backup_mac_key
    }

    /// Reads a writer key. Unknown properties are ignored.
    ///
    /// # Errors
    ///
    /// [`WriterKeyError`], which names the property and shows none of the keys.
    pub fn from_json(json: &str) -> Result<Self, WriterKeyError> {
        let parsed = Json::parse(json)?;
        let object = property::object(&parsed)?;
        let string = |property| property::required_string(object, property);
        let algorithm: BackupAlgorithm = string(ALGORITHM)?.parse()?;
        Ok(Self {
            user_id: UserId::new(string(USER_ID)?)
                .map_err(|_| PropertyError::Empty { property: USER_ID })?,
            names: algorithm.names().ok_or(WriterKeyError::NoMac)?,
            public_key: BackupPublicKey::from_base64(string(PUBLIC_KEY)?)
                .map_err(|error| WriterKeyError::Key { property: PUBLIC_KEY, error })?,
            backup_mac_key: BackupMacKey::from_base64(string(BACKUP_MAC_KEY)?)
                .map_err(|error| WriterKeyError::Key { property: BACKUP_MAC_KEY, error })?,
        })
    }

    /// The writer key as JSON, the secret MAC key included.
    pub fn expose_json(&self) -> Zeroizing<String> {
        const FIXED: usize = 256; // names, algorithm, keys, punctuation
        let room = FIXED + string_room(self.user_id.as_str());
        let mut json = Zeroizing::new(String::with_capacity(room));
        let out = &mut *json;
        out.push('{');
        write_name(out, USER_ID);
        write_string(out, self.user_id.as_str());
        write_name(out, ALGORITHM);
        write_string(out, self.names.algorithm());
        write_name(out, PUBLIC_KEY);
        write_string(out, &self.public_key.to_base64());
        write_name(out, BACKUP_MAC_KEY);
        write_string(out, &self.backup_mac_key.expose_base64());
        out.push('}');
        json
    }
}

/// A writer key cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriterKeyError {
    /// The text is not JSON, or has a duplicate property.
    #[error("writer key: {0}")]
    Json(JsonError),
    /// It is no object, or a property is missing, empty or of the wrong type.
    #[error("writer key: {0}")]
    Property(PropertyError),
    /// The backup is of an algorithm that this software does not know.
    #[error("writer key: {0}")]
    Algorithm(UnknownBackupAlgorithm),
    /// The backup is of the algorithm of v1, which has no MAC: there is nothing that the key would
    /// be good for.
    #[error("writer key: it is for a v1 backup, which has no MAC; make one for a v2 backup")]
    NoMac,
    /// A key is not 32 bytes of base64.
    #[error("writer key: `{property}`: {error}")]
    #[non_exhaustive]
    Key {
        /// The property that holds it.
        property: &'static str,
        /// What is wrong with it.
        error: Base64KeyError,
    },
}

from_causes!(
    WriterKeyError: Json(JsonError), Property(PropertyError), Algorithm(UnknownBackupAlgorithm)
);

#[cfg(test)]
mod tests {
    use matrix_key_backup_primitives::{BackupMacKey, BackupPublicKey};

    use super::WriterKey;
    use crate::{Names, UserId};

    // K-5: a buffer that grows leaves its old content behind, unwiped.
    #[test]
    fn writing_never_grows_the_buffer() {
        for names in Names::ALL {
            for length in 1..50 {
                let user_id = UserId::new("\u{1}".repeat(length)).unwrap();
                let public_key = BackupPublicKey::from_slice(&[1; 32]).unwrap();
                let mac_key = BackupMacKey::from_slice(&[2; 32]).unwrap();
                let key = WriterKey::new(user_id, names, public_key, mac_key);
                assert_eq!(key.expose_json().capacity(), 256 + 6 * length + 2);
            }
        }
    }
}
