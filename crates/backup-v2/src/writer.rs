//! Who may write: the holder of the public key and the MAC key.

use alloc::{string::String, vec::Vec};
use core::borrow::Borrow;

use matrix_key_backup_primitives::{
    BackupMacKey, BackupPublicKey, EphemeralPublicKey,
    hazmat::{Encryptor, EphemeralSecretKey, MessageKeys, Tier, TierUnavailable},
};
use matrix_key_backup_wire::{CanonicalJsonError, EncryptedSessionData, Names, Object};
use rand_core::CryptoRng;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::{AuthenticatedSessionData, SourcedSession};

/// How many plaintexts are in memory at a time: as many as AES takes in turns, and so few that they
/// stay in the cache.
const AT_ONCE: usize = 8;

/// The public key of a backup and its MAC key: enough to write authenticated keys, and to read
/// none of them back.
///
/// ```compile_fail
/// # use matrix_key_backup_v2::{BackupWriter, VerifiedSessionData};
/// fn read_with_a_writer(writer: &BackupWriter, entry: &VerifiedSessionData<'_>) {
///     let _ = entry.decrypt(writer); // a writer is no reader
/// }
/// ```
#[derive(Clone, Debug)]
pub struct BackupWriter {
    encryptor: Encryptor,
    mac_key: BackupMacKey,
    names: Names,
}

impl BackupWriter {
    /// Puts the two keys together, with the names to write (N-1).
    ///
    /// It makes tables of the public key, which takes about a millisecond: keep the writer, or
    /// a clone of it, for all keys of a backup.
    ///
    /// # Security
    ///
    /// Whoever chose the public key reads what is written. Take it from a trusted backup
    /// (T-1, T-2), not from a server's answer.
    #[must_use]
    pub fn new(public_key: BackupPublicKey, mac_key: BackupMacKey, names: Names) -> Self {
        Self { encryptor: Encryptor::new(&public_key), mac_key, names }
    }

    /// The same, with everything computed on a tier of your choice, for tests and comparisons.
    ///
    /// # Errors
    ///
    /// [`TierUnavailable`] if this processor does not have it.
    pub fn on_tier(self, tier: Tier) -> Result<Self, TierUnavailable> {
        let encryptor = Encryptor::with_tier(self.public_key(), tier)?;
        Ok(Self { encryptor, ..self })
    }

    /// The public key to which this writer encrypts.
    #[must_use]
    pub fn public_key(&self) -> &BackupPublicKey {
        self.encryptor.public_key()
    }

    /// The MAC key.
    #[must_use]
    pub fn mac_key(&self) -> &BackupMacKey {
        &self.mac_key
    }

    /// The names that this writer writes.
    #[must_use]
    pub fn names(&self) -> Names {
        self.names
    }

    /// Encrypts and authenticates one key (V2-2 to V2-5).
    ///
    /// # Errors
    ///
    /// [`SealError::LowOrderPublicKey`] if the backup's public key is a point of low order (V1-7).
    pub fn seal<R: CryptoRng + ?Sized>(
        &self,
        session: &SourcedSession,
        rng: &mut R,
    ) -> Result<AuthenticatedSessionData, SealError> {
        self.hazmat_seal_with(session, &EphemeralSecretKey::generate(rng))
    }

    /// Encrypts and authenticates any number of keys, in their order: many at once, on the
    /// processor's vector unit, and up to twenty times as fast as one after the other.
    ///
    /// # Errors
    ///
    /// As [`seal`](Self::seal): then none can be sealed.
    pub fn seal_batch<R: CryptoRng + ?Sized>(
        &self,
        sessions: &[impl Borrow<SourcedSession>],
        rng: &mut R,
    ) -> Result<Vec<AuthenticatedSessionData>, SealError> {
        let keys = self.encryptor.message_keys_batch(sessions.len(), rng);
        let keys = keys.map_err(|_| SealError::LowOrderPublicKey)?; // V1-7
        Ok(self.seal_all(sessions.iter().map(Borrow::borrow), &keys))
    }

    /// The same with an ephemeral key beside each session, which was drawn where drawing may fail.
    ///
    /// # Errors
    ///
    /// As [`seal`](Self::seal): then none can be sealed.
    ///
    /// # Security
    ///
    /// As [`hazmat_seal_with`](Self::hazmat_seal_with).
    pub fn hazmat_seal_batch_with(
        &self,
        sessions: &[(impl Borrow<SourcedSession>, EphemeralSecretKey)],
    ) -> Result<Vec<AuthenticatedSessionData>, SealError> {
        let keys = self.encryptor.message_keys_with(sessions.iter().map(|(_, key)| key));
        let keys = keys.map_err(|_| SealError::LowOrderPublicKey)?; // V1-7
        Ok(self.seal_all(sessions.iter().map(|(session, _)| session.borrow()), &keys))
    }

    /// The same with a given ephemeral key, for reproducible test vectors.
    ///
    /// # Errors
    ///
    /// As [`seal`](Self::seal).
    ///
    /// # Security
    ///
    /// An ephemeral key that is used twice, or that anybody else knows, gives the plaintext away.
    pub fn hazmat_seal_with(
        &self,
        session: &SourcedSession,
        ephemeral: &EphemeralSecretKey,
    ) -> Result<AuthenticatedSessionData, SealError> {
        let (_, encrypted) = self.encrypt(session, ephemeral)?;
        Ok(self.authenticate(&encrypted))
    }

