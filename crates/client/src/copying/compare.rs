//! Reading two versions, and comparing them entry by entry.

use super::{
    Comparison, CopyDifference, CopyError, CopyEvent,
    fingerprints::{CAPACITY, Entry, Fingerprints},
    target::is_same_backup,
};
use crate::{
    maybe_send::MaybeSend,
    offload,
    store::{BackupStore, KeyScope, ReceivedKey, StoreError, VersionId},
};

/// Compares a version with what should be a copy of it, entry by entry, as canonical JSON.
///
/// Both are read whole, whatever their order, so it is as good for a file as for a homeserver. Of
/// a million entries at a time two hashes each are held in memory; where there are more, both are
/// read again for the next. Entries that cannot be read in the first store are passed over, as
/// they were when it was copied.
///
/// # Errors
///
/// [`CopyError::Source`] and [`CopyError::Target`].
pub async fn compare_versions<F: BackupStore, T: BackupStore>(
    from: &F,
    from_version: &VersionId,
    to: &T,
    to_version: &VersionId,
    observe: impl FnMut(CopyEvent<'_>) + MaybeSend,
) -> Result<Comparison, CopyError<F::Error, T::Error>> {
    compare_within(CAPACITY, (from, from_version), (to, to_version), observe).await
}

/// The same with as many entries at a time as there is capacity for.
async fn compare_within<F: BackupStore, T: BackupStore>(
    capacity: usize,
    (from, from_version): (&F, &VersionId),
    (to, to_version): (&T, &VersionId),
    mut observe: impl FnMut(CopyEvent<'_>) + MaybeSend,
) -> Result<Comparison, CopyError<F::Error, T::Error>> {
    let one = describe(from, from_version).await.map_err(CopyError::Source)?;
    let other = describe(to, to_version).await.map_err(CopyError::Target)?;
    let same_backup = is_same_backup(&one, &other);
    let mut comparison = Comparison { same_backup, ..Comparison::default() };
    let mut start = None;
    loop {
        let mut there = Fingerprints::new(start, capacity);
        read(to, to_version, &mut there).await.map_err(CopyError::Target)?;
        let compared = comparison.compare(from, from_version, &mut there, &mut observe);
        compared.await.map_err(CopyError::Source)?;
        comparison.only_there += there.left();
        start = there.end();
        if start.is_none() {
            return Ok(comparison);
        }
    }
}

async fn describe<S: BackupStore>(
    store: &S,
    version: &VersionId,
) -> Result<crate::store::BackupVersion, StoreError<S::Error>> {
    let described = store.version(version).await?;
    described.ok_or_else(|| StoreError::NoSuchVersion { version: version.clone() })
}

async fn read<S: BackupStore>(
    store: &S,
    version: &VersionId,
    there: &mut Fingerprints,
) -> Result<(), StoreError<S::Error>> {
    let mut pages = store.keys(version.clone(), KeyScope::All);
    while let Some(page) = pages.next_page().await {
        for entry in offload::map(page?, |key| Entry::from(&key)).await {
            there.insert(entry);
        }
    }
    there.sort();
    Ok(())
}

impl Comparison {
    /// Compares what of a store is in the range that was read.
    async fn compare<S: BackupStore>(
        &mut self,
        store: &S,
        version: &VersionId,
        there: &mut Fingerprints,
        observe: &mut (impl FnMut(CopyEvent<'_>) + MaybeSend),
    ) -> Result<(), StoreError<S::Error>> {
        let mut pages = store.keys(version.clone(), KeyScope::All);
        while let Some(page) = pages.next_page().await {
            let with_entry = |key: ReceivedKey| (Entry::from(&key), key);
            for (entry, key) in offload::map(page?, with_entry).await {
                if !there.covers(entry.place) {
                    continue;
                }
                let found = there.look_up(entry.place);
                if entry.data.is_none() {
                    continue;
                }
                self.compared += 1;
                if let Some(difference) = difference(entry, found) {
                    self.different += 1;
                    observe(CopyEvent::Different(&key.room_id, &key.session_id, difference));
                }
            }
            observe(CopyEvent::Compared { entries_done: self.compared });
        }
        Ok(())
    }
}

fn difference(entry: Entry, found: Option<Entry>) -> Option<CopyDifference> {
    match found {
        None => Some(CopyDifference::Missing),
        Some(Entry { data: None, .. }) => Some(CopyDifference::Unreadable),
        Some(found) => (found.data != entry.data).then_some(CopyDifference::Other),
    }
}

#[cfg(test)]
#[cfg(feature = "sqlite")]
mod tests {
    use matrix_key_backup_wire::{KeyBackupData, RoomId, SessionId};
    use pollster::block_on;
    use serde_json::value::RawValue;

    use super::*;
    use crate::store::{KeyToStore, SqliteStore};

    async fn store(marks: impl Iterator<Item = (u64, u64)>) -> (SqliteStore, VersionId) {
        let store = SqliteStore::in_memory().await.unwrap();
        let version = store.create_version("a", RawValue::NULL).await.unwrap();
        let key = |(place, mark): (u64, u64)| KeyToStore {
            room_id: RoomId::new((place % 10).to_string()).unwrap(),
            session_id: SessionId::new(place.to_string()).unwrap(),
            data: KeyBackupData {
                first_message_index: mark,
                forwarded_count: 0,
                is_verified: false,
                session_data: RawValue::NULL.to_owned(),
            },
        };
        store.put_keys(&version, marks.map(key).collect()).await.unwrap();
        (store, version)
    }

    /// However few entries are held at a time, each is compared once.
    #[test]
    fn in_several_readings() {
        block_on(async {
            let (from, version) = store((0..1000).map(|place| (place, 0))).await;
            // Every 7th is another, every 11th is missing, and 50 are only there.
            let other = (0..1050).filter(|place| place % 11 != 0 || *place >= 1000);
            let other = other.map(|place| (place, u64::from(place % 7 == 0)));
            let (to, to_version) = store(other).await;
            let mut results = Vec::new();
            for capacity in [2000, 600, 64] {
                let (mut named, mut done) = (Vec::new(), Vec::new());
                let (from, to) = ((&from, &version), (&to, &to_version));
                let compared = compare_within(capacity, from, to, |event| match event {
                    CopyEvent::Different(_, session_id, difference) => {
                        named.push(format!("{session_id} {difference}"));
                    }
                    CopyEvent::Compared { entries_done } => done.push(entries_done),
                    _ => {}
                });
                let comparison = compared.await.unwrap();
                assert!(done.is_sorted() && done.last() == Some(&1000));
                assert_eq!(done.len() > 2, capacity < 1000, "two pages at a time");
                named.sort();
                results.push((comparison, named));
            }
            let Comparison { compared, different, only_there, .. } = results[0].0;
            assert_eq!((compared, only_there), (1000, 50));
            let expected = (0..1000).filter(|place| place % 11 == 0 || place % 7 == 0).count();
            assert_eq!(different, expected as u64);
            assert_eq!(results[0].1.len(), expected);
            assert!(results.iter().all(|result| *result == results[0]));
        });
    }
}
