#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;

pub mod property;

mod auth_data;
mod backed_up_session_data;
mod canonical;
mod cause;
mod claimed_sender;
mod context;
mod expected;
mod ids;
mod json;
mod key_backup_data;
mod megolm_ratchet;
mod names;
mod other_properties;
mod provenance;
mod session_data;
mod session_data_v2;
mod session_key;
mod version_id;
mod write;
mod writer_key;

pub use auth_data::{AuthData, AuthDataError, Signatures};
pub use backed_up_session_data::{
    BackedUpSessionData, NotEarlier, OtherPropertyError, SessionDataError,
};
pub use canonical::{CanonicalJsonError, canonical_json, signable};
pub use claimed_sender::{ClaimedKeys, ClaimedKeysIter};
pub use context::{Context, MalformedContext};
pub use expected::{BindError, Expected};
pub use ids::{EmptyIdentifier, RoomId, SessionId, UserId};
pub use json::{
    ENTRY_MAX_BYTES, Json, JsonError, JsonErrorKind, JsonKind, MAX_DEPTH, Object, Text,
};
pub use key_backup_data::{KeyBackupData, KeyBackupDataError};
pub use megolm_ratchet::RatchetOrder;
pub use names::{
    BUNDLE_SENDER_PROPERTY, BackupAlgorithm, CONTEXT_PROPERTY, DECRYPTION_KEY_SECRET,
    MEGOLM_ALGORITHM, Names, SHARED_HISTORY, SHARED_HISTORY_SDK, SHARED_HISTORY_UNSTABLE,
    UnknownBackupAlgorithm,
};
pub use other_properties::OtherProperties;
pub use property::PropertyError;
pub use provenance::{Provenance, UnauthenticatedSource};
pub use session_data::{BackupMacs, EncryptedSessionData, ReceivedSessionData};
pub use session_data_v2::SessionDataV2;
pub use session_key::{MegolmSessionExport, SessionKeyError};
pub use version_id::VersionId;
pub use writer_key::{WriterKey, WriterKeyError};
