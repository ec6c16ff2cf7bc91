//! A homeserver whose answers are changed on the way: what a server can say that wants to.

use std::fmt;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use matrix_key_backup::store::homeserver::{
    AccessToken, Body, HomeserverStore, HomeserverUrl, ReqwestTransport, Transport, TransportError,
};
use serde_json::Value;

use crate::support::User;

type Edit = Box<dyn FnMut(&str, &mut Value) + Send>;

/// Our transport, with each answer's JSON as the edit leaves it, given the path of the request.
pub struct Edited {
    transport: ReqwestTransport,
    edit: Mutex<Edit>,
}

impl User {
    pub fn edited_store(
        &self,
        edit: impl FnMut(&str, &mut Value) + Send + 'static,
    ) -> HomeserverStore<Edited> {
        let url = HomeserverUrl::parse(&self.homeserver.url).unwrap();
        let token = AccessToken::new(self.access_token.clone()).unwrap();
        let edit = Mutex::new(Box::new(edit) as Edit);
        let transport = Edited { transport: ReqwestTransport::new().unwrap(), edit };
        HomeserverStore::new(url, token, transport)
    }
}

impl fmt::Debug for Edited {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Edited").finish_non_exhaustive()
    }
}

impl Transport for Edited {
    async fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Body>, TransportError> {
        let path = request.uri().path().to_owned();
        let (mut head, mut body) = self.transport.send(request).await?.into_parts();
        let mut text = Vec::new();
        while let Some(chunk) = body.next_chunk().await {
            text.extend_from_slice(&chunk?);
        }
        let mut answer = serde_json::from_slice(&text).unwrap();
        (self.edit.lock().unwrap())(&path, &mut answer);
        for header in [CONTENT_LENGTH, TRANSFER_ENCODING] {
            head.headers.remove(header);
        }
        Ok(http::Response::from_parts(head, Body::full(answer.to_string())))
    }

    async fn sleep(&self, duration: Duration) {
        self.transport.sleep(duration).await;
    }
}
