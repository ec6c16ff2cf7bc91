//! The first half of a migration: every key goes over.

use std::{collections::HashMap, mem, sync::Arc};

use matrix_key_backup_primitives::{BackupPublicKey, hazmat::EphemeralSecretKey};
use matrix_key_backup_trust::{BackupIdentity, TrustedBackup};
use matrix_key_backup_v2::BackupReader;
use matrix_key_backup_wire::{
    Expected, KeyBackupData, Provenance, RoomId, SessionId, UnauthenticatedSource, UserId,
};
use serde_json::value::RawValue;

use super::{
    CopiedMigration, MigrateError, MigratedEntry, Migration, MigrationCounts, MigrationEvent,
    NotMigrated,
};
use crate::{
    BackedUpSession, EntryReader, OpenBackup, WrongKey,
    maybe_send::MaybeSend,
    offload,
    replacement::KeyMetadata,
    store::{BackupStore, KeyScope, KeyToStore, ReceivedKey, StoreError, VersionId},
    upload::{Effect, RoomKey, UploadEvent, Uploader},
};

/// Where a key lies.
pub(super) type Place = (RoomId, SessionId);

/// A migration from one version of a store to another.
#[derive(Debug)]
pub struct Migrator<'s, S> {
    pub(super) store: &'s S,
    pub(super) rules: Arc<Migration>,
    pub(super) owner: Option<UserId>,
    pub(super) old: VersionId,
    pub(super) new: VersionId,
    pub(super) new_identity: BackupIdentity,
    /// As many entries the old version has, as far as the store says so.
    pub(super) old_count: u64,
    pub(super) new_reader: Arc<EntryReader>,
    uploader: Uploader<'s, S>,
}

/// An entry of the old version on its way: where it lay, what stood beside it, what becomes of it.
struct Underway {
    place: Place,
    old: Option<KeyMetadata>,
    outcome: Result<MigratedEntry, NotMigrated>,
}

impl<'s, S: BackupStore> Migrator<'s, S> {
    /// A migration of `old`, which `old_key` reads, to `new`, which `new_key` reads.
    ///
    /// `new` is what [`target`](super::target) has made or found, and trusted like any backup that
    /// is written to. `owner` is the user whose backups they are, where that is known.
    ///
    /// # Errors
    ///
    /// [`MigrateError`] if a key is not its backup's, or `new` is not a v2 backup or not a new one.
    pub fn new(
        store: &'s S,
        old: &OpenBackup,
        old_key: BackupReader,
        new: &TrustedBackup,
        new_key: BackupReader,
        owner: Option<UserId>,
    ) -> Result<Self, MigrateError<S::Error>> {
        let rules = rules(old, old_key, new, &new_key)?;
        let new_reader = EntryReader::new(new_key.clone(), new.algorithm(), owner.clone());
        let uploader = Uploader::for_reader(store, new, new_key, owner.clone())?;
        Ok(Self {
            store,
            rules: Arc::new(rules),
            owner,
            old: old.version().clone(),
            new: VersionId::new(new.version()),
            new_identity: new.identity().clone(),
            old_count: old.count(),
            new_reader: Arc::new(new_reader),
            uploader,
        })
    }

    /// Takes every key of the old version over to the new one.
    ///
    /// Done again, it changes nothing that has arrived.
    ///
    /// # Errors
    ///
    /// [`MigrateError`]. What has arrived before the error stays, and so does the old version.
    pub async fn copy(
        self,
        mut observe: impl FnMut(MigrationEvent<'_>) + MaybeSend,
    ) -> Result<CopiedMigration<'s, S>, MigrateError<S::Error>> {
        self.check_order().await?;
        let mut counts = MigrationCounts::default();
        let mut pages = self.store.keys(self.old.clone(), KeyScope::All);
        while let Some(page) = pages.next_page().await {
            let page = migrate_page(&self.rules, self.owner.as_ref(), page?).await?;
            self.store_page(page, &mut counts, &mut observe).await?;
            observe(MigrationEvent::Progress { entries_done: counts.entries });
        }
        Ok(CopiedMigration::new(self, counts))
    }

    /// The new version must be the current one: then the old one is read-only. // M-4
    async fn check_order(&self) -> Result<(), MigrateError<S::Error>> {
        let current = self.store.current_version().await?.map(|current| current.version);
        if current.as_ref() == Some(&self.new) {
            return Ok(());
        }
        Err(StoreError::WrongVersion { version: self.new.clone(), current }.into())
    }

