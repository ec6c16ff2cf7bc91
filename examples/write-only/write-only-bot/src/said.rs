//! What the bot tells of itself: one line each.

use core::fmt;

use matrix_key_backup::upload::{BlockReason, Effect, MacKeyCheck};

/// Something that happened. `Display` is the line in the log; no secret is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Said {
    /// This device is cross-signed by the user.
    Verified,
    /// There is no backup to write to yet.
    NoBackup,
    /// The backup is trusted (T-1).
    Trusted {
        /// Its version.
        version: String,
        /// Why.
        reason: String,
    },
    /// The backup is not trusted any more: nothing is written to it, and the first key that comes stops
    /// this device.
    NotTrusted {
        /// Why.
        why: String,
    },
    /// The MAC key was asked for, by this name, from these devices (G-1).
    Asked {
        /// `name` of the request.
        name: String,
        /// The devices.
        devices: Vec<String>,
    },
    /// The MAC key came from this device (G-3).
    MacKeyReceived {
        /// The device.
        device: String,
    },
    /// How far the MAC key is known to be the backup's (T-5).
    MacKey(MacKeyCheck),
    /// The MAC key is that of another backup (T-5): another device is asked.
    StaleMacKey,
    /// A room key came, and waits for its backup.
    RoomKey {
        /// The user who sent it.
        sender: String,
        /// Its room.
        room_id: String,
        /// Its session id.
        session_id: String,
    },
    /// A room key is in the backup, and forgotten here.
    Written {
        /// Its room.
        room_id: String,
        /// Its session id.
        session_id: String,
        /// What it did to the backup.
        effect: Effect,
    },
    /// A room key could not be written, and is kept for the next backup.
    Blocked {
        /// Its session id.
        session_id: String,
        /// Why.
        reason: BlockReason,
    },
    /// Something came that is refused.
    Refused {
        /// Who sent it, as far as is known.
        sender: String,
        /// What it was.
        event_type: String,
        /// Why.
        why: String,
    },
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verified => {
                f.write_str("verified: the user's self-signing key signs this device")
            }
            Self::NoBackup => f.write_str("waiting: there is no backup yet"),
            Self::Trusted { version, reason } => {
                write!(f, "trusted: backup version {version:?}, because {reason}")
            }
            Self::NotTrusted { why } => write!(f, "not trusted: {why}"),
            Self::Asked { name, devices } => write!(f, "asked: {devices:?} for {name}"),
            Self::MacKeyReceived { device } => {
                write!(f, "received: the MAC key from the device {device:?}, inside Olm")
            }
            Self::MacKey(MacKeyCheck::Confirmed) => {
                f.write_str("confirmed: the MAC key verifies an entry that somebody else wrote")
            }
            Self::MacKey(_) => f.write_str(
                "unconfirmed: nothing in the backup tells whether the MAC key is its own",
            ),
            Self::StaleMacKey => f.write_str(
                "stale: the MAC key verifies nothing in the backup; asking another device",
            ),
            Self::RoomKey { sender, room_id, session_id } => {
                write!(f, "room key: session {session_id} of {sender:?} in {room_id:?}")
            }
            Self::Written { room_id, session_id, effect } => {
                write!(f, "written: session {session_id} in {room_id:?} ({effect:?})")
            }
            Self::Blocked { session_id, reason } => {
                write!(f, "not written: session {session_id}: {reason:?}")
            }
            Self::Refused { sender, event_type, why } => {
                write!(f, "refused: {event_type:?} of {sender:?}: {why}")
            }
        }
    }
}
