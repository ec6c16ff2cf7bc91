#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;

mod bound;
mod decrypted;
mod received;
mod writer;

pub use bound::{BoundSession, WrongSession};
pub use decrypted::DecryptedSessionData;
pub use received::{ReceivedKey, UnusableKey};
pub use writer::{EncryptedSessionData, LowOrderPublicKey, encrypt, hazmat_encrypt_with};
