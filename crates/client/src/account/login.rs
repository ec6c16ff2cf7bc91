//! Getting an access token.

use core::time::Duration;

use matrix_key_backup_wire::UserId;
use ruma_client_api::{
    session::{get_login_types, login, refresh_token},
    uiaa::{MatrixUserIdentifier, UserIdentifier},
};

use super::{LoginError, RefreshToken, has_no_controls, user_id};
use crate::store::homeserver::{
    AccessToken, Client, Failed, HomeserverError, HomeserverUrl, Patience, Repeat, Request,
    ServerAnswer, Transport,
};

/// Logs in at a homeserver.
///
/// ```no_run
/// # #[cfg(all(feature = "http", not(target_arch = "wasm32")))]
/// # async fn example() -> Result<(), Box<dyn core::error::Error>> {
/// use std::sync::Arc;
///
/// use matrix_key_backup::account::{Login, NewDevice, discover};
/// use matrix_key_backup::store::homeserver::{HomeserverStore, HomeserverUrl, ReqwestTransport};
/// use matrix_key_backup::wire::UserId;
///
/// let transport = Arc::new(ReqwestTransport::new()?);
/// let user = UserId::new("@alice:example.org")?;
/// let start = HomeserverUrl::of_user(&user).ok_or("no Matrix user id")?;
/// let homeserver = discover(start, Arc::clone(&transport)).await?;
///
/// let login = Login::new(homeserver.clone(), Arc::clone(&transport));
/// let password = std::env::var("PASSWORD")?;
/// let device = NewDevice::named("my backup");
/// let me = login.with_password(user.as_str(), &password, device).await?;
///
/// // The refresh token changes with each use, and is the program's to keep.
/// let store = HomeserverStore::new(homeserver, me.access_token, transport);
/// # let _ = store;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Login<T> {
    client: Client<T>,
}

/// The device that a login makes.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct NewDevice {
    /// What it is called in the user's list of devices.
    pub display_name: Option<String>,
    /// The id of a device that was logged in before, to be it again.
    pub device_id: Option<String>,
    /// Whether the access token is to last until the device is logged out: for who keeps no refresh
    /// token.
    pub lasting_token: bool,
}

/// What a login has brought.
#[derive(Debug)]
#[non_exhaustive]
pub struct LoggedIn {
    /// Who the homeserver says it is.
    pub user_id: UserId,
    /// The device.
    pub device_id: String,
    /// The token for all requests.
    pub access_token: AccessToken,
    /// The token for the next access token, from a homeserver whose access tokens end.
    pub refresh_token: Option<RefreshToken>,
    /// When the access token ends.
    pub expires_in: Option<Duration>,
}

/// What a refresh token has brought.
#[derive(Debug)]
#[non_exhaustive]
pub struct Refreshed {
    /// The new token for all requests.
    pub access_token: AccessToken,
    /// The token for the time after it; `None` where the old one stays.
    pub refresh_token: Option<RefreshToken>,
    /// When the access token ends.
    pub expires_in: Option<Duration>,
}

impl NewDevice {
    /// A new device of this name.
    #[must_use]
    pub fn named(display_name: impl Into<String>) -> Self {
        Self { display_name: Some(display_name.into()), ..Self::default() }
    }

    /// The same, whose access token lasts.
    #[must_use]
    pub fn with_lasting_token(self) -> Self {
        Self { lasting_token: true, ..self }
    }
}

impl<T: Transport> Login<T> {
    /// Nothing is sent yet.
    pub fn new(homeserver: HomeserverUrl, transport: T) -> Self {
        Self { client: Client::without_token(homeserver, transport) }
    }

    /// Sets how long to wait, and how often to ask again.
    #[must_use]
    pub fn with_patience(mut self, patience: Patience) -> Self {
        self.client.set_patience(patience);
        self
    }

