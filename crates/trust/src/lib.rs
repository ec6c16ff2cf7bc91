#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;

mod trusted_backup;

pub use trusted_backup::{BackupDescription, KeyOrigin, TrustError, TrustReason, TrustedBackup};
