//! Where a homeserver is, and that a token may be sent there.

use core::fmt;
use core::str::FromStr as _;

use http::Uri;
use matrix_key_backup_ruma::user_id_to_ruma;
use matrix_key_backup_wire::UserId;
use url::{Host, ParseError, Url};

/// Longer than any, and short enough to go into a request with a path behind it.
const URL_MAX_BYTES: usize = 2048;

/// The base URL of a homeserver's client-server API: `https://matrix.example.org`.
///
/// Whoever reads what is sent there can take the account over, so it has to be `https`. Plain
/// `http` is accepted for this machine itself alone: `localhost`, `127.0.0.0/8`, `[::1]`.
///
/// It is not the server name in a user id: that one leads to it through `.well-known`.
///
/// ```
/// use matrix_key_backup::store::homeserver::HomeserverUrl;
///
/// assert!(HomeserverUrl::parse("https://matrix.example.org").is_ok());
/// assert!(HomeserverUrl::parse("http://127.0.0.1:8008").is_ok());
/// assert!(HomeserverUrl::parse("http://matrix.example.org").is_err());
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct HomeserverUrl(Url);

impl HomeserverUrl {
    /// Reads a URL. A path is kept: some servers have the API below one.
    ///
    /// # Errors
    ///
    /// [`HomeserverUrlError`].
    pub fn parse(text: &str) -> Result<Self, HomeserverUrlError> {
        let url = Url::parse(text).map_err(malformed)?;
        // A URL may have what no request can have: braces in its host, for one.
        if url.as_str().len() > URL_MAX_BYTES || Uri::from_str(url.as_str()).is_err() {
            return Err(HomeserverUrlError::Unusable);
        }
        let host = url.host().ok_or(HomeserverUrlError::NoHost)?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&host) => {}
            "http" => return Err(HomeserverUrlError::PlainHttp { host: host.to_string() }),
            scheme => return Err(HomeserverUrlError::Scheme { found: scheme.to_owned() }),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(HomeserverUrlError::Credentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(HomeserverUrlError::QueryOrFragment);
        }
        Ok(Self(url))
    }

    /// Where the server name of a user id leads to at first: the host of it, by `https`. The
    /// homeserver may be elsewhere, which [`discover`](crate::account::discover) finds out.
    ///
    /// `None` where it is no Matrix user id.
    #[must_use]
    pub fn of_user(user_id: &UserId) -> Option<Self> {
        let user_id = user_id_to_ruma(user_id).ok()?;
        Self::parse(&format!("https://{}", user_id.server_name().host())).ok()
    }

    /// Where a redirection leads to from here.
    pub(crate) fn leading_to(&self, location: &str) -> Result<Self, HomeserverUrlError> {
        let url = self.0.join(location).map_err(malformed)?;
        self.naming(url.as_str())
    }

    /// The URL that was given here; it must not lead from `https` to `http`.
    pub(crate) fn naming(&self, url: &str) -> Result<Self, HomeserverUrlError> {
        let url = Self::parse(url)?;
        if url.is_plain() && !self.is_plain() {
            let host = url.0.host().map_or(String::new(), |host| host.to_string());
            return Err(HomeserverUrlError::PlainHttp { host });
        }
        Ok(url)
    }

    /// The same with a path at its end.
    pub(crate) fn with_path(&self, path: &str) -> Self {
        let mut url = self.0.clone();
        url.set_path(&format!("{}/{path}", url.path().trim_end_matches('/')));
        Self(url)
    }

    fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// The URL, normalised.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

fn malformed(error: ParseError) -> HomeserverUrlError {
    HomeserverUrlError::Malformed { detail: error.to_string() }
}

/// By name or number alone: what else a name leads to, somebody else may decide.
fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(domain) => *domain == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

impl fmt::Display for HomeserverUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for HomeserverUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.as_str())
    }
}

