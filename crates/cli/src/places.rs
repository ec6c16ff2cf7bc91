//! Which places a store has named, and whether those are all that it says it has. // A-3, B-3

use std::{
    collections::HashSet,
    hash::{BuildHasher as _, RandomState},
};

use matrix_key_backup::{
    OpenBackup, RestoredBatch,
    store::{BackupStore as _, StoreError},
    wire::{RoomId, SessionId},
};

use crate::any_store::{AnyStore, AnyStoreError};

/// The places, by hashes of eight bytes that a store cannot foresee: what is named twice must not make
/// up for what is withheld.
#[derive(Debug, Default)]
pub(crate) struct Places {
    hashes: HashSet<u64>,
    hasher: RandomState,
    last: Option<u64>,
}

impl Places {
    /// Notes a place; says whether it was named before, and not just now: entries of one session that
    /// follow each other are merged.
    pub(crate) fn is_repeated(&mut self, room: &RoomId, session: &SessionId) -> bool {
        let hash = self.hasher.hash_one((room.as_str(), session.as_str()));
        let is_new = self.hashes.insert(hash);
        let follows = self.last.replace(hash) == Some(hash);
        !is_new && !follows
    }

    /// Notes a batch, and gives the places in it that were named before.
    pub(crate) fn repeated_in<'b>(
        &mut self,
        batch: &'b RestoredBatch,
    ) -> impl Iterator<Item = (&'b RoomId, &'b SessionId)> {
        let rejected = batch.rejected.iter().map(|it| (&it.room_id, &it.session_id));
        let sessions = batch.sessions.iter().map(|it| (it.room_id(), it.session_id()));
        rejected.chain(sessions).filter(|(room, session)| self.is_repeated(room, session))
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u64 {
        self.hashes.len() as u64
    }
}

/// How many places the store says it has and did not give. None, if another program has written
/// meanwhile: then the count of before says nothing.
pub(crate) async fn withheld(
    store: &AnyStore,
    backup: &OpenBackup,
    given: u64,
) -> Result<u64, StoreError<AnyStoreError>> {
    let now = store.version(backup.version()).await?;
    let unchanged = now.is_some_and(|now| now.etag == backup.etag());
    Ok(if unchanged { backup.count().saturating_sub(given) } else { 0 })
}
