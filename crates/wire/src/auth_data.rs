//! `auth_data` of a backup version (V2-1).

use alloc::{
    borrow::ToOwned,
    boxed::Box,
    collections::BTreeMap,
    string::{String, ToString},
};

use matrix_key_backup_primitives::{BackupPublicKey, Base64KeyError};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::{
    CanonicalJsonError,
    canonical::signable,
    cause::from_causes,
    json::{Json, JsonError, MAX_DEPTH, Object},
    property::{self, PropertyError},
    session_data::write_raw_members,
    write::{write_name, write_other_name, write_string},
};

const PUBLIC_KEY: &str = "public_key";
const SIGNATURES: &str = "signatures";
const SIGNATURES_EXPECTED: &str = "an object of objects of strings";

/// Signatures by user id and key id, unpadded base64 as they were received.
pub type Signatures = BTreeMap<String, BTreeMap<String, String>>;

/// `auth_data` of a backup: its public key, and who signed it (V2-1).
///
/// It keeps the text that it was read from, because signatures cover what was received, unknown
/// properties included. `signatures` is optional: neither the specification nor the proposal asks
/// for it.
///
/// Two are equal when they are the same JSON, whatever its order and whitespace: servers may write
/// it anew.
///
/// ```
/// use matrix_key_backup_wire::AuthData;
///
/// let auth_data = AuthData::parse(r#"{"public_key":"JphPz7v2L6GmjSLH+/GMjUkgvaCZp2dYLAeVC770+DI"}"#)?;
/// assert!(auth_data.signatures().is_none());
/// # Ok::<(), matrix_key_backup_wire::AuthDataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct AuthData {
    json: String,
    public_key: BackupPublicKey,
    signatures: Option<Signatures>,
}

impl AuthData {
    /// `auth_data` of a new backup, not signed yet.
    pub fn new(public_key: BackupPublicKey) -> Self {
        let mut json = String::from("{");
        write_name(&mut json, PUBLIC_KEY);
        write_string(&mut json, &public_key.to_base64());
        json.push('}');
        Self { json, public_key, signatures: None }
    }

    /// Reads `auth_data`.
    ///
    /// # Errors
    ///
    /// [`AuthDataError`], which says what is wrong and in which property.
    pub fn parse(json: &str) -> Result<Self, AuthDataError> {
        let parsed = Json::parse(json)?;
        let object = property::object(&parsed)?;
        let public_key = property::required_string(object, PUBLIC_KEY)?;
        Ok(Self {
            public_key: BackupPublicKey::from_base64(public_key)?,
            signatures: object.get(SIGNATURES).map(read_signatures).transpose()?,
            json: json.to_owned(),
        })
    }

    /// The public key that keys are encrypted to.
    pub const fn public_key(&self) -> &BackupPublicKey {
        &self.public_key
    }

    /// The signatures, if there are any.
    pub const fn signatures(&self) -> Option<&Signatures> {
        self.signatures.as_ref()
    }

    /// The JSON text: as it was received, or as it was made.
    pub fn as_json(&self) -> &str {
        &self.json
    }

    /// What signatures cover: canonical JSON without `signatures` and `unsigned` (T-1).
    ///
    /// # Errors
    ///
    /// [`CanonicalJsonError`]: there is something in it that nobody can sign.
    pub fn signable(&self) -> Result<String, CanonicalJsonError> {
        self.with_object(signable)
    }

    /// Adds or replaces one signature, unpadded base64, over [`signable`](Self::signable).
    pub fn add_signature(&mut self, user_id: &str, key_id: &str, signature: &str) {
        let signatures = self.signatures.get_or_insert_default();
        let of_user = signatures.entry(user_id.to_owned()).or_default();
        of_user.insert(key_id.to_owned(), signature.to_owned());
        let written = write_signatures(signatures);
        self.json = self.with_object(|object| {
            let mut out = String::with_capacity(object.room() + written.len());
            out.push('{');
            write_raw_members(&mut out, object, &[SIGNATURES]);
            write_name(&mut out, SIGNATURES);
            out.push_str(&written);
            out.push('}');
            out
        });
    }

    #[expect(clippy::expect_used, reason = "the text was parsed, or written, as an object before")]
    fn with_object<T>(&self, read: impl FnOnce(&Object<'_>) -> T) -> T {
        let json = Json::parse_within(&self.json, usize::MAX, MAX_DEPTH).expect("JSON");
        read(json.as_object().expect("object"))
    }
}

fn read_signatures(value: &Json<'_>) -> Result<Signatures, PropertyError> {
    let wrong = |json: &Json<'_>| property::wrong_type(json, SIGNATURES, SIGNATURES_EXPECTED);
    let mut signatures = Signatures::new();
    for (user_id, keys) in value.as_object().ok_or_else(|| wrong(value))?.iter() {
        let user_id = property::name(user_id, SIGNATURES, SIGNATURES_EXPECTED)?;
        let of_user: &mut BTreeMap<_, _> = signatures.entry(user_id.to_owned()).or_default();
        for (key_id, signature) in keys.as_object().ok_or_else(|| wrong(keys))?.iter() {
            let key_id = property::name(key_id, SIGNATURES, SIGNATURES_EXPECTED)?;
            let signature = signature.as_str().ok_or_else(|| wrong(signature))?;
            of_user.insert(key_id.to_owned(), signature.to_owned());
        }
    }
    Ok(signatures)
}

fn write_signatures(signatures: &Signatures) -> String {
    let mut out = String::from("{");
    for (user_id, keys) in signatures {
        write_other_name(&mut out, user_id);
        out.push('{');
        for (key_id, signature) in keys {
            write_other_name(&mut out, key_id);
            write_string(&mut out, signature);
        }
        out.push('}');
    }
    out.push('}');
    out
}

impl PartialEq for AuthData {
    fn eq(&self, other: &Self) -> bool {
        self.with_object(|one| other.with_object(|other| one == other))
    }
}

impl Eq for AuthData {}

impl Serialize for AuthData {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.json).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for AuthData {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::parse(raw.get()).map_err(|error| serde::de::Error::custom(error.to_string()))
    }
}

/// `auth_data` cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthDataError {
    /// The text is not JSON, or has a duplicate property.
    #[error("auth_data: {0}")]
    Json(JsonError),
    /// It is no object, or a property is missing or of the wrong type.
    #[error("auth_data: {0}")]
    Property(PropertyError),
    /// `public_key` is not 32 bytes of base64.
    #[error("auth_data: `public_key`: {0}")]
    PublicKey(Base64KeyError),
}

from_causes!(AuthDataError: Property(PropertyError), Json(JsonError), PublicKey(Base64KeyError));
