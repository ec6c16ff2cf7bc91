//! A device that adds to an authenticated key backup and cannot read it (MSC4048).
//!
//! It is a device of its own of the user's account. Olm and Megolm are vodozemac's; what the backup
//! needs is `matrix-key-backup`'s. [`Bot::step`] is one turn of its life: it syncs, takes what came,
//! and writes room keys to the backup. All that it keeps over restarts is [`State`], one file.
//!
//! No type here can decrypt a backup: what seals keys is an
//! [`Uploader::for_writer`](matrix_key_backup::upload::Uploader::for_writer), which holds the
//! backup's public key and MAC key. docs/write-only.md walks through all messages.

mod backup;
mod bot;
mod error;
mod olm;
mod outbox;
mod own_devices;
mod pending;
mod published;
mod said;
mod secrets;
mod signed;
mod state;

pub use bot::Bot;
pub use error::BotError;
pub use pending::PendingKey;
pub use said::Said;
pub use state::State;
