#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;

mod bound;
mod decrypted;
mod encrypted;
mod reader;
mod source;
mod unverified;
mod verified;
mod vouch_record;
mod writer;

pub use matrix_key_backup_wire::BindError;

pub use bound::{BoundSession, MigratingSession, RoomAssurance};
pub use decrypted::DecryptedSessionData;
pub use encrypted::AuthenticatedSessionData;
pub use reader::BackupReader;
pub use source::{Forward, OlmSender, OtherSession, SourceMismatch, SourcedSession};
pub use unverified::{MacForm, UnverifiedSessionData, VerifyError};
pub use verified::{UnusableSessionData, VerifiedSessionData};
pub use vouch_record::VouchRecord;
pub use writer::{BackupWriter, SealError};
