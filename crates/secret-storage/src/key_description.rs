//! What account data says of a secret storage key, and whether a key fits it (S-2, S-3).

use alloc::{borrow::ToOwned, string::String};

use matrix_key_backup_primitives::{AesCtrHmacKeys, CtrIv, base64};
use matrix_key_backup_wire::{
    Json, JsonError, Object,
    property::{self, PropertyError},
};
use rand_core::CryptoRng;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::{
    EncryptedSecretError, PassphraseInfo, PassphraseInfoError, SecretStorageKey,
    encrypted_secret::{self, MAC_BYTES},
    json_text::{JsonText, deserialize_with_parser, shortened},
    passphrase_info::PassphraseContent,
};

const AES_HMAC_SHA2: &str = "m.secret_storage.v1.aes-hmac-sha2";
const ALGORITHM: &str = "algorithm";
const NAME: &str = "name";
const PASSPHRASE: &str = "passphrase";
const IV: &str = "iv";
const MAC: &str = "mac";

/// The name under which a key is checked (S-2). No secret is stored under it.
const CHECK_NAME: &str = "";

/// The content of `m.secret_storage.key.<id>`: how a key is made from a passphrase, and how to tell
/// that it fits (S-2, S-3).
///
/// It keeps the text that it was read from, unknown properties included.
///
/// ```
/// use matrix_key_backup_secret_storage::{KeyCheck, KeyDescription, SecretStorageKey};
///
/// let description = KeyDescription::parse(
///     r#"{"algorithm": "m.secret_storage.v1.aes-hmac-sha2",
///         "iv": "0kn2u2kD0IFgCXm3apoodg", "mac": "7MG/y7J2N9uPbYq6EPOOwKLv/I3H+xcqOoLwCRB840s"}"#,
/// )?;
/// let key = SecretStorageKey::from_base58(
///     "EsT5 3ZT9 i8fi qvaD Fxda wmBn Koe4 zqs5 D6E2 WTAN ndkE Parm",
/// )?;
/// assert_eq!(description.check(&key)?, KeyCheck::Fits);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Source: [key storage in the Matrix specification][spec].
///
/// [spec]: https://spec.matrix.org/v1.19/client-server-api/#key-storage
#[derive(Clone, Debug)]
pub struct KeyDescription {
    json: JsonText,
    name: Option<String>,
    /// What is wrong in it is for those who have a passphrase to know: the key itself still fits.
    passphrase: Result<PassphraseInfo, PassphraseInfoError>,
    check: Option<CheckValue>,
}

#[derive(Clone, Debug)]
struct CheckValue {
    iv: CtrIv,
    mac: [u8; MAC_BYTES],
}

impl KeyDescription {
    /// Reads a description.
    ///
    /// A `passphrase` that cannot be used is no error here but in [`passphrase`](Self::passphrase),
    /// so that the key itself still opens what was stored under it.
    ///
    /// # Errors
    ///
    /// [`KeyDescriptionError`], which says what is wrong and in which property.
    pub fn parse(json: &str) -> Result<Self, KeyDescriptionError> {
        let parsed = Json::parse(json)?;
        let object = property::object(&parsed)?;
        let algorithm = property::required_string(object, ALGORITHM)?;
        if algorithm != AES_HMAC_SHA2 {
            return Err(KeyDescriptionError::UnsupportedAlgorithm { found: shortened(algorithm) });
        }
        Ok(Self {
            name: object.get(NAME).and_then(Json::as_str).map(ToOwned::to_owned),
            passphrase: object
                .get(PASSPHRASE)
                .map_or(Err(PassphraseInfoError::NoPassphrase), PassphraseInfo::read),
            check: CheckValue::read(object)?,
            json: JsonText::new(json),
        })
    }

    /// Describes a key, so that it can be checked. `passphrase` is how it was derived, if it was.
    #[must_use]
    pub fn new<R: CryptoRng + ?Sized>(
        key: &SecretStorageKey,
        name: Option<&str>,
        passphrase: Option<&PassphraseInfo>,
        rng: &mut R,
    ) -> Self {
        let iv = CtrIv::generate(rng);
        let keys = key.keys_for(CHECK_NAME);
        let tag = keys.mac(&[&encrypted_zeros(&keys, &iv)]);
        let json = JsonText::of(&DescriptionContent {
            algorithm: AES_HMAC_SHA2,
            iv: base64::encode_unpadded(iv.as_bytes()),
            mac: tag.to_base64(),
            name,
            passphrase: passphrase.map(PassphraseInfo::to_content),
        });
        let mut mac = [0; MAC_BYTES];
        mac.copy_from_slice(tag.as_bytes());
        Self {
            json,
            name: name.map(ToOwned::to_owned),
            passphrase: passphrase.cloned().ok_or(PassphraseInfoError::NoPassphrase),
            check: Some(CheckValue { iv, mac }),
        }
    }

