//! `room_keys_body.json`: a whole `PUT /room_keys/keys` body of a deployed client. Every session
//! in it decrypts, and belongs where it is filed (B-1).

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use matrix_key_backup::EntryReader;
use matrix_key_backup::store::ReceivedKey;
use matrix_key_backup_primitives::BackupDecryptionKey;
use matrix_key_backup_v2::BackupReader;
use matrix_key_backup_wire::{AuthData, BackupAlgorithm, KeyBackupData, RoomId, SessionId};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::vectors::case::{self, equal};
use crate::vectors::report::Report;

#[derive(Debug, Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    auth_data: &'a RawValue,
    decryption_key: String,
    body: RoomKeys<'a>,
}

/// The body of a request for many keys, or of the answer to one.
#[derive(Debug, Deserialize)]
pub(super) struct RoomKeys<'a> {
    #[serde(borrow)]
    rooms: BTreeMap<String, Sessions<'a>>,
}

#[derive(Debug, Deserialize)]
struct Sessions<'a> {
    #[serde(borrow)]
    sessions: BTreeMap<String, &'a RawValue>,
}

impl RoomKeys<'_> {
    /// One entry, as a store hands it out.
    ///
    /// # Errors
    ///
    /// When there is none, or an id is empty.
    pub(super) fn entry(&self, room_id: &str, session_id: &str) -> Result<ReceivedKey> {
        let entry = self.rooms.get(room_id).and_then(|room| room.sessions.get(session_id));
        let entry = entry.ok_or_else(|| anyhow::anyhow!("there is no entry for this session"))?;
        Ok(ReceivedKey {
            room_id: RoomId::new(room_id)?,
            session_id: SessionId::new(session_id)?,
            data: KeyBackupData::from_json(entry.get()),
        })
    }

    pub(super) fn len(&self) -> usize {
        self.rooms.values().map(|room| room.sessions.len()).sum()
    }
}

pub(super) fn check(file: &'static str, text: &str, report: &mut Report) -> Result<()> {
    let parsed: File<'_> = serde_json::from_str(text)?;
    let key = BackupDecryptionKey::from_base64(&parsed.decryption_key)?;
    case::run(report, file, "auth_data", || {
        let auth_data = AuthData::parse(parsed.auth_data.get())?;
        equal("public_key", *auth_data.public_key(), key.public_key())
    });
    let reader = EntryReader::new(BackupReader::new(key.clone()), BackupAlgorithm::V1, None);
    for (room_id, room) in &parsed.body.rooms {
        for session_id in room.sessions.keys() {
            case::run(report, file, &format!("{room_id} {session_id}"), || {
                let entry = parsed.body.entry(room_id, session_id)?;
                let index = entry.data.as_ref().map(|data| data.first_message_index);
                let session = reader.read(entry.clone())?;
                equal("first_message_index", Ok(session.first_message_index().into()), index)?;
                ensure!(!session.provenance().is_authenticated(), "v1 vouches for nothing (V1-6)");
                Ok(())
            });
        }
    }
    Ok(())
}
