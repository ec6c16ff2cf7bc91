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
    pub(crate) built: Built,
}

/// Whether this project has what the file is about.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Built {
    Yes { check: Check },
    Not { why: &'static str },
}

const fn built(file: &'static str, check: Check) -> Topic {
    Topic { file, built: Built::Yes { check } }
}

const fn not_built(file: &'static str, why: &'static str) -> Topic {
    Topic { file, built: Built::Not { why } }
}

/// Every form, from the bottom of the stack to the top.
pub(crate) const TOPICS: &[Topic] = &[
    built("mac_key.json", mac_key::check),
    built("key_representation.json", key_representation::check),
    built("backup_v1.json", backup_v1::check),
    built("backup_v1_edge.json", backup_v1_edge::check),
    built("published.json", published::check),
    built("session_data_v2.json", session_data_v2::check),
    built("megolm_sessions.json", megolm_sessions::check),
    built("key_export.json", key_export::check),
    built("room_keys_body.json", room_keys_body::check),
    built("migration.json", migration::check),
    built("accounts.json", accounts::check),
    not_built("secret_storage.json", "secret storage is not built yet"),
];