    /// The name that a person gave the key. A `name` that is no string counts as none.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// How the key follows from a passphrase (S-4).
    ///
    /// # Errors
    ///
    /// [`PassphraseInfoError`] if it follows from none, or what is said of it cannot be used.
    pub const fn passphrase(&self) -> Result<&PassphraseInfo, &PassphraseInfoError> {
        self.passphrase.as_ref()
    }

    /// Checks that this is the key that is described (S-2): AES-CTR over 32 zero bytes with the keys
    /// of the name "", and the MAC over that.
    ///
    /// # Errors
    ///
    /// [`WrongKey`] if it is another one.
    pub fn check(&self, key: &SecretStorageKey) -> Result<KeyCheck, WrongKey> {
        let Some(CheckValue { iv, mac }) = &self.check else { return Ok(KeyCheck::NotChecked) };
        let keys = key.keys_for(CHECK_NAME);
        keys.verify(&[&encrypted_zeros(&keys, iv)], mac).map_err(|_| WrongKey)?;
        Ok(KeyCheck::Fits)
    }

    /// The JSON text: as it was received, or as it was made.
    #[must_use]
    pub fn as_json(&self) -> &str {
        self.json.as_str()
    }
}

impl CheckValue {
    /// Both properties or neither: one alone is damage, not a description without a check.
    fn read(object: &Object<'_>) -> Result<Option<Self>, EncryptedSecretError> {
        if !object.contains(IV) && !object.contains(MAC) {
            return Ok(None);
        }
        let iv = encrypted_secret::iv(object, IV)?;
        Ok(Some(Self { iv, mac: encrypted_secret::sized(object, MAC)? }))
    }
}

fn encrypted_zeros(keys: &AesCtrHmacKeys, iv: &CtrIv) -> [u8; 32] {
    let mut text = [0; 32];
    keys.apply_keystream(iv, &mut text);
    text
}

/// A description as it is written.
#[derive(Serialize)]
struct DescriptionContent<'a> {
    algorithm: &'static str,
    iv: String,
    mac: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    passphrase: Option<PassphraseContent<'a>>,
}

impl Serialize for KeyDescription {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for KeyDescription {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserialize_with_parser(deserializer, Self::parse)
    }
}

/// What the description of a key says of a key (S-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a key that was not checked may be a wrong one"]
pub enum KeyCheck {
    /// It is the one that was described.
    Fits,
    /// There is nothing to check it with: it may be a wrong one.
    NotChecked,
}

/// A secret storage key is not the one that was described (S-2).
///
/// If the description was changed, it looks the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the secret storage key is not the one that was described")]
#[non_exhaustive]
pub struct WrongKey;

/// The description of a secret storage key cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyDescriptionError {
    /// The text is not JSON, or has a duplicate property.
    #[error("it is damaged: {0}")]
    Json(JsonError),
    /// It is no object, or a property is missing or of the wrong type.
    #[error("it is damaged: {0}")]
    Property(PropertyError),
    /// The key is for another algorithm.
    #[error("its algorithm is {found:?}, where only {AES_HMAC_SHA2:?} is known")]
    #[non_exhaustive]
    UnsupportedAlgorithm {
        /// The algorithm that was found.
        found: String,
    },
    /// The key could not be checked: `iv` or `mac` are not what they must be, or only one is there.
    #[error("its key check is damaged: {0}")]
    Check(EncryptedSecretError),
}

impl From<JsonError> for KeyDescriptionError {
    fn from(error: JsonError) -> Self {
        Self::Json(error)
    }
}

impl From<PropertyError> for KeyDescriptionError {
    fn from(error: PropertyError) -> Self {
        Self::Property(error)
    }
}

impl From<EncryptedSecretError> for KeyDescriptionError {
    fn from(error: EncryptedSecretError) -> Self {
        Self::Check(error)
    }
}
