//! A user's account at a homeserver, as far as a backup needs it: finding the server, logging in
//! and out, account data, and whether the user wants a backup.
//!
//! [`discover`] finds the homeserver, [`Login`] gets an access token for it, and
//! [`HomeserverStore::account`](crate::store::homeserver::HomeserverStore::account) asks in the name
//! of whoever has one. Secret storage (4S) lies in [account data](Account::data).

mod data;
mod discovery;
mod error;
mod login;
mod preference;
mod refresh_token;

pub use discovery::{DiscoveryError, discover};
pub use error::LoginError;
pub use login::{LoggedIn, Login, NewDevice, Refreshed};
pub use preference::KeyBackupPreference;
pub use refresh_token::RefreshToken;

use matrix_key_backup_wire::UserId;
use ruma_client_api::{account::whoami, session::logout};

use crate::store::homeserver::{Client, HomeserverError, Repeat, Request, Transport};

/// The account whose access token a
/// [`HomeserverStore`](crate::store::homeserver::HomeserverStore) has. It shares the token with the
/// store, also when it is refreshed.
///
/// ```no_run
/// # #[cfg(all(feature = "http", not(target_arch = "wasm32")))]
/// # async fn example(
/// #     store: matrix_key_backup::store::homeserver::HomeserverStore<
/// #         matrix_key_backup::store::homeserver::ReqwestTransport,
/// #     >,
/// # ) -> Result<(), Box<dyn core::error::Error>> {
/// let account = store.account();
/// let me = account.who_am_i().await?.user_id;
/// let default_key = account.data(&me, "m.secret_storage.default_key").await?;
/// println!("{me} has secret storage: {}", default_key.is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Account<'s, T> {
    client: &'s Client<T>,
}

/// Whose access token it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WhoAmI {
    /// The user.
    pub user_id: UserId,
    /// The device, which a token of an application service does not have.
    pub device_id: Option<String>,
}

impl<'s, T: Transport> Account<'s, T> {
    pub(crate) fn new(client: &'s Client<T>) -> Self {
        Self { client }
    }

    /// Whose access token it is, by the homeserver's word.
    ///
    /// # Errors
    ///
    /// [`HomeserverError`]; [`Unauthorized`](HomeserverError::Unauthorized) where the token has ended.
    ///
    /// Source: [`GET /account/whoami`](https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3accountwhoami).
    pub async fn who_am_i(&self) -> Result<WhoAmI, HomeserverError> {
        let request = self.client.request(whoami::v3::Request::new())?;
        let answer = self.client.call::<whoami::v3::Response>(&request, Repeat::Always).await;
        let answer = answer.map_err(|failed| failed.into_error())?;
        let user_id = user_id(&request, answer.user_id.as_str())?;
        let device_id = answer.device_id.map(|id| id.to_string());
        if let Some(id) = &device_id {
            has_no_controls(&request, id)?;
        }
        Ok(WhoAmI { user_id, device_id })
    }

    /// Ends the access token, and with it the device and its refresh token.
    ///
    /// A token that has ended already is no error: what was asked for is so.
    ///
    /// # Errors
    ///
    /// [`HomeserverError`]; the token may then still be good.
    ///
    /// Source: [`POST /logout`](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3logout).
    pub async fn log_out(&self) -> Result<(), HomeserverError> {
        let request = self.client.request(logout::v3::Request::new())?;
        match self.client.call::<logout::v3::Response>(&request, Repeat::Always).await {
            Ok(_) => Ok(()),
            Err(failed) => match failed.into_error() {
                HomeserverError::Unauthorized { .. } => Ok(()),
                error => Err(error),
            },
        }
    }
}

/// Who a homeserver says somebody is. Old ids may have almost any character; those that would make
/// another line of it have no place where it is shown.
fn user_id(request: &Request, id: &str) -> Result<UserId, HomeserverError> {
    has_no_controls(request, id)?;
    UserId::new(id).map_err(|error| HomeserverError::malformed(request, &error))
}

fn has_no_controls(request: &Request, id: &str) -> Result<(), HomeserverError> {
    if id.chars().any(char::is_control) {
        return Err(HomeserverError::malformed(request, &"an id has control characters in it"));
    }
    Ok(())
}
