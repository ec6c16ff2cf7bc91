//! The homeserver of the session: asked in its name, with a new access token where one has ended.

use std::{fs::File, sync::Arc};

use futures_util::lock::Mutex;
use matrix_key_backup::{
    account::{Login, LoginError, RefreshToken},
    store::homeserver::{
        AccessToken, HomeserverError, HomeserverStore, HomeserverUrl, ReqwestTransport,
    },
};

use crate::{
    any_store::AnyStoreError, data_directory::data_directory, error::Error, files, output::Output,
    session::Session,
};

/// What carries requests.
pub(crate) fn transport() -> Result<ReqwestTransport, Error> {
    ReqwestTransport::new().map_err(|error| Error::NoTransport { error })
}

/// Somebody who logs in there.
pub(crate) fn login_at(homeserver: HomeserverUrl) -> Result<Login<ReqwestTransport>, Error> {
    Ok(Login::new(homeserver, transport()?))
}

/// The backup of whoever has this token. Nothing is sent yet.
pub(crate) fn connect_with(
    homeserver: HomeserverUrl,
    token: AccessToken,
) -> Result<HomeserverStore<ReqwestTransport>, Error> {
    Ok(HomeserverStore::new(homeserver, token, transport()?))
}

/// The backup of the session's account. Nothing is sent yet.
pub(crate) fn connect(
    session: &Session,
    output: Output,
) -> Result<HomeserverStore<ReqwestTransport>, Error> {
    let store = connect_with(session.homeserver.clone(), session.access_token.clone())?;
    let Some(refresh_token) = session.refresh_token() else { return Ok(store) };
    let last = Arc::new(Mutex::new(refresh_token.clone()));
    let connected = session.clone();
    Ok(store.with_token_refresh(move |_| {
        let (last, connected) = (Arc::clone(&last), connected.clone());
        async move {
            let refreshed = refresh(&connected, &mut *last.lock().await, output).await;
            refreshed
                .inspect_err(|error| {
                    output.warn(format_args!("the access token cannot be refreshed: {error}"));
                })
                .ok()
        }
    }))
}

/// Gets a new access token, and stores what comes with it before it is used: a refresh token is good
/// once. Another run of the program may have been faster; then its token is taken.
///
/// Where somebody has logged in to another account meanwhile, that one's tokens are not for this
/// one's homeserver.
async fn refresh(
    connected: &Session,
    last: &mut RefreshToken,
    output: Output,
) -> Result<AccessToken, Error> {
    let _alone = lock(output)?;
    let mut session = Session::required()?;
    if !session.is_of_same_device(connected) {
        return Err(Error::NotLoggedIn);
    }
    let Some(stored) = session.refresh_token().cloned() else { return Err(Error::NotLoggedIn) };
    if stored.expose_refresh_token() != last.expose_refresh_token() {
        *last = stored;
        return Ok(session.access_token);
    }
    let refreshed = login_at(session.homeserver.clone())?.refresh(&stored).await?;
    session.access_token = refreshed.access_token;
    if let (Some(device), Some(token)) = (&mut session.device, refreshed.refresh_token) {
        *last = token.clone();
        device.refresh_token = Some(token);
    }
    session.store()?;
    Ok(session.access_token)
}

/// Waits until no other run changes the session. Never around what may refresh.
pub(crate) fn lock(output: Output) -> Result<File, Error> {
    files::lock(&data_directory()?.join("session.lock"), output)
}

impl From<HomeserverError> for Error {
    fn from(error: HomeserverError) -> Self {
        Self::Store(AnyStoreError::Homeserver(error))
    }
}

impl From<LoginError> for Error {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Homeserver(error) => error.into(),
            error => Self::Login(error),
        }
    }
}
