//! The list of what a key file holds, for tests to compare with. No secret goes into it.

use std::collections::BTreeMap;

use matrix_sdk_crypto::{
    VERSION,
    olm::{ExportedRoomKey, InboundGroupSession},
};
use serde_json::json;

use crate::Result;

const ABOUT: &str = "What the key export file of the same name holds. rooms: room id, session id, \
    first known message index; shared_history: ids of the sessions whose key may be given to \
    later members.";

pub(crate) fn list(keys: &[ExportedRoomKey], rounds: u32) -> Result<String> {
    let mut rooms = BTreeMap::<_, BTreeMap<_, _>>::new();
    let mut shared_history = Vec::new();
    for key in keys {
        let first_known_index = InboundGroupSession::from_export(key)?.first_known_index();
        rooms.entry(&key.room_id).or_default().insert(&key.session_id, first_known_index);
        if key.shared_history {
            shared_history.push(&key.session_id);
        }
    }
    shared_history.sort_unstable();
    let list = json!({
        "about": ABOUT,
        "made_with": format!("matrix-sdk-crypto {VERSION}"),
        "rounds": rounds,
        "sessions": keys.len(),
        "rooms": rooms,
        "shared_history": shared_history,
    });
    Ok(serde_json::to_string_pretty(&list)? + "\n")
}
