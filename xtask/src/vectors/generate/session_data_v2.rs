//! Our own `session_data_v2.json`: what a reader must take, mark, ignore and refuse.

mod bad;
mod change;
mod good;

use anyhow::{Result, ensure};
use matrix_key_backup_primitives::BackupDecryptionKey;
use matrix_key_backup_wire::{BackupAlgorithm, Names};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::entry::{authenticate, cleartext, intermediates};
use super::material::Material;
use crate::vectors::hex;
use crate::vectors::intermediates::Intermediates;

#[derive(Debug, Serialize)]
pub(super) struct File {
    about: &'static str,
    vectors: Vec<Vector>,
}

#[derive(Debug, Serialize)]
struct Vector {
    id: String,
    category: &'static str,
    description: String,
    backup_algorithm: &'static str,
    decryption_key: String,
    session_data_raw: String,
    ephemeral_private_hex: String,
    plaintext: String,
    plaintext_sha256: String,
    intermediates: Intermediates,
    ours: Ours,
}

/// What ours does, in the words of the form.
#[derive(Debug, Clone, Copy, Serialize)]
struct Ours {
    outcome: &'static str,
    authenticated: Option<bool>,
    unauthenticated: Option<&'static str>,
}

const AUTHENTICATED: Ours =
    Ours { outcome: "import", authenticated: Some(true), unauthenticated: None };
const REJECTED: Ours = Ours { outcome: "rejected", authenticated: None, unauthenticated: None };
const UNUSABLE: Ours = Ours { outcome: "unusable", authenticated: None, unauthenticated: None };

const fn marked(unauthenticated: &'static str) -> Ours {
    Ours { outcome: "import", authenticated: Some(false), unauthenticated: Some(unauthenticated) }
}

const V1: BackupAlgorithm = BackupAlgorithm::V1;
const V2: BackupAlgorithm = BackupAlgorithm::V2(Names::Stable);
const V2_UNSTABLE: BackupAlgorithm = BackupAlgorithm::V2(Names::Unstable);
const STABLE: &[Names] = &[Names::Stable];
const UNSTABLE: &[Names] = &[Names::Unstable];

pub(super) fn file() -> Result<File> {
    let mut cases = Cases::new();
    good::add(&mut cases)?;
    bad::add(&mut cases)?;
    let about = "session_data of MSC4048. Feed session_data_raw exactly as it stands. ours: what \
                 this project does: outcome import | rejected (before any decryption) | unusable \
                 (MAC valid, nothing importable in it); unauthenticated = effective source.";
    Ok(File { about, vectors: cases.vectors })
}

/// The cases so far, and what the next one is made from.
struct Cases {
    material: Material,
    key: BackupDecryptionKey,
    vectors: Vec<Vector>,
}

/// An entry that has no MAC yet, and what is in it.
struct Made {
    plaintext: String,
    cleartext: String,
    ephemeral: Vec<u8>,
}

impl Cases {
    fn new() -> Self {
        let mut material = Material::of("session_data_v2");
        let key = material.decryption_key();
        Self { material, key, vectors: Vec::new() }
    }

    /// An entry with a fresh room key in it. `in_plaintext` and `in_cleartext` are added there,
    /// each property written as `,"name":value`.
    fn make(&mut self, in_plaintext: &str, v1_mac: bool, in_cleartext: &str) -> Result<Made> {
        let plaintext = self.material.room_key(0, in_plaintext).json;
        self.encrypt(plaintext, v1_mac, in_cleartext)
    }

    fn encrypt(&mut self, plaintext: String, v1_mac: bool, in_cleartext: &str) -> Result<Made> {
        let (secret, ephemeral) = self.material.ephemeral()?;
        let cleartext = cleartext(&self.key, &secret, plaintext.as_bytes(), v1_mac, in_cleartext)?;
        Ok(Made { plaintext, cleartext, ephemeral })
    }

    fn authenticate(&self, made: &Made, names: &[Names]) -> String {
        authenticate(&made.cleartext, &self.key, names)
    }

    /// Files a case: `session_data_raw` is read, and `made` says what it was made from.
    fn file(
        &mut self,
        (category, description): (&'static str, &str),
        algorithm: BackupAlgorithm,
        made: &Made,
        session_data_raw: String,
        ours: Ours,
    ) {
        self.vectors.push(Vector {
            id: format!("own-v2-{:03}", self.vectors.len()),
            category,
            description: description.to_owned(),
            backup_algorithm: algorithm.as_str(),
            decryption_key: self.key.expose_base64().to_string(),
            ephemeral_private_hex: hex::encode(&made.ephemeral),
            plaintext_sha256: hex::encode(&Sha256::digest(made.plaintext.as_bytes())),
            plaintext: made.plaintext.clone(),
            intermediates: intermediates(&self.key, &session_data_raw),
            session_data_raw,
            ours,
        });
    }

    /// Makes an entry, authenticates it under the stable name, changes it, and files it.
    fn changed(
        &mut self,
        title: (&'static str, &str),
        in_cleartext: &str,
        change: impl FnOnce(&str) -> String,
        ours: Ours,
    ) -> Result<()> {
        let made = self.make("", false, in_cleartext)?;
        let before = self.authenticate(&made, STABLE);
        let raw = change(&before);
        ensure!(raw != before, "{}: nothing is changed", title.1);
        self.file(title, V2, &made, raw, ours);
        Ok(())
    }

    /// Makes an entry, authenticates and files it.
    fn cleartext(
        &mut self,
        title: (&'static str, &str),
        in_cleartext: &str,
        ours: Ours,
    ) -> Result<()> {
        let made = self.make("", false, in_cleartext)?;
        let raw = self.authenticate(&made, STABLE);
        self.file(title, V2, &made, raw, ours);
        Ok(())
    }

    /// Encrypts a plaintext as it is, authenticates and files it.
    fn plaintext(
        &mut self,
        title: (&'static str, &str),
        plaintext: String,
        ours: Ours,
    ) -> Result<()> {
        let made = self.encrypt(plaintext, false, "")?;
        let raw = self.authenticate(&made, STABLE);
        self.file(title, V2, &made, raw, ours);
        Ok(())
    }
}
