//! One transport for the backup and for all else.

use core::time::Duration;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use matrix_key_backup::store::homeserver::{Body, ReqwestTransport, Transport, TransportError};

/// A transport that several hold.
#[derive(Debug)]
pub struct Shared<T>(Arc<T>);

impl Shared<ReqwestTransport> {
    /// The real one: HTTP.
    ///
    /// # Errors
    ///
    /// [`TransportError`] if it cannot be set up.
    pub fn http() -> Result<Self, TransportError> {
        ReqwestTransport::new().map(Self::new)
    }
}

impl<T> Shared<T> {
    /// Shares a transport.
    pub fn new(transport: T) -> Self {
        Self(Arc::new(transport))
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Transport> Transport for Shared<T> {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Body>, TransportError> {
        self.0.send(request).await
    }

    async fn sleep(&self, duration: Duration) {
        self.0.sleep(duration).await;
    }
}
