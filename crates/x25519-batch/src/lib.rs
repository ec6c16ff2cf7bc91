//! Many X25519 operations at once.

#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod batch;
mod bytes;
mod fixed_point;
mod implementation;
#[cfg(any(test, feature = "models", all(target_arch = "x86_64", target_feature = "sse2")))]
mod lanes;
mod portable;
mod public_key;
mod secret_key;
mod shared_secret;
mod tier;
mod wipe;

pub use batch::Batch;
pub use bytes::LengthError;
pub use fixed_point::{FixedPoint, KeyAgreement, Recipient};
pub use public_key::PublicKey;
pub use secret_key::SecretKey;
pub use shared_secret::SharedSecret;
pub use tier::{Tier, TierUnavailable};
