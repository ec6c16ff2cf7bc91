//! What several tests need: vectors, and key export files put together by hand, apart from the
//! crate's own writer, so that they can be wrong in any way.

use std::{convert::Infallible, fs, num::NonZeroU32, path::Path, sync::LazyLock};

use matrix_key_backup_key_export::{
    BadEntry, DecryptError, DecryptedKeyExport, ExportedSessionData, KeyExportFile, Passphrase,
};
use matrix_key_backup_primitives::{AesCtrHmacKeys, CtrIv, base64};
use rand_core::{TryCryptoRng, TryRng};
use serde_json::Value;

pub(crate) const BEGIN: &str = "-----BEGIN MEGOLM SESSION DATA-----";
pub(crate) const END: &str = "-----END MEGOLM SESSION DATA-----";
pub(crate) const PASSPHRASE: &str = "a passphrase";

pub(crate) fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.to_owned())
}

pub(crate) fn testdata(file: &str) -> String {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata");
    fs::read_to_string(directory.join(file)).expect(file)
}

pub(crate) fn vectors() -> Value {
    serde_json::from_str(&testdata("vectors/key_export.json")).expect("JSON")
}

pub(crate) fn array<'a>(value: &'a Value, member: &str) -> &'a [Value] {
    value[member].as_array().unwrap_or_else(|| panic!("no array {member:?}"))
}

pub(crate) fn string<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_else(|| panic!("no string {member:?} in {value}"))
}

/// 200 entries as matrix-sdk-crypto wrote them.
pub(crate) static ENTRIES: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let vectors = vectors();
    let export =
        array(&vectors, "exports").iter().find(|export| export["id"] == "kx-sdk-06").expect("it");
    serde_json::from_str(string(export, "plaintext")).expect("a list")
});

pub(crate) fn session(index: usize) -> ExportedSessionData {
    ExportedSessionData::parse(&ENTRIES[index].to_string()).expect("a good entry")
}

/// The first good entry with one property replaced, or removed when the value is `None`.
pub(crate) fn entry_with(property: &str, value: Option<Value>) -> String {
    let mut entry = ENTRIES[0].as_object().expect("an object").clone();
    match value {
        Some(value) => entry.insert(property.to_owned(), value),
        None => entry.remove(property),
    };
    Value::Object(entry).to_string()
}

/// The parts of a key export file, to be put together right or wrong.
pub(crate) struct Parts<'a> {
    pub(crate) version: u8,
    pub(crate) iv: [u8; 16],
    pub(crate) rounds: u32,
    pub(crate) plaintext: &'a [u8],
}

impl<'a> Parts<'a> {
    pub(crate) fn new(plaintext: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        Self { version: 1, iv: [3; 16], rounds: 1, plaintext: plaintext.as_ref() }
    }

    /// The file under [`PASSPHRASE`], with a right HMAC (E-1). `work` stands for the rounds in the
    /// derivation where the number itself would take too long, or is 0.
    pub(crate) fn seal_with_work(&self, work: u32) -> Vec<u8> {
        let salt = [7; 16];
        let work = NonZeroU32::new(work).expect("not 0");
        let keys = AesCtrHmacKeys::from_pbkdf2(PASSPHRASE.as_bytes(), &salt, work);
        let mut ciphertext = self.plaintext.to_vec();
        keys.apply_keystream(&CtrIv::from_slice(&self.iv).expect("16 bytes"), &mut ciphertext);
        let mut bytes = vec![self.version];
        bytes.extend(salt);
        bytes.extend(self.iv);
        bytes.extend(self.rounds.to_be_bytes());
        bytes.extend(ciphertext);
        let tag = keys.mac(&[&bytes]);
        bytes.extend(tag.as_bytes());
        bytes
    }

    pub(crate) fn seal(&self) -> Vec<u8> {
        self.seal_with_work(self.rounds)
    }
}

/// The bytes as matrix-sdk-crypto would wrap them: unpadded, on one line, no final line end.
pub(crate) fn wrap(bytes: &[u8]) -> String {
    format!("{BEGIN}\n{}\n{END}", base64::encode_unpadded(bytes))
}

/// A file with this plaintext, opened again.
pub(crate) fn open(
    plaintext: &(impl AsRef<[u8]> + ?Sized),
) -> Result<DecryptedKeyExport, DecryptError> {
    let file = KeyExportFile::parse(&wrap(&Parts::new(plaintext).seal())).expect("a good form");
    file.decrypt(&passphrase(PASSPHRASE))
}

/// The good and the bad entries of a list.
pub(crate) fn sort_entries(
    export: &DecryptedKeyExport,
) -> (Vec<ExportedSessionData>, Vec<BadEntry>) {
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    for entry in export {
        match entry {
            Ok(entry) => good.push(entry),
            Err(entry) => bad.push(entry),
        }
    }
    assert_eq!(good.len() + bad.len(), export.len());
    (good, bad)
}

pub(crate) fn json(entry: &ExportedSessionData) -> Value {
    serde_json::from_str(&entry.to_json()).expect("JSON")
}

/// A generator whose every byte is the last one plus one.
pub(crate) struct Counting(pub(crate) u8);

impl TryRng for Counting {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_ne_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_ne_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for byte in bytes {
            self.0 = self.0.wrapping_add(1);
            *byte = self.0;
        }
        Ok(())
    }
}

impl TryCryptoRng for Counting {}
