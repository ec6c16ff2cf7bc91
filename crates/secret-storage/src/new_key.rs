//! Making a new secret storage key.

use matrix_key_backup_primitives::Passphrase;
use rand_core::CryptoRng;

use crate::{
    AccountDataEvent, DescribedKey, Iterations, KeyCheck, KeyDescription, KeyId, OpenedKey,
    PassphraseInfo, SecretStorageKey,
};

/// A secret storage key that was just made, with a random id, and its description.
///
/// The account data goes to the server in this order, so that nobody is led to a key that has
/// nothing stored under it: the [`event`](Self::event) of the key; each secret, encrypted with
/// [`opened`](Self::opened); and last, the [`default_key_event`](Self::default_key_event). A secret
/// that was not stored under the new key before it is made the default one is not found any more.
///
/// # Security
///
/// It holds the key, and is redacted in `Debug` (K-5).
#[derive(Clone, Debug)]
pub struct NewKey {
    opened: OpenedKey,
    described: DescribedKey,
}

impl NewKey {
    /// Makes a random key. `name` is what a person calls it.
    #[must_use]
    pub fn generate<R: CryptoRng + ?Sized>(name: Option<&str>, rng: &mut R) -> Self {
        let key = SecretStorageKey::generate(rng);
        Self::describe(key, name, None, rng)
    }

    /// Derives a key from a passphrase, with a random salt (S-4). It can be opened with either.
    ///
    /// It takes as long as the number of iterations says.
    #[must_use]
    pub fn from_passphrase<R: CryptoRng + ?Sized>(
        passphrase: &Passphrase,
        iterations: Iterations,
        name: Option<&str>,
        rng: &mut R,
    ) -> Self {
        let info = PassphraseInfo::generate(iterations, rng);
        let key = SecretStorageKey::from_passphrase(passphrase, &info);
        Self::describe(key, name, Some(&info), rng)
    }

    fn describe<R: CryptoRng + ?Sized>(
        key: SecretStorageKey,
        name: Option<&str>,
        passphrase: Option<&PassphraseInfo>,
        rng: &mut R,
    ) -> Self {
        let id = KeyId::generate(rng);
        let description = KeyDescription::new(&key, name, passphrase, rng);
        Self {
            opened: OpenedKey::new(id.clone(), key, KeyCheck::Fits),
            described: DescribedKey::new(id, description),
        }
    }

    /// The key, ready to store secrets.
    #[must_use]
    pub const fn opened(&self) -> &OpenedKey {
        &self.opened
    }

    /// What account data says of it.
    #[must_use]
    pub const fn described(&self) -> &DescribedKey {
        &self.described
    }

    /// The description as account data, `m.secret_storage.key.<id>`.
    #[must_use]
    pub fn event(&self) -> AccountDataEvent {
        self.described.to_event()
    }

    /// The account data that makes it the default key, `m.secret_storage.default_key`.
    #[must_use]
    pub fn default_key_event(&self) -> AccountDataEvent {
        AccountDataEvent::default_key(self.opened.id())
    }
}
