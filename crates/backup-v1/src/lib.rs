#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;

mod bound;
mod decrypted;
mod received;
mod writer;

pub use matrix_key_backup_wire::BindError;

pub use bound::BoundSession;
pub use decrypted::DecryptedSessionData;
pub use received::{ReceivedKey, UnusableKey};
pub use writer::{
    EncryptedSessionData, LowOrderPublicKey, encrypt, encrypt_batch, hazmat_encrypt_batch_with,
    hazmat_encrypt_with,
};
