//! A secret in account data: encrypted once for each key (S-3).

use alloc::{borrow::ToOwned, collections::BTreeMap, string::String};

use matrix_key_backup_wire::{
    Json, JsonError, Object,
    property::{self, PropertyError},
};
use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

use crate::{
    AccountDataEvent, KeyId,
    encrypted_secret::EncryptedContent,
    json_text::{JsonText, deserialize_with_parser},
};

const ENCRYPTED: &str = "encrypted";

/// The content of the account data that a secret is stored in: `{encrypted: {<key id>: …}}` (S-3).
///
/// What is stored under other keys, whatever it is, and unknown properties are kept text for text.
/// [`OpenedKey`](crate::OpenedKey) reads and writes the entry of its own key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SecretContent {
    encrypted: BTreeMap<String, JsonText>,
    #[serde(flatten)]
    other: BTreeMap<String, JsonText>,
}

impl SecretContent {
    /// A secret that is not stored under any key yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a secret. What is stored under each key is looked at only when it is decrypted.
    ///
    /// # Errors
    ///
    /// [`SecretContentError`], which says what is wrong and in which property.
    pub fn parse(json: &str) -> Result<Self, SecretContentError> {
        let parsed = Json::parse(json)?;
        let object = property::object(&parsed)?;
        let encrypted = property::required(object, ENCRYPTED)?;
        let wrong = || property::wrong_type(encrypted, ENCRYPTED, "an object");
        let mut other = texts(object)?;
        other.remove(ENCRYPTED);
        Ok(Self { encrypted: texts(encrypted.as_object().ok_or_else(wrong)?)?, other })
    }

    /// The ids of the keys that it is stored under.
    pub fn key_ids(&self) -> impl Iterator<Item = &str> {
        self.encrypted.keys().map(String::as_str)
    }

    /// Takes away what is stored under one key; says whether there was something. The secret is lost
    /// where there is no other key that is still known.
    pub fn forget(&mut self, key_id: &KeyId) -> bool {
        self.encrypted.remove(key_id.as_str()).is_some()
    }

    /// As JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        JsonText::of(self).into_string()
    }

    /// The secret of this name as account data.
    #[must_use]
    pub fn to_event(&self, name: &str) -> AccountDataEvent {
        AccountDataEvent::of(name.to_owned(), self)
    }

    pub(crate) fn entry(&self, key_id: &KeyId) -> Option<&str> {
        self.encrypted.get(key_id.as_str()).map(JsonText::as_str)
    }

    pub(crate) fn insert(&mut self, key_id: &KeyId, secret: &EncryptedContent) {
        self.encrypted.insert(key_id.as_str().to_owned(), JsonText::of(secret));
    }
}

/// The properties of an object, as they stand in the text.
fn texts(object: &Object<'_>) -> Result<BTreeMap<String, JsonText>, PropertyError> {
    let texts = object.iter_raw().map(|(name, value)| {
        let name = property::name(name, ENCRYPTED, "an object with names in Unicode")?;
        Ok((name.to_owned(), JsonText::new(value)))
    });
    texts.collect()
}

impl<'de> Deserialize<'de> for SecretContent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_with_parser(deserializer, Self::parse)
    }
}

/// The account data of a secret cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SecretContentError {
    /// The text is not JSON, or has a duplicate property.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// It is no object, or `encrypted` is missing or is none.
    #[error(transparent)]
    Property(#[from] PropertyError),
}
