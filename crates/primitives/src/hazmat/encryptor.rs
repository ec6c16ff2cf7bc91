//! Encrypting many messages to one backup.

use alloc::{sync::Arc, vec::Vec};

use matrix_key_backup_x25519_batch::{Batch, Recipient, SecretKey, Tier, TierUnavailable};
use rand_core::CryptoRng;

use super::{EphemeralSecretKey, LowOrderPoint, MessageKeys, RawMessage, message_keys};
use crate::{BackupPublicKey, EphemeralPublicKey};

/// Encrypts to one backup, any number of messages (V1-2 to V1-4).
///
/// It keeps tables of the two points that each message multiplies by a secret, the base point and
/// the backup's key. They take some 120 KB and about a millisecond to make; a single message
/// then takes half the time that [`encrypt`](super::encrypt) takes, and a batch, in the lanes of
/// the vector unit, down to a twentieth. Clones share them.
///
/// ```
/// use matrix_key_backup_primitives::{BackupDecryptionKey, hazmat::{Decryptor, Encryptor}};
///
/// # let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
/// let key = BackupDecryptionKey::generate(&mut rng);
/// let plaintexts = ["one", "two", "three"];
/// let messages = Encryptor::new(&key.public_key()).encrypt_batch(&plaintexts, &mut rng)?;
///
/// let received: Vec<_> = messages.iter().map(|sent| (sent.ephemeral, &sent.ciphertext)).collect();
/// for (plaintext, sent) in Decryptor::new(key.clone()).decrypt_batch(&received).iter().zip(plaintexts) {
///     assert_eq!(plaintext.as_deref(), Ok(sent.as_bytes()));
/// }
/// # Ok::<(), matrix_key_backup_primitives::hazmat::LowOrderPoint>(())
/// ```
#[derive(Clone, Debug)]
pub struct Encryptor {
    backup: BackupPublicKey,
    recipient: Arc<Recipient>,
}

impl Encryptor {
    /// Makes the tables, on the fastest tier that this processor has.
    #[must_use]
    pub fn new(backup: &BackupPublicKey) -> Self {
        Self::on(&Batch::new(), backup)
    }

    /// The same on a tier of your choice, for tests and comparisons.
    ///
    /// # Errors
    ///
    /// [`TierUnavailable`] if this processor does not have it.
    pub fn with_tier(backup: &BackupPublicKey, tier: Tier) -> Result<Self, TierUnavailable> {
        Ok(Self::on(&Batch::with_tier(tier)?, backup))
    }

    fn on(batch: &Batch, backup: &BackupPublicKey) -> Self {
        Self { backup: *backup, recipient: Arc::new(batch.recipient(&backup.to_point())) }
    }

    /// To whom it encrypts.
    #[must_use]
    pub fn public_key(&self) -> &BackupPublicKey {
        &self.backup
    }

    /// Encrypts one message, under a fresh ephemeral key.
    ///
    /// # Errors
    ///
    /// [`LowOrderPoint`] if the backup's public key is one (V1-7).
    pub fn encrypt<R: CryptoRng + ?Sized>(
        &self,
        plaintext: &[u8],
        rng: &mut R,
    ) -> Result<RawMessage, LowOrderPoint> {
        let (ephemeral, keys) = self.message_keys(&EphemeralSecretKey::generate(rng))?;
        Ok(RawMessage { ephemeral, ciphertext: keys.encrypt(plaintext) })
    }

    /// Encrypts each of the plaintexts, under a fresh ephemeral key each, in their order.
    ///
    /// # Errors
    ///
    /// [`LowOrderPoint`] if the backup's public key is one (V1-7): then none can be encrypted.
    pub fn encrypt_batch<R: CryptoRng + ?Sized>(
        &self,
        plaintexts: &[impl AsRef<[u8]>],
        rng: &mut R,
    ) -> Result<Vec<RawMessage>, LowOrderPoint> {
        let (ephemeral, keys): (Vec<_>, Vec<_>) =
            self.message_keys_batch(plaintexts.len(), rng)?.into_iter().unzip();
        let ciphertexts = MessageKeys::encrypt_batch(keys.iter().zip(plaintexts));
        let messages = ephemeral.into_iter().zip(ciphertexts);
        Ok(messages.map(|(ephemeral, ciphertext)| RawMessage { ephemeral, ciphertext }).collect())
    }

    /// The public half of an ephemeral key, and the keys of its message.
    ///
    /// # Errors
    ///
    /// [`LowOrderPoint`] if the backup's public key is one (V1-7).
    pub fn message_keys(
        &self,
        ephemeral: &EphemeralSecretKey,
    ) -> Result<(EphemeralPublicKey, MessageKeys), LowOrderPoint> {
        self.message_keys_with([ephemeral])?.pop().ok_or(LowOrderPoint)
    }

    /// The same for any number of ephemeral keys, in their order.
    ///
    /// # Errors
    ///
    /// [`LowOrderPoint`] if the backup's public key is one (V1-7).
    pub fn message_keys_with<'e>(
        &self,
        ephemeral: impl IntoIterator<Item = &'e EphemeralSecretKey>,
    ) -> Result<Vec<(EphemeralPublicKey, MessageKeys)>, LowOrderPoint> {
        let secrets: Vec<_> = ephemeral.into_iter().map(EphemeralSecretKey::to_scalar).collect();
        self.agree(&secrets)
    }

    /// Draws `count` ephemeral keys, for as many messages: of each the public half, and the keys of
    /// its message.
    ///
    /// # Errors
    ///
    /// [`LowOrderPoint`] if the backup's public key is one (V1-7).
    pub fn message_keys_batch<R: CryptoRng + ?Sized>(
        &self,
        count: usize,
        rng: &mut R,
    ) -> Result<Vec<(EphemeralPublicKey, MessageKeys)>, LowOrderPoint> {
        self.agree(&SecretKey::generate_many(count, rng))
    }

    fn agree(
        &self,
        secrets: &[SecretKey],
    ) -> Result<Vec<(EphemeralPublicKey, MessageKeys)>, LowOrderPoint> {
        let agreed = self.recipient.agree(secrets);
        // V1-7. One point for all of them: all results are zero, or none is.
        if agreed.iter().any(|agreed| !agreed.shared_secret.is_contributory()) {
            return Err(LowOrderPoint);
        }
        let shared: Vec<_> =
            agreed.iter().map(|agreed| agreed.shared_secret.expose_bytes()).collect();
        let keys = message_keys::derive_batch(&shared);
        let public = agreed.iter().map(|agreed| EphemeralPublicKey::from_point(&agreed.public_key));
        Ok(public.zip(keys).collect())
    }
}
