//! Logging in: each program is a device of its own.

use core::fmt;

use matrix_key_backup::account::{Login, NewDevice};
use matrix_key_backup::store::homeserver::{
    AccessToken, HomeserverStore, HomeserverUrl, Transport,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::ApiError;

/// A device that is logged in. As JSON it holds the access token, a secret.
#[derive(Clone, Serialize, Deserialize)]
pub struct Session {
    homeserver: String,
    user_id: String,
    device_id: String,
    access_token: Zeroizing<String>,
}

/// Logs in with a password, which makes a new device. The access token has no end: what ends it is
/// logging the device out.
///
/// # Errors
///
/// [`ApiError::Login`].
pub async fn log_in<T: Transport>(
    homeserver: &HomeserverUrl,
    transport: T,
    user: &str,
    password: &str,
    display_name: &str,
) -> Result<Session, ApiError> {
    let device = NewDevice::named(display_name).with_lasting_token();
    let login = Login::new(homeserver.clone(), transport);
    let me = login.with_password(user, password, device).await.map_err(ApiError::Login)?;
    let token = me.access_token.expose_access_token();
    Ok(Session::new(homeserver.as_str(), me.user_id.as_str(), &me.device_id, token))
}

impl Session {
    /// Takes a session apart that another program has begun.
    #[must_use]
    pub fn new(homeserver: &str, user_id: &str, device_id: &str, access_token: &str) -> Self {
        Self {
            homeserver: homeserver.trim_end_matches('/').to_owned(),
            user_id: user_id.to_owned(),
            device_id: device_id.to_owned(),
            access_token: Zeroizing::new(access_token.to_owned()),
        }
    }

    /// The address of the homeserver, without a slash at its end.
    #[must_use]
    pub fn homeserver(&self) -> &str {
        &self.homeserver
    }

    /// The user.
    #[must_use]
    pub fn user_id(&self) -> &str {
        &self.user_id
    }

    /// The device.
    #[must_use]
    pub fn device_id(&self) -> &str {
        &self.device_id
    }

    pub(crate) fn expose_access_token(&self) -> &str {
        &self.access_token
    }

    /// The user's backup at the homeserver.
    ///
    /// # Errors
    ///
    /// [`ApiError::Request`] if the address or the token is none.
    pub fn backup_store<T: Transport>(&self, transport: T) -> Result<HomeserverStore<T>, ApiError> {
        let url = HomeserverUrl::parse(&self.homeserver)
            .map_err(|error| ApiError::Request(error.to_string()))?;
        let token = AccessToken::new(self.access_token.to_string())
            .map_err(|error| ApiError::Request(error.to_string()))?;
        Ok(HomeserverStore::new(url, token, transport))
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { homeserver, user_id, device_id, access_token: _ } = self;
        write!(f, "Session({user_id} {device_id} at {homeserver})")
    }
}