/// A text is not the URL of a homeserver. None of it is shown that could be a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HomeserverUrlError {
    /// It is no URL.
    #[error("this is no URL ({detail}): give one like https://matrix.example.org")]
    #[non_exhaustive]
    Malformed {
        /// What is wrong with it.
        detail: String,
    },
    /// No request can be sent there.
    #[error(
        "the URL has more than {URL_MAX_BYTES} bytes, or a character that no request can have: give \
         one like https://matrix.example.org"
    )]
    Unusable,
    /// It names no host.
    #[error("the URL names no host: give one like https://matrix.example.org")]
    NoHost,
    /// It is not `https`.
    #[error("a homeserver is reached by https, not by {found}")]
    #[non_exhaustive]
    Scheme {
        /// The scheme of the URL.
        found: String,
    },
    /// It is `http`, and not to this machine itself.
    #[error("everybody on the way to {host} could read the access token: use https")]
    #[non_exhaustive]
    PlainHttp {
        /// The host of the URL.
        host: String,
    },
    /// It has a user name or a password in it.
    #[error("a user name or password in the URL is not used: give the access token instead")]
    Credentials,
    /// It has a query or a fragment.
    #[error("the URL of a homeserver ends before any ? or #")]
    QueryOrFragment,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_anywhere_and_http_to_this_machine() {
        for good in [
            "https://matrix.example.org",
            "https://matrix.example.org:8448/",
            "https://example.org/behind/a/path",
            "https://203.0.113.7",
            "http://localhost:8008",
            "http://127.0.0.1:8008",
            "http://127.1.2.3",
            "http://2130706433",
            "http://[::1]:8008",
            "HTTPS://EXAMPLE.ORG",
        ] {
            assert!(HomeserverUrl::parse(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn no_token_goes_out_in_the_clear() {
        for bad in [
            "http://matrix.example.org",
            "http://localhost.example.org",
            "http://localhost@example.org",
            "http://127.0.0.1.example.org",
            "http://127.0.0.1\\@example.org",
            "http://10.0.0.1",
            "http://0.0.0.0",
            "http://[::ffff:10.0.0.1]",
            "http://1",
        ] {
            match HomeserverUrl::parse(bad) {
                Err(HomeserverUrlError::PlainHttp { .. } | HomeserverUrlError::Credentials) => {}
                Ok(url) => assert!(url.as_str().starts_with("http://127.0.0.1/"), "{bad}: {url}"),
                Err(other) => panic!("{bad}: {other}"),
            }
        }
    }

    /// A server chooses some of these.
    #[test]
    fn what_no_request_can_have_is_refused() {
        for host in ["a\"b", "a`b", "a{b", "a}b"] {
            let url = format!("https://{host}.example");
            assert_eq!(HomeserverUrl::parse(&url), Err(HomeserverUrlError::Unusable), "{url}");
        }
        let long = format!("https://example.org/{}", "a".repeat(100_000));
        assert_eq!(HomeserverUrl::parse(&long), Err(HomeserverUrlError::Unusable));
        let longest = format!("https://e/{}", "a".repeat(URL_MAX_BYTES - 10));
        let url = HomeserverUrl::parse(&longest).unwrap().with_path("_matrix/client/versions");
        assert!(Uri::from_str(url.as_str()).is_ok());
    }

    #[test]
    fn errors_say_what_to_do_and_show_no_password() {
        let said = |url| HomeserverUrl::parse(url).unwrap_err().to_string();
        assert!(said("http://example.org").contains("use https"));
        assert!(said("matrix.example.org").contains("https://"));
        assert!(said("ftp://example.org").contains("not by ftp"));
        assert!(said("data:text").contains("no host"));
        assert!(said("https://example.org/?a=b").contains('?'));
        assert!(said("https://example.org/#a").contains('#'));
        for secret in [
            "https://alice:swordfish@example.org",
            "https:/alice:swordfish@",
            "http://u:swordfish@[/",
        ] {
            if let Err(error) = HomeserverUrl::parse(secret) {
                assert!(!format!("{error} {error:?}").contains("swordfish"), "{error:?}");
            }
        }
        assert_eq!(
            HomeserverUrl::parse("https://a@example.org"),
            Err(HomeserverUrlError::Credentials)
        );
    }
}
