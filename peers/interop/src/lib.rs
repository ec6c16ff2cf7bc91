//! What the tests in `tests` share: the test data, and both sides' forms of the same keys.
//!
//! Our types are called `ours`, those of the deployed libraries by the library's name.

use std::{fs, path::PathBuf};

use matrix_key_backup_primitives as ours;
use matrix_key_backup_wire::{BackedUpSessionData, Expected, RoomId, SessionId};
use matrix_sdk_crypto::{
    Account,
    olm::{EncryptionSettings, InboundGroupSession, SenderData},
    store::types::BackupDecryptionKey as SdkDecryptionKey,
};
use pollster::FutureExt;
use rand::random;
use ruma::{device_id, events::room::history_visibility::HistoryVisibility, user_id};
use serde_json::Value;
use vodozemac::{Curve25519PublicKey, Curve25519SecretKey, pk_encryption::PkDecryption};

/// One backup decryption key as each implementation holds it.
pub struct DecryptionKey {
    /// The 32 bytes.
    pub bytes: [u8; 32],
    /// Ours.
    pub ours: ours::BackupDecryptionKey,
    /// vodozemac's.
    pub vodozemac: PkDecryption,
    /// matrix-sdk-crypto's.
    pub sdk: SdkDecryptionKey,
}

impl DecryptionKey {
    /// A new key.
    pub fn random() -> Self {
        Self::from_bytes(random())
    }

    /// The key of these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self {
            bytes,
            ours: ours::BackupDecryptionKey::from_slice(&bytes).unwrap(),
            vodozemac: PkDecryption::from_key(Curve25519SecretKey::from_slice(&bytes)),
            sdk: SdkDecryptionKey::from_bytes(&bytes),
        }
    }
}

/// An ephemeral public key of vodozemac as ours.
pub fn ephemeral_from_vodozemac(key: &Curve25519PublicKey) -> ours::EphemeralPublicKey {
    ours::EphemeralPublicKey::from_slice(key.as_bytes()).unwrap()
}

/// New group sessions of matrix-sdk-crypto as a client holds them: from several first indexes on, in
/// rooms of both forms of id, every other with a history that later members may read.
pub fn new_sdk_sessions(count: u32) -> Vec<InboundGroupSession> {
    let account = Account::with_device_id(user_id!("@alice:example.org"), device_id!("DEVICE"));
    (0..count).map(|number| new_sdk_session(&account, number)).collect()
}

fn new_sdk_session(account: &Account, number: u32) -> InboundGroupSession {
    let room = ["!room:example.org", "!jEYJpZzZ5UXvv8zGJzYpNTlXoE9VfCeGQn1C9kV1bZs"];
    let room = room[number as usize / 2 % 2].try_into().unwrap();
    let history_visibility = if number.is_multiple_of(2) {
        HistoryVisibility::Shared
    } else {
        HistoryVisibility::Joined
    };
    let settings = EncryptionSettings { history_visibility, ..Default::default() };
    let pair =
        account.static_data().create_group_session_pair(room, settings, SenderData::unknown());
    let (_, session) = pair.block_on().unwrap();
    let export = session.export_at_index(number * number).block_on();
    InboundGroupSession::from_export(&export).unwrap()
}

/// What matrix-sdk-crypto backs up of a session, before it is encrypted.
pub fn sdk_plaintext(session: &InboundGroupSession) -> Value {
    serde_json::to_value(session.to_backup().block_on()).unwrap()
}

/// The same, read by us.
pub fn session_data(session: &InboundGroupSession) -> BackedUpSessionData {
    BackedUpSessionData::parse(sdk_plaintext(session).to_string().as_bytes()).unwrap()
}

/// Where a store has to file a session.
pub fn place(session: &InboundGroupSession) -> Expected {
    place_of(session.room_id().as_str(), session.session_id())
}

/// A place in a store.
pub fn place_of(room_id: &str, session_id: &str) -> Expected {
    let (room_id, session_id) =
        (RoomId::new(room_id).unwrap(), SessionId::new(session_id).unwrap());
    Expected { room_id, session_id, user_id: None }
}

/// The text of a file in `testdata`.
pub fn testdata(name: &str) -> String {
    let path = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata")).join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A file of vectors.
pub fn vectors(name: &str) -> Value {
    serde_json::from_str(&testdata(&format!("vectors/{name}"))).unwrap()
}
