//! What a homeserver says of an account: account data, and the `auth_data` of a backup. In files, or
//! asked for.

use std::{collections::BTreeMap, fmt};

use matrix_key_backup::wire::{AuthData, DECRYPTION_KEY_SECRET};
use matrix_key_backup_secret_storage::{
    AccountData, DEFAULT_KEY_EVENT_TYPE, KEY_EVENT_TYPE_PREFIX, KeyId, SecretContent,
};
use serde::Deserialize;
use serde_json::{error::Category, value::RawValue};

use crate::{
    context::Context, error::Error, files::Input, homeserver::connect, output::Output,
    runtime::block_on, session::Session, storage_error::StorageError,
};

/// A user's account data, or as much of it as secret storage is.
#[derive(Debug)]
pub(crate) struct GivenAccountData {
    pub(crate) from: AccountPlace,
    pub(crate) account_data: AccountData,
    types: Vec<String>,
}

/// Where account data was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AccountPlace {
    File(Input),
    /// The account that is logged in, for people.
    Homeserver(String),
}

impl fmt::Display for AccountPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => file.fmt(f),
            Self::Homeserver(account) => write!(f, "the account data of {account}"),
        }
    }
}

/// What may be stored in secret storage that this program is asked about: a homeserver does not list
/// what account data it has.
const SECRETS: [&str; 4] = [
    DECRYPTION_KEY_SECRET,
    "m.cross_signing.master",
    "m.cross_signing.self_signing",
    "m.cross_signing.user_signing",
];

impl GivenAccountData {
    /// That in the file, or that of the account which is the store. `None` where there is neither.
    pub(crate) fn find(
        file: Option<&Input>,
        key_id: Option<&KeyId>,
        context: &Context,
    ) -> Result<Option<Self>, Error> {
        match file {
            Some(file) => Self::read(file).map(Some),
            None if context.place.is_homeserver() => {
                let session = context.place.session()?;
                block_on(Self::of_account(session, key_id, context.output)).map(Some)
            }
            None => Ok(None),
        }
    }

    /// The same, where there must be one of the two.
    pub(crate) fn required(
        file: Option<&Input>,
        key_id: Option<&KeyId>,
        context: &Context,
    ) -> Result<Self, Error> {
        Self::find(file, key_id, context)?.ok_or_else(|| {
            Error::Usage(
                "no account data was given: give the file that holds it with --account-data, or \
                 the account that is logged in with --store homeserver"
                    .to_owned(),
            )
        })
    }

    /// The default key, one that is named, and the secrets: one request each.
    async fn of_account(
        session: &Session,
        key_id: Option<&KeyId>,
        output: Output,
    ) -> Result<Self, Error> {
        let store = connect(session, output)?;
        let account = store.account();
        let mut account_data = AccountData::new();
        let mut types = Vec::new();
        let mut wanted: Vec<String> = SECRETS.iter().map(|&name| name.to_owned()).collect();
        wanted.push(DEFAULT_KEY_EVENT_TYPE.to_owned());
        wanted.extend(key_id.map(key_event_type));
        while let Some(event_type) = wanted.pop() {
            let content = account.data(&session.user_id, &event_type).await?;
            let Some(content) = content else { continue };
            account_data.insert(&event_type, content.get());
            if event_type == DEFAULT_KEY_EVENT_TYPE {
                wanted.extend(account_data.default_key_id().ok().as_ref().map(key_event_type));
            }
            types.push(event_type);
        }
        Ok(Self { from: AccountPlace::Homeserver(session.shown()), account_data, types })
    }

    /// Reads account data in any of the forms that it is found in: contents by type, a list of
    /// events, an object with `events`, an answer of `/sync`.
    pub(crate) fn read(file: &Input) -> Result<Self, Error> {
        let contents = contents(&file.read()?)
            .map_err(|problem| StorageError::NotAccountData { file: file.clone(), problem })?;
        let mut account_data = AccountData::new();
        for (event_type, content) in &contents {
            account_data.insert(event_type, content.get());
        }
        let types = contents.into_keys().collect();
        Ok(Self { from: AccountPlace::File(file.clone()), account_data, types })
    }

