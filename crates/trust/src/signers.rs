//! Whose signature makes a backup trusted (T-1).

use alloc::{string::String, vec::Vec};
use core::fmt;

use matrix_key_backup_wire::UserId;

use crate::Ed25519PublicKey;

/// The keys of one user whose signature this device takes for the user's own word.
///
/// Each way to add one is a statement that the caller makes: *this device has verified it*, or
/// *this device has it from before*. Make it only of a key that lies in the device's own store with
/// a mark that it was verified or pinned.
///
/// # Security
///
/// The server must not be the one who says so. A master key or a device out of the answer to
/// `/keys/query` is the server's word until somebody compared it; put into this set unseen, it lets
/// the server sign a backup of its own and read all that is uploaded to it.
///
/// ```
/// use matrix_key_backup_trust::{Ed25519PublicKey, TrustedSigners};
/// use matrix_key_backup_wire::UserId;
///
/// # let master_key = Ed25519PublicKey::from_base64("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo")?;
/// # let device_key = master_key;
/// let signers = TrustedSigners::of(UserId::new("@alice:example.org")?)
///     .with_verified_master_key(master_key)
///     .with_verified_device("JLAFKJWSCS", device_key);
/// # assert_eq!(signers.iter().count(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedSigners {
    user_id: UserId,
    signers: Vec<Signer>,
}

impl TrustedSigners {
    /// No key yet. `own_user_id` is the user whose backup it is: nobody else's signature counts.
    #[must_use]
    pub const fn of(own_user_id: UserId) -> Self {
        Self { user_id: own_user_id, signers: Vec::new() }
    }

    /// Adds the user's master cross-signing key, which **this device has verified**: the user
    /// compared it with another verified device, or this device holds its private half.
    #[must_use]
    pub fn with_verified_master_key(self, key: Ed25519PublicKey) -> Self {
        self.with(Signer::VerifiedMasterKey(key))
    }

    /// Adds the user's master cross-signing key as **this device remembers it** from the first time,
    /// whatever the server says it is now. The first time is the server's one chance to lie.
    #[must_use]
    pub fn with_pinned_master_key(self, key: Ed25519PublicKey) -> Self {
        self.with(Signer::PinnedMasterKey(key))
    }

    /// Adds a device of the user that **this device has verified**, by comparison or because a
    /// verified cross-signing key signed it. This device itself is one.
    #[must_use]
    pub fn with_verified_device(self, device_id: &str, key: Ed25519PublicKey) -> Self {
        self.with(Signer::VerifiedDevice { device_id: device_id.into(), key })
    }

    fn with(mut self, signer: Signer) -> Self {
        self.signers.push(signer);
        self
    }

    /// The user whose keys they are.
    #[must_use]
    pub fn user_id(&self) -> &UserId {
        &self.user_id
    }

    /// The keys, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = &Signer> {
        self.signers.iter()
    }
}

/// Whose key it is that signs, and why it is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Signer {
    /// The user's master cross-signing key, verified by this device.
    VerifiedMasterKey(Ed25519PublicKey),
    /// The user's master cross-signing key, as this device has it from the first time.
    PinnedMasterKey(Ed25519PublicKey),
    /// A verified device of the user.
    #[non_exhaustive]
    VerifiedDevice {
        /// Its device id.
        device_id: String,
        /// Its key.
        key: Ed25519PublicKey,
    },
}

impl Signer {
    /// The name of its signatures: `ed25519:` and the master key itself, or the device id.
    #[must_use]
    pub fn key_id(&self) -> String {
        let name = match self {
            Self::VerifiedMasterKey(key) | Self::PinnedMasterKey(key) => &key.to_base64(),
            Self::VerifiedDevice { device_id, .. } => device_id,
        };
        ["ed25519:", name].concat()
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &Ed25519PublicKey {
        match self {
            Self::VerifiedMasterKey(key)
            | Self::PinnedMasterKey(key)
            | Self::VerifiedDevice { key, .. } => key,
        }
    }
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::VerifiedMasterKey(key) => write!(f, "the user's verified master key {key}"),
            Self::PinnedMasterKey(key) => {
                write!(f, "the user's master key {key}, known from before")
            }
            Self::VerifiedDevice { device_id, .. } => {
                write!(f, "the user's verified device {device_id:?}")
            }
        }
    }
}
