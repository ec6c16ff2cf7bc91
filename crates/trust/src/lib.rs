#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;

mod identity;
mod mac_key;
mod reason;
mod seen;
mod signature;
mod signers;
mod signing_key;
mod state;
mod trusted_backup;
mod went_back;

pub use identity::BackupIdentity;
pub use mac_key::MacKeyStatus;
pub use reason::{KeyOrigin, TrustReason};
pub use signature::{RejectedSignature, SignatureError, SignatureName, SignatureProblem};
pub use signers::{Signer, TrustedSigners};
pub use signing_key::{Ed25519KeyError, Ed25519PublicKey};
pub use state::TrustState;
pub use trusted_backup::{BackupDescription, TrustError, TrustedBackup};
pub use went_back::{StepBack, WentBack};
