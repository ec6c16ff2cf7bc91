//! From account data to the default key, to any key, and to a secret (S-3).

use alloc::{borrow::ToOwned, collections::BTreeMap, string::String, vec::Vec};

use matrix_key_backup_wire::{
    Json, JsonError,
    property::{self, PropertyError},
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    DescribedKey, KeyDescription, KeyDescriptionError, KeyId, SecretContent, SecretContentError,
    json_text::{JsonText, listed},
};

/// The type of the account data that names the default key.
pub const DEFAULT_KEY_EVENT_TYPE: &str = "m.secret_storage.default_key";

/// What the type of the account data that describes a key begins with. The key's id follows.
pub const KEY_EVENT_TYPE_PREFIX: &str = "m.secret_storage.key.";

const KEY: &str = "key";

/// One event of account data: its type, and its content as JSON text.
///
/// In serde it is `{type, content}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountDataEvent {
    #[serde(rename = "type")]
    event_type: String,
    content: JsonText,
}

impl AccountDataEvent {
    /// Makes a key the default one (S-3).
    #[must_use]
    pub fn default_key(key_id: &KeyId) -> Self {
        Self::of(DEFAULT_KEY_EVENT_TYPE.to_owned(), &BTreeMap::from([(KEY, key_id)]))
    }

    pub(crate) fn of(event_type: String, content: &impl Serialize) -> Self {
        Self { event_type, content: JsonText::of(content) }
    }

    /// The event's type.
    #[must_use]
    pub fn event_type(&self) -> &str {
        &self.event_type
    }

    /// The content, JSON.
    #[must_use]
    pub fn content(&self) -> &str {
        self.content.as_str()
    }
}

/// A user's account data, or as much of it as there is at hand: contents by type.
///
/// In serde it is an object of contents. Account data that has nothing to do with secret storage
/// may be there, and is not looked at. A content that is an empty object counts as none: so
/// account data is deleted.
///
/// ```
/// use matrix_key_backup_secret_storage::AccountData;
///
/// let mut account_data = AccountData::new();
/// account_data.insert("m.secret_storage.default_key", r#"{"key": "abc"}"#);
/// assert_eq!(account_data.default_key_id()?.as_str(), "abc");
/// let error = account_data.default_key().unwrap_err();
/// assert_eq!(error.to_string(), r#"there is no secret storage key "abc"; keys that exist: none"#);
/// # Ok::<(), matrix_key_backup_secret_storage::AccountDataError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountData {
    contents: BTreeMap<String, JsonText>,
}

impl AccountData {
    /// No account data.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts the content of one type, JSON, in place of an older one.
    ///
    /// What is not JSON is an error when it is needed.
    pub fn insert(&mut self, event_type: impl Into<String>, content: &str) {
        self.contents.insert(event_type.into(), JsonText::new(content));
    }

    /// The id of the default key.
    ///
    /// # Errors
    ///
    /// [`AccountDataError`] if there is none, or it cannot be read.
    pub fn default_key_id(&self) -> Result<KeyId, AccountDataError> {
        let content = self
            .content(DEFAULT_KEY_EVENT_TYPE)
            .ok_or_else(|| AccountDataError::NoDefaultKey { existing: self.key_ids() })?;
        let json = Json::parse(content)?;
        let key_id = property::required_string(property::object(&json)?, KEY)?;
        KeyId::new(key_id).map_err(|_| AccountDataError::EmptyDefaultKey)
    }

    /// The default key's id and description.
    ///
    /// # Errors
    ///
    /// As [`default_key_id`](Self::default_key_id) and [`key`](Self::key).
    pub fn default_key(&self) -> Result<DescribedKey, AccountDataError> {
        self.key(&self.default_key_id()?)
    }

    /// A key's id and description.
    ///
    /// # Errors
    ///
    /// [`AccountDataError`] if there is no such key, or its description cannot be read.
    pub fn key(&self, key_id: &KeyId) -> Result<DescribedKey, AccountDataError> {
        let content =
            self.content(&alloc::format!("{KEY_EVENT_TYPE_PREFIX}{key_id}")).ok_or_else(|| {
                AccountDataError::NoSuchKey { key_id: key_id.clone(), existing: self.key_ids() }
            })?;
        let description = KeyDescription::parse(content)
            .map_err(|error| AccountDataError::KeyDescription { key_id: key_id.clone(), error })?;
        Ok(DescribedKey::new(key_id.clone(), description))
    }

