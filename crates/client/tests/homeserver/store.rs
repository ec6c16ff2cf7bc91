//! A user's backup on the homeserver, by way of what is tested.

use matrix_key_backup::store::homeserver::{
    AccessToken, HomeserverStore, HomeserverUrl, ReqwestTransport,
};

use crate::support::User;

impl User {
    pub fn store(&self) -> HomeserverStore<ReqwestTransport> {
        let url = HomeserverUrl::parse(&self.homeserver.url).unwrap();
        let token = AccessToken::new(self.access_token.clone()).unwrap();
        HomeserverStore::new(url, token, ReqwestTransport::new().unwrap())
    }
}
