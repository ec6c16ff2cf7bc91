//! Our own `backup_v1.json`.

use anyhow::Result;
use matrix_key_backup_primitives::hazmat::MessageKeys;
use matrix_key_backup_primitives::{BackupDecryptionKey, base64};
use serde::Serialize;
use serde_json::value::RawValue;

use super::material::Material;
use crate::vectors::hex;

#[derive(Debug, Serialize)]
pub(super) struct File {
    about: &'static str,
    keys: Vec<Key>,
    vectors: Vec<Vector>,
}

#[derive(Debug, Serialize)]
struct Key {
    private: String,
    public: String,
}

#[derive(Debug, Serialize)]
struct Vector {
    id: String,
    kind: &'static str,
    private: String,
    public: String,
    ephemeral_private_hex: String,
    ephemeral: String,
    ciphertext: String,
    mac: String,
    plaintext_base64: String,
    plaintext_len: usize,
    plaintext_utf8: Option<String>,
    hkdf80_hex: String,
    mac_computed_over: &'static str,
    mac_empty_b64: String,
    #[serde(flatten)]
    entry: Option<Entry>,
}

/// A whole entry, as it stands in a backup.
#[derive(Debug, Serialize)]
struct Entry {
    key_backup_data: Box<RawValue>,
    room_id: &'static str,
    session_id: String,
}

pub(super) fn file() -> Result<File> {
    let mut material = Material::of("backup_v1");
    let key = material.decryption_key();
    let mut vectors = Vec::new();
    // Around the block length of AES, where padding goes wrong.
    for length in [0, 1, 15, 16, 17, 31, 32, 33, 255] {
        let plaintext = material.bytes(length);
        vectors.push(vector(&mut material, &key, vectors.len(), "random bytes", &plaintext)?);
    }
    for text in ["é日本🔑\u{202e}", "{\"not\":\"a room key\"}"] {
        vectors.push(vector(&mut material, &key, vectors.len(), "text", text.as_bytes())?);
    }
    for index in [0, 1, u32::MAX] {
        vectors.push(entry(&mut material, &key, vectors.len(), index)?);
    }
    let keys = (0..3).map(|_| material.decryption_key()).chain([key]).map(|key| Key {
        private: key.expose_base64().to_string(),
        public: key.public_key().to_base64(),
    });
    Ok(File {
        about: "v1 messages; every mac is HMAC(mac key, empty string)[..8].",
        keys: keys.collect(),
        vectors,
    })
}

fn vector(
    material: &mut Material,
    key: &BackupDecryptionKey,
    number: usize,
    kind: &'static str,
    plaintext: &[u8],
) -> Result<Vector> {
    let (ephemeral, ephemeral_bytes) = material.ephemeral()?;
    let keys = MessageKeys::for_sender(&key.public_key(), &ephemeral)?;
    let mac = keys.v1_mac().to_base64();
    Ok(Vector {
        id: format!("own-v1-{number:02}"),
        kind,
        private: key.expose_base64().to_string(),
        public: key.public_key().to_base64(),
        ephemeral_private_hex: hex::encode(&ephemeral_bytes),
        ephemeral: ephemeral.public_key().to_base64(),
        ciphertext: base64::encode_unpadded(&keys.encrypt(plaintext)),
        mac: mac.clone(),
        plaintext_base64: base64::encode_unpadded(plaintext),
        plaintext_len: plaintext.len(),
        plaintext_utf8: str::from_utf8(plaintext).ok().map(str::to_owned),
        hkdf80_hex: hex::encode(keys.expose_bytes()),
        mac_computed_over: "empty",
        mac_empty_b64: mac,
        entry: None,
    })
}

/// A room key whose session begins at `index`, in a whole entry.
fn entry(
    material: &mut Material,
    key: &BackupDecryptionKey,
    number: usize,
    index: u32,
) -> Result<Vector> {
    let room_key = material.room_key(index, r#","org.example.kept":[1.5,null]"#);
    let message = vector(material, key, number, "a whole entry", room_key.json.as_bytes())?;
    let Vector { ephemeral, ciphertext, mac, .. } = &message;
    let json = format!(
        "{{\"first_message_index\":{index},\"forwarded_count\":0,\"is_verified\":false,\
         \"session_data\":{{\"ciphertext\":\"{ciphertext}\",\"ephemeral\":\"{ephemeral}\",\
         \"mac\":\"{mac}\"}}}}"
    );
    let entry = Entry {
        key_backup_data: RawValue::from_string(json)?,
        room_id: "!own:example.org",
        session_id: room_key.session_id,
    };
    Ok(Vector { entry: Some(entry), ..message })
}
