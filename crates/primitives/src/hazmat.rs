//! The encryption scheme of a backup by itself, for the layers that put it to use.
//!
//! ```text
//! shared secret = X25519(ephemeral private, backup public) = X25519(backup private, ephemeral public)
//! message keys  = HKDF-SHA-256(salt = 32 zero bytes, ikm = shared secret, info = "", 80 bytes)
//!               = AES key [0..32] ‖ MAC key [32..64] ‖ AES IV [64..80]
//! ciphertext    = AES-256-CBC with PKCS#7 padding
//! ```
//!
//! Both versions of the backup encrypt like this (V1-2 to V1-4, V2-3).
//!
//! # One message, or many
//!
//! [`encrypt`] and [`decrypt`] take one message. Where there are more, [`Encryptor`] and [`Decryptor`]
//! do the same for many at once, up to twenty times as fast: X25519 in the lanes of the vector unit
//! (`matrix-key-backup-x25519-batch`), key derivation and AES-CBC in turns. The results are the same.
//!
//! # Why it is hazardous
//!
//! Nothing here is authenticated. Anyone who knows the public key can make a ciphertext that
//! decrypts, and whoever holds a ciphertext can change it so that it still decrypts, to something
//! else. The layers above check a MAC first, or mark what they got as unauthenticated, and have
//! types that cannot skip that step. Code that calls this module directly has to see to it itself.

mod cbc_chains;
mod decryptor;
mod encryptor;
mod ephemeral_secret_key;
mod key_derivation;
mod message;
mod message_keys;
mod plaintext;
mod shared_secret;

pub use decryptor::Decryptor;
pub use encryptor::Encryptor;
pub use ephemeral_secret_key::EphemeralSecretKey;
pub use message::{RawMessage, decrypt, encrypt};
pub use message_keys::{DecryptionFailed, MessageKeys};
pub use plaintext::Plaintext;
pub use shared_secret::{LowOrderPoint, SharedSecret};

/// On which vector unit batches are computed; for tests and comparisons.
pub use matrix_key_backup_x25519_batch::{Tier, TierUnavailable};
