#![doc = include_str!("../README.md")]

#[cfg(feature = "homeserver")]
pub mod account;
pub mod copying;
pub mod downloader;
pub mod maybe_send;
pub mod merge;
pub mod migration;
pub mod replacement;
pub mod state;
pub mod store;
pub mod upload;

mod offload;
mod opening;
mod reading;
mod restore;
mod session;
mod summary;

pub use matrix_key_backup_key_export as key_export;
pub use matrix_key_backup_primitives as primitives;
pub use matrix_key_backup_secret_storage as secret_storage;
pub use matrix_key_backup_trust as trust;
pub use matrix_key_backup_v1 as v1;
pub use matrix_key_backup_v2 as v2;
pub use matrix_key_backup_wire as wire;

pub use opening::{OpenBackup, OpenError, Unreadable, UnreadableBackup, WrongKey, create_backup};
pub use reading::{EntryReader, RejectClass, RejectReason, RejectedKey};
pub use restore::{RestoredBatch, restore};
pub use session::BackedUpSession;
pub use summary::{ProvenanceCounts, RestoreSummary};
