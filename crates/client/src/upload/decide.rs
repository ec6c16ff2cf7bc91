//! What becomes of one key: pure, so that it can be done on any thread.

use matrix_key_backup_primitives::{
    BackupMacKey,
    hazmat::{Encryptor, EphemeralSecretKey},
};
use matrix_key_backup_v1 as v1;
use matrix_key_backup_v2::{
    AuthenticatedSessionData, BackupReader, BackupWriter, SealError, UnverifiedSessionData,
};
use matrix_key_backup_wire::{
    BackedUpSessionData, BackupAlgorithm, ENTRY_MAX_BYTES, KeyBackupData, Provenance, UserId,
};
use serde_json::value::RawValue;

use super::{
    RoomKey,
    report::{BlockReason, Effect, NoticeKind, Outcome},
};
use crate::{
    BackedUpSession, EntryReader, RejectReason,
    merge::{MergePlan, Side, plan_merge, same_sender},
    replacement::{KeyMetadata, replaces},
    store::{KeyToStore, ReceivedKey},
};

/// Decides on keys for one backup.
#[derive(Debug)]
pub(super) struct Decider {
    access: Access,
    sealer: Sealer,
    mac_key: BackupMacKey,
    algorithm: BackupAlgorithm,
}

/// What the uploader can see of what is there.
#[derive(Debug)]
enum Access {
    Reader(EntryReader),
    Writer,
}

/// How keys are encrypted.
#[derive(Debug)]
enum Sealer {
    V1(Encryptor),
    V2(BackupWriter),
}

impl Sealer {
    /// Seals keys, in their order, each with the ephemeral key beside it.
    fn seal(
        &self,
        keys: Vec<(&RoomKey, EphemeralSecretKey)>,
    ) -> Result<Vec<Box<RawValue>>, SealError> {
        let keys = keys.into_iter();
        match self {
            Self::V1(encryptor) => {
                let data: Vec<(&BackedUpSessionData, _)> =
                    keys.map(|(key, ephemeral)| (&**key.session.data(), ephemeral)).collect();
                let encrypted = v1::hazmat_encrypt_batch_with(encryptor, &data)
                    .map_err(|v1::LowOrderPublicKey| SealError::LowOrderPublicKey)?;
                Ok(encrypted.into_iter().map(v1::EncryptedSessionData::into_raw).collect())
            }
            Self::V2(writer) => {
                let sessions: Vec<_> =
                    keys.map(|(key, ephemeral)| (&key.session, ephemeral)).collect();
                let sealed = writer.hazmat_seal_batch_with(&sessions)?;
                Ok(sealed.into_iter().map(AuthenticatedSessionData::into_raw).collect())
            }
        }
    }
}

/// What becomes of a key: whether it is written, as it is here, and what to tell.
#[derive(Debug)]
pub(super) struct Decision {
    /// To be sealed and written.
    pub(super) key: Option<RoomKey>,
    pub(super) outcome: Outcome,
}

/// A decision with what it takes to seal the key.
#[derive(Debug)]
pub(super) struct Drawn {
    key: Option<(RoomKey, EphemeralSecretKey)>,
    outcome: Outcome,
}

impl Decision {
    /// Draws an ephemeral key for a key that is to be written; `None` where the system has no
    /// randomness. It comes from there: a generator in between would have a state from which all
    /// follow.
    pub(super) fn draw(self) -> Option<Drawn> {
        let key = match self.key {
            Some(key) => Some((key, EphemeralSecretKey::random().ok()?)),
            None => None,
        };
        Some(Drawn { key, outcome: self.outcome })
    }
}

impl Decider {
    pub(super) fn for_reader(
        reader: BackupReader,
        algorithm: BackupAlgorithm,
        user_id: Option<UserId>,
    ) -> Self {
        let sealer = match algorithm {
            BackupAlgorithm::V1 => Sealer::V1(Encryptor::new(reader.public_key())),
            BackupAlgorithm::V2(names) => Sealer::V2(reader.writer(names)),
        };
        let mac_key = reader.mac_key().clone();
        let access = Access::Reader(EntryReader::new(reader, algorithm, user_id));
        Self { access, sealer, mac_key, algorithm }
    }

    pub(super) fn for_writer(writer: BackupWriter, algorithm: BackupAlgorithm) -> Self {
        let mac_key = writer.mac_key().clone();
        Self { access: Access::Writer, sealer: Sealer::V2(writer), mac_key, algorithm }
    }

    pub(super) fn mac_key(&self) -> &BackupMacKey {
        &self.mac_key
    }

    /// Decides on one key, given what the store has in its place.
    pub(super) fn decide(&self, key: RoomKey, mut stored: Vec<ReceivedKey>) -> Decision {
        let Some(found) = stored.pop() else {
            return self.write(key, Effect::New, None);
        };
        if !stored.iter().all(|other| is_same(other, &found)) {
            let blocked = NoticeKind::Blocked(BlockReason::StoredTwice);
            return self.unwritten(&key, Effect::Blocked, Some(blocked));
        }
        let old = found.data.as_ref().ok().map(KeyMetadata::from);
        match &self.access {
            Access::Reader(reader) => match reader.read(found) {
                Ok(existing) => self.merge(key, existing, old),
                Err(rejected) => self.over_unreadable(key, rejected.reason, old),
            },
            Access::Writer => match self.unverified(&found) {
                Ok(()) => self.unread(key, old),
                Err(reason) => self.over_unreadable(key, reason, old),
            },
        }
    }

