//! What several tests need: vectors, and secrets put together by hand, apart from the crate's own
//! writer, so that they can be wrong in any way.

use std::{fs, path::Path};

use getrandom::SysRng;
use matrix_key_backup_primitives::{AesCtrHmacKeys, CtrIv, base64};
use matrix_key_backup_secret_storage::{
    DescribedKey, KeyDescription, KeyId, OpenedKey, Passphrase, SecretContent, SecretStorageKey,
};
use rand_core::UnwrapErr;
use serde_json::{Value, json};

pub(crate) const ALGORITHM: &str = "m.secret_storage.v1.aes-hmac-sha2";
pub(crate) const KEY_ID: &str = "abc";
pub(crate) const KEY: [u8; 32] = [42; 32];
pub(crate) const IV: [u8; 16] = [7; 16];

pub(crate) fn rng() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}

pub(crate) fn vectors(file: &str) -> Value {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/vectors");
    serde_json::from_str(&fs::read_to_string(directory.join(file)).expect(file)).expect("JSON")
}

pub(crate) fn array<'a>(value: &'a Value, member: &str) -> &'a [Value] {
    value[member].as_array().unwrap_or_else(|| panic!("no array {member:?}"))
}

pub(crate) fn string<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_else(|| panic!("no string {member:?} in {value}"))
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

pub(crate) fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.to_owned())
}

pub(crate) fn key_id(id: &str) -> KeyId {
    KeyId::new(id).unwrap()
}

pub(crate) fn key(bytes: &[u8]) -> SecretStorageKey {
    SecretStorageKey::from_slice(bytes).unwrap()
}

pub(crate) fn described(id: &str, description: &Value) -> DescribedKey {
    DescribedKey::new(key_id(id), KeyDescription::parse(&description.to_string()).unwrap())
}

/// [`KEY`] as [`KEY_ID`], checked or not.
pub(crate) fn opened(checked: bool) -> OpenedKey {
    let description = if checked { description(&KEY) } else { json!({"algorithm": ALGORITHM}) };
    described(KEY_ID, &description).open(key(&KEY)).unwrap()
}

/// A key that nothing checked, of these bytes.
pub(crate) fn unchecked(bytes: &[u8]) -> OpenedKey {
    described(KEY_ID, &json!({"algorithm": ALGORITHM})).open(key(bytes)).unwrap()
}

/// A description that checks the key of these bytes (S-2).
pub(crate) fn description(key: &[u8]) -> Value {
    let encrypted = encrypt(key, "", &[0; 32]);
    json!({"algorithm": ALGORITHM, "iv": encrypted["iv"], "mac": encrypted["mac"]})
}

/// `{iv, ciphertext, mac}` (S-1).
pub(crate) fn encrypt(key: &[u8], name: &str, secret: &[u8]) -> Value {
    let keys = AesCtrHmacKeys::from_hkdf(key, name.as_bytes());
    let mut ciphertext = secret.to_vec();
    keys.apply_keystream(&CtrIv::from_slice(&IV).unwrap(), &mut ciphertext);
    json!({
        "iv": base64::encode_unpadded(&IV),
        "mac": keys.mac(&[&ciphertext]).to_base64(),
        "ciphertext": base64::encode_unpadded(&ciphertext),
    })
}

/// A secret's account data with one entry.
pub(crate) fn content(id: &str, entry: &Value) -> SecretContent {
    SecretContent::parse(&json!({"encrypted": {id: entry}}).to_string()).unwrap()
}