    /// The secret of this name.
    pub(crate) fn secret(&self, name: &str) -> Result<SecretContent, StorageError> {
        self.account_data
            .secret(name)
            .map_err(|error| StorageError::AccountData { from: self.from.clone(), error })
    }

    /// The names of all secrets.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &str> {
        let is_secret = |name: &&str| self.account_data.secret(name).is_ok();
        self.types.iter().map(String::as_str).filter(is_secret)
    }
}

fn key_event_type(key_id: &KeyId) -> String {
    format!("{KEY_EVENT_TYPE_PREFIX}{key_id}")
}

/// The `auth_data` of a backup, and its version if that was said.
#[derive(Debug)]
pub(crate) struct AuthDataFile {
    pub(crate) file: Input,
    pub(crate) auth_data: AuthData,
    pub(crate) version: Option<String>,
}

impl AuthDataFile {
    /// Reads `auth_data` itself, or the answer of `GET /room_keys/version` that it is in.
    pub(crate) fn read(file: &Input) -> Result<Self, Error> {
        let said = auth_data(&file.read()?);
        let (auth_data, version) =
            said.map_err(|problem| StorageError::NotAuthData { file: file.clone(), problem })?;
        Ok(Self { file: file.clone(), auth_data, version })
    }
}

type Contents = BTreeMap<String, Box<RawValue>>;

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    event_type: String,
    content: Box<RawValue>,
}

/// What is named twice counts as it was named last, as in the answers of `/sync`.
fn contents(json: &[u8]) -> Result<Contents, String> {
    if json.trim_ascii_start().starts_with(b"[") {
        return by_type(serde_json::from_slice(json));
    }
    let object: BTreeMap<String, &RawValue> = object(json)?;
    if let Some(account_data) = object.get("account_data") {
        let inner: BTreeMap<String, &RawValue> = self::object(account_data.get().as_bytes())?;
        let none = || Ok(Contents::new()); // nothing is new since the last answer
        return inner.get("events").map_or_else(none, |events| by_type(parse(events)));
    }
    match object.get("events") {
        Some(events) => by_type(parse(events)),
        None => Ok(object.into_iter().map(|(name, content)| (name, content.to_owned())).collect()),
    }
}

fn parse(json: &RawValue) -> serde_json::Result<Vec<Event>> {
    serde_json::from_str(json.get())
}

fn by_type(events: serde_json::Result<Vec<Event>>) -> Result<Contents, String> {
    let events = events.map_err(|error| problem(&error, "it is no list of {type, content}"))?;
    Ok(events.into_iter().map(|event| (event.event_type, event.content)).collect())
}

fn auth_data(json: &[u8]) -> Result<(AuthData, Option<String>), String> {
    let object = object(json)?;
    let (said, version) = match object.get("auth_data") {
        Some(auth_data) => {
            let version = object.get("version").map(|version| serde_json::from_str(version.get()));
            let version = version.transpose().map_err(|_| "its `version` is no string")?;
            (auth_data.get(), version)
        }
        // What `object` has read is UTF-8.
        None => (str::from_utf8(json).unwrap_or_default(), None),
    };
    Ok((AuthData::parse(said).map_err(|error| error.to_string())?, version))
}

/// The properties of an object, unless it is an answer that says that there is none.
fn object(json: &[u8]) -> Result<BTreeMap<String, &RawValue>, String> {
    let object: BTreeMap<String, &RawValue> =
        serde_json::from_slice(json).map_err(|error| problem(&error, "it is no JSON object"))?;
    match object.get("errcode") {
        Some(code) => Err(format!("it is an error that a homeserver answered, {code}")),
        None => Ok(object),
    }
}

/// What is wrong, without anything of what was read: it may be a secret that was mistaken for this.
fn problem(error: &serde_json::Error, form: &str) -> String {
    match error.classify() {
        Category::Data => form.to_owned(),
        _ => format!("it is no JSON, at line {}, column {}", error.line(), error.column()),
    }
}
