//! Secret storage (4S) from and to Ruma's events.

use matrix_key_backup_secret_storage::{
    AccountDataEvent, DescribedKey, EmptyKeyId, KeyDescription, KeyDescriptionError, KeyId,
    SecretContent, SecretContentError,
};
use ruma_common::serde::Raw;
use ruma_events::{
    AnyGlobalAccountDataEvent, EventContentFromType,
    secret_storage::{
        default_key::SecretStorageDefaultKeyEventContent, key::SecretStorageKeyEventContent,
        secret::SecretEventContent,
    },
};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use thiserror::Error;

/// An event of account data, text for text: what a sync answers with.
///
/// This is the way that loses nothing; Ruma's typed contents normalise base64 and drop unknown
/// properties.
///
/// ```
/// use matrix_key_backup_ruma::account_data_event_from_ruma;
/// use matrix_key_backup_secret_storage::AccountData;
/// use ruma_common::serde::Raw;
/// use ruma_events::AnyGlobalAccountDataEvent;
///
/// # let json = r#"[{"type": "m.secret_storage.default_key", "content": {"key": "abc"}}]"#;
/// let events: Vec<Raw<AnyGlobalAccountDataEvent>> = serde_json::from_str(json)?;
/// let account_data: AccountData =
///     events.iter().map(account_data_event_from_ruma).collect::<Result<_, _>>()?;
/// assert_eq!(account_data.default_key_id()?.as_str(), "abc");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`serde_json::Error`] if it has no `type` or no `content`.
pub fn account_data_event_from_ruma(
    event: &Raw<AnyGlobalAccountDataEvent>,
) -> serde_json::Result<AccountDataEvent> {
    event.deserialize_as_unchecked()
}

/// An event of account data as Ruma takes it, text for text.
///
/// # Errors
///
/// [`serde_json::Error`] if its content, which somebody put there, is not JSON.
pub fn account_data_event_to_ruma(
    event: &AccountDataEvent,
) -> serde_json::Result<Raw<AnyGlobalAccountDataEvent>> {
    to_raw_value(event).map(Raw::from_json)
}

/// The id and the description of a key (S-3), from Ruma's type.
///
/// # Errors
///
/// [`DescribedKeyError`] if the id is empty, or the description cannot be read.
pub fn described_key_from_ruma(
    content: &SecretStorageKeyEventContent,
) -> Result<DescribedKey, DescribedKeyError> {
    let key_id = KeyId::new(&content.key_id)?;
    Ok(DescribedKey::new(key_id, KeyDescription::parse(to_json(content).get())?))
}

/// The id and the description of a key, as Ruma's type. Unknown properties stay behind.
///
/// # Errors
///
/// [`serde_json::Error`] if Ruma does not take it: a `passphrase` that cannot be used is an error of
/// the whole there.
pub fn described_key_to_ruma(
    key: &DescribedKey,
) -> serde_json::Result<SecretStorageKeyEventContent> {
    let event = key.to_event();
    let content: &RawValue = serde_json::from_str(event.content())?;
    SecretStorageKeyEventContent::from_parts(event.event_type(), content)
}

/// The id of the default key (S-3), from Ruma's type.
///
/// # Errors
///
/// [`EmptyKeyId`] if it is empty.
pub fn default_key_from_ruma(
    content: &SecretStorageDefaultKeyEventContent,
) -> Result<KeyId, EmptyKeyId> {
    KeyId::new(&content.key_id)
}

/// The id of the default key, as Ruma's type.
#[must_use]
pub fn default_key_to_ruma(key_id: &KeyId) -> SecretStorageDefaultKeyEventContent {
    SecretStorageDefaultKeyEventContent::new(key_id.as_str().to_owned())
}

/// A secret's account data (S-3), from Ruma's type.
///
/// # Errors
///
/// [`SecretContentError`] if there is a duplicate property in it.
pub fn secret_content_from_ruma(
    content: &SecretEventContent,
) -> Result<SecretContent, SecretContentError> {
    SecretContent::parse(to_json(content).get())
}

/// A secret's account data, as Ruma's type. What is stored under each key is kept text for text;
/// unknown properties beside `encrypted` stay behind.
#[expect(clippy::expect_used, reason = "an object with an object of anything in `encrypted`")]
#[expect(clippy::missing_panics_doc, reason = "cannot happen")]
#[must_use]
pub fn secret_content_to_ruma(content: &SecretContent) -> SecretEventContent {
    serde_json::from_str(&content.to_json()).expect("a secret's account data")
}

#[expect(clippy::expect_used, reason = "strings, numbers, and JSON that was parsed before")]
fn to_json(content: &impl Serialize) -> Box<RawValue> {
    to_raw_value(content).expect("JSON")
}

/// Ruma's description of a secret storage key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DescribedKeyError {
    /// The key has no id.
    #[error(transparent)]
    EmptyKeyId(#[from] EmptyKeyId),
    /// The description cannot be read.
    #[error("the description of the secret storage key cannot be used: {0}")]
    KeyDescription(KeyDescriptionError),
}

impl From<KeyDescriptionError> for DescribedKeyError {
    fn from(error: KeyDescriptionError) -> Self {
        Self::KeyDescription(error)
    }
}
