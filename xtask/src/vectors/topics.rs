//! The forms of vector files, one module per file.

mod accounts;
mod backup_v1;
mod backup_v1_edge;
mod key_export;
mod key_representation;
mod mac_key;
mod megolm_sessions;
mod migration;
mod published;
mod room_keys_body;
mod secret_storage;
mod session_data_v2;

use anyhow::Result;

use crate::vectors::report::Report;

/// Runs the cases of one file; its arguments are the file's name, its content and the report.
///
/// An error is for what is wrong with the file as a whole.
pub(crate) type Check = fn(&'static str, &str, &mut Report) -> Result<()>;

/// A form of file.
#[derive(Debug)]
pub(crate) struct Topic {
    /// Files of this form have this name.
    pub(crate) file: &'static str,
    pub(crate) check: Check,
}

const fn topic(file: &'static str, check: Check) -> Topic {
    Topic { file, check }
}

/// Every form, from the bottom of the stack to the top.
pub(crate) const TOPICS: &[Topic] = &[
    topic("mac_key.json", mac_key::check),
    topic("key_representation.json", key_representation::check),
    topic("backup_v1.json", backup_v1::check),
    topic("backup_v1_edge.json", backup_v1_edge::check),
    topic("published.json", published::check),
    topic("session_data_v2.json", session_data_v2::check),
    topic("megolm_sessions.json", megolm_sessions::check),
    topic("key_export.json", key_export::check),
    topic("secret_storage.json", secret_storage::check),
    topic("room_keys_body.json", room_keys_body::check),
    topic("migration.json", migration::check),
    topic("accounts.json", accounts::check),
];
