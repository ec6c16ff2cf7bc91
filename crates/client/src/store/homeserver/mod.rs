//! A backup store on a Matrix homeserver, over a [`Transport`].

mod access_token;
mod client;
mod error;
mod failure;
mod lookup;
mod pages;
mod path;
mod put;
mod read;
mod requests;
#[cfg(all(feature = "http", not(target_arch = "wasm32")))]
mod reqwest_transport;
mod retry;
mod transport;
mod url;
mod versions;

pub(crate) use client::{Client, Failed, Repeat, Request};
pub(crate) use path::segment;

pub use access_token::{AccessToken, MalformedAccessToken, RefusedToken};
pub use error::{HomeserverError, RequestName, ServerAnswer};
#[cfg(all(feature = "http", not(target_arch = "wasm32")))]
pub use reqwest_transport::ReqwestTransport;
pub use retry::Patience;
pub use transport::{Body, Transport, TransportError, TransportErrorKind};
pub use url::{HomeserverUrl, HomeserverUrlError};
/// What a [`Transport`] is written with.
pub use {bytes, http};

use core::future::Future;
use core::sync::atomic::{AtomicUsize, Ordering};

use matrix_key_backup_wire::{RoomId, SessionId};
use ruma_client_api::backup::{
    delete_backup_keys, delete_backup_keys_for_room, delete_backup_keys_for_session,
};
use ruma_common::api::{
    OutgoingRequest, auth_scheme::AccessToken as AccessTokenScheme, path_builder::VersionHistory,
};
use serde_json::value::RawValue;

use self::access_token::Tokens;
use self::path::room_segment;
use self::requests::Limits;
use super::{
    BackupStore, BackupVersion, BatchLimits, KeyPages, KeyScope, KeyToStore, PutOutcome,
    ReceivedKey, StoreError, VersionId,
};
use crate::account::Account;
use crate::maybe_send::{MaybeSend, MaybeSync};

type Outcome<T> = Result<T, StoreError<HomeserverError>>;

/// The backup of one user on a homeserver: the `/room_keys` API.
///
/// Requests that fail are sent again where that can help, with pauses that grow, as
/// [`Patience`] says; a pause that the server asks for is kept. Keys are put in requests that become
/// smaller where a server or a proxy takes no large ones. A PUT that fails may have been done in
/// part: what the server has is read back, and only the rest is sent again. What it refuses is
/// reported, key by key; the others are not lost for it.
///
/// What [`put_keys`](BackupStore::put_keys) names as unwritten is what the server did not take, by
/// whatever rule: Synapse's is not that of A-2.
///
/// # Security
///
/// The server's word is believed in nothing. The access token goes to the host of the URL alone, in
/// a header, and redirections are not followed.
///
/// ```no_run
/// # #[cfg(all(feature = "http", not(target_arch = "wasm32")))]
/// # async fn example() -> Result<(), Box<dyn core::error::Error>> {
/// use matrix_key_backup::OpenBackup;
/// use matrix_key_backup::store::homeserver::{
///     AccessToken, HomeserverStore, HomeserverUrl, ReqwestTransport,
/// };
///
/// let url = HomeserverUrl::parse("https://matrix.example.org")?;
/// let token = AccessToken::new(std::env::var("ACCESS_TOKEN")?)?;
/// let store = HomeserverStore::new(url, token, ReqwestTransport::new()?);
/// println!("{} keys", OpenBackup::current(&store).await?.count());
/// # Ok(())
/// # }
/// ```
///
/// Source: rules A-1 to A-5;
/// [server-side key backups](https://spec.matrix.org/v1.19/client-server-api/#server-side-key-backups).
#[derive(Debug)]
pub struct HomeserverStore<T> {
    client: Client<T>,
    /// The largest body that is tried: less than at first once the server has refused one.
    request_bytes: AtomicUsize,
}

impl<T: Transport> HomeserverStore<T> {
    /// The backup of the user whose token it is. Nothing is sent yet.
    pub fn new(url: HomeserverUrl, token: AccessToken, transport: T) -> Self {
        let client = Client::new(url, Tokens::new(token), transport);
        Self { client, request_bytes: AtomicUsize::new(Limits::FIRST.bytes) }
    }

    /// Says where a new access token comes from when the server does not take the old one any more:
    /// a refresh token, or a new login.
    ///
    /// It is asked once for each token that is refused, however many requests were under way;
    /// these are then sent again. `None` gives up: the error is
    /// [`HomeserverError::Unauthorized`]. What it returns is for the caller to keep.
    ///
    /// All requests wait for it, so it must come to an end, and must not ask this store or its
    /// [`account`](Self::account): they would wait for each other.
    #[must_use]
    pub fn with_token_refresh<F, Answer>(mut self, refresh: F) -> Self
    where
        F: Fn(RefusedToken) -> Answer + MaybeSend + MaybeSync + 'static,
        Answer: Future<Output = Option<AccessToken>> + MaybeSend + 'static,
    {
        self.client.tokens.refresh_with(refresh);
        self
    }

