//! One entry of a backup to one room key, whatever the backup's algorithm: the dispatch between
//! the walks of v1, v2 and v2-format keys in a v1 backup (H).

use matrix_key_backup_v1 as v1;
use matrix_key_backup_v2 as v2;
use matrix_key_backup_wire::{
    BackupAlgorithm, Expected, KeyBackupData, KeyBackupDataError, RoomId, SessionDataError,
    SessionId, UserId,
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
        let (expected, data) = self.placed(key);
        let session = data
            .map_err(RejectReason::from)
            .and_then(|data| self.read_session_data(data.session_data.get(), &expected));
        session.map_err(|reason| rejected(expected, reason))
    }

    /// Takes any number of entries through the whole walk, each by itself and in their order, but
    /// for the decryption: that is done for all whose MACs hold at once, on the processor's vector
    /// unit.
    ///
    /// # Errors
    ///
    /// None for the whole; for each entry as [`read`](Self::read).
    #[must_use]
    pub fn read_batch(&self, keys: Vec<ReceivedKey>) -> Vec<Result<BackedUpSession, RejectedKey>> {
        let (places, data): (Vec<_>, Vec<_>) = keys.into_iter().map(|key| self.placed(key)).unzip();
        let (mut verified, mut from_v1) = (Vec::new(), Vec::new());
        let steps: Vec<_> = data
            .iter()
            .map(|data| {
                let data = data.as_ref().map_err(|error| RejectReason::from(*error))?;
                Ok(match self.verify(data.session_data.get())? {
                    Verified::V2(entry) => {
                        verified.push(entry);
                        Step::V2
                    }
                    Verified::V1(entry, mac) => {
                        from_v1.push(entry);
                        Step::V1(mac)
                    }
                })
            })
            .collect();
        let decrypted = v2::VerifiedSessionData::decrypt_batch(&verified, &self.reader);
        let decrypted_v1 = v1::ReceivedKey::decrypt_batch(&from_v1, self.reader.decryption_key());
        let (mut decrypted, mut decrypted_v1) = (decrypted.into_iter(), decrypted_v1.into_iter());
        // There is a result for each that was handed over.
        let mut bind = |step, expected: &Expected| match step {
            Step::V2 => {
                let none = Err(v2::UnusableSessionData::Undecryptable);
                Ok(decrypted.next().unwrap_or(none)?.bind(expected)?.into())
            }
            Step::V1(mac) => {
                let none = Err(v1::UnusableKey::Undecryptable);
                bind_v1(decrypted_v1.next().unwrap_or(none)?, expected, mac)
            }
        };
        let bound = steps.into_iter().zip(places).map(|(step, expected)| {
            let session = step.and_then(|step| bind(step, &expected));
            session.map_err(|reason| rejected(expected, reason))
        });
        bound.collect()
    }

    /// Where an entry was found, and what was found there.
    fn placed(&self, key: ReceivedKey) -> (Expected, Result<KeyBackupData, KeyBackupDataError>) {
        let ReceivedKey { room_id, session_id, data } = key;
        (Expected { room_id, session_id, user_id: self.user_id.clone() }, data)
    }

    /// The MAC before anything else.
    fn verify<'a>(&self, session_data: &'a str) -> Result<Verified<'a>, RejectReason> {
        let unverified = v2::UnverifiedSessionData::parse(session_data, self.algorithm)?;
        match (unverified.verify(self.reader.mac_key()), self.algorithm) {
            (Ok(verified), _) => Ok(Verified::V2(verified)), // H-4: a valid MAC decides
            (Err(mac), BackupAlgorithm::V1) => {
                Ok(Verified::V1(v1::ReceivedKey::parse(session_data)?, mac))
            }
            (Err(error), BackupAlgorithm::V2(_)) => Err(error.into()), // V2-6
        }
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
        match self.verify(session_data)? {
            Verified::V2(verified) => Ok(verified.decrypt(&self.reader)?.bind(expected)?.into()),
            Verified::V1(entry, mac) => {
                bind_v1(entry.decrypt(self.reader.decryption_key())?, expected, mac)
            }
        }
    }
}

/// An entry that may be decrypted.
enum Verified<'a> {
    /// Its MAC holds.
    V2(v2::VerifiedSessionData<'a>),
    /// It is in a v1 backup and has no MAC that holds, for this reason.
    V1(v1::ReceivedKey<'a>, v2::VerifyError),
}

/// Which of the two it was, once it is among the others.
enum Step {
    V2,
    V1(v2::VerifyError),
}

fn bind_v1(
    decrypted: v1::DecryptedSessionData,
    expected: &Expected,
    mac: v2::VerifyError,
) -> Result<BackedUpSession, RejectReason> {
    let bound = decrypted.bind(expected).map_err(RejectReason::MisplacedV1)?;
    let session = BackedUpSession::from(bound);
    // H-2: a MAC that is there and does not hold counts as absent, and is reported.
    Ok(if mac.was_present() { session.with_ignored_mac(mac) } else { session })
}

fn rejected(expected: Expected, reason: RejectReason) -> RejectedKey {
    RejectedKey { room_id: expected.room_id, session_id: expected.session_id, reason }
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
