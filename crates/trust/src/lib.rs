#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;

mod identity;
mod reason;
mod state;
mod trusted_backup;
mod went_back;

pub use identity::BackupIdentity;
pub use reason::{KeyOrigin, TrustReason};
pub use state::TrustState;
pub use trusted_backup::{BackupDescription, TrustError, TrustedBackup};
pub use went_back::{StepBack, WentBack};
