//! How far a MAC key is known to be a backup's (T-5).

use alloc::string::String;

use matrix_key_backup_primitives::{BackupMac, BackupMacKey, BackupPublicKey};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    TrustState, TrustedBackup,
    identity::{read_key, write_key},
};

/// Most MAC keys that are remembered. Of more, those of public keys that were left behind are
/// forgotten.
pub(crate) const MAX_MAC_KEYS: usize = 16;

/// How far a MAC key is known to be a backup's.
///
/// Nothing ties it to the public key: it may belong to an older backup, and then nobody could read
/// what is written with it. Only an entry that somebody else wrote tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MacKeyStatus {
    /// An entry that somebody else wrote was verified with it, or the caller has said so.
    Confirmed,
    /// The backup was empty when it was tried first. What is there now this device may have written
    /// itself, with this key, so it proves nothing. Nor does what is in another version with the same
    /// public key, where the server may have copied it.
    Unconfirmed,
}

/// A MAC key of one public key, known by its fingerprint.
///
/// Of whichever version: MAC key and public key both follow from the decryption key, and nobody signs
/// the version, of which the server can show any number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KnownMacKey {
    #[serde(serialize_with = "write_key", deserialize_with = "read_key")]
    public_key: BackupPublicKey,
    #[serde(serialize_with = "write_mac", deserialize_with = "read_mac")]
    fingerprint: BackupMac,
    confirmed: bool,
}

impl TrustState {
    /// What is known of a MAC key for this backup's public key; nothing if it was never tried. // T-5
    ///
    /// Where no more keys can be remembered, every other one is unconfirmed.
    #[must_use]
    pub fn mac_key_status(
        &self,
        backup: &TrustedBackup,
        mac_key: &BackupMacKey,
    ) -> Option<MacKeyStatus> {
        let public_key = backup.public_key();
        let fingerprint = fingerprint(public_key, mac_key);
        match self.mac_keys.iter().find(|known| known.fingerprint == fingerprint) {
            Some(known) if known.confirmed => Some(MacKeyStatus::Confirmed),
            Some(_) => Some(MacKeyStatus::Unconfirmed),
            None if self.mac_keys.len() < MAX_MAC_KEYS => None,
            None if self.left_behind(public_key).is_some() => None,
            None => Some(MacKeyStatus::Unconfirmed),
        }
    }

    /// Takes a MAC key for this backup's from now on. // T-5
    ///
    /// The upload engine says so when the key verifies an entry. A caller may say so when a holder
    /// of the decryption key has read what was written with it, or has found it to be the same.
    pub fn confirm_mac_key(&mut self, backup: &TrustedBackup, mac_key: &BackupMacKey) {
        self.note_mac_key(backup, mac_key, true);
    }

    /// Remembers that a MAC key could not be tried, because the backup was empty. // T-5
    ///
    /// What this device writes with it from now on confirms nothing. A key that is confirmed stays
    /// so.
    pub fn mark_mac_key_unconfirmed(&mut self, backup: &TrustedBackup, mac_key: &BackupMacKey) {
        if self.mac_key_status(backup, mac_key).is_none() {
            self.note_mac_key(backup, mac_key, false);
        }
    }

    fn note_mac_key(&mut self, backup: &TrustedBackup, mac_key: &BackupMacKey, confirmed: bool) {
        let public_key = *backup.public_key();
        let fingerprint = fingerprint(&public_key, mac_key);
        self.mac_keys.retain(|known| known.fingerprint != fingerprint);
        if self.mac_keys.len() >= MAX_MAC_KEYS {
            // What is forgotten of this public key is unconfirmed, as the state is still full of it.
            let of_this = || self.mac_keys.iter().position(|known| known.public_key == public_key);
            let Some(place) = self.left_behind(&public_key).or_else(of_this) else {
                return;
            };
            self.mac_keys.remove(place);
        }
        self.mac_keys.push(KnownMacKey { public_key, fingerprint, confirmed });
    }

    /// The oldest MAC key that is neither of this public key nor of the backup that was trusted
    /// last. To come back to its public key takes the user's word (T-4).
    fn left_behind(&self, public_key: &BackupPublicKey) -> Option<usize> {
        let last = self.last_trusted().map(|last| &last.public_key);
        self.mac_keys
            .iter()
            .position(|known| known.public_key != *public_key && last != Some(&known.public_key))
    }
}

/// `HMAC-SHA-256(MAC key, label ‖ public key)`: names this key of this public key to who has it, and
/// nobody else.
///
/// It tells no more of the key than each MAC of the backup does, which everybody may see: without
/// the key it looks random, and 32 random bytes cannot be guessed to compare. Nor is it the MAC of
/// any entry: what those cover begins with `{`.
fn fingerprint(public_key: &BackupPublicKey, mac_key: &BackupMacKey) -> BackupMac {
    const LABEL: &[u8] = b"io.github.matrix_key_backup.mac_key_fingerprint\0";
    mac_key.mac(&[LABEL, public_key.as_bytes()].concat())
}

fn write_mac<S: Serializer>(mac: &BackupMac, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&mac.to_base64())
}

fn read_mac<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BackupMac, D::Error> {
    let text = String::deserialize(deserializer)?;
    BackupMac::from_base64_strict(&text).map_err(serde::de::Error::custom)
}