    /// Logs in with a password. `user` is a user id, or the part of it before the colon.
    ///
    /// An answer that was lost on the way is an error, not another try: each makes a device. A token
    /// that ends and can be refreshed is asked for, unless it is to last.
    ///
    /// # Errors
    ///
    /// [`LoginError`].
    ///
    /// # Security
    ///
    /// The password goes to the homeserver as it is, in the body of a request, of which Ruma and the
    /// transport have copies that are not wiped. Where the account's secret storage has the same
    /// passphrase, the homeserver can then read the backup.
    ///
    /// Source: [`POST /login`](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3login).
    pub async fn with_password(
        &self,
        user: &str,
        password: &str,
        device: NewDevice,
    ) -> Result<LoggedIn, LoginError> {
        self.needs_password_login().await?;
        let user = UserIdentifier::Matrix(MatrixUserIdentifier::new(user.to_owned()));
        let password = login::v3::Password::new(user, password.to_owned());
        let mut request = login::v3::Request::new(login::v3::LoginInfo::Password(password));
        request.device_id = device.device_id.map(Into::into);
        request.initial_device_display_name = device.display_name;
        request.refresh_token = !device.lasting_token;
        let request = self.client.request(request)?;
        let answer = self.client.call::<login::v3::Response>(&request, Repeat::IfNotDone).await;
        let answer = answer.map_err(|failed| match denied(&failed, 403) {
            Some(answer) => LoginError::WrongPassword { answer },
            None => failed.into_error().into(),
        })?;
        let user_id = user_id(&request, answer.user_id.as_str())?;
        has_no_controls(&request, answer.device_id.as_str())?;
        Ok(LoggedIn {
            user_id,
            device_id: answer.device_id.to_string(),
            access_token: access_token(&request, answer.access_token)?,
            refresh_token: answer.refresh_token.map(RefreshToken::new),
            expires_in: answer.expires_in,
        })
    }

    /// Gets a new access token.
    ///
    /// Store what it brings before the new access token is used: that ends the old refresh token.
    ///
    /// # Errors
    ///
    /// [`LoginError`].
    ///
    /// Source: [`POST /refresh`](https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3refresh).
    pub async fn refresh(&self, refresh_token: &RefreshToken) -> Result<Refreshed, LoginError> {
        use refresh_token::v3::{Request, Response};

        let request = Request::new(refresh_token.expose_refresh_token().to_owned());
        let request = self.client.request(request)?;
        // The old token is good until the new ones are used, so twice is as good as once.
        let answer = self.client.call::<Response>(&request, Repeat::Always).await;
        let answer = answer.map_err(|failed| {
            match denied(&failed, 401).or_else(|| denied(&failed, 403)) {
                Some(answer) => LoginError::RefreshTokenEnded { answer },
                None => failed.into_error().into(),
            }
        })?;
        Ok(Refreshed {
            access_token: access_token(&request, answer.access_token)?,
            refresh_token: answer.refresh_token.map(RefreshToken::new),
            expires_in: answer.expires_in_ms,
        })
    }

    /// A password is sent only where one is asked for.
    async fn needs_password_login(&self) -> Result<(), LoginError> {
        use get_login_types::v3::{LoginType, Request, Response};

        let request = self.client.request(Request::new())?;
        let answer = self.client.call::<Response>(&request, Repeat::Always).await;
        let Response { flows, .. } = answer.map_err(Failed::into_error)?;
        if flows.iter().any(|flow| matches!(flow, LoginType::Password(_))) {
            return Ok(());
        }
        let offered = flows.iter().map(|flow| flow.login_type().to_owned()).collect();
        Err(LoginError::NoPasswords { offered })
    }
}

fn denied(failed: &Failed, status: u16) -> Option<ServerAnswer> {
    failed.answer().filter(|answer| answer.status == status).cloned()
}

fn access_token(request: &Request, token: String) -> Result<AccessToken, HomeserverError> {
    AccessToken::new(token).map_err(|error| HomeserverError::malformed(request, &error))
}
