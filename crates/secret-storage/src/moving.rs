//! Moving secrets from one secret storage key to another.

use alloc::{string::String, vec::Vec};

use rand_core::CryptoRng;
use thiserror::Error;

use crate::{AccountData, AccountDataEvent, DecryptError, EncryptError, OpenedKey, SecretContent};

/// What comes of moving secrets to another key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[must_use = "what was encrypted anew is to be stored, and what was not is to be told"]
pub struct MovedSecrets {
    /// The account data of every secret that went over, to be sent to the server. The secret is still
    /// under the old key as well.
    pub events: Vec<AccountDataEvent>,
    /// The secrets that are under the old key and did not go over.
    pub left_behind: Vec<NotMoved>,
}

/// A secret did not go over.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the secret {name:?} stays where it is: {why}")]
#[non_exhaustive]
pub struct NotMoved {
    /// Its name.
    pub name: String,
    /// Why it did not.
    pub why: NotMovedReason,
}

/// Why a secret did not go over.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NotMovedReason {
    /// It cannot be decrypted with the old key.
    #[error(transparent)]
    Decrypt(#[from] DecryptError),
    /// It is none to be stored, as a backup's MAC key (S-5).
    #[error(transparent)]
    Encrypt(#[from] EncryptError),
}

/// Secrets cannot be moved.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MoveError {
    /// The new key was not checked, or cannot store secrets for another reason.
    #[error(transparent)]
    NewKey(#[from] EncryptError),
    /// Both keys have one id: what is under the new one would take the place of the old.
    #[error("both secret storage keys have the same id: make a new key first")]
    SameId,
}

impl AccountData {
    /// Encrypts every secret that is stored under one key for another one as well (S-1, S-3).
    ///
    /// Nothing is taken away: each secret stays under the old key, and under any other. So the order is
    /// that of a new key: its description; these events; the event that makes it the default key; and
    /// only when all that is stored, and nothing was left behind, the secrets without the old key
    /// ([`SecretContent::forget`]).
    ///
    /// Account data that is no secret, or not under the old key, is not looked at.
    ///
    /// ```
    /// use matrix_key_backup_secret_storage::{AccountData, NewKey, SecretContent};
    /// # let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
    /// let old = NewKey::generate(None, &mut rng);
    /// let mut secret = SecretContent::new();
    /// old.opened().store("org.example.secret", b"text", &mut secret, &mut rng)?;
    /// let mut account_data: AccountData = [secret.to_event("org.example.secret")].into_iter().collect();
    ///
    /// let new = NewKey::generate(None, &mut rng);
    /// let moved = account_data.move_secrets(old.opened(), new.opened(), &mut rng)?;
    /// assert!(moved.left_behind.is_empty());
    /// account_data.extend(moved.events);
    /// let secret = account_data.secret("org.example.secret")?;
    /// assert_eq!(new.opened().decrypt("org.example.secret", &secret)?.expose_bytes(), b"text");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Both are keys that were opened: one that was not cannot be given.
    ///
    /// ```compile_fail,E0308
    /// # use matrix_key_backup_secret_storage::{AccountData, OpenedKey, SecretStorageKey};
    /// # let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
    /// fn move_all(data: &AccountData, old: &OpenedKey, new: &SecretStorageKey) {
    ///     # let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
    ///     let _ = data.move_secrets(old, new, &mut rng);
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`MoveError`]: nothing was encrypted. A single secret that cannot be moved is
    /// [left behind](MovedSecrets::left_behind).
    ///
    /// # Security
    ///
    /// A secret whose IV was changed goes over as the garbage that it has become: it still must be
    /// checked for what it must be (S-6). Whoever has the old key reads what is still stored under it.
    pub fn move_secrets<R: CryptoRng + ?Sized>(
        &self,
        old: &OpenedKey,
        new: &OpenedKey,
        rng: &mut R,
    ) -> Result<MovedSecrets, MoveError> {
        if old.id() == new.id() {
            return Err(MoveError::SameId);
        }
        new.check_can_store()?;
        let mut moved = MovedSecrets { events: Vec::new(), left_behind: Vec::new() };
        for (name, mut secret) in self.secrets() {
            if secret.entry(old.id()).is_none() {
                continue;
            }
            match encrypt_anew(old, new, name, &mut secret, rng) {
                Ok(()) => moved.events.push(secret.to_event(name)),
                Err(why) => moved.left_behind.push(NotMoved { name: name.into(), why }),
            }
        }
        Ok(moved)
    }
}

fn encrypt_anew<R: CryptoRng + ?Sized>(
    old: &OpenedKey,
    new: &OpenedKey,
    name: &str,
    secret: &mut SecretContent,
    rng: &mut R,
) -> Result<(), NotMovedReason> {
    let clear = old.decrypt(name, secret)?;
    new.store(name, clear.expose_bytes(), secret, rng)?;
    Ok(())
}
