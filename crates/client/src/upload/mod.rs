//! Uploading: keys with their sources, into a backup that is trusted, merged with what is there.
//!
//! A batch at a time: look up what the backup has, decide on every key, write what is
//! new or better. What was written is acknowledged by the store before the next batch begins, so
//! an upload that is cut off can be begun again: what is there already changes nothing.

mod batches;
mod decide;
mod report;

use std::{collections::HashMap, sync::Arc};

use matrix_key_backup_primitives::BackupMacKey;
use matrix_key_backup_trust::{MacKeyStatus, TrustState, TrustedBackup};
use matrix_key_backup_v2::{BackupReader, SealError, SourcedSession};
use matrix_key_backup_wire::{RoomId, SessionId, UserId};
use thiserror::Error;

pub use report::{
    BlockReason, Effect, MacKeyCheck, NoticeKind, UploadEvent, UploadNotice, UploadSummary,
};

use self::{
    batches::Batches,
    decide::{Decider, Decision},
    report::Outcome,
};
use crate::{
    OpenBackup,
    maybe_send::MaybeSend,
    offload,
    store::{
        BackupStore, KeyScope, KeyToStore, PutOutcome, ReceivedKey, StoreError, Unwritten,
        VersionId,
    },
};

/// Entries on which a MAC key is tried before it is taken for another backup's.
const MAC_KEY_TRIALS: usize = 4096;

/// One room key to back up.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RoomKey {
    /// The key, its room, and where it came from.
    pub session: SourcedSession,
    /// How often the key was forwarded.
    pub forwarded_count: u64,
    /// Whether this device has verified the device that sent the key.
    pub sender_verified: bool,
}

impl RoomKey {
    /// A key that nobody verified; it was forwarded as often as its chain is long.
    #[must_use]
    pub fn new(session: SourcedSession) -> Self {
        let forwarded_count = session.data().forwarding_curve25519_key_chain().len() as u64;
        Self { session, forwarded_count, sender_verified: false }
    }

    fn place(&self) -> (RoomId, SessionId) {
        (self.session.room_id().clone(), self.session.session_id())
    }
}

/// Uploads to one trusted backup.
#[derive(Debug)]
pub struct Uploader<'s, S> {
    store: &'s S,
    version: VersionId,
    trusted: TrustedBackup,
    decider: Arc<Decider>,
    mac_key_check: MacKeyCheck,
}

impl<'s, S: BackupStore> Uploader<'s, S> {
    /// An uploader that holds the decryption key, and so merges with what is there.
    ///
    /// # Errors
    ///
    /// [`UploadError::OtherKey`] if the decryption key is not the trusted backup's.
    pub fn for_reader(
        store: &'s S,
        backup: &TrustedBackup,
        reader: BackupReader,
        user_id: Option<UserId>,
    ) -> Result<Self, UploadError<S::Error>> {
        if reader.public_key() != backup.public_key() {
            return Err(UploadError::OtherKey);
        }
        let decider = Decider::for_reader(reader, backup.algorithm(), user_id);
        Ok(Self::new(store, backup, decider, MacKeyCheck::Derived))
    }

    /// An uploader that can write and not read: it holds the MAC key alone.
    ///
    /// It cannot merge. A key that it does not vouch for stays out where an authenticated entry is
    /// already there, because it might take the place of a better one.
    ///
    /// Before it writes, it verifies an entry that is there with its MAC key, unless `state` says
    /// that it once has (T-5). In a backup that is empty that cannot be done. The key is then
    /// [`MacKeyCheck::Unconfirmed`], and `state` remembers it, because the entries that will be there
    /// the next time may be its own: store the state before the upload. Later,
    /// [`confirm_mac_key`](Self::confirm_mac_key) can tell. Whatever the MAC key is, entries that it
    /// does not verify are left alone.
    ///
    /// # Errors
    ///
    /// [`UploadError::NoMac`] for a v1 backup; [`UploadError::StaleMacKey`] if the backup has
    /// entries and the MAC key verifies none of the first 4,096; [`UploadError::Store`].
    pub async fn for_writer(
        store: &'s S,
        backup: &TrustedBackup,
        mac_key: BackupMacKey,
        state: &mut TrustState,
    ) -> Result<Self, UploadError<S::Error>> {
        let status = state.mac_key_status(backup, &mac_key);
        let writer = backup.writer(mac_key).ok_or(UploadError::NoMac)?;
        let decider = Decider::for_writer(writer, backup.algorithm());
        let mut uploader = Self::new(store, backup, decider, MacKeyCheck::Unconfirmed);
        let confirmed = match status {
            Some(MacKeyStatus::Confirmed) => true,
            Some(MacKeyStatus::Unconfirmed) => {
                // It may verify what it wrote itself; that it verifies nothing tells all the same.
                uploader.try_mac_key(|_, _| false).await?;
                false
            }
            None => uploader.try_mac_key(|_, _| false).await?,
        };
        uploader.note_mac_key(confirmed, state);
        Ok(uploader)
    }

