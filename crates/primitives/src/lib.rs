//! Keys, key derivation, encryption and MACs of Matrix key backup, without JSON and without I/O.
//!
//! A backup keeps room keys on the homeserver, each encrypted to one Curve25519 key. This crate is
//! the lowest layer of the stack that reads and writes such backups: it knows bytes, and what is
//! done to them, and leaves the meaning of those bytes to the layers above.
//!
//! # The keys
//!
//! Everything begins with 32 random bytes, the [`BackupDecryptionKey`]. From it follow
//!
//! - the [`BackupPublicKey`], to which room keys are encrypted (K-1), and
//! - the [`BackupMacKey`], with which an authenticated backup vouches for them (K-2).
//!
//! Whoever holds these two can write to the backup, and read nothing back.
//!
//! A person sees the decryption key as twelve groups of base58 characters
//! ([`key_representation`], K-3). Between devices, and in secret storage, it travels as
//! [`base64`] (K-4).
//!
//! # What is done with them
//!
//! - [`BackupMacKey::mac`] and [`BackupMacKey::verify`]: the [`BackupMac`] of an entry (V2-4).
//! - [`hazmat`]: the encryption of one room key (V1-2 to V1-4). It is unauthenticated, so it is set
//!   apart; the `backup-v1` and `backup-v2` layers put it behind types that cannot be misused.
//! - [`AesCtrHmacKeys`]: how key export files (E-1) and secret storage (S-1) encrypt.
//!
//! # Secrets (K-5)
//!
//! Every secret has a type of its own. Its bytes lie on the heap and are wiped on drop, `Debug`
//! shows a placeholder, `==` takes constant time, and the only way out is a method that begins
//! with `expose_`. There is no `Display`, `Hash`, `Ord` or `Default`. Intermediate values are
//! wiped as well, as far as they are ours: what the cryptographic libraries leave on the stack
//! while they compute, and what a caller copies, is out of reach.
//!
//! # Randomness
//!
//! Whatever draws random bytes takes the generator as a parameter, any
//! [`CryptoRng`](rand_core::CryptoRng). With the feature `getrandom`, which is on by default, there
//! is a `random()` beside each `generate()`, which asks the system.
//!
//! The numbers in parentheses are those of the project's rules, `docs/rules.md`.

#![no_std]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

pub mod base64;
pub mod hazmat;
pub mod key_representation;

mod aes_ctr_hmac;
mod decryption_key;
mod kdf;
mod key_error;
mod mac;
mod mac_key;
mod passphrase;
mod public_key;
mod secret;

pub use aes_ctr_hmac::{AesCtrHmacKeys, CtrIv};
pub use base64::Base64Error;
pub use decryption_key::BackupDecryptionKey;
pub use key_error::{Base64KeyError, KeyLengthError};
pub use key_representation::KeyRepresentationError;
pub use mac::{AuthenticationTag, BackupMac, MacEncodingError, V1Mac, WrongMac};
pub use mac_key::BackupMacKey;
pub use passphrase::Passphrase;
pub use public_key::{BackupPublicKey, EphemeralPublicKey};

/// Compiles and runs the example in the README.
#[cfg(all(doctest, feature = "getrandom"))]
#[doc = include_str!("../README.md")]
struct Readme;
