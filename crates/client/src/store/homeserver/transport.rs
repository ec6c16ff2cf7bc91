//! What carries requests to a homeserver and answers back: the caller's, or ours.

use core::error::Error;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::time::Duration;
use std::sync::Arc;

use bytes::Bytes;
use futures_core::Stream;

use crate::maybe_send::{MaybeSend, MaybeSync};

/// Carries one HTTP request to a homeserver and its answer back.
///
/// [`ReqwestTransport`](super::ReqwestTransport) does it with tokio; a browser's `fetch` or an SDK's
/// own client can do it as well. All that is particular to Matrix is done around it: timeouts,
/// retries, refreshed tokens.
///
/// # What every transport keeps to
///
/// - It sends a request once, and follows no redirection: a token must not go to another host.
/// - It checks certificates.
/// - It hands the body of an answer on as it comes in, and keeps nothing of it.
/// - A future or body that is dropped ends the request.
pub trait Transport: MaybeSend + MaybeSync {
    /// Sends a request, and waits for the head of the answer, whatever its status.
    ///
    /// # Errors
    ///
    /// [`TransportError`], if no answer comes.
    fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> impl Future<Output = Result<http::Response<Body>, TransportError>> + MaybeSend;

    /// Waits.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + MaybeSend;
}

/// One transport for several that ask in the name of one user.
impl<T: Transport> Transport for Arc<T> {
    async fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Body>, TransportError> {
        T::send(self, request).await
    }

    async fn sleep(&self, duration: Duration) {
        T::sleep(self, duration).await;
    }
}

/// A stream of pieces that is `Send` where there are threads.
trait Chunks: Stream<Item = Result<Bytes, TransportError>> + MaybeSend {}
impl<S: Stream<Item = Result<Bytes, TransportError>> + MaybeSend> Chunks for S {}

/// The body of an answer, in the pieces in which it comes in.
pub struct Body(Pin<Box<dyn Chunks>>);

impl Body {
    /// Makes a body of any stream of pieces, which may be cut anywhere.
    pub fn new(
        chunks: impl Stream<Item = Result<Bytes, TransportError>> + MaybeSend + 'static,
    ) -> Self {
        Self(Box::pin(chunks))
    }

    /// A body that is there already.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self::new(futures_util::stream::once(async move { Ok(bytes) }))
    }

    /// The next piece, or `None` after the last one.
    ///
    /// # Errors
    ///
    /// [`TransportError`], if the connection breaks.
    pub async fn next_chunk(&mut self) -> Option<Result<Bytes, TransportError>> {
        core::future::poll_fn(|context| self.0.as_mut().poll_next(context)).await
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Body").finish_non_exhaustive()
    }
}

/// Why no answer came, or only a part of it.
#[derive(Debug, thiserror::Error)]
#[error("{kind}: {cause}")]
pub struct TransportError {
    kind: TransportErrorKind,
    cause: Box<dyn Error + Send + Sync>,
}

impl TransportError {
    /// Says what went wrong. The cause must not show the request's headers: the token is there.
    pub fn new(kind: TransportErrorKind, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind, cause: cause.into() }
    }

    /// What happened. It stands in the error's own text, so it is no `source`.
    #[must_use]
    pub fn cause(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.cause
    }

    /// What of it decides on what to do next.
    #[must_use]
    pub fn kind(&self) -> TransportErrorKind {
        self.kind
    }
}

/// What is known of a request that was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// There was no connection: the server has not seen the request.
    #[error("no connection")]
    Connect,
    /// The connection broke. The server may have done what it was asked to, or not.
    #[error("the connection broke")]
    Broken,
    /// It took too long. The server may have done what it was asked to, or not.
    #[error("no answer in time")]
    Timeout,
    /// Something that will not be better the next time.
    #[error("the request could not be sent")]
    Other,
}