    /// The same for a v1 backup: with the `mac` of v1, which the MAC then covers (H-1).
    ///
    /// # Errors
    ///
    /// As [`seal`](Self::seal).
    pub fn seal_hybrid<R: CryptoRng + ?Sized>(
        &self,
        session: &SourcedSession,
        rng: &mut R,
    ) -> Result<AuthenticatedSessionData, SealError> {
        self.hazmat_seal_hybrid_with(session, &EphemeralSecretKey::generate(rng))
    }

    /// The same as [`seal_hybrid`](Self::seal_hybrid) with a given ephemeral key.
    ///
    /// # Errors
    ///
    /// As [`seal`](Self::seal).
    ///
    /// # Security
    ///
    /// As [`hazmat_seal_with`](Self::hazmat_seal_with).
    pub fn hazmat_seal_hybrid_with(
        &self,
        session: &SourcedSession,
        ephemeral: &EphemeralSecretKey,
    ) -> Result<AuthenticatedSessionData, SealError> {
        let (keys, encrypted) = self.encrypt(session, ephemeral)?;
        Ok(self.authenticate(&encrypted.with_v1_mac(&keys.v1_mac())))
    }

    /// Re-encrypts an entry on migration: the other cleartext properties that its old MAC covered
    /// go under the new one (M-3). The v1 `mac` is dropped, and so are `signatures` and `unsigned`,
    /// which speak of what is gone.
    ///
    /// # Errors
    ///
    /// [`SealError`].
    pub fn reseal<R: CryptoRng + ?Sized>(
        &self,
        session: &SourcedSession,
        cleartext: &Object<'_>,
        rng: &mut R,
    ) -> Result<AuthenticatedSessionData, SealError> {
        self.hazmat_reseal_with(session, cleartext, &EphemeralSecretKey::generate(rng))
    }

    /// The same as [`reseal`](Self::reseal) with a given ephemeral key.
    ///
    /// # Errors
    ///
    /// [`SealError`].
    ///
    /// # Security
    ///
    /// As [`hazmat_seal_with`](Self::hazmat_seal_with).
    pub fn hazmat_reseal_with(
        &self,
        session: &SourcedSession,
        cleartext: &Object<'_>,
        ephemeral: &EphemeralSecretKey,
    ) -> Result<AuthenticatedSessionData, SealError> {
        let (_, encrypted) = self.encrypt(session, ephemeral)?;
        Ok(self.authenticate(&encrypted.with_other_properties(cleartext)?))
    }

    fn encrypt(
        &self,
        session: &SourcedSession,
        ephemeral: &EphemeralSecretKey,
    ) -> Result<(MessageKeys, EncryptedSessionData), SealError> {
        let (public, keys) =
            self.encryptor.message_keys(ephemeral).map_err(|_| SealError::LowOrderPublicKey)?; // V1-7
        let ciphertext = keys.encrypt(self.plaintext(session).as_bytes());
        Ok((keys, EncryptedSessionData::new(&public, ciphertext)))
    }

    /// Seals each session with the keys of its message; there are as many of these as of those.
    fn seal_all<'s>(
        &self,
        sessions: impl Iterator<Item = &'s SourcedSession>,
        keys: &[(EphemeralPublicKey, MessageKeys)],
    ) -> Vec<AuthenticatedSessionData> {
        let sessions: Vec<_> = sessions.collect();
        let mut sealed = Vec::with_capacity(sessions.len());
        for (sessions, keys) in sessions.chunks(AT_ONCE).zip(keys.chunks(AT_ONCE)) {
            sealed.extend(self.seal_few(sessions, keys));
        }
        sealed
    }

    fn seal_few(
        &self,
        sessions: &[&SourcedSession],
        keys: &[(EphemeralPublicKey, MessageKeys)],
    ) -> impl Iterator<Item = AuthenticatedSessionData> {
        let mut plaintexts: Vec<_> =
            sessions.iter().map(|session| self.plaintext(session)).collect();
        let with = keys.iter().map(|(_, keys)| keys);
        let ciphertexts = MessageKeys::encrypt_batch(with.zip(&plaintexts));
        // Emptied, all of them is spare room, which is wiped at once and not byte by byte.
        plaintexts.iter_mut().for_each(|plaintext| plaintext.clear());
        keys.iter().zip(ciphertexts).map(|((public, _), ciphertext)| {
            self.authenticate(&EncryptedSessionData::new(public, ciphertext))
        })
    }

    /// The mark is written here and nowhere else, from the provenance alone. // V2-8, N-1
    fn plaintext(&self, session: &SourcedSession) -> Zeroizing<String> {
        session.data().to_json_marked(session.provenance(), self.names)
    }

    fn authenticate(&self, encrypted: &EncryptedSessionData) -> AuthenticatedSessionData {
        let mac = |signable: &str| self.mac_key.mac(signable.as_bytes()); // V2-4
        AuthenticatedSessionData::new(encrypted.to_authenticated_json(mac, self.names))
    }
}

/// Why a key could not be sealed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SealError {
    /// The backup's public key is a point of low order: everybody could read what is written.
    #[error("the backup's public key is a point of low order: nothing can be encrypted to it")]
    LowOrderPublicKey,
    /// A cleartext property cannot be carried by canonical JSON (V2-13).
    #[error(transparent)]
    NotCanonical(#[from] CanonicalJsonError),
}
