//! The second half of a migration: the new version is read back, and compared with the old one.

use std::{collections::HashMap, sync::Arc};

use matrix_key_backup_v2::{RoomAssurance, SourcedSession};
use matrix_key_backup_wire::{CONTEXT_PROPERTY, RatchetOrder};

use super::{
    Difference, MigrateError, MigrationCounts, MigrationEvent, MigrationReport, Migrator,
    copy::{Place, expected},
};
use crate::{
    BackedUpSession, RejectReason,
    maybe_send::MaybeSend,
    offload,
    store::{BackupStore, KeyScope, ReceivedKey, StoreError},
};

/// A migration whose keys have gone over, and were not compared yet. What they are compared with
/// is what the store has then, not what was sent to it.
#[derive(Debug)]
pub struct CopiedMigration<'s, S> {
    migrator: Migrator<'s, S>,
    counts: MigrationCounts,
}

impl<'s, S: BackupStore> CopiedMigration<'s, S> {
    pub(super) fn new(migrator: Migrator<'s, S>, counts: MigrationCounts) -> Self {
        Self { migrator, counts }
    }

    /// What became of the entries of the old version.
    #[must_use]
    pub fn counts(&self) -> &MigrationCounts {
        &self.counts
    }

    /// Reads both versions and compares them, key by key (M-5).
    ///
    /// # Errors
    ///
    /// [`MigrateError::Store`].
    pub async fn compare(
        self,
        mut observe: impl FnMut(MigrationEvent<'_>) + MaybeSend,
    ) -> Result<MigrationReport, MigrateError<S::Error>> {
        let Self { migrator, counts } = self;
        let mut report = MigrationReport {
            old_version: migrator.old.clone(),
            new_version: migrator.new.clone(),
            counts,
            missing: 0,
            compared: 0,
            different: 0,
            new_identity: migrator.new_identity.clone(),
        };
        let mut done = 0;
        let mut pages = migrator.store.keys(migrator.old.clone(), KeyScope::All);
        while let Some(page) = pages.next_page().await {
            let page = page?;
            done += page.len() as u64;
            for (place, difference) in migrator.compare_page(page).await? {
                report.compared += 1;
                if let Some(difference) = difference {
                    report.different += 1;
                    observe(MigrationEvent::Different(&place.0, &place.1, &difference));
                }
            }
            observe(MigrationEvent::Progress { entries_done: done });
        }
        // The old version is read-only, so both readings must have come to all that it has.
        let count = migrator.count_of_old().await?;
        report.missing = count.saturating_sub(done.min(counts.entries));
        Ok(report)
    }
}

impl<S: BackupStore> Migrator<'_, S> {
    /// How many entries the old version has, by the larger of what the store said before and says
    /// now.
    async fn count_of_old(&self) -> Result<u64, MigrateError<S::Error>> {
        let now = self.store.version(&self.old).await?;
        let version = self.old.clone();
        let now = now.ok_or(StoreError::NoSuchVersion { version })?;
        Ok(now.count.max(self.old_count))
    }

    /// The keys of one page of the old version, and how the new one falls short of each.
    async fn compare_page(
        &self,
        page: Vec<ReceivedKey>,
    ) -> Result<Vec<(Place, Option<Difference>)>, MigrateError<S::Error>> {
        let places: Vec<_> =
            page.iter().map(|key| (key.room_id.clone(), key.session_id.clone())).collect();
        let mut there: HashMap<Place, Vec<ReceivedKey>> = HashMap::new();
        for key in self.store.keys_of(&self.new, &places).await? {
            there.entry((key.room_id.clone(), key.session_id.clone())).or_default().push(key);
        }
        let work: Vec<_> = page
            .into_iter()
            .zip(places)
            .map(|(old, place)| {
                let new = there.get(&place).cloned().unwrap_or_default();
                (place, old, new)
            })
            .collect();
        let (rules, reader, owner) =
            (Arc::clone(&self.rules), Arc::clone(&self.new_reader), self.owner.clone());
        let compare = move |(place, old, new): (Place, ReceivedKey, Vec<ReceivedKey>)| {
            let data = old.data.as_ref().ok()?;
            // What gives no key was told when it was left behind, or is missed in the count.
            let old = rules.read(data.session_data.get(), &expected(&old, owner.clone())).ok()?;
            let new = new.into_iter().map(|key| reader.read(key).map_err(|error| error.reason));
            Some((place, best(old.session(), new)))
        };
        Ok(offload::map(work, compare).await.into_iter().flatten().collect())
    }
}

/// Of several entries for one session, one that is as good as the old key will do.
fn best(
    old: &SourcedSession,
    new: impl Iterator<Item = Result<BackedUpSession, RejectReason>>,
) -> Option<Difference> {
    let mut found = Difference::Missing;
    for new in new {
        match new.map(|new| difference(old, &new)) {
            Ok(None) => return None,
            Ok(Some(difference)) => found = difference,
            Err(reason) => found = Difference::Unreadable(reason),
        }
    }
    Some(found)
}

fn difference(old: &SourcedSession, new: &BackedUpSession) -> Option<Difference> {
    match new.data().session_key().compare_ratchets(old.data().session_key()) {
        RatchetOrder::Equal | RatchetOrder::Earlier => {}
        RatchetOrder::Later | RatchetOrder::Unconnected => return Some(Difference::OtherKey),
    }
    match (old.provenance().is_authenticated(), new.provenance().is_authenticated()) {
        (true, false) => return Some(Difference::LostAuthentication),
        (false, true) => return None, // another device knows better who sent it
        _ => {}
    }
    let same_sender = old.data().sender_key() == new.data().sender_key()
        && old.data().sender_claimed_keys() == new.data().sender_claimed_keys();
    let lost_room = old.provenance().is_authenticated()
        && old.data().other_properties().contains(CONTEXT_PROPERTY)
        && new.room_assurance() == RoomAssurance::ServersWord;
    match (same_sender, lost_room) {
        (false, _) => Some(Difference::OtherSender),
        (true, true) => Some(Difference::LostRoom),
        (true, false) => None,
    }
}