    /// A key for a place where there is one already, and what is to be said of that one.
    fn merge(&self, key: RoomKey, existing: BackedUpSession, old: Option<KeyMetadata>) -> Decision {
        let ignored_mac = existing.ignored_mac().cloned();
        let mut decision = self.merge_with(key, existing, old);
        decision.outcome.notices.extend(ignored_mac.map(NoticeKind::IgnoredMac)); // H-2
        decision
    }

    fn merge_with(
        &self,
        key: RoomKey,
        existing: BackedUpSession,
        old: Option<KeyMetadata>,
    ) -> Decision {
        let plan = plan_merge(
            (existing.data(), existing.provenance()),
            (key.session.data(), self.kept_provenance(&key)),
        );
        let conflict = plan
            .conflict
            .then(|| NoticeKind::Conflict { stored_kept: plan.properties == Side::First });
        if plan.keeps_first() {
            return self.unwritten(&key, Effect::Unchanged, conflict);
        }
        if self.algorithm == BackupAlgorithm::V1 && existing.has_valid_mac() {
            // What this uploader writes to a v1 backup has no MAC, and migration would then lose
            // what the entry's own vouches for. // M-3
            let blocked = NoticeKind::Blocked(BlockReason::WouldLoseMac);
            return self.unwritten(&key, Effect::Blocked, Some(blocked));
        }
        let merged = combine(key, existing, plan, old);
        match old {
            Some(old) if !replaces(&self.metadata(&merged), &old) => {
                let notice = match plan.conflict {
                    true => NoticeKind::Conflict { stored_kept: true },
                    false => NoticeKind::Blocked(BlockReason::StoreKeepsOld),
                };
                self.unwritten(&merged, Effect::Blocked, Some(notice))
            }
            _ => self.write(merged, Effect::Improved, conflict),
        }
    }

    /// A key for a place where there is an entry that gives none.
    fn over_unreadable(
        &self,
        key: RoomKey,
        reason: RejectReason,
        old: Option<KeyMetadata>,
    ) -> Decision {
        let store_keeps_it = old.is_some_and(|old| !replaces(&self.metadata(&key), &old));
        // A writer whose MAC key is stale takes everybody else's entries for forged ones. // T-5
        let may_judge = matches!(self.access, Access::Reader(_));
        if store_keeps_it || !may_judge || somebody_vouches(&reason) {
            let blocked = NoticeKind::Blocked(BlockReason::UnreadableInPlace(reason));
            return self.unwritten(&key, Effect::Blocked, Some(blocked));
        }
        self.write(key, Effect::Improved, Some(NoticeKind::ReplacedUnreadable(reason)))
    }

    /// A key for a place where there is an authenticated entry that this writer cannot read.
    fn unread(&self, key: RoomKey, old: Option<KeyMetadata>) -> Decision {
        if old.is_some_and(|old| !replaces(&self.metadata(&key), &old)) {
            return self.unwritten(&key, Effect::Unchanged, None);
        }
        let metadata = self.metadata(&key);
        let not_later =
            old.is_some_and(|old| metadata.first_message_index <= old.first_message_index);
        if key.session.provenance().is_authenticated() && not_later {
            return self.write(key, Effect::Improved, None);
        }
        // It might take the place of one that is vouched for from an earlier message on. // A-3
        let blocked = NoticeKind::Blocked(BlockReason::CannotCompare);
        self.unwritten(&key, Effect::Blocked, Some(blocked))
    }

    /// All that a writer can see of an entry: whether its MAC is right.
    pub(super) fn unverified(&self, stored: &ReceivedKey) -> Result<(), RejectReason> {
        let data = stored.data.as_ref().map_err(|error| RejectReason::from(*error))?;
        UnverifiedSessionData::parse(data.session_data.get(), self.algorithm)?
            .verify(&self.mac_key)?;
        Ok(())
    }

    fn write(&self, key: RoomKey, effect: Effect, notice: Option<NoticeKind>) -> Decision {
        let outcome = self.outcome(&key, effect, notice);
        Decision { key: Some(key), outcome }
    }

    /// Seals what is to be written, each key with the ephemeral key that was drawn for it alone
    /// (V1-2).
    pub(super) fn seal(
        &self,
        drawn: Vec<Drawn>,
    ) -> Result<Vec<(Option<KeyToStore>, Outcome)>, SealError> {
        let (mut outcomes, mut written) = (Vec::new(), Vec::new());
        for Drawn { key, outcome } in drawn {
            match key {
                Some((key, ephemeral)) => written.push((key, ephemeral, outcome)),
                None => outcomes.push((None, outcome)),
            }
        }
        let (ephemeral, keys): (Vec<_>, Vec<_>) = written
            .into_iter()
            .map(|(key, ephemeral, outcome)| (ephemeral, (key, outcome)))
            .unzip();
        let sealed = self.sealer.seal(keys.iter().map(|(key, _)| key).zip(ephemeral).collect())?;
        let entries = keys.into_iter().zip(sealed);
        outcomes.extend(entries.map(|((key, outcome), sealed)| self.entry(&key, sealed, outcome)));
        Ok(outcomes)
    }

