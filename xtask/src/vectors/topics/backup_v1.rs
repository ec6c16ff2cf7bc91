//! `backup_v1.json`: messages of deployed v1 writers (V1-2 to V1-5), some of them whole entries.

use anyhow::{Context as _, Result};
use matrix_key_backup_primitives::hazmat::MessageKeys;
use matrix_key_backup_primitives::{BackupDecryptionKey, EphemeralPublicKey, V1Mac, base64};
use matrix_key_backup_v1::ReceivedKey;
use matrix_key_backup_wire::{Expected, KeyBackupData, RoomId, SessionId};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::vectors::case::{self, Cases, equal, equal_if_given, equal_json};
use crate::vectors::hex;
use crate::vectors::report::Report;

#[derive(Debug, Deserialize)]
struct File<'a> {
    #[serde(borrow)]
    keys: Cases<'a>,
    #[serde(borrow)]
    vectors: Cases<'a>,
}

#[derive(Debug, Deserialize)]
struct Key {
    private: String,
    public: String,
}

#[derive(Debug, Deserialize)]
struct Vector<'a> {
    private: String,
    public: String,
    ephemeral: String,
    ciphertext: String,
    mac: String,
    plaintext_base64: String,
    plaintext_len: usize,
    plaintext_utf8: Option<String>,
    hkdf80_hex: String,
    mac_computed_over: MacInput,
    mac_empty_b64: String,
    #[serde(borrow)]
    key_backup_data: Option<&'a RawValue>,
    room_id: Option<String>,
    session_id: Option<String>,
}

/// What the v1 MAC was computed over.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum MacInput {
    /// As deployed (V1-5).
    Empty,
}

pub(super) fn check(file: &'static str, text: &str, report: &mut Report) -> Result<()> {
    let File { keys, vectors } = serde_json::from_str(text)?;
    case::run_each(report, file, "keys", &keys, |key: &Key| {
        check_public_key(&key.private, &key.public).map(drop)
    });
    case::run_each(report, file, "vectors", &vectors, check_vector);
    Ok(())
}

fn check_public_key(private: &str, public: &str) -> Result<BackupDecryptionKey> {
    let key = BackupDecryptionKey::from_base64(private)?;
    equal("the public key", key.public_key().to_base64(), public)?;
    Ok(key)
}

fn check_vector(vector: &Vector<'_>) -> Result<()> {
    let key = check_public_key(&vector.private, &vector.public)?;
    let message =
        RawMessage::parse(&vector.ephemeral, &vector.mac, &vector.ciphertext)?.decrypt(&key)?;
    let RawPlaintext { keys, plaintext } = message;
    equal("hkdf80_hex", hex::encode(keys.expose_bytes()), &*vector.hkdf80_hex)?;
    let MacInput::Empty = vector.mac_computed_over;
    equal("the mac", keys.v1_mac().to_base64(), vector.mac_empty_b64.trim_end_matches('='))?;
    equal("the plaintext", &*plaintext, &base64::decode_either(&vector.plaintext_base64)?)?;
    equal("plaintext_len", plaintext.len(), vector.plaintext_len)?;
    if vector.plaintext_utf8.is_some() {
        let utf8 = str::from_utf8(&plaintext).context("the plaintext is not UTF-8")?;
        equal_if_given("plaintext_utf8", utf8, vector.plaintext_utf8.as_deref())?;
    }
    // The scheme has no randomness left once the ephemeral key is chosen.
    let ciphertext = base64::encode_unpadded(&keys.encrypt(&plaintext));
    equal("the ciphertext", &*ciphertext, vector.ciphertext.trim_end_matches('='))?;
    match vector.key_backup_data {
        None => Ok(()),
        Some(entry) => check_entry(vector, entry, &key, &plaintext),
    }
}

/// The whole walk of v1, as an importing client takes it.
fn check_entry(
    vector: &Vector<'_>,
    entry: &RawValue,
    key: &BackupDecryptionKey,
    plaintext: &[u8],
) -> Result<()> {
    let entry = KeyBackupData::from_json(entry.get())?;
    let expected = Expected {
        room_id: RoomId::new(vector.room_id.as_deref().context("room_id is missing")?)?,
        session_id: SessionId::new(vector.session_id.as_deref().context("session_id is missing")?)?,
        user_id: None,
    };
    let session = ReceivedKey::parse(entry.session_data.get())?.decrypt(key)?.bind(&expected)?;
    equal_json("the room key", &session.data().to_json(), str::from_utf8(plaintext)?)
}

/// A v1 message whose parts have the right form.
pub(super) struct RawMessage {
    ephemeral: EphemeralPublicKey,
    mac: V1Mac,
    ciphertext: Vec<u8>,
}

/// What is in a v1 message, and the keys that opened it.
pub(super) struct RawPlaintext {
    keys: MessageKeys,
    pub(super) plaintext: Vec<u8>,
}

impl RawMessage {
    /// # Errors
    ///
    /// When a part is not base64 of its length.
    pub(super) fn parse(ephemeral: &str, mac: &str, ciphertext: &str) -> Result<Self> {
        Ok(Self {
            ephemeral: EphemeralPublicKey::from_base64(ephemeral).context("ephemeral")?,
            mac: V1Mac::from_base64(mac).context("mac")?,
            ciphertext: base64::decode_either(ciphertext).context("ciphertext")?,
        })
    }

    /// # Errors
    ///
    /// When the point is of low order, the MAC is wrong, or the padding is.
    pub(super) fn decrypt(&self, key: &BackupDecryptionKey) -> Result<RawPlaintext> {
        let keys = MessageKeys::for_recipient(key, &self.ephemeral)?;
        keys.verify_v1_mac(&self.mac)?;
        let plaintext = keys.decrypt(&self.ciphertext)?.to_vec();
        Ok(RawPlaintext { keys, plaintext })
    }
}
