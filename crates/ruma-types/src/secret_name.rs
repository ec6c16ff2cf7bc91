//! Names of the backup's secrets, among Ruma's `SecretName`s.

use matrix_key_backup_secret_storage::sharing::SharedSecret;
use ruma_events::secret::request::SecretName;

/// The name of a secret of the key backup, as Ruma's type (G-4).
///
/// Ruma knows the decryption key as [`SecretName::RecoveryKey`] and has no name for the MAC key.
///
/// ```
/// use matrix_key_backup_ruma::{shared_secret_from_ruma, shared_secret_to_ruma};
/// use matrix_key_backup_secret_storage::sharing::SharedSecret;
/// use matrix_key_backup_wire::Names;
///
/// let secret = SharedSecret::MacKey(Names::Unstable);
/// let name = shared_secret_to_ruma(secret);
/// assert_eq!(name.as_str(), "org.matrix.msc4048.mac");
/// assert_eq!(shared_secret_from_ruma(&name), Some(secret));
/// ```
#[must_use]
pub fn shared_secret_to_ruma(secret: SharedSecret) -> SecretName {
    secret.as_str().into()
}

/// The secret of this name, if it is one of the backup's.
///
/// # Security
///
/// Answer only the name that was asked for: a request for the MAC key never yields the decryption
/// key (G-2).
#[must_use]
pub fn shared_secret_from_ruma(name: &SecretName) -> Option<SharedSecret> {
    SharedSecret::from_name(name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    // N, G-2: each name means one secret, both ways.
    #[test]
    fn names_and_secrets_are_one_to_one() {
        let mut names = Vec::new();
        for secret in SharedSecret::ALL {
            let name = shared_secret_to_ruma(*secret);
            assert_eq!(shared_secret_from_ruma(&name), Some(*secret));
            names.push(name.to_string());
        }
        assert_eq!(shared_secret_to_ruma(SharedSecret::DecryptionKey), SecretName::RecoveryKey);
        assert_eq!(
            names,
            ["m.megolm_backup.v1", "m.megolm_backup.v1.mac", "org.matrix.msc4048.mac"],
        );
    }

    #[test]
    fn other_secrets_are_none_of_the_backups() {
        for name in ["m.cross_signing.master", "m.megolm_backup.v1.ma", "m.megolm_backup.v1.mac "] {
            assert_eq!(shared_secret_from_ruma(&name.into()), None);
        }
    }
}
