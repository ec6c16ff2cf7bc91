//! The second step down: the MAC held, now the entry may be decrypted.

use alloc::{string::String, vec::Vec};

use matrix_key_backup_primitives::{
    BackupMacKey, EphemeralPublicKey, base64,
    hazmat::{LowOrderPoint, MessageKeys, Plaintext},
};
use matrix_key_backup_wire::{
    BackupAlgorithm, Json, Names, Object, ReceivedSessionData, SessionDataError, SessionDataV2,
};
use thiserror::Error;

use crate::{BackupReader, DecryptedSessionData, MacForm};

/// A `session_data` whose MAC was checked and is right.
///
/// Only [`UnverifiedSessionData::verify`](crate::UnverifiedSessionData::verify) makes one.
///
/// ```compile_fail
/// # use matrix_key_backup_v2::{BackupReader, UnverifiedSessionData};
/// fn skip_the_mac(reader: &BackupReader, entry: UnverifiedSessionData<'_>) {
///     let _ = entry.decrypt(reader); // no such method: verify first (V2-7)
/// }
/// ```
#[derive(Debug)]
pub struct VerifiedSessionData<'a> {
    received: ReceivedSessionData<'a>,
    algorithm: BackupAlgorithm,
    mac_form: MacForm,
    mac_key: BackupMacKey,
}

impl<'a> VerifiedSessionData<'a> {
    pub(crate) fn new(
        received: ReceivedSessionData<'a>,
        algorithm: BackupAlgorithm,
        mac_form: MacForm,
        mac_key: &BackupMacKey,
    ) -> Self {
        Self { received, algorithm, mac_form, mac_key: mac_key.clone() }
    }

    /// Decrypts with the backup's decryption key (V2-3) and reads the plaintext (V2-2).
    ///
    /// A v1 `mac`, where there is one, is not consulted: the valid MAC covers it and decides
    /// (H-4).
    ///
    /// # Errors
    ///
    /// [`UnusableSessionData`]: the MAC is right and there is still nothing to import. Only a
    /// holder of the MAC key can have written that.
    pub fn decrypt(
        &self,
        reader: &BackupReader,
    ) -> Result<DecryptedSessionData, UnusableSessionData> {
        let ephemeral = self.ephemeral(reader)?;
        let keys = MessageKeys::for_recipient(reader.decryption_key(), &ephemeral);
        let data = SessionDataV2::parse(&self.plaintext(keys)?)?;
        Ok(DecryptedSessionData::new(data, self.algorithm))
    }

    /// Decrypts any number of entries, in their order: many at once, on the processor's vector unit,
    /// and up to ten times as fast as one after the other. One that gives no key is no matter to
    /// the others.
    ///
    /// ```
    /// # use matrix_key_backup_v2::{BackupReader, UnverifiedSessionData, VerifiedSessionData};
    /// # use matrix_key_backup_wire::BackupAlgorithm;
    /// fn keys(entries: &[&str], reader: &BackupReader, algorithm: BackupAlgorithm) -> usize {
    ///     let verified: Vec<_> = entries
    ///         .iter()
    ///         .filter_map(|entry| UnverifiedSessionData::parse(entry, algorithm).ok())
    ///         .filter_map(|entry| entry.verify(reader.mac_key()).ok()) // each one, before anything else
    ///         .collect();
    ///     let decrypted = VerifiedSessionData::decrypt_batch(&verified, reader);
    ///     decrypted.iter().filter(|key| key.is_ok()).count()
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// None for the whole; for each entry as [`decrypt`](Self::decrypt).
    pub fn decrypt_batch(
        entries: &[Self],
        reader: &BackupReader,
    ) -> Vec<Result<DecryptedSessionData, UnusableSessionData>> {
        let ephemeral: Vec<_> = entries.iter().map(|entry| entry.ephemeral(reader)).collect();
        let points: Vec<_> = ephemeral.iter().flatten().copied().collect();
        let mut keys = reader.decryptor().message_keys_batch(&points).into_iter();
        // Each plaintext is gone when the next is decrypted: fewer secrets at a time, and all of one
        // is in the cache.
        let mut opened = Vec::with_capacity(entries.len());
        let plaintexts = entries.iter().zip(ephemeral).filter_map(|(entry, ephemeral)| {
            // There are keys for each ephemeral key.
            let keys = |_| keys.next().unwrap_or(Err(LowOrderPoint));
            let plaintext = ephemeral.map(keys).and_then(|keys| entry.plaintext(keys));
            opened.push(plaintext.as_ref().map(drop).map_err(Clone::clone));
            plaintext.ok()
        });
        let data = SessionDataV2::parse_batch(plaintexts, reader.decryptor().tier());
        let mut data = data.into_iter();
        let decrypted = entries.iter().zip(opened).map(|(entry, opened)| {
            opened?;
            // There are data for each plaintext.
            let data = data.next().unwrap_or(Err(SessionDataError::NotUtf8))?;
            Ok(DecryptedSessionData::new(data, entry.algorithm))
        });
        decrypted.collect()
    }

