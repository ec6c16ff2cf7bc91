//! A device that writes keys into a backup and can read none of them: a bot that archives rooms,
//! say. Whoever takes it over gets no old key out of it.
//!
//! Needs `matrix-key-backup-primitives`, `-wire`, `-v2` and `-trust`. vodozemac stands for the
//! clients, which make a session, encrypt and decrypt.
#![expect(clippy::print_stdout, reason = "it tells what it does")]

use std::{collections::BTreeMap, error::Error};

use getrandom::SysRng;
use matrix_key_backup_primitives::BackupDecryptionKey;
use matrix_key_backup_trust::{BackupDescription, TrustError, TrustState, TrustedBackup};
use matrix_key_backup_v2::{BackupReader, SourcedSession, UnverifiedSessionData};
use matrix_key_backup_wire::{
    AuthData, BackedUpSessionData, BackupAlgorithm, Expected, KeyBackupData, MegolmSessionExport,
    Names, RoomId, UserId, WriterKey,
};
use rand_core::UnwrapErr;
use vodozemac::{
    megolm::{ExportedSessionKey, GroupSession, InboundGroupSession, MegolmMessage, SessionConfig},
    olm::Account,
};

const NAMES: Names = Names::Unstable;
const ALGORITHM: BackupAlgorithm = BackupAlgorithm::V2(NAMES);

fn main() -> Result<(), Box<dyn Error>> {
    let user_id = UserId::new("@alice:example.org")?;
    let room_id = RoomId::new("!archive:example.org")?;

    // Alice's device holds the decryption key, and gives the bot what it needs to write (K-6).
    let alice = BackupReader::new(BackupDecryptionKey::random()?);
    let handed_over = hand_over(&alice, user_id.clone());

    // The bot asks the homeserver which backup there is, and compares its key with the pinned one.
    let key = WriterKey::from_json(&handed_over)?;
    let auth_data = AuthData::new(*alice.public_key());
    let described = BackupDescription { version: "1", algorithm: ALGORITHM, auth_data: &auth_data };
    let mut state = TrustState::new(); // a real bot keeps it over restarts, and loads it here
    let trusted = TrustedBackup::from_writer_key(described, &key, Some(&user_id), &mut state)?;
    println!("the bot may write to version {}: {}", trusted.version(), trusted.reason());

    // A homeserver that names a key of its own instead, to read along, gets nothing (T-2).
    let of_the_server = AuthData::new(BackupDecryptionKey::random()?.public_key());
    let swapped = BackupDescription { auth_data: &of_the_server, ..described };
    match TrustedBackup::from_writer_key(swapped, &key, Some(&user_id), &mut state) {
        Err(error @ TrustError::OtherPublicKey { .. }) => {
            println!("to another it may not: {error}");
        }
        other => unreachable!("a swapped key must be refused: {other:?}"),
    }

    // The bot backs up a session that it made itself, so it may vouch for it (V2-8).
    let mut outbound = GroupSession::new(SessionConfig::version_1());
    let own = SourcedSession::own_session(backed_up(&outbound)?, room_id.clone(), Some(&user_id));
    let writer = trusted.writer(key.backup_mac_key().clone()).ok_or("a v1 backup has no MAC")?;
    let sealed = writer.seal(&own, &mut UnwrapErr(SysRng))?;
    let entry = KeyBackupData {
        first_message_index: own.data().session_key().first_known_index().into(),
        forwarded_count: 0,
        is_verified: false,
        session_data: sealed.into_raw(),
    };
    let session_id = own.data().session_key().session_id();
    let body = serde_json::to_string(&entry)?;
    println!("the bot puts {} bytes under session {session_id}", body.len());
    let message = outbound.encrypt("the minutes of Monday's meeting");

    // Later, on any of Alice's devices: restore the key, read the message.
    let expected = Expected { room_id, session_id, user_id: Some(user_id) };
    let text = restore_and_read(&alice, &body, &expected, &message)?;
    println!("Alice reads {text:?}");
    assert_eq!(text, "the minutes of Monday's meeting");
    Ok(())
}

/// The text that Alice's device shows, as a QR code for instance. It is a secret: who has it can
/// write keys that her devices take for authenticated.
fn hand_over(alice: &BackupReader, user_id: UserId) -> String {
    let key = WriterKey::new(user_id, NAMES, *alice.public_key(), alice.mac_key().clone());
    key.expose_json().to_string()
}

/// A session as a backup holds it.
fn backed_up(outbound: &GroupSession) -> Result<BackedUpSessionData, Box<dyn Error>> {
    let device = Account::new();
    let inbound = InboundGroupSession::new(&outbound.session_key(), SessionConfig::version_1());
    let export = inbound.export_at_first_known_index().to_base64();
    Ok(BackedUpSessionData::new(
        MegolmSessionExport::from_base64(&export)?,
        device.curve25519_key().to_base64(),
        BTreeMap::from([("ed25519".to_owned(), device.ed25519_key().to_base64())]),
        Vec::new(), // nobody forwarded it
    ))
}

fn restore_and_read(
    alice: &BackupReader,
    body: &str,
    expected: &Expected,
    message: &MegolmMessage,
) -> Result<String, Box<dyn Error>> {
    let entry = KeyBackupData::from_json(body)?;
    let session = UnverifiedSessionData::parse(entry.session_data.get(), ALGORITHM)?
        .verify(alice.mac_key())?
        .decrypt(alice)?
        .bind(expected)?;
    assert!(session.provenance().is_authenticated());
    let key = ExportedSessionKey::from_base64(&session.data().session_key().expose_base64())?;
    let mut inbound = InboundGroupSession::import(&key, SessionConfig::version_1());
    Ok(String::from_utf8(inbound.decrypt(message)?.plaintext)?)
}
