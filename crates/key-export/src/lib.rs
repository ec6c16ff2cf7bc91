#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;

mod armour;
mod decrypted;
mod entries;
mod exported_session_data;
mod file;
mod list;
mod rounds;
mod writer;

pub use decrypted::DecryptedKeyExport;
pub use entries::{BadEntry, Entries};
pub use exported_session_data::{ExportedSessionData, ExportedSessionDataError};
pub use file::{DecryptError, KeyExportFile, KeyExportFileError};
pub use matrix_key_backup_primitives::Passphrase;
pub use rounds::{Rounds, RoundsOutOfBounds};
pub use writer::{KeyExportWriter, encrypt};
