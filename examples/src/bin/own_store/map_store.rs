//! A backup store in a `HashMap`: all that the engine asks of a store.

use std::{
    collections::{HashMap, HashSet},
    convert::Infallible,
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures_util::{StreamExt as _, stream};
use matrix_key_backup::{
    replacement::KeyMetadata,
    store::{
        BackupStore, BackupVersion, KeyPages, KeyScope, KeyToStore, PutOutcome, ReceivedKey,
        StoreError, Unwritten, UnwrittenReason, VersionId,
    },
    wire::{KeyBackupData, RoomId, SessionId},
};
use serde_json::value::RawValue;

/// Beyond what every store says, nothing can go wrong in this one.
type Outcome<T> = Result<T, StoreError<Infallible>>;

#[derive(Debug, Default)]
pub(crate) struct MapStore(Mutex<Versions>);

#[derive(Debug, Default)]
struct Versions {
    /// How many there ever were: no name is given twice.
    created: u64,
    /// Those that are there, the newest one last.
    list: Vec<Version>,
}

#[derive(Debug)]
struct Version {
    about: BackupVersion,
    changes: u64,
    keys: HashMap<(RoomId, SessionId), KeyBackupData>,
}

impl BackupStore for MapStore {
    type Error = Infallible;

    async fn current_version(&self) -> Outcome<Option<BackupVersion>> {
        Ok(self.versions().list.last().map(|newest| newest.about.clone()))
    }

    async fn version(&self, version: &VersionId) -> Outcome<Option<BackupVersion>> {
        Ok(self.versions().find(version).ok().map(|found| found.about.clone()))
    }

    async fn create_version(&self, algorithm: &str, auth_data: &RawValue) -> Outcome<VersionId> {
        let mut versions = self.versions();
        versions.created += 1;
        let version = VersionId::new(versions.created.to_string());
        let about = BackupVersion {
            version: version.clone(),
            algorithm: algorithm.to_owned(),
            auth_data: auth_data.to_owned(),
            count: 0,
            etag: "0".to_owned(),
        };
        versions.list.push(Version { about, changes: 0, keys: HashMap::new() });
        Ok(version)
    }

    async fn update_auth_data(
        &self,
        version: &VersionId,
        algorithm: &str,
        auth_data: &RawValue,
    ) -> Outcome<()> {
        let mut versions = self.versions();
        let about = &mut versions.find(version)?.about;
        if about.algorithm != algorithm {
            let (version, algorithm) = (version.clone(), algorithm.to_owned());
            return Err(StoreError::OtherAlgorithm { version, algorithm });
        }
        about.auth_data = auth_data.to_owned();
        Ok(())
    }

    async fn delete_version(&self, version: &VersionId) -> Outcome<bool> {
        let list = &mut self.versions().list;
        let before = list.len();
        list.retain(|other| other.about.version != *version);
        Ok(list.len() < before)
    }

    async fn put_keys(&self, version: &VersionId, keys: Vec<KeyToStore>) -> Outcome<PutOutcome> {
        let mut versions = self.versions();
        let found = versions.find_writable(version)?;
        let (mut written, mut lost) = (HashSet::new(), HashSet::new());
        for key in keys {
            let place = (key.room_id.clone(), key.session_id.clone());
            match found.keys.get(&place) {
                Some(old) if !key.replaces(&KeyMetadata::from(old)) => {
                    if !key.is(old) {
                        lost.insert(place); // the old one stays
                    }
                }
                _ => {
                    found.keys.insert(place.clone(), key.data);
                    written.insert(place);
                }
            }
        }
        let unwritten = lost.difference(&written).map(kept_old).collect();
        Ok(PutOutcome { unwritten, ..found.book(!written.is_empty()) })
    }

    fn keys(&self, version: VersionId, scope: KeyScope) -> KeyPages<'_, Infallible> {
        // Nothing is read before the stream is polled. A store that is larger than memory makes one
        // page after the other here, with `stream::try_unfold`.
        let pages = async move { self.pages(&version, &scope) };
        KeyPages::new(stream::once(pages).flat_map(stream::iter))
    }

    async fn delete_keys(&self, version: &VersionId, scope: KeyScope) -> Outcome<PutOutcome> {
        let mut versions = self.versions();
        let found = versions.find_writable(version)?;
        let before = found.keys.len();
        found.keys.retain(|place, _| !is_within(&scope, place));
        let changed = found.keys.len() < before;
        Ok(found.book(changed))
    }
}

impl MapStore {
    /// The lock is never held while something is waited for.
    fn versions(&self) -> MutexGuard<'_, Versions> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pages(&self, version: &VersionId, scope: &KeyScope) -> Vec<Outcome<Vec<ReceivedKey>>> {
        const PAGE: usize = 256;
        let mut versions = self.versions();
        let found = match versions.find(version) {
            Ok(found) => found,
            Err(error) => return vec![Err(error)],
        };
        let inside = found.keys.iter().filter(|(place, _)| is_within(scope, place));
        let entries: Vec<_> = inside.map(received).collect();
        entries.chunks(PAGE).map(|page| Ok(page.to_vec())).collect()
    }
}

impl Versions {
    fn find(&mut self, version: &VersionId) -> Outcome<&mut Version> {
        let found = self.list.iter_mut().find(|found| found.about.version == *version);
        found.ok_or_else(|| StoreError::NoSuchVersion { version: version.clone() })
    }

    /// Only the newest version may be written to.
    fn find_writable(&mut self, version: &VersionId) -> Outcome<&mut Version> {
        self.find(version)?;
        let current = self.list.last().map(|newest| newest.about.version.clone());
        if current.as_ref() != Some(version) {
            return Err(StoreError::WrongVersion { version: version.clone(), current });
        }
        self.find(version)
    }
}

impl Version {
    /// Keeps the count, and an etag that changes when the keys did, and only then.
    fn book(&mut self, changed: bool) -> PutOutcome {
        self.changes += u64::from(changed);
        self.about.etag = self.changes.to_string();
        self.about.count = self.keys.len() as u64;
        let (etag, count) = (self.about.etag.clone(), self.about.count);
        PutOutcome { etag, count, unwritten: Vec::new() }
    }
}

fn kept_old((room_id, session_id): &(RoomId, SessionId)) -> Unwritten {
    let (room_id, session_id) = (room_id.clone(), session_id.clone());
    Unwritten { room_id, session_id, reason: UnwrittenReason::KeptOld }
}

fn is_within(scope: &KeyScope, (room_id, session_id): &(RoomId, SessionId)) -> bool {
    match scope {
        KeyScope::All => true,
        KeyScope::Room(room) => room == room_id,
        KeyScope::Session(room, session) => room == room_id && session == session_id,
    }
}

fn received(((room_id, session_id), data): (&(RoomId, SessionId), &KeyBackupData)) -> ReceivedKey {
    ReceivedKey { room_id: room_id.clone(), session_id: session_id.clone(), data: Ok(data.clone()) }
}
