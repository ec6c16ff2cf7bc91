//! The rooms: how many sessions each has, how its history is shared, and how its id is written.

use matrix_sdk_crypto::{
    Account,
    olm::{EncryptionSettings, ExportedRoomKey, SenderData},
};
use rand::random;
use ruma::{
    OwnedRoomId, RoomId, ServerName,
    events::room::history_visibility::HistoryVisibility,
    serde::{Base64, base64::UrlSafe},
};

use crate::Result;

/// Room version 12 and later: the id is the hash of the room's first event and names no server.
const NO_SERVER: &str = "";

/// Server in the room id; share of all sessions in thousandths; who may read what was sent before
/// they came.
const ROOMS: [(&str, usize, HistoryVisibility); 14] = [
    ("example.org", 250, HistoryVisibility::Shared),
    (NO_SERVER, 184, HistoryVisibility::Joined),
    ("matrix.example.com", 133, HistoryVisibility::Invited),
    (NO_SERVER, 100, HistoryVisibility::Shared),
    ("localhost:8448", 75, HistoryVisibility::Joined),
    ("xn--bcher-kva.example", 58, HistoryVisibility::WorldReadable),
    (NO_SERVER, 50, HistoryVisibility::Invited),
    ("[2001:db8::1]", 42, HistoryVisibility::Joined),
    ("example.net", 33, HistoryVisibility::Shared),
    (NO_SERVER, 25, HistoryVisibility::Joined),
    ("203.0.113.7:8448", 20, HistoryVisibility::Invited),
    ("example.org", 17, HistoryVisibility::Joined),
    (NO_SERVER, 11, HistoryVisibility::WorldReadable),
    ("example.net", 2, HistoryVisibility::Joined),
];

/// Who came into a room late, or got only a part of a session, knows it from a later message on.
/// Most know it from its start.
const FIRST_KNOWN_INDEXES: [u32; 16] = [0, 0, 0, 1, 0, 0, 42, 0, 0, 7, 0, 0, 99, 0, 257, 65_537];

pub(crate) struct Room {
    id: OwnedRoomId,
    history_visibility: HistoryVisibility,
    pub(crate) sessions: usize,
    /// Which of the devices sends the first session, so that not every room begins with the same.
    pub(crate) first_sender: usize,
}

pub(crate) fn rooms(sessions: usize) -> Result<Vec<Room>> {
    let mut left = sessions;
    let mut rooms = Vec::with_capacity(ROOMS.len());
    for (number, (server, share, history_visibility)) in ROOMS.into_iter().enumerate() {
        // The last room takes what rounding left over.
        let count =
            if number + 1 == ROOMS.len() { left } else { (sessions * share / 1000).min(left) };
        left -= count;
        rooms.push(Room {
            id: new_room_id(server)?,
            history_visibility,
            sessions: count,
            first_sender: number,
        });
    }
    Ok(rooms)
}

fn new_room_id(server: &str) -> Result<OwnedRoomId> {
    Ok(match server {
        NO_SERVER => RoomId::new_v2(&Base64::<UrlSafe, _>::new(random::<[u8; 32]>()).encode())?,
        _ => RoomId::new_v1(<&ServerName>::try_from(server)?),
    })
}

impl Room {
    pub(crate) async fn new_session(
        &self,
        sender: &Account,
        number: usize,
    ) -> Result<ExportedRoomKey> {
        let settings = EncryptionSettings {
            history_visibility: self.history_visibility.clone(),
            ..Default::default()
        };
        let (_outbound, inbound) = sender
            .static_data()
            .create_group_session_pair(&self.id, settings, SenderData::unknown())
            .await?;
        let first_known_index = FIRST_KNOWN_INDEXES[number % FIRST_KNOWN_INDEXES.len()];
        Ok(inbound.export_at_index(first_known_index).await)
    }
}