    /// Sets how long to wait, and how often to ask again.
    #[must_use]
    pub fn with_patience(mut self, patience: Patience) -> Self {
        self.client.patience = patience;
        self
    }

    /// The account whose backup it is: whose token it has, its account data, logging out.
    pub fn account(&self) -> Account<'_, T> {
        Account::new(&self.client)
    }

    /// The homeserver.
    pub fn url(&self) -> &HomeserverUrl {
        &self.client.url
    }

    fn request<R>(&self, request: R) -> Outcome<Request>
    where
        R: OutgoingRequest<Authentication = AccessTokenScheme, PathBuilder = VersionHistory>,
    {
        self.client.request(request).map_err(StoreError::Store)
    }

    fn request_bytes(&self) -> usize {
        self.request_bytes.load(Ordering::Relaxed)
    }

    fn lower_request_bytes(&self, bytes: usize) {
        self.request_bytes.fetch_min(bytes, Ordering::Relaxed);
    }
}

impl<T: Transport> BackupStore for HomeserverStore<T> {
    type Error = HomeserverError;

    async fn current_version(&self) -> Outcome<Option<BackupVersion>> {
        self.current().await
    }

    async fn version(&self, version: &VersionId) -> Outcome<Option<BackupVersion>> {
        self.describe(version).await
    }

    async fn create_version(&self, algorithm: &str, auth_data: &RawValue) -> Outcome<VersionId> {
        self.create(algorithm, auth_data).await
    }

    async fn update_auth_data(
        &self,
        version: &VersionId,
        algorithm: &str,
        auth_data: &RawValue,
    ) -> Outcome<()> {
        self.update(version, algorithm, auth_data).await
    }

    async fn delete_version(&self, version: &VersionId) -> Outcome<bool> {
        self.delete(version).await
    }

    async fn put_keys(&self, version: &VersionId, keys: Vec<KeyToStore>) -> Outcome<PutOutcome> {
        self.put(version, keys).await
    }

    /// Large batches, with the keys of a room together: what a homeserver spends its time on is
    /// requests and rooms.
    fn batch_limits(&self) -> BatchLimits {
        BatchLimits { keys: Limits::FIRST.keys, bytes: 3 << 20, ahead: 6 }
    }

    fn keys(&self, version: VersionId, scope: KeyScope) -> KeyPages<'_, HomeserverError> {
        self.pages(version, scope)
    }

    async fn keys_of(
        &self,
        version: &VersionId,
        sessions: &[(RoomId, SessionId)],
    ) -> Outcome<Vec<ReceivedKey>> {
        let Some(found) = self.describe(version).await? else {
            return Err(StoreError::NoSuchVersion { version: version.clone() });
        };
        self.look_up(version, found.count, sessions).await
    }

    async fn delete_keys(&self, version: &VersionId, scope: KeyScope) -> Outcome<PutOutcome> {
        self.delete_entries(version, scope).await
    }
}

impl<T: Transport> HomeserverStore<T> {
    async fn delete_entries(&self, version: &VersionId, scope: KeyScope) -> Outcome<PutOutcome> {
        use {
            delete_backup_keys::v3 as all, delete_backup_keys_for_room::v3 as room,
            delete_backup_keys_for_session::v3 as session,
        };

        if segment(version.as_str()).is_none() {
            return Err(StoreError::NoSuchVersion { version: version.clone() });
        }
        let in_version = version.to_string();
        let room_part = |id: &RoomId| room_segment(id.as_str()).ok_or_else(|| no_path(id.as_str()));
        // The three answers are alike.
        let request = match &scope {
            KeyScope::All => self.request(all::Request::new(in_version)),
            KeyScope::Room(room_id) => {
                self.request(room::Request::new(in_version, room_part(room_id)?))
            }
            KeyScope::Session(room_id, session_id) => {
                let id = session_id.as_str();
                let session_part = segment(id).ok_or_else(|| no_path(id))?;
                let room_part = room_part(room_id)?;
                self.request(session::Request::new(in_version, room_part, session_part))
            }
        }?;
        match self.client.call::<all::Response>(&request, Repeat::Always).await {
            Ok(all::Response { etag, count, .. }) => {
                Ok(PutOutcome { etag, count: count.into(), unwritten: Vec::new() })
            }
            Err(failed) if failed.failure.is(403, "M_WRONG_ROOM_KEYS_VERSION") => {
                Err(self.wrong_version(version).await)
            }
            Err(failed) => Err(failed.about(version)),
        }
    }
}

fn no_path(id: &str) -> StoreError<HomeserverError> {
    StoreError::Store(HomeserverError::NoPath { id: id.to_owned() })
}
