//! Reads one key of an authenticated backup, as a client does with every entry that its homeserver
//! returns.
//!
//! Needs `matrix-key-backup-primitives`, `-wire` and `-v2`: no store, no engine, nothing
//! asynchronous. vodozemac stands for the client that imports the key.
#![expect(clippy::print_stdout, reason = "it tells what it does")]

use std::error::Error;

use matrix_key_backup_primitives::BackupDecryptionKey;
use matrix_key_backup_v2::{BackupReader, BoundSession, UnverifiedSessionData};
use matrix_key_backup_wire::{BackupAlgorithm, Expected, KeyBackupData, RoomId, SessionId};
use vodozemac::megolm::{ExportedSessionKey, InboundGroupSession, SessionConfig};

/// What the user typed.
const DECRYPTION_KEY: &str = "EsTv iGpF FaHK 1Zrs tg7u paRv QKa4 EjFk 1K3B f8yz cvWs xFo3";

/// `algorithm` in the answer to `GET /room_keys/version`.
const ALGORITHM: &str = "org.matrix.msc4048.curve25519-aes-sha2";

/// The path of the entry, and the answer to `GET /room_keys/keys/{roomId}/{sessionId}`.
const ROOM_ID: &str = "!cellar:example.org";
const SESSION_ID: &str = "MWzCY8AMrtseemg72BSGyIjGcEQCeTSZgHV423osCtU";
const ANSWER: &str = include_str!("../../data/key_backup_data.json");

fn main() -> Result<(), Box<dyn Error>> {
    let reader = BackupReader::new(BackupDecryptionKey::from_base58(DECRYPTION_KEY)?);
    let algorithm: BackupAlgorithm = ALGORITHM.parse()?;
    let found_at = Expected {
        room_id: RoomId::new(ROOM_ID)?,
        session_id: SessionId::new(SESSION_ID)?,
        user_id: None, // give it where you know it: keys written for somebody else are then refused
    };

    let session = read(ANSWER, &reader, algorithm, &found_at)?;
    println!("session    {}", session.session_id());
    println!("room       {} ({:?})", session.room_id(), session.room_assurance());
    println!("provenance {}", session.provenance());

    let imported = import(&session)?;
    assert_eq!(imported.session_id(), session.session_id().as_str());
    println!("imported   from message {} on", imported.first_known_index());

    // What a homeserver could do to it, and what comes of that.
    let changed = ANSWER.replacen("\"ciphertext\": \"A", "\"ciphertext\": \"B", 1);
    assert_ne!(changed, ANSWER);
    refused("changed", read(&changed, &reader, algorithm, &found_at));

    let unsigned = ANSWER.replacen("org.matrix.msc4048.backup_mac", "age", 1);
    refused("without its MAC", read(&unsigned, &reader, algorithm, &found_at));

    let elsewhere = Expected { room_id: RoomId::new("!attic:example.org")?, ..found_at };
    refused("in another room", read(ANSWER, &reader, algorithm, &elsewhere));
    Ok(())
}

/// The walk: each step takes what the step before it made, and none can be left out.
fn read(
    answer: &str,
    reader: &BackupReader,
    algorithm: BackupAlgorithm,
    found_at: &Expected,
) -> Result<BoundSession, Box<dyn Error>> {
    let entry = KeyBackupData::from_json(answer)?;
    let unverified = UnverifiedSessionData::parse(entry.session_data.get(), algorithm)?;
    let verified = unverified.verify(reader.mac_key())?; // before anything is decoded or decrypted
    let decrypted = verified.decrypt(reader)?;
    Ok(decrypted.bind(found_at)?) // is it the key that belongs here?
}

/// Hands the key to the cryptographic library. A client keeps the provenance beside it.
fn import(session: &BoundSession) -> Result<InboundGroupSession, Box<dyn Error>> {
    let key = session.data().session_key().expose_base64();
    let key = ExportedSessionKey::from_base64(&key)?;
    Ok(InboundGroupSession::import(&key, SessionConfig::version_1()))
}

fn refused(how: &str, result: Result<BoundSession, Box<dyn Error>>) {
    match result {
        Ok(_) => unreachable!("a key that is {how} must be refused"),
        Err(reason) => println!("{how}: refused, {reason}"),
    }
}
