//! Where the homeserver of a user is.

use ruma_client_api::discovery::{discover_homeserver, get_supported_versions};

use crate::store::homeserver::{
    Client, Failed, HomeserverError, HomeserverUrl, HomeserverUrlError, Repeat, Request, Transport,
};

/// As many redirections are followed.
const REDIRECTIONS: usize = 5;

const WELL_KNOWN: &str = "/.well-known/matrix/client";

/// Why the homeserver was not found. It can be named by its URL all the same.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiscoveryError {
    /// What should tell where the homeserver is, does not.
    #[error("{at}{WELL_KNOWN} does not tell where the homeserver is: {cause}: give its URL")]
    #[non_exhaustive]
    WellKnown {
        /// Where it was asked for.
        at: HomeserverUrl,
        /// What was there in its place.
        cause: HomeserverError,
    },
    /// It names what can be no homeserver.
    #[error("{at}{WELL_KNOWN} leads to {url:?}: {cause}: give the homeserver's URL")]
    #[non_exhaustive]
    Url {
        /// Where it was asked for.
        at: HomeserverUrl,
        /// The URL that it gave.
        url: String,
        /// What is wrong with it.
        cause: HomeserverUrlError,
    },
    /// It leads around.
    #[error("{at}{WELL_KNOWN} redirects more than {REDIRECTIONS} times: give the homeserver's URL")]
    #[non_exhaustive]
    Redirections {
        /// Where it was asked for.
        at: HomeserverUrl,
    },
    /// No homeserver answers where one should be.
    #[error("no homeserver answers at {url}: {cause}")]
    #[non_exhaustive]
    NoHomeserver {
        /// Where it should be.
        url: HomeserverUrl,
        /// What was there in its place.
        cause: HomeserverError,
    },
}

/// Finds the homeserver, beginning where a user id points to ([`HomeserverUrl::of_user`]), and sees
/// whether one answers there.
///
/// Where there is no `.well-known` file, the homeserver is looked for at the beginning itself.
/// Nothing secret is sent.
///
/// # Errors
///
/// [`DiscoveryError`].
///
/// # Security
///
/// Whoever controls the host of the server name decides where a password is sent that is used at
/// what comes out; so it is with every client. From `https` nothing leads to plain `http`.
///
/// Source: [server discovery](https://spec.matrix.org/v1.19/client-server-api/#server-discovery).
pub async fn discover<T: Transport>(
    start: HomeserverUrl,
    transport: T,
) -> Result<HomeserverUrl, DiscoveryError> {
    let client = Client::without_token(start.clone(), transport);
    let url = well_known(&client, &start).await?.unwrap_or(start);
    match supported_versions(&client, &url).await {
        Ok(()) => Ok(url),
        Err(cause) => Err(DiscoveryError::NoHomeserver { url, cause }),
    }
}

/// What the `.well-known` file says, if there is one.
async fn well_known<T: Transport>(
    client: &Client<T>,
    start: &HomeserverUrl,
) -> Result<Option<HomeserverUrl>, DiscoveryError> {
    let wrong = |url: &str, cause| {
        let url = url.chars().filter(|c| !c.is_control()).take(200).collect();
        DiscoveryError::Url { at: start.clone(), url, cause }
    };
    let mut at = start.leading_to(WELL_KNOWN).map_err(|cause| wrong(WELL_KNOWN, cause))?;
    for _ in 0..=REDIRECTIONS {
        let request =
            get(&at).map_err(|cause| DiscoveryError::WellKnown { at: at.clone(), cause })?;
        let answer = client.call::<discover_homeserver::Response>(&request, Repeat::Always).await;
        let failed = match answer {
            Ok(answer) => {
                let url = answer.homeserver.base_url;
                return start.naming(&url).map(Some).map_err(|cause| wrong(&url, cause));
            }
            Err(failed) => failed,
        };
        if let Some(location) = failed.moved_to() {
            at = at.leading_to(location).map_err(|cause| wrong(location, cause))?;
        } else if failed.answer().is_some_and(|answer| answer.status == 404) {
            return Ok(None);
        } else {
            let cause = failed.into_error();
            return Err(DiscoveryError::WellKnown { at: start.clone(), cause });
        }
    }
    Err(DiscoveryError::Redirections { at: start.clone() })
}

/// Whether a homeserver answers there.
async fn supported_versions<T: Transport>(
    client: &Client<T>,
    url: &HomeserverUrl,
) -> Result<(), HomeserverError> {
    let request = get(&url.with_path("_matrix/client/versions"))?;
    let answer = client.call::<get_supported_versions::Response>(&request, Repeat::Always).await;
    match answer.map_err(Failed::into_error)? {
        answer if answer.versions.is_empty() => {
            Err(HomeserverError::malformed(&request, &"it supports no version of Matrix"))
        }
        _ => Ok(()),
    }
}

fn get(url: &HomeserverUrl) -> Result<Request, HomeserverError> {
    let request = http::Request::get(url.as_str()).body(bytes::Bytes::new());
    request.map_err(|error| HomeserverError::Request { detail: error.to_string() })
}
