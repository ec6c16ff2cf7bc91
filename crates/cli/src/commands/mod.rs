//! The commands, one file each: its arguments, what it does, what it reports.

pub(crate) mod completions;
pub(crate) mod copy;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod doctor;
pub(crate) mod key;
pub(crate) mod list;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod man;
pub(crate) mod migrate;
pub(crate) mod preference;
pub(crate) mod restore;
pub(crate) mod secret_storage;
pub(crate) mod status;
pub(crate) mod unlock;
pub(crate) mod upload;
pub(crate) mod verify;
