//! The place where an entry was found, for the last step of every walk.

use crate::{RoomId, SessionId, UserId};

/// Where an entry was found: what its path says, and whose backup it is (B-1, B-2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The room under which the store filed the entry.
    pub room_id: RoomId,
    /// The session id under which the store filed the entry.
    pub session_id: SessionId,
    /// The backup's owner, where the reader knows it.
    pub user_id: Option<UserId>,
}