    /// Looks for an entry that somebody else wrote, for a MAC key that is unconfirmed (T-5).
    ///
    /// `written_here` says whether this device may have written the key of a session to this backup:
    /// clients know that, because they mark what they have backed up. A caller who does not know may
    /// have a holder of the decryption key check the backup, and then call
    /// [`TrustState::confirm_mac_key`].
    ///
    /// # Errors
    ///
    /// [`UploadError::StaleMacKey`] if there are entries of others and the MAC key verifies none of
    /// the first 4,096; [`UploadError::Store`].
    ///
    /// # Security
    ///
    /// This finds a mistake, not a lie: a server can file entries of the same MAC key under other
    /// sessions. All that it gains is that nobody can read what is written, which it could lose as well.
    pub async fn confirm_mac_key(
        &mut self,
        written_here: impl FnMut(&RoomId, &SessionId) -> bool + MaybeSend,
        state: &mut TrustState,
    ) -> Result<MacKeyCheck, UploadError<S::Error>> {
        if self.mac_key_check == MacKeyCheck::Unconfirmed {
            let confirmed = self.try_mac_key(written_here).await?;
            self.note_mac_key(confirmed, state);
        }
        Ok(self.mac_key_check)
    }

    fn new(
        store: &'s S,
        backup: &TrustedBackup,
        decider: Decider,
        mac_key_check: MacKeyCheck,
    ) -> Self {
        let version = VersionId::new(backup.version());
        Self { store, version, trusted: backup.clone(), decider: Arc::new(decider), mac_key_check }
    }

    /// Whether the MAC key verifies an entry of somebody else; not, if there is none. // T-5
    async fn try_mac_key(
        &self,
        mut written_here: impl FnMut(&RoomId, &SessionId) -> bool + MaybeSend,
    ) -> Result<bool, UploadError<S::Error>> {
        let mut pages = self.store.keys(self.version.clone(), KeyScope::All);
        let mut tried = 0;
        while let Some(page) = pages.next_page().await {
            for key in page? {
                if written_here(&key.room_id, &key.session_id) {
                    continue;
                }
                if self.decider.unverified(&key).is_ok() {
                    return Ok(true);
                }
                tried += 1;
                if tried == MAC_KEY_TRIALS {
                    return Err(UploadError::StaleMacKey);
                }
            }
        }
        if tried == 0 { Ok(false) } else { Err(UploadError::StaleMacKey) }
    }

    fn note_mac_key(&mut self, confirmed: bool, state: &mut TrustState) {
        let mac_key = self.decider.mac_key();
        if confirmed {
            state.confirm_mac_key(&self.trusted, mac_key);
            self.mac_key_check = MacKeyCheck::Confirmed;
        } else {
            state.mark_mac_key_unconfirmed(&self.trusted, mac_key);
        }
    }

