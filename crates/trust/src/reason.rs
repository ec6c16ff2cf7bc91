//! Why a backup is trusted (T-1).

use core::fmt;

use crate::Signer;

/// Why a backup is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrustReason {
    /// Its public key follows from a decryption key of trusted origin (T-1).
    DecryptionKey(KeyOrigin),
    /// A key that is trusted has signed its `auth_data` (T-1).
    Signature(Signer),
    /// Its public key is the one pinned in a writer's key (K-6, T-2).
    WriterKey,
}

/// Where a decryption key came from. Any other origin is no reason to trust a backup.
///
/// A key that was pushed (`m.secret.push`, G-5) has none of these: nobody asked for it, so it may
/// be that of a backup that somebody else chose. It becomes one of them when the user enters it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyOrigin {
    /// The user entered it.
    EnteredByUser,
    /// This device has just created it.
    CreatedHere,
    /// It was decrypted from the user's secret storage, with a key or passphrase that the user
    /// entered and the MAC of the secret held (S-1).
    SecretStorage,
    /// A device sent it, encrypted with Olm, to which this device had sent a request that was still
    /// open; the device is the user's own and verified, judged by the Olm session's key (G-3).
    SharedByVerifiedDevice,
}

impl fmt::Display for TrustReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DecryptionKey(origin) => {
                write!(f, "its public key follows from the decryption key that {origin}")
            }
            Self::Signature(signer) => write!(f, "it is signed by {signer}"),
            Self::WriterKey => f.write_str("its public key is the one in the writer's key"),
        }
    }
}

impl fmt::Display for KeyOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EnteredByUser => "was entered",
            Self::CreatedHere => "was just created here",
            Self::SecretStorage => "was in secret storage",
            Self::SharedByVerifiedDevice => "a verified device of the user sent on request",
        })
    }
}
