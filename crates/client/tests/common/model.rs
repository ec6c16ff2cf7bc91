//! A store in plain collections: the rules once more, by other means, to compare stores with.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Mutex;

use futures_util::stream;
use matrix_key_backup::store::{
    BackupStore, BackupVersion, KeyPages, KeyScope, KeyToStore, PutOutcome, ReceivedKey,
    StoreError, VersionId,
};
use matrix_key_backup::wire::{KeyBackupData, RoomId, SessionId};
use serde_json::value::RawValue;

type Outcome<T> = Result<T, StoreError<Infallible>>;

#[derive(Debug, Default)]
pub struct ModelStore(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    created: u64,
    versions: BTreeMap<u64, Version>,
}

#[derive(Debug)]
struct Version {
    algorithm: String,
    auth_data: Box<RawValue>,
    changes: u64,
    keys: BTreeMap<(RoomId, SessionId), KeyBackupData>,
}

/// A-2, read out loud.
pub fn new_one_wins(new: &KeyBackupData, old: &KeyBackupData) -> bool {
    if new.is_verified && !old.is_verified {
        return true;
    }
    if old.is_verified && !new.is_verified {
        return false;
    }
    if new.first_message_index < old.first_message_index {
        return true;
    }
    if new.first_message_index > old.first_message_index {
        return false;
    }
    new.forwarded_count < old.forwarded_count
}

fn in_scope(scope: &KeyScope, (room_id, session_id): &(RoomId, SessionId)) -> bool {
    match scope {
        KeyScope::All => true,
        KeyScope::Room(room) => room == room_id,
        KeyScope::Session(room, session) => room == room_id && session == session_id,
    }
}

impl Version {
    fn outcome(&self) -> PutOutcome {
        PutOutcome {
            etag: format!("e{}", self.changes),
            count: self.keys.len() as u64,
            unwritten: Vec::new(),
        }
    }

    fn describe(&self, number: u64) -> BackupVersion {
        let PutOutcome { etag, count, .. } = self.outcome();
        BackupVersion {
            version: VersionId::new(number.to_string()),
            algorithm: self.algorithm.clone(),
            auth_data: self.auth_data.clone(),
            count,
            etag,
        }
    }
}

impl State {
    fn existing(&mut self, version: &VersionId) -> Outcome<&mut Version> {
        let number: Option<u64> = version.as_str().parse().ok();
        number
            .and_then(|number| self.versions.get_mut(&number))
            .ok_or_else(|| StoreError::NoSuchVersion { version: version.clone() })
    }

    fn writable(&mut self, version: &VersionId) -> Outcome<&mut Version> {
        self.existing(version)?;
        let newest = VersionId::new(self.versions.keys().max().unwrap().to_string());
        if newest == *version {
            self.existing(version)
        } else {
            Err(StoreError::WrongVersion { version: version.clone(), current: Some(newest) })
        }
    }
}

impl BackupStore for ModelStore {
    type Error = Infallible;

    async fn current_version(&self) -> Outcome<Option<BackupVersion>> {
        let state = self.0.lock().unwrap();
        Ok(state.versions.iter().max_by_key(|(number, _)| **number).map(|(n, v)| v.describe(*n)))
    }

    async fn version(&self, version: &VersionId) -> Outcome<Option<BackupVersion>> {
        let state = self.0.lock().unwrap();
        let number: Option<u64> = version.as_str().parse().ok();
        Ok(number.and_then(|number| state.versions.get(&number).map(|v| v.describe(number))))
    }

    async fn create_version(&self, algorithm: &str, auth_data: &RawValue) -> Outcome<VersionId> {
        let mut state = self.0.lock().unwrap();
        state.created += 1;
        let number = state.created;
        let version = Version {
            algorithm: algorithm.to_owned(),
            auth_data: auth_data.to_owned(),
            changes: 0,
            keys: BTreeMap::new(),
        };
        state.versions.insert(number, version);
        Ok(VersionId::new(number.to_string()))
    }

    async fn update_auth_data(
        &self,
        version: &VersionId,
        algorithm: &str,
        auth_data: &RawValue,
    ) -> Outcome<()> {
        let mut state = self.0.lock().unwrap();
        let found = state.existing(version)?;
        if found.algorithm != algorithm {
            return Err(StoreError::OtherAlgorithm {
                version: version.clone(),
                algorithm: algorithm.to_owned(),
            });
        }
        found.auth_data = auth_data.to_owned();
        Ok(())
    }

    async fn delete_version(&self, version: &VersionId) -> Outcome<bool> {
        let mut state = self.0.lock().unwrap();
        let number: Option<u64> = version.as_str().parse().ok();
        Ok(number.is_some_and(|number| state.versions.remove(&number).is_some()))
    }

    async fn put_keys(&self, version: &VersionId, keys: Vec<KeyToStore>) -> Outcome<PutOutcome> {
        let mut state = self.0.lock().unwrap();
        let version = state.writable(version)?;
        let mut changed = false;
        for KeyToStore { room_id, session_id, data } in keys.clone() {
            let place = (room_id, session_id);
            if version.keys.get(&place).is_none_or(|old| new_one_wins(&data, old)) {
                version.keys.insert(place, data);
                changed = true;
            }
        }
        version.changes += u64::from(changed);
        let is_there = |key: &&KeyToStore| {
            let there = &version.keys[&(key.room_id.clone(), key.session_id.clone())];
            super::is_same(&key.data, there)
        };
        let (there, mut lost): (Vec<_>, Vec<_>) = keys.iter().partition(is_there);
        lost.retain(|key| !there.iter().any(|other| super::same_place(key, other)));
        let unwritten = super::kept_old(lost);
        Ok(PutOutcome { unwritten, ..version.outcome() })
    }

    fn keys(&self, version: VersionId, scope: KeyScope) -> KeyPages<'_, Infallible> {
        let read = move || {
            let mut state = self.0.lock().unwrap();
            let keys = &state.existing(&version)?.keys;
            Ok(keys
                .iter()
                .filter(|(place, _)| in_scope(&scope, place))
                .map(|((room_id, session_id), data)| ReceivedKey {
                    room_id: room_id.clone(),
                    session_id: session_id.clone(),
                    data: Ok(data.clone()),
                })
                .collect::<Vec<_>>())
        };
        // One page, unless there is nothing to put on it.
        KeyPages::new(stream::iter(
            std::iter::once_with(read)
                .filter(|page: &Outcome<Vec<_>>| !page.as_ref().is_ok_and(Vec::is_empty)),
        ))
    }

    async fn delete_keys(&self, version: &VersionId, scope: KeyScope) -> Outcome<PutOutcome> {
        let mut state = self.0.lock().unwrap();
        let version = state.writable(version)?;
        let before = version.keys.len();
        version.keys.retain(|place, _| !in_scope(&scope, place));
        version.changes += u64::from(version.keys.len() < before);
        Ok(version.outcome())
    }
}
