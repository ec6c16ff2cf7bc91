//! The values between a `session_data` and its key, as far as the public interface shows them.

use anyhow::{Context as _, Result, bail, ensure};
use matrix_key_backup_primitives::hazmat::{EphemeralSecretKey, MessageKeys, SharedSecret};
use matrix_key_backup_primitives::{BackupDecryptionKey, EphemeralPublicKey, base64};
use matrix_key_backup_wire::{Json, ReceivedSessionData};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::vectors::case::{equal, equal_if_given};
use crate::vectors::hex;

/// Each is there where it exists: a file leaves out what its case has not got.
///
/// `v1_mac_spec_literal`, which some cases have too, is the MAC that nobody writes (V1-5), and
/// nothing of ours computes it.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Intermediates {
    pub(crate) decryption_key_hex: String,
    pub(crate) backup_public_key: String,
    pub(crate) backup_mac_key_hex: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) canonical_json_hex: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) canonical_json_utf8: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) canonical_json_sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) canonical_json_len: Option<usize>,
    /// Nothing can be authenticated, and this is why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) canonical_json_error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) computed_mac_hex: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) computed_backup_mac: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ephemeral_hex: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) shared_secret_hex: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hkdf80_hex: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) aes_key_hex: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) v1_mac_key_hex: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) iv_hex: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ciphertext_hex: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) v1_mac_deployed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) plaintext_hex: Option<String>,
    /// The bytes do not decrypt, and this is why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) decrypt_error: Option<String>,
}

impl Intermediates {
    /// Computes each value that is given, from `session_data` as it stands, and compares.
    ///
    /// # Errors
    ///
    /// Names the first that differs.
    pub(crate) fn check(&self, key: &BackupDecryptionKey, session_data: &str) -> Result<()> {
        equal("decryption_key_hex", hex::encode(key.expose_bytes()), &*self.decryption_key_hex)?;
        equal("backup_public_key", key.public_key().to_base64(), &*self.backup_public_key)?;
        let mac_key = hex::encode(key.mac_key().expose_bytes());
        equal("backup_mac_key_hex", mac_key, &*self.backup_mac_key_hex)?;
        self.check_mac(key, session_data)?;
        let ciphertext = self.check_received_bytes(session_data)?;
        self.check_decryption(key, ciphertext.as_deref())
    }

    fn check_mac(&self, key: &BackupDecryptionKey, session_data: &str) -> Result<()> {
        let signable = ReceivedSessionData::parse(session_data)
            .map_err(anyhow::Error::from)
            .and_then(|received| Ok(received.signable()?));
        if let Some(error) = &self.canonical_json_error {
            ensure!(signable.is_err(), "there is canonical JSON where there can be none: {error}");
            return Ok(());
        }
        if self.canonical_json_sha256.is_none() && self.canonical_json_hex.is_none() {
            return Ok(());
        }
        let signable = signable.context("there is no canonical JSON")?;
        equal_if_given("canonical_json_utf8", &signable, self.canonical_json_utf8.as_deref())?;
        let bytes = signable.as_bytes();
        equal_bytes("canonical_json_hex", bytes, self.canonical_json_hex.as_deref())?;
        let digest = hex::encode(&Sha256::digest(bytes));
        equal_if_given("canonical_json_sha256", &digest, self.canonical_json_sha256.as_deref())?;
        if let Some(length) = self.canonical_json_len {
            equal("canonical_json_len", bytes.len(), length)?;
        }
        let mac = key.mac_key().mac(bytes).to_base64();
        equal_if_given("computed_backup_mac", &mac, self.computed_backup_mac.as_deref())?;
        let mac = base64::decode_unpadded(&mac)?;
        equal_bytes("computed_mac_hex", &mac, self.computed_mac_hex.as_deref())
    }

    /// `ephemeral` and `ciphertext` as we decode them; a form that we refuse is for the walk.
    ///
    /// The ciphertext comes back, ours or the file's.
    fn check_received_bytes(&self, session_data: &str) -> Result<Option<Vec<u8>>> {
        let received = ReceivedSessionData::parse(session_data).ok();
        let decode = |value: Option<&Json<'_>>| base64::decode_unpadded(value?.as_str()?).ok();
        if let Some(ephemeral) = received.as_ref().and_then(|data| decode(data.ephemeral())) {
            equal_bytes("ephemeral_hex", &ephemeral, self.ephemeral_hex.as_deref())?;
        }
        if let Some(ciphertext) = received.as_ref().and_then(|data| decode(data.ciphertext())) {
            equal_bytes("ciphertext_hex", &ciphertext, self.ciphertext_hex.as_deref())?;
            return Ok(Some(ciphertext));
        }
        self.ciphertext_hex.as_deref().map(hex::decode).transpose()
    }

