//! The account that `login` has stored: where its homeserver is, and the tokens for it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use matrix_key_backup::{
    account::RefreshToken,
    store::homeserver::{AccessToken, HomeserverUrl},
    wire::UserId,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{
    data_directory::{data_directory, make_private},
    error::Error,
    files::{Input, NewFile, Overwrite, SECRET_MAX_BYTES},
    printable::printable,
};

/// What the program does at a homeserver, it does in this session.
///
/// # Security
///
/// Whoever has its tokens acts as the user. They lie in a file that its owner alone may read, and
/// are never shown (K-5).
#[derive(Clone)]
pub(crate) struct Session {
    pub(crate) homeserver: HomeserverUrl,
    pub(crate) user_id: UserId,
    pub(crate) access_token: AccessToken,
    /// The device that a login by password has made; none where the access token is that of another
    /// client, whose device it is.
    pub(crate) device: Option<OwnDevice>,
}

/// A device of the program's own.
#[derive(Clone, Debug)]
pub(crate) struct OwnDevice {
    pub(crate) id: String,
    pub(crate) refresh_token: Option<RefreshToken>,
}

/// How it is written. `format` says what it means.
#[derive(Serialize, Deserialize)]
#[serde(tag = "format", deny_unknown_fields)]
enum Form {
    #[serde(rename = "session-2")]
    V2 {
        homeserver: String,
        user_id: String,
        access_token: Zeroizing<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        device: Option<DeviceForm>,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DeviceForm {
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    refresh_token: Option<Zeroizing<String>>,
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

    /// The one that must be there.
    pub(crate) fn required() -> Result<Self, Error> {
        Self::stored()?.ok_or(Error::NotLoggedIn)
    }

    fn read(text: &str) -> Option<Self> {
        let Form::V2 { homeserver, user_id, access_token, device } =
            serde_json::from_str(text).ok()?;
        let refresh = |token: Zeroizing<String>| RefreshToken::new(token.to_string());
        let device =
            device.map(|it| OwnDevice { id: it.id, refresh_token: it.refresh_token.map(refresh) });
        Some(Self {
            homeserver: HomeserverUrl::parse(&homeserver).ok()?,
            user_id: UserId::new(user_id).ok()?,
            access_token: AccessToken::new(access_token.to_string()).ok()?,
            device,
        })
    }

    /// Stores it in the place of another one, readable by its owner only.
    pub(crate) fn store(&self) -> Result<(), Error> {
        let path = session_file()?;
        make_private(&data_directory()?)?;
        let unwritable =
            |error: serde_json::Error| Error::Write { path: path.clone(), source: error.into() };
        // As large as it gets, so that it is never moved and leaves no copy.
        let mut text = Zeroizing::new(Vec::with_capacity(SECRET_MAX_BYTES));
        serde_json::to_writer(&mut *text, &self.form()).map_err(unwritable)?;
        NewFile::write(&path, &text, Overwrite::Yes)
    }

    /// Refuses where it could not be stored, before there is one.
    pub(crate) fn can_be_stored() -> Result<(), Error> {
        make_private(&data_directory()?)?;
        NewFile::begin(&session_file()?, Overwrite::Yes).map(drop)
    }

    fn form(&self) -> Form {
        let secret = |text: &str| Zeroizing::new(text.to_owned());
        let device = self.device.as_ref().map(|device| DeviceForm {
            id: device.id.clone(),
            refresh_token: device.refresh_token().map(|it| secret(it.expose_refresh_token())),
        });
        Form::V2 {
            homeserver: self.homeserver.to_string(),
            user_id: self.user_id.to_string(),
            access_token: secret(self.access_token.expose_access_token()),
            device,
        }
    }

    /// Forgets it.
    pub(crate) fn remove(path: &Path) -> Result<(), Error> {
        fs::remove_file(path).map_err(|source| Error::Write { path: path.to_owned(), source })
    }

    /// Whether it is the same device of the same account at the same homeserver.
    pub(crate) fn is_of_same_device(&self, other: &Self) -> bool {
        let device = |session: &Self| session.device.as_ref().map(|device| device.id.clone());
        self.homeserver == other.homeserver
            && self.user_id == other.user_id
            && device(self) == device(other)
    }

    /// The beginning of the name of the file in which is remembered what was seen of this account.
    ///
    /// It is the user id alone, in small letters. Where its homeserver is and how the user id is
    /// written, the homeserver itself says: it must not be able to make us forget by that. // B-3, T-4
    pub(crate) fn memory_name(&self) -> String {
        plain(&self.user_id.as_str().to_ascii_lowercase())
    }

    /// The beginning of the names of files with keys of this account. In small letters alone: there
    /// are file systems that take capitals for the same. One user id at two homeservers is two
    /// accounts.
    pub(crate) fn file_name(&self) -> String {
        let url = self.homeserver.as_str().trim_end_matches('/');
        let server = url.strip_prefix("https://").unwrap_or(url);
        format!("{}+at+{}", plain(self.user_id.as_str()), plain(server))
    }

    /// The account, for people.
    pub(crate) fn shown(&self) -> String {
        format!("the account {} at {}", printable(self.user_id.as_str()), self.homeserver)
    }

    /// What new access tokens are got by, if they can be.
    pub(crate) fn refresh_token(&self) -> Option<&RefreshToken> {
        self.device.as_ref().and_then(OwnDevice::refresh_token)
    }
}

impl OwnDevice {
    fn refresh_token(&self) -> Option<&RefreshToken> {
        self.refresh_token.as_ref()
    }
}

/// File systems take names of 255 bytes, and one may have two such parts and an ending.
const PLAIN_MAX_BYTES: usize = 100;

/// A text as a part of a file's name, from which it could be told again; of a long one the beginning,
/// and a fingerprint behind two plus signs, which no other has.
fn plain(text: &str) -> String {
    let whole = escaped(text);
    if whole.len() <= PLAIN_MAX_BYTES {
        return whole;
    }
    let digest = Sha256::digest(text);
    let fingerprint: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("{whole:.60}++{fingerprint}")
}

fn escaped(text: &str) -> String {
    let is_plain =
        |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' | b'=' | b'@');
    let written = |byte: u8| match is_plain(byte) {
        true => char::from(byte).to_string(),
        false => format!("+{byte:02x}"),
    };
    text.bytes().map(written).collect()
}

impl std::fmt::Debug for Session {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Session").field("user_id", &self.user_id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(homeserver: &str, user_id: &str) -> Session {
        Session {
            homeserver: HomeserverUrl::parse(homeserver).unwrap(),
            user_id: UserId::new(user_id).unwrap(),
            access_token: AccessToken::new("syt_swordfish".to_owned()).unwrap(),
            device: Some(OwnDevice {
                id: "DEVICE".to_owned(),
                refresh_token: Some(RefreshToken::new("syr_swordfish".to_owned())),
            }),
        }
    }

    /// K-5
    #[test]
    fn it_is_read_as_it_was_written_and_shows_no_token() {
        let session = session("https://hs.example.org", "@alice:example.org");
        let text = serde_json::to_string(&session.form()).unwrap();
        let read = Session::read(&text).unwrap();
        assert_eq!(serde_json::to_string(&read.form()).unwrap(), text);
        assert_eq!(read.refresh_token().unwrap().expose_refresh_token(), "syr_swordfish");
        assert!(!format!("{session:?} {:?}", session.device).contains("swordfish"));
    }

    /// A token is for one account alone: not for another one that is logged in meanwhile.
    #[test]
    fn another_account_is_no_other_run_of_this_one() {
        let one = session("https://a.example", "@alice:example.org");
        assert!(one.is_of_same_device(&one.clone()));
        let mut device = one.clone();
        device.device = Some(OwnDevice { id: "OTHER".to_owned(), refresh_token: None });
        let mut none = one.clone();
        none.device = None;
        for other in [
            session("https://b.example", "@alice:example.org"),
            session("https://a.example", "@bob:example.org"),
            device,
            none,
        ] {
            assert!(!one.is_of_same_device(&other));
        }
    }

    /// B-3, T-4: a homeserver that says it has moved is remembered as the same.
    #[test]
    fn a_homeserver_that_moves_is_not_forgotten() {
        let here = session("https://example.org", "@alice:example.org");
        let there = session("https://example.org/x", "@alice:example.org");
        assert_eq!(here.memory_name(), there.memory_name());
        let capitals = session("https://example.org", "@ALICE:example.org");
        assert_eq!(here.memory_name(), capitals.memory_name());
        let other = session("https://example.org", "@alicia:example.org");
        assert_ne!(here.memory_name(), other.memory_name());
    }

    /// User ids have up to 255 bytes, and some file systems no longer names than that.
    #[test]
    fn a_long_user_id_has_a_short_name_of_its_own() {
        let named = |last: char| {
            session("https://example.org", &format!("@{}{last}:example.org", "A".repeat(220)))
        };
        let (one, other) = (named('a'), named('b'));
        assert_eq!(one.memory_name(), named('a').memory_name());
        assert_ne!(one.memory_name(), other.memory_name());
        assert!(one.memory_name().len() <= PLAIN_MAX_BYTES, "{}", one.memory_name());
        assert!(one.file_name().len() <= 2 * PLAIN_MAX_BYTES + 4, "{}", one.file_name());
        let longest_plain = session("https://e", &format!("@{}:e", "a".repeat(95)));
        assert!(!longest_plain.memory_name().contains("++"));
    }

    #[test]
    fn accounts_never_share_a_file() {
        let names = [
            session("https://example.org", "@alice:example.org"),
            session("https://example.org", "@Alice:example.org"),
            session("https://example.org:8448", "@alice:example.org"),
            session("https://example.org/a", "@alice:example.org"),
            session("http://localhost", "@alice:example.org"),
            session("https://localhost", "@alice:example.org"),
        ]
        .map(|session| session.file_name());
        let mut distinct = names.to_vec();
        distinct.sort();
        distinct.dedup();
        assert_eq!(distinct.len(), names.len(), "{names:?}");
        assert_eq!(names[0], "@alice+3aexample.org+at+example.org");
        assert!(names.iter().all(|name| !name.contains(['/', '\\', ':'])), "{names:?}");
    }
}
