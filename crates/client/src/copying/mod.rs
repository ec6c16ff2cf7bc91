//! Copying a backup version from one store to another, as it is.
//!
//! No key is needed, and none is asked for: entries go over with their ciphertext, their MAC and
//! their metadata, in the JSON that they came in. In the end both versions are read once more and
//! compared entry by entry, so what is reported is what the stores have then.
//!
//! Nothing is deleted, and no entry of the target is replaced knowingly. A copy that broke off is
//! begun again: it goes on with the version that it has made, and what has arrived stays.
//!
//! # Security
//!
//! Nothing is verified. A copy of a forged entry is a forged entry, and the copy of a backup that
//! nobody should trust is one as well: whoever reads it decides, as with any other store (T-1,
//! V2-6). To copy what is vouched for alone, and to merge, there is
//! [`migration`](crate::migration), which takes a key.

mod compare;
mod fingerprints;
#[cfg(feature = "json")]
mod json;
mod report;
mod target;

use std::collections::HashMap;

use matrix_key_backup_wire::{RoomId, SessionId};
use thiserror::Error;

pub use compare::compare_versions;
#[cfg(feature = "json")]
pub use json::{JsonCopyError, copy_to_json};
pub use report::{Comparison, CopyCounts, CopyDifference, CopyEvent, CopyReport};
pub use target::OtherBackup;

use self::{
    fingerprints::Fingerprint,
    target::{Target, target},
};
use crate::{
    maybe_send::MaybeSend,
    store::{BackupStore, KeyScope, KeyToStore, ReceivedKey, StoreError, VersionId},
};

/// Copies a version, and compares the copy with it.
///
/// It goes to the target's current backup if that has the same algorithm and the same `auth_data`,
/// and to a new one where there is none. What happens where there is another, `other` says.
///
/// Where the target has an entry already, that one stays, whatever the metadata says: metadata is
/// nobody's word (B-1), and an entry that a hostile server made up must not take the place of a
/// good one in somebody's offline copy. Such entries are reported as different.
///
/// Memory stays the same whatever the size of the backup; see [`compare_versions`].
///
/// # Errors
///
/// [`CopyError`]. What has arrived before the error stays.
///
/// # Security
///
/// Nothing is verified: a copy of a forged entry is a forged entry.
///
/// ```
/// use matrix_key_backup::copying::{CopyEvent, OtherBackup, copy_version};
/// use matrix_key_backup::store::{BackupStore, VersionId};
///
/// async fn save<F: BackupStore, T: BackupStore>(
///     homeserver: &F,
///     version: VersionId,
///     file: &T,
/// ) -> Result<bool, Box<dyn std::error::Error>> {
///     let report = copy_version(homeserver, version, file, OtherBackup::Refuse, |event| {
///         if let CopyEvent::Different(room_id, session_id, difference) = event {
///             eprintln!("session {session_id} in room {room_id}: {difference}");
///         }
///     });
///     Ok(report.await?.is_complete())
/// }
/// ```
pub async fn copy_version<F: BackupStore, T: BackupStore>(
    from: &F,
    version: VersionId,
    to: &T,
    other: OtherBackup,
    mut observe: impl FnMut(CopyEvent<'_>) + MaybeSend,
) -> Result<CopyReport, CopyError<F::Error, T::Error>> {
    let described = from.version(&version).await.map_err(CopyError::Source)?;
    let described = described
        .ok_or_else(|| CopyError::Source(StoreError::NoSuchVersion { version: version.clone() }))?;
    let target = target(&described, to, other).await?;
    observe(CopyEvent::Target { version: &target.version, created: target.created });
    let mut counts = CopyCounts::default();
    let mut pages = from.keys(version.clone(), KeyScope::All);
    while let Some(page) = pages.next_page().await {
        let page = page.map_err(CopyError::Source)?;
        let readable = counts.add_page(page, &mut observe);
        copy_page(readable, to, &target, &mut counts).await.map_err(CopyError::Target)?;
        observe(CopyEvent::Copied { entries_done: counts.entries });
    }
    let Target { version: to_version, created, .. } = target;
    let comparison = compare_versions(from, &version, to, &to_version, observe).await?;
    Ok(CopyReport { from_version: version, to_version, created, counts, comparison })
}

/// Puts what the target does not have.
async fn copy_page<T: BackupStore>(
    page: Vec<KeyToStore>,
    to: &T,
    target: &Target,
    counts: &mut CopyCounts,
) -> Result<(), StoreError<T::Error>> {
    let there = if target.empty { HashMap::new() } else { look_up(to, target, &page).await? };
    let mut to_put = Vec::new();
    for key in page {
        match there.get(&(key.room_id.clone(), key.session_id.clone())) {
            None => to_put.push(key),
            Some(found) if found.contains(&Fingerprint::of_entry(&key.data)) => {
                counts.already_there += 1;
            }
            Some(_) => counts.kept += 1,
        }
    }
    counts.written += to_put.len() as u64;
    if !to_put.is_empty() {
        to.put_keys(&target.version, to_put).await?;
    }
    Ok(())
}

/// The entries that the target has in the same places. One that cannot be read counts for nothing.
async fn look_up<T: BackupStore>(
    to: &T,
    target: &Target,
    page: &[KeyToStore],
) -> Result<HashMap<(RoomId, SessionId), Vec<Fingerprint>>, StoreError<T::Error>> {
    let places: Vec<_> =
        page.iter().map(|key| (key.room_id.clone(), key.session_id.clone())).collect();
    let mut there: HashMap<_, Vec<_>> = HashMap::new();
    for ReceivedKey { room_id, session_id, data } in to.keys_of(&target.version, &places).await? {
        if let Ok(data) = data {
            there.entry((room_id, session_id)).or_default().push(Fingerprint::of_entry(&data));
        }
    }
    Ok(there)
}

/// Why a copy, or a comparison, stopped.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CopyError<F, T> {
    /// The store to copy from failed, or has no such version.
    #[error("what is to be copied: {0}")]
    Source(StoreError<F>),
    /// The store to copy to failed. [`StoreError::WrongVersion`]: a newer version has taken the
    /// place of the one that was copied to (A-1).
    #[error("where it is to be copied to: {0}")]
    Target(StoreError<T>),
    /// The target has another backup, which would become read-only.
    #[error(
        "the store to copy to has another backup, version {current}: copy to an empty store, or \
         ask for a new version there, which makes that one read-only"
    )]
    #[non_exhaustive]
    OtherBackup {
        /// The target's current version.
        current: VersionId,
    },
}
