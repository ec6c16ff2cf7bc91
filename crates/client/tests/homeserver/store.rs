//! A user's backup on the homeserver, by way of what is tested.

use matrix_key_backup::store::homeserver::{
    AccessToken, HomeserverStore, HomeserverUrl, ReqwestTransport,
};

use crate::support::User;

impl User {
    pub fn store(&self) -> HomeserverStore<ReqwestTransport> {
        self.store_at(&self.homeserver.url)
    }

    /// The same by way of another address.
    pub fn store_at(&self, url: &str) -> HomeserverStore<ReqwestTransport> {
        let url = HomeserverUrl::parse(url).unwrap();
        let token = AccessToken::new(self.access_token.clone()).unwrap();
        HomeserverStore::new(url, token, ReqwestTransport::new().unwrap())
    }
}