    /// The ephemeral key, strict in form. // V2-12
    fn ephemeral(&self, reader: &BackupReader) -> Result<EphemeralPublicKey, UnusableSessionData> {
        if *reader.mac_key() != self.mac_key {
            return Err(UnusableSessionData::OtherMacKey);
        }
        let name = "ephemeral";
        let ephemeral = text(self.received.ephemeral(), name)?;
        EphemeralPublicKey::from_base64_strict(ephemeral)
            .map_err(|_| UnusableSessionData::Malformed { name })
    }

    /// Decrypts the ciphertext, strict in form, with the message's keys. // V2-12
    fn plaintext(
        &self,
        keys: Result<MessageKeys, LowOrderPoint>,
    ) -> Result<Plaintext, UnusableSessionData> {
        let name = "ciphertext";
        let ciphertext = base64::decode_unpadded(text(self.received.ciphertext(), name)?)
            .map_err(|_| UnusableSessionData::Malformed { name })?;
        let keys = keys.map_err(|_| UnusableSessionData::LowOrderEphemeral)?; // V1-7
        keys.decrypt_in_place(ciphertext).map_err(|_| UnusableSessionData::Undecryptable)
    }

    /// The names under which the MAC stood.
    #[must_use]
    pub fn mac_form(&self) -> MacForm {
        self.mac_form
    }

    /// The whole entry as it was received; migration hands it on unchanged (M-3).
    #[must_use]
    pub fn as_received(&self) -> &'a str {
        self.received.raw()
    }

    /// The whole entry with its MAC under this name and no other (M-3): the name is outside the
    /// MAC, which stays right.
    #[must_use]
    pub fn with_mac_named(&self, names: Names) -> String {
        // Two valid MACs over one text are the same string, so there is always one to rename.
        self.received
            .with_backup_mac_renamed(names)
            .unwrap_or_else(|| String::from(self.received.raw()))
    }

    /// All cleartext properties. Those other than `signatures` and `unsigned` are under the MAC
    /// (V2-5).
    #[must_use]
    pub fn properties(&self) -> &Object<'a> {
        self.received.properties()
    }
}

fn text<'j>(
    value: Option<&'j Json<'_>>,
    name: &'static str,
) -> Result<&'j str, UnusableSessionData> {
    value
        .ok_or(UnusableSessionData::Missing { name })?
        .as_str()
        .ok_or(UnusableSessionData::Malformed { name })
}

/// Why an entry with a valid MAC gives no key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UnusableSessionData {
    /// The MAC key that verified is not the one that follows from the decryption key: what it
    /// vouches for says nothing about this backup.
    #[error("the MAC was checked with a key that does not follow from this decryption key")]
    OtherMacKey,
    /// `ephemeral` or `ciphertext` is not there.
    #[error("the MAC is right, but `{name}` is missing")]
    Missing {
        /// Which of the two.
        name: &'static str,
    },
    /// `ephemeral` or `ciphertext` is not a string of strict unpadded base64 of its length.
    #[error("the MAC is right, but `{name}` is not unpadded base64 of the right length")]
    Malformed {
        /// Which of the two.
        name: &'static str,
    },
    /// `ephemeral` is a point of low order: the shared secret would be all zero (V1-7).
    #[error("the MAC is right, but `ephemeral` is a point of low order")]
    LowOrderEphemeral,
    /// Decryption gave no JSON. Padding, UTF-8 and JSON look the same on purpose.
    #[error("the MAC is right, but the key does not decrypt")]
    Undecryptable,
    /// A key of an algorithm that this software does not know.
    #[error("the MAC is right, but the key is of the unknown algorithm `{name}`")]
    UnknownAlgorithm {
        /// The plaintext's `algorithm`.
        name: String,
    },
    /// The plaintext is JSON without what a room key needs.
    #[error("the MAC is right, but the plaintext is no room key: {0}")]
    NotARoomKey(SessionDataError),
}

impl From<SessionDataError> for UnusableSessionData {
    fn from(error: SessionDataError) -> Self {
        match error {
            SessionDataError::UnknownAlgorithm { name, .. } => Self::UnknownAlgorithm { name },
            SessionDataError::NotUtf8 | SessionDataError::Json(_) => Self::Undecryptable,
            other => Self::NotARoomKey(other),
        }
    }
}
