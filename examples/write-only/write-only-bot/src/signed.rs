//! Signed JSON: what this device signs, and what others have signed.

use matrix_key_backup::wire::{Json, signable};
use serde_json::{Value, json};
use vodozemac::olm::Account;
use vodozemac::{Ed25519PublicKey, Ed25519Signature};

use crate::BotError;

/// Adds this device's signature to an object, over its canonical JSON without `signatures` and
/// `unsigned`.
pub(crate) fn sign(
    mut object: Value,
    account: &Account,
    user_id: &str,
    device_id: &str,
) -> Result<Value, BotError> {
    let signature = account.sign(canonical(&object).ok_or_else(|| no_json(&object))?).to_base64();
    object["signatures"] = json!({ user_id: { format!("ed25519:{device_id}"): signature } });
    Ok(object)
}

/// Whether `key`, under the name `ed25519:<name>` of this user, has signed the object.
pub(crate) fn is_signed(object: &Value, user_id: &str, name: &str, key: &Ed25519PublicKey) -> bool {
    let verify = || {
        let signatures = object.get("signatures")?.get(user_id)?;
        let signature = signatures.get(format!("ed25519:{name}"))?.as_str()?;
        let signature = Ed25519Signature::from_base64(signature).ok()?;
        key.verify(canonical(object)?.as_bytes(), &signature).ok()
    };
    verify().is_some()
}

pub(crate) fn canonical(object: &Value) -> Option<String> {
    let text = object.to_string();
    signable(Json::parse(&text).ok()?.as_object()?).ok()
}

fn no_json(object: &Value) -> BotError {
    BotError::Internal(format!("not to be signed: {object}"))
}
