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
//! # Why it is hazardous
//!
//! Nothing here is authenticated. Anyone who knows the public key can make a ciphertext that
//! decrypts, and whoever holds a ciphertext can change it so that it still decrypts, to something
//! else. The layers above check a MAC first, or mark what they got as unauthenticated, and have
//! types that cannot skip that step. Code that calls this module directly has to see to it itself.

mod ephemeral_secret_key;
mod message;
mod message_keys;
mod shared_secret;

pub use ephemeral_secret_key::EphemeralSecretKey;
pub use message::{RawMessage, decrypt, encrypt};
pub use message_keys::{DecryptionFailed, MessageKeys};
pub use shared_secret::{LowOrderPoint, SharedSecret};
