//! One entry of a backup to one room key, whatever the backup's algorithm: the dispatch between
//! the walks of v1, v2 and v2-format keys in a v1 backup (H).

use matrix_key_backup_v1 as v1;
use matrix_key_backup_v2 as v2;
use matrix_key_backup_wire::{
    BackupAlgorithm, Expected, KeyBackupDataError, RoomId, SessionDataError, SessionId, UserId,
};
use thiserror::Error;

use crate::{BackedUpSession, store::ReceivedKey};

/// Reads the entries of one backup.
///
/// Pure: it does no I/O and keeps no state, so it can be used on as many threads as there are.
#[derive(Clone, Debug)]
pub struct EntryReader {
    reader: v2::BackupReader,
    algorithm: BackupAlgorithm,
    user_id: Option<UserId>,
}

impl EntryReader {
    /// A reader for a backup of this algorithm. `user_id`, where it is known, is the backup's
    /// owner: keys that were written for somebody else's backup are then refused (B-2).
    #[must_use]
    pub fn new(
        reader: v2::BackupReader,
        algorithm: BackupAlgorithm,
        user_id: Option<UserId>,
    ) -> Self {
        Self { reader, algorithm, user_id }
    }

    /// Takes one entry through the whole walk.
    ///
    /// # Errors
    ///
    /// [`RejectedKey`] names the entry and says why it gives no key. It concerns this entry only.
    pub fn read(&self, key: ReceivedKey) -> Result<BackedUpSession, RejectedKey> {
        let ReceivedKey { room_id, session_id, data } = key;
        let expected = Expected { room_id, session_id, user_id: self.user_id.clone() };
        let session = data
            .map_err(RejectReason::from)
            .and_then(|data| self.read_session_data(data.session_data.get(), &expected));
        session.map_err(|reason| RejectedKey {
            room_id: expected.room_id,
            session_id: expected.session_id,
            reason,
        })
    }

    /// Takes one `session_data`, as received, through the whole walk.
    ///
    /// # Errors
    ///
    /// [`RejectReason`].
    pub fn read_session_data(
        &self,
        session_data: &str,
        expected: &Expected,
    ) -> Result<BackedUpSession, RejectReason> {
        let unverified = v2::UnverifiedSessionData::parse(session_data, self.algorithm)?;
        let verified = match (unverified.verify(self.reader.mac_key()), self.algorithm) {
            (Ok(verified), _) => verified, // H-4: a valid MAC decides
            (Err(unverified), BackupAlgorithm::V1) => {
                return self.read_v1(session_data, expected, unverified);
            }
            (Err(error), BackupAlgorithm::V2(_)) => return Err(error.into()), // V2-6
        };
        let bound = verified.decrypt(&self.reader)?.bind(expected)?;
        Ok(BackedUpSession::from(bound))
    }

    fn read_v1(
        &self,
        session_data: &str,
        expected: &Expected,
        mac: v2::VerifyError,
    ) -> Result<BackedUpSession, RejectReason> {
        let bound = v1::ReceivedKey::parse(session_data)?
            .decrypt(self.reader.decryption_key())?
            .bind(expected)
            .map_err(RejectReason::MisplacedV1)?;
        let session = BackedUpSession::from(bound);
        // H-2: a MAC that is there and does not hold counts as absent, and is reported.
        Ok(if mac.was_present() { session.with_ignored_mac(mac) } else { session })
    }
}

/// An entry that gives no key: which one, and why.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("session {session_id} in room {room_id}: {reason}")]
#[non_exhaustive]
pub struct RejectedKey {
    /// The room under which the entry is filed.
    pub room_id: RoomId,
    /// The session id under which the entry is filed.
    pub session_id: SessionId,
    /// Why it gives no key.
    pub reason: RejectReason,
}

impl RejectedKey {
    /// Names an entry that gives no key, and the reason.
    #[must_use]
    pub fn new(room_id: RoomId, session_id: SessionId, reason: RejectReason) -> Self {
        Self { room_id, session_id, reason }
    }
}

/// Why an entry gives no key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RejectReason {
    /// The entry is not a `KeyBackupData`.
    #[error(transparent)]
    MalformedEntry(#[from] KeyBackupDataError),
    /// `session_data` is not what can be parsed at all (V2-13).
    #[error(transparent)]
    MalformedSessionData(#[from] SessionDataError),
    /// There is no valid MAC: the entry was not decrypted (V2-6).
    #[error(transparent)]
    NotVerified(#[from] v2::VerifyError),
    /// The MAC is right and there is nothing to import.
    #[error(transparent)]
    Unusable(#[from] v2::UnusableSessionData),
    /// A v1 entry that does not decrypt to a room key.
    #[error(transparent)]
    UnusableV1(#[from] v1::UnusableKey),
    /// The key belongs elsewhere (B-1, B-2).
    #[error(transparent)]
    Misplaced(#[from] v2::BindError),
    /// The key of a v1 backup belongs elsewhere (B-1, B-2).
    #[error(transparent)]
    MisplacedV1(v1::BindError),
}

/// The classes of rejection that a person is told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum RejectClass {
    /// A MAC is missing, malformed or wrong: nobody vouches for the entry.
    Forged,
    /// The key was moved to another room, session or user.
    Misplaced,
    /// The entry is damaged, or of a kind that this software does not know.
    Unreadable,
}

impl RejectClass {
    /// The word for it in reports: `forged`, `misplaced` or `unreadable`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Forged => "forged",
            Self::Misplaced => "misplaced",
            Self::Unreadable => "unreadable",
        }
    }
}

impl RejectReason {
    /// The class to which this reason belongs.
    #[must_use]
    pub fn class(&self) -> RejectClass {
        match self {
            Self::NotVerified(_) => RejectClass::Forged,
            Self::Misplaced(_) | Self::MisplacedV1(_) => RejectClass::Misplaced,
            Self::MalformedEntry(_)
            | Self::MalformedSessionData(_)
            | Self::Unusable(_)
            | Self::UnusableV1(_) => RejectClass::Unreadable,
        }
    }
}
