//! How an event arrived, and from whom.

use matrix_key_backup_wire::UserId;

use super::IdentityKey;

/// A to-device event that came outside Olm: who sent it is the server's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cleartext {
    /// `sender` of the event.
    pub sender: UserId,
}

/// A to-device event that came inside Olm.
///
/// # Security
///
/// Only for what an Olm session has decrypted. `sender_key` is the Curve25519 key of that session,
/// not the `sender_key` that an event or its content names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OlmEncrypted {
    /// `sender` in the decrypted payload, which must have been compared with that of the event.
    pub sender: UserId,
    /// The identity key at the other end of the Olm session.
    pub sender_key: IdentityKey,
}

/// How a to-device event arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Outside Olm, as requests do (G-1).
    Cleartext(Cleartext),
    /// Inside Olm.
    OlmEncrypted(OlmEncrypted),
}

impl Arrival {
    pub(super) const fn sender(&self) -> &UserId {
        match self {
            Self::Cleartext(from) => &from.sender,
            Self::OlmEncrypted(from) => &from.sender,
        }
    }
}
