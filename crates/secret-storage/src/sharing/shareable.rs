//! The types of the secrets that are shared.

use alloc::string::String;
use core::fmt;

use matrix_key_backup_primitives::{BackupDecryptionKey, BackupMacKey};
use matrix_key_backup_wire::Names;
use zeroize::Zeroizing;

use super::SharedSecret;

/// A key that devices share: [`BackupDecryptionKey`] or [`BackupMacKey`], and nothing else.
///
/// It ties a name to a type: what was asked for under one name can only be answered with the key of
/// its type (G-2).
pub trait ShareableSecret: sealed::Secret + fmt::Debug {}

impl ShareableSecret for BackupDecryptionKey {}
impl ShareableSecret for BackupMacKey {}

mod sealed {
    use super::{Names, SharedSecret, String, Zeroizing};

    pub trait Secret {
        /// What it is called, with these names.
        fn named(names: Names) -> SharedSecret;

        /// Whether this type is what `secret` asks for.
        fn is(secret: SharedSecret) -> bool {
            Names::ALL.map(Self::named).contains(&secret)
        }

        /// Unpadded base64 of the 32 bytes, 43 characters (K-4).
        fn expose_base64(&self) -> Zeroizing<String>;
    }
}

impl sealed::Secret for BackupDecryptionKey {
    fn named(_: Names) -> SharedSecret {
        SharedSecret::DecryptionKey
    }

    fn expose_base64(&self) -> Zeroizing<String> {
        self.expose_base64()
    }
}

impl sealed::Secret for BackupMacKey {
    fn named(names: Names) -> SharedSecret {
        SharedSecret::MacKey(names)
    }

    fn expose_base64(&self) -> Zeroizing<String> {
        self.expose_base64()
    }
}
