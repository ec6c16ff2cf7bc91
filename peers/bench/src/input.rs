//! The room keys on which everything works.

use std::sync::Arc;

use matrix_key_backup_primitives::{BackupDecryptionKey, hazmat};
use matrix_key_backup_v2::{BackupReader, BackupWriter, SourcedSession};
use matrix_key_backup_wire::{BackedUpSessionData, Expected, MegolmSessionExport, Names, RoomId};
use rand::rng;
use vodozemac::{
    base64_encode,
    megolm::{GroupSession, SessionConfig},
};

use crate::Result;

/// How many keys are done at once.
pub(crate) const BATCH: usize = 256;
/// How many bytes a plaintext has: those of a room key with its context, in a room with a long
/// name.
pub(crate) const PLAINTEXT: usize = 816;

/// Room keys at every stage, all under one backup.
pub(crate) struct Input {
    pub(crate) decryption_key: [u8; 32],
    pub(crate) reader: BackupReader,
    pub(crate) writer: BackupWriter,
    pub(crate) sessions: Vec<SourcedSession>,
    /// Where each of them belongs.
    pub(crate) places: Vec<Expected>,
    pub(crate) plaintexts: Vec<Vec<u8>>,
    pub(crate) messages: Vec<hazmat::RawMessage>,
    /// `session_data`, sealed by ours.
    pub(crate) sealed: Vec<String>,
}

impl Input {
    pub(crate) fn new() -> Result<Arc<Self>> {
        let key = reader_of([42; 32])?;
        let (reader, writer) = (key.clone(), key.writer(Names::Unstable));
        let room = room_for(PLAINTEXT)?;
        let sessions = (0..BATCH).map(|_| session(room.clone())).collect::<Result<Vec<_>>>()?;
        let places = sessions.iter().map(place).collect();
        let plaintexts: Vec<_> = sessions.iter().map(plaintext).collect();
        let messages = plaintexts
            .iter()
            .map(|plaintext| hazmat::encrypt(writer.public_key(), plaintext, &mut rng()))
            .collect::<Result<_, _>>()?;
        let sealed = sessions
            .iter()
            .map(|session| Ok(writer.seal(session, &mut rng())?.as_json().to_owned()))
            .collect::<Result<_>>()?;
        let decryption_key = [42; 32];
        let input =
            Self { decryption_key, reader, writer, sessions, places, plaintexts, messages, sealed };
        Ok(Arc::new(input))
    }
}

/// The keys of a backup.
pub(crate) fn reader_of(decryption_key: [u8; 32]) -> Result<BackupReader> {
    Ok(BackupReader::new(BackupDecryptionKey::from_slice(&decryption_key)?))
}

/// A room whose name is as long as it takes for a plaintext of this length.
fn room_for(length: usize) -> Result<RoomId> {
    let room = |padding: usize| RoomId::new(format!("!{}:example.org", "r".repeat(padding)));
    let least = plaintext(&session(room(1)?)?).len();
    let padding = (length + 1).checked_sub(least).ok_or("a plaintext is longer than that")?;
    Ok(room(padding)?)
}

fn plaintext(session: &SourcedSession) -> Vec<u8> {
    session.data().to_json_marked(session.provenance(), Names::Unstable).as_bytes().to_vec()
}

fn place(session: &SourcedSession) -> Expected {
    let (room_id, session_id) = (session.room_id().clone(), session.session_id());
    Expected { room_id, session_id, user_id: None }
}

/// A new Megolm session of this device.
pub(crate) fn session(room: RoomId) -> Result<SourcedSession> {
    let data = BackedUpSessionData::new(
        new_export()?,
        "kyMy8hbs131Z1s/JJ4Us6W1kuVhuZACRLjAyd5+sBx8".to_owned(),
        [("ed25519".to_owned(), "8HtVbw2mrKgwso5TKob5v5/5/wnBt6tPL71Q7t4RyjQ".to_owned())].into(),
        Vec::new(),
    );
    Ok(SourcedSession::own_session(data, room, None))
}

fn new_export() -> Result<MegolmSessionExport> {
    let key = GroupSession::new(SessionConfig::version_1()).session_key().to_bytes();
    // version (1) ‖ index (4) ‖ ratchet (128) ‖ public key (32) ‖ signature (64); an export has
    // another version and no signature.
    let mut export = key[..165].to_vec();
    export[0] = 1;
    Ok(MegolmSessionExport::from_base64(&base64_encode(export))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plaintexts_are_as_long_as_they_should_be_and_come_back() {
        let input = Input::new().unwrap();
        assert!(input.plaintexts.iter().all(|plaintext| plaintext.len() == PLAINTEXT));
        let key = input.reader.decryption_key();
        for (plaintext, message) in input.plaintexts.iter().zip(&input.messages) {
            let opened = hazmat::decrypt(key, &message.ephemeral, &message.ciphertext).unwrap();
            assert_eq!(*opened, *plaintext);
        }
    }
}
