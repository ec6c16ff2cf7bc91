//! The first step down: one v1 `session_data` as it was received.

use alloc::{string::String, vec::Vec};

use matrix_key_backup_primitives::{
    BackupDecryptionKey, EphemeralPublicKey, V1Mac, base64,
    hazmat::{Decryptor, LowOrderPoint, MessageKeys, Plaintext},
};
use matrix_key_backup_wire::{BackedUpSessionData, Json, ReceivedSessionData, SessionDataError};
use thiserror::Error;

use crate::DecryptedSessionData;

/// One v1 `session_data` as received: well-formed JSON, with nothing decrypted yet.
///
/// Source: V1-1 to V1-7 in `docs/rules.md`;
/// [the specification](https://spec.matrix.org/v1.19/client-server-api/#backup-algorithm-mmegolm_backupv1curve25519-aes-sha2).
#[derive(Debug)]
pub struct ReceivedKey<'a> {
    received: ReceivedSessionData<'a>,
}

impl<'a> ReceivedKey<'a> {
    /// Parses the JSON text of one `session_data`, exactly as it was received.
    ///
    /// # Errors
    ///
    /// [`SessionDataError`] if the text is not one JSON object, repeats a property at any depth,
    /// is longer than 1 MiB or nested deeper than 128 levels (V2-13).
    pub fn parse(json: &'a str) -> Result<Self, SessionDataError> {
        Ok(Self { received: ReceivedSessionData::parse(json)? })
    }

    /// Checks `mac` as deployed (V1-5), decrypts (V1-2 to V1-4), reads the plaintext (V1-1).
    ///
    /// # Errors
    ///
    /// [`UnusableKey`].
    ///
    /// # Security
    ///
    /// The `mac` of v1 covers nothing: whoever knows the backup's public key can write an entry
    /// that decrypts. What comes out is unauthenticated, and its type says so (V1-6).
    pub fn decrypt(&self, key: &BackupDecryptionKey) -> Result<DecryptedSessionData, UnusableKey> {
        let message = self.message()?;
        let keys = MessageKeys::for_recipient(key, &message.ephemeral);
        let plaintext = message.plaintext(keys)?;
        Ok(DecryptedSessionData::new(BackedUpSessionData::parse(&plaintext)?))
    }

    /// Decrypts any number of entries, in their order: many at once, on the processor's vector unit,
    /// and up to ten times as fast as one after the other. One that gives no key is no matter to
    /// the others.
    ///
    /// # Errors
    ///
    /// None for the whole; for each entry as [`decrypt`](Self::decrypt).
    ///
    /// # Security
    ///
    /// As [`decrypt`](Self::decrypt).
    pub fn decrypt_batch(
        entries: &[Self],
        key: &BackupDecryptionKey,
    ) -> Vec<Result<DecryptedSessionData, UnusableKey>> {
        let messages: Vec<_> = entries.iter().map(Self::message).collect();
        let ephemeral: Vec<_> =
            messages.iter().flatten().map(|message| message.ephemeral).collect();
        let decryptor = Decryptor::new(key.clone());
        let mut keys = decryptor.message_keys_batch(&ephemeral).into_iter();
        // There are keys for each message, and data for each plaintext.
        let mut open = |message: Result<Message, _>| {
            message?.plaintext(keys.next().unwrap_or(Err(LowOrderPoint)))
        };
        let plaintexts: Vec<_> = messages.into_iter().map(&mut open).collect();
        let read = plaintexts.iter().flatten().map(AsRef::<[u8]>::as_ref);
        let mut data = BackedUpSessionData::parse_batch(read, decryptor.tier()).into_iter();
        let decrypted = plaintexts.into_iter().map(|plaintext| {
            plaintext?;
            let data = data.next().unwrap_or(Err(SessionDataError::NotUtf8))?;
            Ok(DecryptedSessionData::new(data))
        });
        decrypted.collect()
    }

    /// What is to be decrypted.
    fn message(&self) -> Result<Message, UnusableKey> {
        let ephemeral = string(self.received.ephemeral(), "ephemeral")?;
        let ephemeral = EphemeralPublicKey::from_base64(ephemeral)
            .map_err(|_| UnusableKey::Malformed { name: "ephemeral" })?;
        let mac = V1Mac::from_base64(string(self.received.mac(), "mac")?)
            .map_err(|_| UnusableKey::Malformed { name: "mac" })?;
        let ciphertext = base64::decode_either(string(self.received.ciphertext(), "ciphertext")?)
            .map_err(|_| UnusableKey::Malformed { name: "ciphertext" })?;
        Ok(Message { ephemeral, mac, ciphertext })
    }
}

/// An entry, decoded.
struct Message {
    ephemeral: EphemeralPublicKey,
    mac: V1Mac,
    ciphertext: Vec<u8>,
}

impl Message {
    /// Checks `mac`, and decrypts with the message's keys.
    fn plaintext(self, keys: Result<MessageKeys, LowOrderPoint>) -> Result<Plaintext, UnusableKey> {
        let keys = keys.map_err(|_| UnusableKey::LowOrderEphemeral)?; // V1-7
        keys.verify_v1_mac(&self.mac).map_err(|_| UnusableKey::Undecryptable)?; // V1-5
        keys.decrypt_in_place(self.ciphertext).map_err(|_| UnusableKey::Undecryptable)
    }
}

fn string<'j>(value: Option<&'j Json<'_>>, name: &'static str) -> Result<&'j str, UnusableKey> {
    value.ok_or(UnusableKey::Missing { name })?.as_str().ok_or(UnusableKey::Malformed { name })
}

/// Why a v1 entry gives no key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UnusableKey {
    /// `ephemeral`, `ciphertext` or `mac` is not there.
    #[error("`{name}` is missing")]
    Missing {
        /// Which of the three.
        name: &'static str,
    },
    /// `ephemeral`, `ciphertext` or `mac` is not a string of base64 of its length: 32 bytes, any,
    /// exactly 8 bytes.
    #[error("`{name}` is not base64 of the right length")]
    Malformed {
        /// Which of the three.
        name: &'static str,
    },
    /// `ephemeral` is a point of low order: the shared secret would be all zero (V1-7).
    #[error("`ephemeral` is a point of low order")]
    LowOrderEphemeral,
    /// The `mac` is wrong or decryption gave no JSON: damaged, or encrypted to another key. Which
    /// of these it was is not told.
    #[error("the key does not decrypt: it is damaged, or encrypted to another backup's key")]
    Undecryptable,
    /// A key of an algorithm that this software does not know.
    #[error("the key is of the unknown algorithm `{name}`")]
    UnknownAlgorithm {
        /// The plaintext's `algorithm`.
        name: String,
    },
    /// The plaintext is JSON without what a room key needs.
    #[error("the plaintext is no room key: {0}")]
    NotARoomKey(SessionDataError),
}

impl From<SessionDataError> for UnusableKey {
    fn from(error: SessionDataError) -> Self {
        match error {
            SessionDataError::UnknownAlgorithm { name, .. } => Self::UnknownAlgorithm { name },
            SessionDataError::NotUtf8 | SessionDataError::Json(_) => Self::Undecryptable,
            other => Self::NotARoomKey(other),
        }
    }
}
