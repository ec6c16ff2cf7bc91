//! What becomes of one key: pure, so that it can be done on any thread.

use matrix_key_backup_primitives::{BackupMacKey, BackupPublicKey};
use matrix_key_backup_v1 as v1;
use matrix_key_backup_v2::{
    BackupReader, BackupWriter, SealError, UnusableSessionData, UnverifiedSessionData,
};
use matrix_key_backup_wire::{BackupAlgorithm, KeyBackupData, Provenance, UserId};
use rand_core::CryptoRng;

use super::{
    RoomKey,
    report::{BlockReason, Effect, NoticeKind, Outcome, UploadNotice},
};
use crate::{
    BackedUpSession, EntryReader, RejectReason,
    merge::{MergePlan, Side, plan_merge},
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
    V1(BackupPublicKey),
    V2(BackupWriter),
}

/// What becomes of a key: perhaps an entry to write, and what to tell.
#[derive(Debug)]
pub(super) struct Decision {
    pub(super) entry: Option<KeyToStore>,
    pub(super) outcome: Outcome,
}

impl Decider {
    pub(super) fn for_reader(
        reader: BackupReader,
        algorithm: BackupAlgorithm,
        user_id: Option<UserId>,
    ) -> Self {
        let sealer = match algorithm {
            BackupAlgorithm::V1 => Sealer::V1(*reader.public_key()),
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
    pub(super) fn decide<R: CryptoRng>(
        &self,
        key: RoomKey,
        stored: Option<ReceivedKey>,
        rng: &mut R,
    ) -> Result<Decision, SealError> {
        let Some(stored) = stored else {
            return self.write(&key, Effect::New, None, rng);
        };
        let old = stored.data.as_ref().ok().map(KeyMetadata::from);
        match &self.access {
            Access::Reader(reader) => match reader.read(stored) {
                Ok(existing) => self.merge(key, existing, old, rng),
                Err(rejected) => self.over_unreadable(&key, rejected.reason, old, rng),
            },
            Access::Writer => match self.unverified(&stored) {
                Ok(()) => self.unread(&key, old, rng),
                Err(reason) => self.over_unreadable(&key, reason, old, rng),
            },
        }
    }

    /// A key for a place where there is one already.
    fn merge<R: CryptoRng>(
        &self,
        key: RoomKey,
        existing: BackedUpSession,
        old: Option<KeyMetadata>,
        rng: &mut R,
    ) -> Result<Decision, SealError> {
        let plan = plan_merge(
            (existing.data(), existing.provenance()),
            (key.session.data(), self.kept_provenance(&key)),
        );
        let conflict = plan
            .conflict
            .then(|| NoticeKind::Conflict { stored_kept: plan.properties == Side::First });
        if plan.keeps_first() {
            return Ok(self.unwritten(&key, Effect::Unchanged, conflict));
        }
        let merged = combine(key, existing, plan, old);
        match old {
            Some(old) if !replaces(&self.metadata(&merged), &old) => {
                let blocked = NoticeKind::Blocked(BlockReason::StoreKeepsOld);
                Ok(self.unwritten(&merged, Effect::Blocked, Some(conflict.unwrap_or(blocked))))
            }
            _ => self.write(&merged, Effect::Improved, conflict, rng),
        }
    }

    /// A key for a place where there is an entry that gives none.
    fn over_unreadable<R: CryptoRng>(
        &self,
        key: &RoomKey,
        reason: RejectReason,
        old: Option<KeyMetadata>,
        rng: &mut R,
    ) -> Result<Decision, SealError> {
        let store_keeps_it = old.is_some_and(|old| !replaces(&self.metadata(key), &old));
        if store_keeps_it || is_of_another_kind(&reason) {
            let blocked = NoticeKind::Blocked(BlockReason::UnreadableInPlace(reason));
            return Ok(self.unwritten(key, Effect::Blocked, Some(blocked)));
        }
        self.write(key, Effect::Improved, Some(NoticeKind::ReplacedUnreadable(reason)), rng)
    }

    /// A key for a place where there is an authenticated entry that this writer cannot read.
    fn unread<R: CryptoRng>(
        &self,
        key: &RoomKey,
        old: Option<KeyMetadata>,
        rng: &mut R,
    ) -> Result<Decision, SealError> {
        if old.is_some_and(|old| !replaces(&self.metadata(key), &old)) {
            return Ok(self.unwritten(key, Effect::Unchanged, None));
        }
        if key.session.provenance().is_authenticated() {
            return self.write(key, Effect::Improved, None, rng);
        }
        // It might take the place of one that somebody vouches for. // A-3
        let blocked = NoticeKind::Blocked(BlockReason::CannotCompare);
        Ok(self.unwritten(key, Effect::Blocked, Some(blocked)))
    }

    /// All that a writer can see of an entry: whether its MAC is right.
    fn unverified(&self, stored: &ReceivedKey) -> Result<(), RejectReason> {
        let data = stored.data.as_ref().map_err(|error| RejectReason::from(*error))?;
        UnverifiedSessionData::parse(data.session_data.get(), self.algorithm)?
            .verify(&self.mac_key)?;
        Ok(())
    }

    fn write<R: CryptoRng>(
        &self,
        key: &RoomKey,
        effect: Effect,
        notice: Option<NoticeKind>,
        rng: &mut R,
    ) -> Result<Decision, SealError> {
        let session_data = match &self.sealer {
            Sealer::V1(public_key) => v1::encrypt(public_key, key.session.data(), rng)
                .map_err(|v1::LowOrderPublicKey| SealError::LowOrderPublicKey)?
                .into_raw(),
            Sealer::V2(writer) => writer.seal(&key.session, rng)?.into_raw(),
        };
        let KeyMetadata { first_message_index, forwarded_count, is_verified } = self.metadata(key);
        let data =
            KeyBackupData { first_message_index, forwarded_count, is_verified, session_data };
        let (room_id, session_id) = key.place();
        let outcome = self.outcome(key, effect, notice);
        Ok(Decision { entry: Some(KeyToStore { room_id, session_id, data }), outcome })
    }

    fn unwritten(&self, key: &RoomKey, effect: Effect, notice: Option<NoticeKind>) -> Decision {
        Decision { entry: None, outcome: self.outcome(key, effect, notice) }
    }

    fn outcome(&self, key: &RoomKey, effect: Effect, notice: Option<NoticeKind>) -> Outcome {
        let (room_id, session_id) = key.place();
        let notice = notice.map(|what| UploadNotice { room_id, session_id, what });
        Outcome { effect, provenance: self.kept_provenance(key).clone(), notice }
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

/// Makes the key that a merge plans.
fn combine(
    key: RoomKey,
    existing: BackedUpSession,
    plan: MergePlan,
    old: Option<KeyMetadata>,
) -> RoomKey {
    let was_verified = old.is_some_and(|old| old.is_verified);
    let room_id = key.room_id;
    let forwarded_count = match (plan.properties, old) {
        (Side::First, Some(old)) => old.forwarded_count,
        _ => key.forwarded_count,
    };
    let (mut kept, other, sender_verified) = match plan.properties {
        Side::First => (existing.into_sourced(), key.session, was_verified),
        Side::Second => (key.session, existing.into_sourced(), key.sender_verified),
    };
    if plan.session_key != plan.properties {
        // Refused only for a key that is not earlier, and then what is kept is right already.
        let _ = kept.adopt_earlier_session_key(other.data().session_key().clone());
    }
    RoomKey { room_id, session: kept, forwarded_count, sender_verified }
}

/// Whether an entry is a key after all, only of a kind that this software does not know.
fn is_of_another_kind(reason: &RejectReason) -> bool {
    matches!(
        reason,
        RejectReason::Unusable(UnusableSessionData::UnknownAlgorithm { .. })
            | RejectReason::UnusableV1(v1::UnusableKey::UnknownAlgorithm { .. })
    )
}
