#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;

pub mod sharing;

mod account_data;
mod decrypted_secret;
mod decryption_key;
mod described_key;
mod encrypted_secret;
mod iterations;
mod json_text;
mod key_description;
mod key_id;
mod moving;
mod new_key;
mod opened_key;
mod passphrase_info;
mod random_text;
mod secret_content;
mod storage_key;

pub use account_data::{
    AccountData, AccountDataError, AccountDataEvent, DEFAULT_KEY_EVENT_TYPE, KEY_EVENT_TYPE_PREFIX,
};
pub use decrypted_secret::{DecryptedSecret, NotText};
pub use decryption_key::{NotADecryptionKey, OtherBackup, UncheckedDecryptionKey};
pub use described_key::{DescribedKey, OpenError};
pub use encrypted_secret::EncryptedSecretError;
pub use iterations::{Iterations, IterationsOutOfBounds};
pub use key_description::{KeyCheck, KeyDescription, KeyDescriptionError, WrongKey};
pub use key_id::{EmptyKeyId, KeyId};
pub use matrix_key_backup_primitives::Passphrase;
pub use moving::{MoveError, MovedSecrets, NotMoved, NotMovedReason};
pub use new_key::NewKey;
pub use opened_key::{DecryptError, EncryptError, OpenedKey};
pub use passphrase_info::{PassphraseInfo, PassphraseInfoError};
pub use secret_content::{SecretContent, SecretContentError};
pub use storage_key::SecretStorageKey;