    /// What is put into the store, unless it is too large.
    fn entry(
        &self,
        key: &RoomKey,
        session_data: Box<RawValue>,
        outcome: Outcome,
    ) -> (Option<KeyToStore>, Outcome) {
        if session_data.get().len() > ENTRY_MAX_BYTES {
            let blocked = NoticeKind::Blocked(BlockReason::TooLarge); // V2-13
            return (None, self.outcome(key, Effect::Blocked, Some(blocked)));
        }
        let KeyMetadata { first_message_index, forwarded_count, is_verified } = self.metadata(key);
        let data =
            KeyBackupData { first_message_index, forwarded_count, is_verified, session_data };
        let (room_id, session_id) = key.place();
        (Some(KeyToStore { room_id, session_id, data }), outcome)
    }

    fn unwritten(&self, key: &RoomKey, effect: Effect, notice: Option<NoticeKind>) -> Decision {
        Decision { key: None, outcome: self.outcome(key, effect, notice) }
    }

    fn outcome(&self, key: &RoomKey, effect: Effect, notice: Option<NoticeKind>) -> Outcome {
        let (room_id, session_id) = key.place();
        let provenance = self.kept_provenance(key).clone();
        let notices = notice.into_iter().collect();
        Outcome { room_id, session_id, effect, provenance, notices }
    }

    /// What of a key's provenance the backup keeps: in a v1 backup nothing (V1-6).
    fn kept_provenance<'k>(&self, key: &'k RoomKey) -> &'k Provenance {
        match self.algorithm {
            BackupAlgorithm::V1 => const { &v1::BoundSession::PROVENANCE },
            BackupAlgorithm::V2(_) => key.session.provenance(),
        }
    }

    fn metadata(&self, key: &RoomKey) -> KeyMetadata {
        KeyMetadata {
            is_verified: key.sender_verified && key.session.provenance().is_authenticated(),
            first_message_index: key.session.data().session_key().first_known_index().into(),
            forwarded_count: key.forwarded_count,
        }
    }
}

/// Whether a store has named one entry twice, and not two.
fn is_same(a: &ReceivedKey, b: &ReceivedKey) -> bool {
    match (&a.data, &b.data) {
        (Ok(a), Ok(b)) => {
            KeyMetadata::from(a) == KeyMetadata::from(b)
                && a.session_data.get() == b.session_data.get()
        }
        _ => false,
    }
}

/// Makes the key that a merge plans, of the key to upload and the one that the store has.
fn combine(
    key: RoomKey,
    existing: BackedUpSession,
    plan: MergePlan,
    old: Option<KeyMetadata>,
) -> RoomKey {
    let sender_verified = sender_verified(&key, &existing, plan, old);
    let (mut kept, other) = match plan.properties {
        Side::First => (RoomKey::new(existing.into_sourced()), key.session),
        Side::Second => (key, existing.into_sourced()),
    };
    kept.sender_verified = sender_verified;
    if plan.session_key != plan.properties {
        // Refused only for a key that is not earlier, and then what is kept is right already.
        let _ = kept.session.adopt_earlier_session_key(other.data().session_key());
    }
    kept
}

/// Whether the device that sent the merged key was verified, by this uploader or by the one that
/// wrote the authenticated entry which the store has.
///
/// The latter is the store's word, and it is handed back to that store alone, which can say the same
/// without us. Left out, it would keep every improvement of such an entry from being stored.
fn sender_verified(
    key: &RoomKey,
    existing: &BackedUpSession,
    plan: MergePlan,
    old: Option<KeyMetadata>,
) -> bool {
    let was_verified =
        existing.provenance().is_authenticated() && old.is_some_and(|old| old.is_verified);
    match plan.properties {
        _ if same_sender(existing.data(), key.session.data()) => {
            was_verified || key.sender_verified
        }
        Side::First => was_verified,
        Side::Second => key.sender_verified,
    }
}

/// Whether an entry that cannot be used here is somebody's all the same: it has a valid MAC, or is
/// of a kind that this software does not know.
fn somebody_vouches(reason: &RejectReason) -> bool {
    matches!(
        reason,
        RejectReason::Unusable(_)
            | RejectReason::Misplaced(_)
            | RejectReason::UnusableV1(v1::UnusableKey::UnknownAlgorithm { .. })
    )
}

#[cfg(test)]
mod tests {
    use zeroize::ZeroizeOnDrop;

    use super::*;

    // K-5: what a key is encrypted with is wiped. It would not compile with a generator that keeps
    // its state.
    #[test]
    fn what_is_drawn_for_a_key_is_wiped() {
        fn wiped<T: ZeroizeOnDrop>(_: impl Fn(Drawn) -> Option<(RoomKey, T)>) {}
        wiped(|Drawn { key, .. }| key);
    }
}