    fn check_decryption(&self, key: &BackupDecryptionKey, ciphertext: Option<&[u8]>) -> Result<()> {
        let Some(ephemeral) = &self.ephemeral_hex else { return Ok(()) };
        let ephemeral = EphemeralPublicKey::from_slice(&hex::decode(ephemeral)?)?;
        let low_order = self
            .shared_secret_hex
            .as_ref()
            .is_some_and(|secret| secret.bytes().all(|digit| digit == b'0'));
        let secret = match (SharedSecret::for_recipient(key, &ephemeral), low_order) {
            (Err(_), true) => return Ok(()), // V1-7
            (Ok(_), true) => bail!("an all-zero shared secret is not refused"),
            (secret, false) => secret.context("shared_secret_hex")?,
        };
        let shared_secret = self.shared_secret_hex.as_deref();
        equal_bytes("shared_secret_hex", secret.expose_bytes(), shared_secret)?;
        let keys = secret.message_keys();
        self.check_message_keys(&keys)?;
        ciphertext.map_or(Ok(()), |ciphertext| self.check_plaintext(&keys, ciphertext))
    }

    fn check_message_keys(&self, keys: &MessageKeys) -> Result<()> {
        let bytes = keys.expose_bytes();
        equal_bytes("hkdf80_hex", bytes, self.hkdf80_hex.as_deref())?;
        let (aes_key, rest) = bytes.split_at(32);
        let (mac_key, iv) = rest.split_at(32);
        equal_bytes("aes_key_hex", aes_key, self.aes_key_hex.as_deref())?;
        equal_bytes("v1_mac_key_hex", mac_key, self.v1_mac_key_hex.as_deref())?;
        equal_bytes("iv_hex", iv, self.iv_hex.as_deref())?;
        let mac = keys.v1_mac().to_base64();
        equal_if_given("v1_mac_deployed", &mac, self.v1_mac_deployed.as_deref())
    }

    fn check_plaintext(&self, keys: &MessageKeys, ciphertext: &[u8]) -> Result<()> {
        let plaintext = keys.decrypt(ciphertext);
        if let Some(error) = &self.decrypt_error {
            ensure!(plaintext.is_err(), "it decrypts where it cannot: {error}");
            return Ok(());
        }
        if self.plaintext_hex.is_none() {
            return Ok(());
        }
        let plaintext = plaintext.context("the ciphertext does not decrypt")?;
        equal_bytes("plaintext_hex", &plaintext, self.plaintext_hex.as_deref())
    }

    /// Compares what the sender of a message computes, where the message is really its own.
    ///
    /// # Errors
    ///
    /// When sender and recipient disagree.
    pub(crate) fn check_sender(&self, ephemeral_private_hex: &str) -> Result<()> {
        let (Some(ephemeral), Some(expected)) = (&self.ephemeral_hex, &self.hkdf80_hex) else {
            return Ok(());
        };
        let sender = EphemeralSecretKey::from_slice(&hex::decode(ephemeral_private_hex)?)?;
        if hex::encode(sender.public_key().as_bytes()) != *ephemeral {
            return Ok(()); // `ephemeral` was changed after the message was made.
        }
        let public_key = hex::decode(&self.decryption_key_hex)
            .and_then(|bytes| Ok(BackupDecryptionKey::from_slice(&bytes)?.public_key()))?;
        let keys = MessageKeys::for_sender(&public_key, &sender)?;
        equal("the sender's 80 bytes", hex::encode(keys.expose_bytes()), &**expected)
    }
}

/// Compares bytes with what a file gives: hexadecimal, or of what is long, `sha256:` and a digest.
fn equal_bytes(what: &str, ours: &[u8], expected: Option<&str>) -> Result<()> {
    match expected.map(|text| (text, text.strip_prefix("sha256:"))) {
        None => Ok(()),
        Some((_, Some(digest))) => equal(what, hex::encode(&Sha256::digest(ours)), digest),
        Some((text, None)) => equal(what, hex::encode(ours), text),
    }
}
