//! What `/sync` answers, as far as devices look at it.

use serde_json::Value;

use crate::ApiError;

/// An answer to `/sync`.
#[derive(Debug, Clone)]
pub struct Sync {
    /// Where the next one begins.
    pub next_batch: String,
    /// To-device events, in the order of their arrival.
    pub to_device: Vec<Value>,
    /// How many signed one-time keys the server has left; `None` where it does not say.
    pub one_time_keys: Option<u64>,
    /// Whether the server has a fallback key that nobody used; `None` where it does not say.
    pub has_unused_fallback_key: Option<bool>,
    /// Users whose devices have changed.
    pub changed_users: Vec<String>,
    /// All of it.
    pub answer: Value,
}

impl Sync {
    pub(crate) fn read(answer: Value) -> Result<Self, ApiError> {
        let next_batch = answer.get("next_batch").and_then(Value::as_str);
        let next_batch = next_batch.ok_or(ApiError::Malformed("next_batch"))?.to_owned();
        let array = |path| match answer.pointer(path) {
            Some(Value::Array(array)) => array.clone(),
            _ => Vec::new(),
        };
        let changed = array("/device_lists/changed").into_iter();
        let fallback = answer.get("device_unused_fallback_key_types").and_then(Value::as_array);
        Ok(Self {
            next_batch,
            to_device: array("/to_device/events"),
            one_time_keys: answer
                .pointer("/device_one_time_keys_count/signed_curve25519")
                .and_then(Value::as_u64),
            has_unused_fallback_key: fallback
                .map(|types| types.contains(&"signed_curve25519".into())),
            changed_users: changed.filter_map(|id| Some(id.as_str()?.to_owned())).collect(),
            answer,
        })
    }
}
