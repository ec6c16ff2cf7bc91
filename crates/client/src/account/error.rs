//! Why there is no access token.

use crate::store::homeserver::{HomeserverError, ServerAnswer};

/// Why nobody is logged in. No password or token is shown.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// The user, the password, or both are wrong, or the account is closed.
    #[error("the homeserver does not let this user in with this password ({answer}): check both")]
    #[non_exhaustive]
    WrongPassword {
        /// The answer.
        answer: ServerAnswer,
    },
    /// The homeserver has other ways to log in.
    #[error(
        "the homeserver has no login by password (it offers {}): log in with a client, and take its \
         access token",
        list(offered)
    )]
    #[non_exhaustive]
    NoPasswords {
        /// The types of login that it offers.
        offered: Vec<String>,
    },
    /// The refresh token is used up, or the device was logged out.
    #[error("the homeserver does not accept the refresh token any more ({answer}): log in again")]
    #[non_exhaustive]
    RefreshTokenEnded {
        /// The answer.
        answer: ServerAnswer,
    },
    /// It failed as any request may.
    #[error(transparent)]
    Homeserver(#[from] HomeserverError),
}

fn list(offered: &[String]) -> String {
    const SHOWN: usize = 10;
    if offered.is_empty() {
        return "none at all".to_owned();
    }
    let shown = |name: &String| name.chars().filter(|c| c.is_ascii_graphic()).take(60).collect();
    offered.iter().take(SHOWN).map(shown).collect::<Vec<String>>().join(", ")
}