    /// A session that a page names twice waits for the next round, where it meets the first.
    async fn store_page(
        &self,
        mut page: Vec<Underway>,
        counts: &mut MigrationCounts,
        observe: &mut (impl FnMut(MigrationEvent<'_>) + MaybeSend),
    ) -> Result<(), MigrateError<S::Error>> {
        while !page.is_empty() {
            let mut round = HashMap::new();
            let mut again = Vec::new();
            for entry in mem::take(&mut page) {
                let place = entry.place.clone();
                match round.contains_key(&place) {
                    true => again.push(entry),
                    false => drop(round.insert(place, entry)),
                }
            }
            let arriving = tell(round.into_values(), counts, observe);
            self.store_round(arriving, counts, observe).await?;
            page = again;
        }
        Ok(())
    }

    /// Puts what the new version does not have; merges what it has otherwise.
    async fn store_round(
        &self,
        arriving: Vec<(Place, KeyMetadata, MigratedEntry)>,
        counts: &mut MigrationCounts,
        observe: &mut (impl FnMut(MigrationEvent<'_>) + MaybeSend),
    ) -> Result<(), MigrateError<S::Error>> {
        let places: Vec<_> = arriving.iter().map(|(place, ..)| place.clone()).collect();
        let there = read_there(self.store, &self.new, &self.new_reader, &places).await?;
        let mut to_put = Vec::new();
        let mut to_merge = Vec::new();
        for (place, old, entry) in arriving {
            match there.get(&place) {
                None => {
                    counts.add_migrated(&entry);
                    to_put.push(to_store(place, &entry.metadata(&old), entry.session_data));
                }
                Some(Some(found)) if is_same(found, &entry) => counts.already_there += 1,
                Some(_) => to_merge.push(RoomKey {
                    forwarded_count: old.forwarded_count,
                    sender_verified: entry.metadata(&old).is_verified,
                    session: entry.session,
                }),
            }
        }
        if !to_put.is_empty() {
            self.store.put_keys(&self.new, to_put).await?;
        }
        if !to_merge.is_empty() {
            self.merge(to_merge, counts, observe).await?;
        }
        Ok(())
    }

    async fn merge(
        &self,
        keys: Vec<RoomKey>,
        counts: &mut MigrationCounts,
        observe: &mut (impl FnMut(MigrationEvent<'_>) + MaybeSend),
    ) -> Result<(), MigrateError<S::Error>> {
        let upload = self.uploader.upload(keys, |event| match event {
            UploadEvent::Key { effect: Effect::Unchanged, .. } => counts.already_there += 1,
            UploadEvent::Key { effect: Effect::Blocked, .. } => counts.blocked += 1,
            UploadEvent::Key { .. } => counts.merged += 1,
            UploadEvent::Notice(notice) => {
                observe(MigrationEvent::Notice(&notice.room_id, &notice.session_id, &notice.what));
            }
            UploadEvent::Progress { .. } => {}
        });
        upload.await?;
        Ok(())
    }
}

/// Tells what a migration would do, key by key, and writes nothing.
///
/// `new` may be a backup that does not exist yet; only its algorithm and key count.
///
/// # Errors
///
/// [`MigrateError::WrongOldKey`] where `rules` read with another backup's key, as in a migration;
/// [`MigrateError::Store`].
pub async fn dry_run<S: BackupStore>(
    store: &S,
    old: &OpenBackup,
    rules: Migration,
    owner: Option<&UserId>,
    mut observe: impl FnMut(MigrationEvent<'_>) + MaybeSend,
) -> Result<MigrationCounts, MigrateError<S::Error>> {
    fits(rules.old_public_key(), old.public_key()).map_err(MigrateError::WrongOldKey)?;
    let rules = Arc::new(rules);
    let mut counts = MigrationCounts::default();
    let mut pages = store.keys(old.version().clone(), KeyScope::All);
    while let Some(page) = pages.next_page().await {
        let page = migrate_page(&rules, owner, page?).await?;
        for (_, _, entry) in tell(page, &mut counts, &mut observe) {
            counts.add_migrated(&entry);
        }
        observe(MigrationEvent::Progress { entries_done: counts.entries });
    }
    Ok(counts)
}

/// The rules from one backup to the other, if the keys are theirs.
fn rules<E>(
    old: &OpenBackup,
    old_key: BackupReader,
    new: &TrustedBackup,
    new_key: &BackupReader,
) -> Result<Migration, MigrateError<E>> {
    fits(old_key.public_key(), old.public_key()).map_err(MigrateError::WrongOldKey)?;
    fits(new_key.public_key(), new.public_key()).map_err(MigrateError::WrongNewKey)?;
    if old.version().as_str() == new.version() {
        return Err(MigrateError::SameVersion);
    }
    let names = new.algorithm().names().ok_or(MigrateError::NotAuthenticated)?;
    Ok(Migration::new(old_key, old.algorithm(), new_key.writer(names)))
}

/// Whether a decryption key, by its public key, is that of a backup.
fn fits(found: &BackupPublicKey, expected: &BackupPublicKey) -> Result<(), WrongKey> {
    let wrong = || WrongKey { found: *found, expected: *expected };
    if found == expected { Ok(()) } else { Err(wrong()) }
}

/// Takes one page of the old version through the rules, on the processor's threads.
async fn migrate_page<E>(
    rules: &Arc<Migration>,
    owner: Option<&UserId>,
    page: Vec<ReceivedKey>,
) -> Result<Vec<Underway>, MigrateError<E>> {
    let ephemeral = || EphemeralSecretKey::random().map_err(|_| MigrateError::NoRandomness);
    let work = page.into_iter().map(|key| Ok((key, ephemeral()?)));
    let work = work.collect::<Result<Vec<_>, MigrateError<E>>>()?;
    let (rules, owner) = (Arc::clone(rules), owner.cloned());
    let migrate = move |(key, ephemeral): (ReceivedKey, EphemeralSecretKey)| {
        let expected = expected(&key, owner.clone());
        let old = key.data.as_ref().ok().map(KeyMetadata::from);
        let outcome = match &key.data {
            Ok(data) => rules
                .read(data.session_data.get(), &expected)
                .and_then(|old| rules.hazmat_write_with(old, &ephemeral)),
            Err(error) => Err(NotMigrated::from(*error)),
        };
        Underway { place: (expected.room_id, expected.session_id), old, outcome }
    };
    Ok(offload::map(work, migrate).await)
}

pub(super) fn expected(key: &ReceivedKey, user_id: Option<UserId>) -> Expected {
    Expected { room_id: key.room_id.clone(), session_id: key.session_id.clone(), user_id }
}

/// Counts and tells what became of entries, and gives on those that go over.
fn tell(
    entries: impl IntoIterator<Item = Underway>,
    counts: &mut MigrationCounts,
    observe: &mut (impl FnMut(MigrationEvent<'_>) + MaybeSend),
) -> Vec<(Place, KeyMetadata, MigratedEntry)> {
    let mut arriving = Vec::new();
    for Underway { place, old, outcome } in entries {
        counts.entries += 1;
        let (room_id, session_id) = (&place.0, &place.1);
        match (outcome, old) {
            (Ok(entry), Some(old)) => {
                if let Some(mac) = &entry.ignored_mac {
                    observe(MigrationEvent::IgnoredMac(room_id, session_id, mac));
                }
                if is_marked(entry.provenance()) {
                    counts.marked_legacy_v1 += 1;
                    observe(MigrationEvent::Marked(room_id, session_id));
                }
                arriving.push((place, old, entry));
            }
            (Err(reason), _) => {
                counts.add_not_migrated(&reason);
                observe(MigrationEvent::LeftBehind(room_id, session_id, &reason));
            }
            (Ok(_), None) => {} // an entry without metadata is an error above
        }
    }
    arriving
}

fn is_marked(provenance: &Provenance) -> bool {
    provenance.unauthenticated_source() == Some(&UnauthenticatedSource::LegacyV1)
}

/// What a version has in these places: a key, or something that gives none. What is not there is
/// not in the map. Of two entries for one session the place counts as unreadable, so that the
/// uploader looks at both.
pub(super) async fn read_there<S: BackupStore>(
    store: &S,
    version: &VersionId,
    reader: &Arc<EntryReader>,
    places: &[Place],
) -> Result<HashMap<Place, Option<BackedUpSession>>, MigrateError<S::Error>> {
    let found = store.keys_of(version, places).await?;
    let reader = Arc::clone(reader);
    let read = offload::map(found, move |key| {
        let place = (key.room_id.clone(), key.session_id.clone());
        (place, reader.read(key).ok())
    });
    let mut there = HashMap::new();
    for (place, session) in read.await {
        let is_second = there.contains_key(&place);
        there.insert(place, session.filter(|_| !is_second));
    }
    Ok(there)
}

fn is_same(found: &BackedUpSession, entry: &MigratedEntry) -> bool {
    found.data().session_key() == entry.session.data().session_key()
        && found.provenance() == entry.provenance()
}

#[expect(clippy::expect_used, reason = "a migrated entry is JSON that was read or written here")]
fn to_store(place: Place, metadata: &KeyMetadata, session_data: String) -> KeyToStore {
    let (room_id, session_id) = place;
    let KeyMetadata { first_message_index, forwarded_count, is_verified } = *metadata;
    let session_data = RawValue::from_string(session_data).expect("JSON");
    let data = KeyBackupData { first_message_index, forwarded_count, is_verified, session_data };
    KeyToStore { room_id, session_id, data }
}