    /// The ids of all keys.
    #[must_use]
    pub fn key_ids(&self) -> Vec<KeyId> {
        let keys = self.contents.keys().filter_map(|event_type| {
            let key_id = KeyId::new(event_type.strip_prefix(KEY_EVENT_TYPE_PREFIX)?).ok()?;
            self.content(event_type).map(|_| key_id)
        });
        keys.collect()
    }

    /// The secret of this name.
    ///
    /// # Errors
    ///
    /// [`AccountDataError`] if there is none, or it cannot be read.
    pub fn secret(&self, name: &str) -> Result<SecretContent, AccountDataError> {
        let content = self
            .content(name)
            .ok_or_else(|| AccountDataError::NoSuchSecret { name: name.to_owned() })?;
        SecretContent::parse(content)
            .map_err(|error| AccountDataError::Secret { name: name.to_owned(), error })
    }

    /// All that has the form of a secret, by name.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = (&str, SecretContent)> {
        self.contents.iter().filter_map(|(name, content)| {
            Some((name.as_str(), SecretContent::parse(content.as_str()).ok()?))
        })
    }

    /// The content of a type, unless it is empty.
    fn content(&self, event_type: &str) -> Option<&str> {
        let is_empty = |content: &str| {
            Json::parse(content).is_ok_and(|json| json.as_object().is_some_and(|o| o.is_empty()))
        };
        self.contents.get(event_type).map(JsonText::as_str).filter(|content| !is_empty(content))
    }
}

impl Extend<AccountDataEvent> for AccountData {
    fn extend<I: IntoIterator<Item = AccountDataEvent>>(&mut self, events: I) {
        self.contents.extend(events.into_iter().map(|event| (event.event_type, event.content)));
    }
}

impl FromIterator<AccountDataEvent> for AccountData {
    fn from_iter<I: IntoIterator<Item = AccountDataEvent>>(events: I) -> Self {
        let mut account_data = Self::new();
        account_data.extend(events);
        account_data
    }
}

/// Account data lacks something, or it cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AccountDataError {
    /// No key is the default one.
    #[error("there is no default secret storage key; keys that exist: {}", listed(existing))]
    #[non_exhaustive]
    NoDefaultKey {
        /// The keys that exist.
        existing: Vec<KeyId>,
    },
    /// `m.secret_storage.default_key` is not JSON.
    #[error("`{DEFAULT_KEY_EVENT_TYPE}` is damaged: {0}")]
    DefaultKeyJson(JsonError),
    /// `m.secret_storage.default_key` has no `key` that is a string.
    #[error("`{DEFAULT_KEY_EVENT_TYPE}` is damaged: {0}")]
    DefaultKeyProperty(PropertyError),
    /// `m.secret_storage.default_key` names the empty string.
    #[error("`{DEFAULT_KEY_EVENT_TYPE}` is damaged: `key` must not be empty")]
    EmptyDefaultKey,
    /// There is no key of this id.
    #[error("there is no secret storage key {key_id:?}; keys that exist: {}", listed(existing))]
    #[non_exhaustive]
    NoSuchKey {
        /// The id that was looked for.
        key_id: KeyId,
        /// The keys that exist.
        existing: Vec<KeyId>,
    },
    /// The description of a key cannot be read.
    #[error("the description of the secret storage key {key_id:?} cannot be used: {error}")]
    #[non_exhaustive]
    KeyDescription {
        /// The key's id.
        key_id: KeyId,
        /// What is wrong.
        error: KeyDescriptionError,
    },
    /// There is no secret of this name.
    #[error("there is no secret {name:?} in the account data")]
    #[non_exhaustive]
    NoSuchSecret {
        /// The name that was looked for.
        name: String,
    },
    /// A secret's account data cannot be read.
    #[error("the account data of the secret {name:?} is damaged: {error}")]
    #[non_exhaustive]
    Secret {
        /// The secret's name.
        name: String,
        /// What is wrong.
        error: SecretContentError,
    },
}

impl From<JsonError> for AccountDataError {
    fn from(error: JsonError) -> Self {
        Self::DefaultKeyJson(error)
    }
}

impl From<PropertyError> for AccountDataError {
    fn from(error: PropertyError) -> Self {
        Self::DefaultKeyProperty(error)
    }
}
