//! A `session_data`, put together by hand: from `primitives` alone, and canonical JSON.

use anyhow::Result;
use matrix_key_backup_primitives::hazmat::{EphemeralSecretKey, MessageKeys, SharedSecret};
use matrix_key_backup_primitives::{BackupDecryptionKey, EphemeralPublicKey, base64};
use matrix_key_backup_wire::{Names, ReceivedSessionData};
use sha2::{Digest as _, Sha256};

use crate::vectors::hex;
use crate::vectors::intermediates::Intermediates;

/// `{"ephemeral":…,"ciphertext":…` and, with `v1_mac`, `"mac":…`; then `others`, each written as
/// `,"name":value`. There is no MAC yet.
///
/// # Errors
///
/// When the backup's public key is of low order.
pub(super) fn cleartext(
    key: &BackupDecryptionKey,
    ephemeral: &EphemeralSecretKey,
    plaintext: &[u8],
    v1_mac: bool,
    others: &str,
) -> Result<String> {
    let keys = MessageKeys::for_sender(&key.public_key(), ephemeral)?;
    let mac = match v1_mac {
        true => format!(",\"mac\":\"{}\"", keys.v1_mac().to_base64()),
        false => String::new(),
    };
    let ephemeral = ephemeral.public_key().to_base64();
    let ciphertext = base64::encode_unpadded(&keys.encrypt(plaintext));
    Ok(format!(r#"{{"ephemeral":"{ephemeral}","ciphertext":"{ciphertext}"{mac}{others}}}"#))
}

/// The same with its MAC under each of `names` (V2-4).
///
/// What has no canonical JSON gets the MAC of its text as it stands: the best a forger can do.
pub(super) fn authenticate(cleartext: &str, key: &BackupDecryptionKey, names: &[Names]) -> String {
    let covered = ReceivedSessionData::parse(cleartext)
        .ok()
        .and_then(|received| received.signable().ok())
        .unwrap_or_else(|| cleartext.to_owned());
    let mac = key.mac_key().mac(covered.as_bytes()).to_base64();
    let macs: Vec<_> =
        names.iter().map(|names| format!("\"{}\":\"{mac}\"", names.backup_mac())).collect();
    let open = cleartext.strip_suffix('}').unwrap_or(cleartext);
    format!(r#"{open},"unsigned":{{{}}}}}"#, macs.join(","))
}

/// Every value between `session_data` and its plaintext, as far as there is one.
pub(super) fn intermediates(key: &BackupDecryptionKey, session_data: &str) -> Intermediates {
    let mut values = Intermediates {
        decryption_key_hex: hex::encode(key.expose_bytes()),
        backup_public_key: key.public_key().to_base64(),
        backup_mac_key_hex: hex::encode(key.mac_key().expose_bytes()),
        ..Intermediates::default()
    };
    let Ok(received) = ReceivedSessionData::parse(session_data) else { return values };
    mac_values(&mut values, key, &received);
    let text = |value: Option<&matrix_key_backup_wire::Json<'_>>| {
        value.and_then(|value| base64::decode_unpadded(value.as_str()?).ok())
    };
    let ciphertext = text(received.ciphertext());
    values.ciphertext_hex = ciphertext.as_deref().map(hex::encode);
    if let Some(ephemeral) = text(received.ephemeral()) {
        values.ephemeral_hex = Some(hex::encode(&ephemeral));
        decryption_values(&mut values, key, &ephemeral, ciphertext.as_deref());
    }
    values
}

fn mac_values(
    values: &mut Intermediates,
    key: &BackupDecryptionKey,
    received: &ReceivedSessionData<'_>,
) {
    let signable = match received.signable() {
        Ok(signable) => signable,
        Err(error) => {
            values.canonical_json_error = Some(error.to_string());
            return;
        }
    };
    let mac = key.mac_key().mac(signable.as_bytes()).to_base64();
    values.computed_mac_hex = base64::decode_unpadded(&mac).ok().map(|mac| hex::encode(&mac));
    values.computed_backup_mac = Some(mac);
    values.canonical_json_hex = Some(hex::encode(signable.as_bytes()));
    values.canonical_json_sha256 = Some(hex::encode(&Sha256::digest(signable.as_bytes())));
    values.canonical_json_utf8 = Some(signable);
}

fn decryption_values(
    values: &mut Intermediates,
    key: &BackupDecryptionKey,
    ephemeral: &[u8],
    ciphertext: Option<&[u8]>,
) {
    let Ok(ephemeral) = EphemeralPublicKey::from_slice(ephemeral) else {
        values.ephemeral_hex = None; // not 32 bytes, so not a key
        return;
    };
    let Ok(secret) = SharedSecret::for_recipient(key, &ephemeral) else {
        values.shared_secret_hex = Some("00".repeat(32));
        return;
    };
    values.shared_secret_hex = Some(hex::encode(secret.expose_bytes()));
    let keys = secret.message_keys();
    let bytes = keys.expose_bytes();
    let (aes_key, rest) = bytes.split_at(32);
    let (mac_key, iv) = rest.split_at(32);
    values.hkdf80_hex = Some(hex::encode(bytes));
    values.aes_key_hex = Some(hex::encode(aes_key));
    values.v1_mac_key_hex = Some(hex::encode(mac_key));
    values.iv_hex = Some(hex::encode(iv));
    values.v1_mac_deployed = Some(keys.v1_mac().to_base64());
    match ciphertext.map(|ciphertext| keys.decrypt(ciphertext)) {
        Some(Ok(plaintext)) => values.plaintext_hex = Some(hex::encode(&plaintext)),
        Some(Err(error)) => values.decrypt_error = Some(error.to_string()),
        None => {}
    }
}