    /// Uploads keys, and tells `observe` how far it is and what is worth a person's attention.
    ///
    /// Uploading the same keys twice changes nothing the second time.
    ///
    /// # Errors
    ///
    /// [`UploadError`]. What was uploaded before the error stays.
    pub async fn upload<K>(
        &self,
        keys: K,
        mut observe: impl FnMut(UploadEvent<'_>) + MaybeSend,
    ) -> Result<UploadSummary, UploadError<S::Error>>
    where
        K: IntoIterator<Item = RoomKey>,
        K::IntoIter: MaybeSend,
    {
        self.check_still_trusted().await?;
        let mut summary = UploadSummary::new(self.mac_key_check);
        let mut batches = Batches::new(keys.into_iter(), self.store.batch_limits());
        let mut next = batches.next_batch();
        while let Some(batch) = next {
            self.upload_batch(batch, &mut summary, &mut observe).await?;
            observe(UploadEvent::Progress { keys_done: summary.keys });
            next = batches.next_batch();
            if next.is_some() {
                // A long upload gives time to put another key in the place of the trusted one.
                self.check_still_trusted().await?;
            }
        }
        Ok(summary)
    }

    /// Compares the backup that the store has now with the one that was trusted. // T-3
    async fn check_still_trusted(&self) -> Result<(), UploadError<S::Error>> {
        let version = self.version.clone();
        let found = self.store.version(&version).await?;
        let found = found.ok_or(StoreError::NoSuchVersion { version })?;
        let same = OpenBackup::read(found).is_ok_and(|found| {
            found.algorithm() == self.trusted.algorithm()
                && found.public_key() == self.trusted.public_key()
        });
        if same { Ok(()) } else { Err(UploadError::NotTheTrustedBackup) }
    }

    async fn upload_batch(
        &self,
        batch: HashMap<(RoomId, SessionId), RoomKey>,
        summary: &mut UploadSummary,
        observe: &mut (impl FnMut(UploadEvent<'_>) + MaybeSend),
    ) -> Result<(), UploadError<S::Error>> {
        let work = self.with_stored(batch).await?;
        let decider = Arc::clone(&self.decider);
        let decide = move |Work { key, stored }| decider.decide(key, stored);
        let decisions = offload::map(work, decide).await;
        let mut to_write = Vec::new();
        let mut written = Vec::new();
        for (entry, outcome) in self.seal(decisions).await? {
            to_write.extend(entry);
            written.push(outcome);
        }
        if !to_write.is_empty() {
            let PutOutcome { unwritten, .. } = self.store.put_keys(&self.version, to_write).await?;
            correct(&mut written, unwritten);
        }
        // Counted and told only now that the store has acknowledged it.
        for outcome in written {
            summary.add(&outcome);
            let Outcome { room_id, session_id, effect, notices, .. } = outcome;
            observe(UploadEvent::Key { room_id: &room_id, session_id: &session_id, effect });
            for what in notices {
                let notice = UploadNotice::new(room_id.clone(), session_id.clone(), what);
                observe(UploadEvent::Notice(&notice));
            }
        }
        Ok(())
    }

    /// Seals what is to be written, many at once.
    async fn seal(
        &self,
        decisions: Vec<Decision>,
    ) -> Result<Vec<(Option<KeyToStore>, Outcome)>, UploadError<S::Error>> {
        let drawn = decisions.into_iter().map(Decision::draw).collect::<Option<Vec<_>>>();
        let drawn = drawn.ok_or(UploadError::NoRandomness)?;
        let decider = Arc::clone(&self.decider);
        let chunks = offload::map_chunks(drawn, move |chunk| decider.seal(chunk)).await;
        let sealed: Vec<Vec<_>> = chunks.into_iter().collect::<Result<_, _>>()?;
        Ok(sealed.into_iter().flatten().collect())
    }

    /// Puts beside every key all that the store has in its place.
    async fn with_stored(
        &self,
        batch: HashMap<(RoomId, SessionId), RoomKey>,
    ) -> Result<Vec<Work>, UploadError<S::Error>> {
        let places: Vec<_> = batch.keys().cloned().collect();
        let mut stored = HashMap::<_, Vec<_>>::new();
        for found in self.store.keys_of(&self.version, &places).await? {
            let place = (found.room_id.clone(), found.session_id.clone());
            stored.entry(place).or_default().push(found);
        }
        let work = batch.into_iter().map(|(place, key)| {
            let stored = stored.remove(&place).unwrap_or_default();
            Work { key, stored }
        });
        Ok(work.collect())
    }
}

/// What it takes to decide on one key.
struct Work {
    key: RoomKey,
    /// What the store has in its place. It should be one entry or none.
    stored: Vec<ReceivedKey>,
}

/// What the store did not take was not written, whatever was to be expected.
fn correct(outcomes: &mut [Outcome], unwritten: Vec<Unwritten>) {
    let mut reasons: HashMap<_, _> = unwritten
        .into_iter()
        .map(|Unwritten { room_id, session_id, reason }| ((room_id, session_id), reason))
        .collect();
    if reasons.is_empty() {
        return;
    }
    for outcome in outcomes {
        let place = (outcome.room_id.clone(), outcome.session_id.clone());
        if let Some(reason) = reasons.remove(&place) {
            outcome.effect = Effect::Blocked;
            outcome.notices.retain(|notice| matches!(notice, NoticeKind::IgnoredMac(_)));
            outcome.notices.push(NoticeKind::Blocked(reason.into()));
        }
    }
}

/// Why an upload stopped.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum UploadError<E> {
    /// The decryption key is not that of the trusted backup.
    #[error("the decryption key belongs to another backup than the trusted one")]
    OtherKey,
    /// A v1 backup has no MAC, so there is nothing that a holder of a MAC key could write.
    #[error("a v1 backup has no MAC: its keys cannot be written with a writer's key")]
    NoMac,
    /// The MAC key verifies nothing of what is there: it belongs to another backup (T-5).
    #[error(
        "the MAC key verifies no entry of this backup: it belongs to another one, and what it \
         writes nobody would read"
    )]
    StaleMacKey,
    /// A key could not be encrypted.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The store has another backup under this version than the one that was trusted: another
    /// algorithm or another public key. Trust has to be shown anew (T-3).
    #[error(
        "the store's backup is not the one that was trusted: its algorithm or its public key is \
         another. Check the backup before anything is written to it"
    )]
    NotTheTrustedBackup,
    /// The system gave no random numbers.
    #[error("the system's random number generator failed")]
    NoRandomness,
    /// The store failed. [`StoreError::WrongVersion`]: the backup was replaced, and trust has to
    /// be shown anew for the one that took its place (T-3).
    #[error(transparent)]
    Store(#[from] StoreError<E>),
}
