//! Identifiers: `wire` takes any that is not empty, Ruma validates.
//!
//! A Megolm session id is a plain `String` to Ruma, so it needs no conversion here. Ruma's type
//! `SessionId` is something else, and refuses `/` and `+`, which Megolm session ids contain.

use matrix_key_backup_wire::{RoomId, UserId};
use ruma_common::{IdParseError, OwnedRoomId, OwnedUserId};

/// The room id as the lower layers take it.
#[expect(clippy::expect_used, reason = "Ruma's identifiers begin with a sigil")]
#[expect(clippy::missing_panics_doc, reason = "cannot happen")]
#[must_use]
pub fn room_id_from_ruma(room_id: &ruma_common::RoomId) -> RoomId {
    RoomId::new(room_id.as_str()).expect("not empty")
}

/// The room id as Ruma takes it.
///
/// # Errors
///
/// [`IdParseError`] if it is not a Matrix room id: it does not begin with `!`, is longer than 255
/// bytes, or holds a NUL.
pub fn room_id_to_ruma(room_id: &RoomId) -> Result<OwnedRoomId, IdParseError> {
    ruma_common::RoomId::parse(room_id.as_str())
}

/// The user id as the lower layers take it.
#[expect(clippy::expect_used, reason = "Ruma's identifiers begin with a sigil")]
#[expect(clippy::missing_panics_doc, reason = "cannot happen")]
#[must_use]
pub fn user_id_from_ruma(user_id: &ruma_common::UserId) -> UserId {
    UserId::new(user_id.as_str()).expect("not empty")
}

/// The user id as Ruma takes it.
///
/// # Errors
///
/// [`IdParseError`] if it is not a Matrix user id, `@localpart:server`.
pub fn user_id_to_ruma(user_id: &UserId) -> Result<OwnedUserId, IdParseError> {
    ruma_common::UserId::parse(user_id.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ruma_common::{room_id, user_id};

    #[test]
    fn identifiers_survive_both_ways() {
        let room = room_id!("!CMYxnwSFtxSZIIrvve:localhost:8448");
        assert_eq!(room_id_to_ruma(&room_id_from_ruma(room)).unwrap(), room);
        // Room ids have had no server name since room version 12.
        let room = room_id!("!31hneApxJ_1o-63DmFrpeqnkFfWppnzWso1JvH3ogLM");
        assert_eq!(room_id_to_ruma(&room_id_from_ruma(room)).unwrap(), room);
        let user = user_id!("@alice:example.org");
        assert_eq!(user_id_to_ruma(&user_id_from_ruma(user)).unwrap(), user);
    }

    #[test]
    fn what_ruma_does_not_take_is_an_error() {
        let room = RoomId::new("#alias:example.org").unwrap();
        assert_eq!(room_id_to_ruma(&room), Err(IdParseError::MissingLeadingSigil));
        let user = UserId::new("@alice").unwrap();
        assert_eq!(user_id_to_ruma(&user), Err(IdParseError::MissingColon));
    }
}
