//! What was seen of an account's backups (T-4).

use alloc::{string::String, vec::Vec};

use matrix_key_backup_primitives::BackupPublicKey;
use matrix_key_backup_wire::BackupAlgorithm;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    BackupIdentity,
    identity::{VERSION_MAX_BYTES, is_decimal, no_newer},
};

/// Most public keys that may have been replaced. A user who makes a backup each month fills it in
/// ten years; a server cannot, since each key was trusted.
pub(crate) const MAX_REPLACED_KEYS: usize = 128;

/// Most versions that are remembered. Of more, the oldest that is no number is forgotten.
pub(crate) const MAX_VERSIONS: usize = 16;

/// The backup that was trusted last, and what a newer one must not go back to.
///
/// Key, version and algorithm are remembered apart from each other, because no signature ties them
/// together: the server can show one key as any number of versions. Keys are never forgotten, nor is
/// the highest number, nor that there was a v2 backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seen {
    pub(crate) last: BackupIdentity,
    /// Those that were trusted, without that of `last`.
    #[serde(serialize_with = "write_keys", deserialize_with = "read_keys")]
    replaced_keys: Vec<BackupPublicKey>,
    /// The highest number, and those that are no number.
    versions: Vec<String>,
    /// Whether one of them was a v2 backup.
    v2: bool,
}

impl Seen {
    pub(crate) fn first(backup: BackupIdentity) -> Self {
        let (versions, v2) = ([backup.version.clone()].into(), is_v2(&backup));
        Self { last: backup, replaced_keys: Vec::new(), versions, v2 }
    }

    /// Makes `backup` the last one, whether it is newer or the user accepts it as it is.
    ///
    /// The caller has asked [`has_room_for`](Self::has_room_for).
    pub(crate) fn note(&mut self, backup: BackupIdentity) {
        self.v2 |= is_v2(&backup);
        self.note_version(&backup.version);
        let replaced = core::mem::replace(&mut self.last, backup).public_key;
        let (last, keys) = (self.last.public_key, &mut self.replaced_keys);
        keys.retain(|key| *key != last);
        if replaced != last && !keys.contains(&replaced) {
            keys.push(replaced);
        }
    }

    /// Whether its key can be noted without forgetting another one.
    pub(crate) fn has_room_for(&self, backup: &BackupIdentity) -> bool {
        self.replaced_keys.len() < MAX_REPLACED_KEYS
            || self.last.public_key == backup.public_key
            || self.has_replaced_key_of(backup)
    }

    pub(crate) fn has_replaced_key_of(&self, backup: &BackupIdentity) -> bool {
        self.replaced_keys.contains(&backup.public_key)
    }

    /// Whether its version was seen, or a newer one.
    pub(crate) fn has_version_of(&self, backup: &BackupIdentity) -> bool {
        self.versions.iter().any(|seen| no_newer(&backup.version, seen))
    }

    /// Whether it would authenticate nothing, and one that does was seen.
    pub(crate) fn is_lower_algorithm(&self, backup: &BackupIdentity) -> bool {
        self.v2 && !is_v2(backup)
    }

    /// A number takes the place of the lower one, so a server that counts uses one place.
    ///
    /// A name that is no number and was forgotten can be shown again: with the current key, or with
    /// one that never was, which any new name would do as well.
    fn note_version(&mut self, version: &str) {
        if self.versions.iter().any(|seen| no_newer(version, seen)) {
            return;
        }
        self.versions.retain(|seen| !no_newer(seen, version));
        if self.versions.len() >= MAX_VERSIONS {
            let oldest_name = self.versions.iter().position(|seen| !is_decimal(seen));
            self.versions.remove(oldest_name.unwrap_or(0));
        }
        self.versions.push(String::from(version));
    }

    /// What is longer than what is ever written, and by how much.
    pub(crate) fn too_many(&self) -> Option<(&'static str, usize)> {
        let keys = ("replaced_keys", self.replaced_keys.len(), MAX_REPLACED_KEYS);
        let versions = ("versions", self.versions.len(), MAX_VERSIONS);
        let longer = [keys, versions].into_iter().find(|(_, found, most)| found > most);
        longer.map(|(property, found, _)| (property, found))
    }

    pub(crate) fn has_too_long_version(&self) -> bool {
        let mut versions = self.versions.iter().chain([&self.last.version]);
        versions.any(|version| version.len() > VERSION_MAX_BYTES)
    }
}

/// Both names of v2 are one algorithm. // N-1
fn is_v2(backup: &BackupIdentity) -> bool {
    backup.algorithm != BackupAlgorithm::V1
}

fn write_keys<S: Serializer>(keys: &[BackupPublicKey], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(keys.iter().map(BackupPublicKey::to_base64))
}

fn read_keys<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<BackupPublicKey>, D::Error> {
    let keys = Vec::<String>::deserialize(deserializer)?;
    let keys = keys.iter().map(|key| BackupPublicKey::from_base64(key));
    keys.collect::<Result<_, _>>().map_err(serde::de::Error::custom)
}
