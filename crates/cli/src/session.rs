//! The account that `login` has stored: where its homeserver is, and the access token for it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use matrix_key_backup::{
    store::homeserver::{AccessToken, HomeserverUrl},
    wire::UserId,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    data_directory::data_directory,
    error::Error,
    files::{Input, NewFile, Overwrite},
};

/// What the program does at a homeserver, it does in this session.
///
/// # Security
///
/// Whoever has its token acts as the user. It lies in a file that its owner alone may read, and
/// is never shown (K-5).
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) homeserver: HomeserverUrl,
    pub(crate) user_id: UserId,
    pub(crate) access_token: AccessToken,
}

/// How it is written. `format` says what it means.
#[derive(Serialize, Deserialize)]
#[serde(tag = "format", deny_unknown_fields)]
enum Form {
    #[serde(rename = "session-1")]
    V1 { homeserver: String, user_id: String, access_token: Zeroizing<String> },
}

/// Where the session lies.
pub(crate) fn session_file() -> Result<PathBuf, Error> {
    Ok(data_directory()?.join("session.json"))
}

impl Session {
    /// The session that was stored, if one was.
    pub(crate) fn stored() -> Result<Option<Self>, Error> {
        let path = session_file()?;
        match path.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            _ => {}
        }
        let text = Input::File(path.clone()).read_secret("session")?;
        Self::read(&text).map(Some).ok_or(Error::NotASession { path })
    }

    fn read(text: &str) -> Option<Self> {
        let Form::V1 { homeserver, user_id, access_token } = serde_json::from_str(text).ok()?;
        Some(Self {
            homeserver: HomeserverUrl::parse(&homeserver).ok()?,
            user_id: UserId::new(user_id).ok()?,
            access_token: AccessToken::new(access_token.to_string()).ok()?,
        })
    }

    /// Stores it in the place of another one, readable by its owner only.
    pub(crate) fn store(&self) -> Result<(), Error> {
        let path = session_file()?;
        let form = Form::V1 {
            homeserver: self.homeserver.to_string(),
            user_id: self.user_id.to_string(),
            access_token: Zeroizing::new(self.access_token.expose_access_token().to_owned()),
        };
        let unwritable =
            |error: serde_json::Error| Error::Write { path: path.clone(), source: error.into() };
        let text = Zeroizing::new(serde_json::to_vec(&form).map_err(unwritable)?);
        NewFile::write(&path, &text, Overwrite::Yes)
    }

    /// Forgets it.
    pub(crate) fn remove(path: &Path) -> Result<(), Error> {
        fs::remove_file(path).map_err(|source| Error::Write { path: path.to_owned(), source })
    }

    /// The beginning of the names of files that are about this account. In small letters alone:
    /// there are file systems that take capitals for the same.
    pub(crate) fn file_name(&self) -> String {
        let plain = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' | b'=' | b'@');
        let written = |byte: u8| match plain(&byte) {
            true => char::from(byte).to_string(),
            false => format!("+{byte:02x}"),
        };
        self.user_id.as_str().bytes().map(written).collect()
    }

    /// The account, for people.
    pub(crate) fn shown(&self) -> String {
        format!("the account {} at {}", self.user_id, self.homeserver)
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Session").field("user_id", &self.user_id).finish_non_exhaustive()
    }
}
