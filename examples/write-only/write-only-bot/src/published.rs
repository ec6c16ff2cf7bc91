//! What this device publishes: its keys, and one-time keys for those who begin an Olm session.

use serde_json::{Map, Value, json};
use vodozemac::olm::Account;
use vodozemac::{Curve25519PublicKey, KeyId};

use client_api::Session;

use crate::{BotError, signed::sign};

/// Fewer one-time keys than this at the server, and more are made.
pub(crate) const ONE_TIME_KEYS_LOW: u64 = 25;
/// How many one-time keys shall be at the server.
pub(crate) const ONE_TIME_KEYS: u64 = 50;
/// The same, before there are any.
pub(crate) const ONE_TIME_KEYS_AT_FIRST: usize = 50;

/// `device_keys` of `POST /keys/upload`.
pub(crate) fn device_keys(account: &Account, session: &Session) -> Result<Value, BotError> {
    let (user_id, device_id) = (session.user_id(), session.device_id());
    let keys = account.identity_keys();
    let object = json!({
        "user_id": user_id,
        "device_id": device_id,
        "algorithms": ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
        "keys": {
            format!("curve25519:{device_id}"): keys.curve25519.to_base64(),
            format!("ed25519:{device_id}"): keys.ed25519.to_base64(),
        },
    });
    sign(object, account, user_id, device_id)
}

/// The body of `POST /keys/upload` with all one-time and fallback keys that are not published yet;
/// none, if there are none.
pub(crate) fn one_time_keys(
    account: &Account,
    session: &Session,
) -> Result<Option<Value>, BotError> {
    let one_time = signed_keys(account, session, account.one_time_keys(), false)?;
    let fallback = signed_keys(account, session, account.fallback_key(), true)?;
    let none = one_time.is_empty() && fallback.is_empty();
    Ok((!none).then(|| json!({ "one_time_keys": one_time, "fallback_keys": fallback })))
}

fn signed_keys(
    account: &Account,
    session: &Session,
    keys: impl IntoIterator<Item = (KeyId, Curve25519PublicKey)>,
    fallback: bool,
) -> Result<Map<String, Value>, BotError> {
    let mut signed = Map::new();
    for (id, key) in keys {
        let mut object = json!({ "key": key.to_base64() });
        if fallback {
            object["fallback"] = true.into();
        }
        let object = sign(object, account, session.user_id(), session.device_id())?;
        signed.insert(format!("signed_curve25519:{}", id.to_base64()), object);
    }
    Ok(signed)
}
