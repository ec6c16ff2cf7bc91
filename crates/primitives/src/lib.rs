#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;

pub mod base64;
pub mod hazmat;
pub mod key_representation;

mod aes_ctr_hmac;
mod decryption_key;
mod kdf;
mod key_error;
mod mac;
mod mac_key;
mod public_key;
mod secret;

pub use aes_ctr_hmac::{AesCtrHmacKeys, CtrIv};
pub use base64::Base64Error;
pub use decryption_key::BackupDecryptionKey;
pub use key_error::{Base64KeyError, KeyLengthError};
pub use key_representation::KeyRepresentationError;
pub use mac::{AuthenticationTag, BackupMac, MacEncodingError, V1Mac, WrongMac};
pub use mac_key::BackupMacKey;
pub use public_key::{BackupPublicKey, EphemeralPublicKey};
