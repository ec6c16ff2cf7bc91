//! Our own transport: reqwest, with rustls and the system's proxies.

use core::fmt;
use core::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use tokio::runtime::Handle;

use super::{Body, Transport, TransportError, TransportErrorKind};

/// A server that does not accept a connection within this time is not there.
const CONNECT: Duration = Duration::from_secs(15);

const USER_AGENT: &str = concat!("matrix-key-backup/", env!("CARGO_PKG_VERSION"));

/// Carries requests with reqwest: rustls, the system's certificates, the proxies that the
/// environment or the system names.
///
/// It has to be used within a tokio runtime with I/O and time enabled; outside of one, requests
/// fail and say so. Plain `http`, which is for this machine alone, never goes through a proxy.
pub struct ReqwestTransport {
    client: reqwest::Client,
    to_this_machine: reqwest::Client,
}

impl ReqwestTransport {
    /// A transport that shares connections between its requests.
    ///
    /// # Errors
    ///
    /// [`TransportError`] if the system's settings cannot be read.
    pub fn new() -> Result<Self, TransportError> {
        let builder = || {
            reqwest::Client::builder()
                .user_agent(USER_AGENT)
                .connect_timeout(CONNECT)
                .redirect(reqwest::redirect::Policy::none())
                .referer(false)
        };
        let build = |builder: reqwest::ClientBuilder| builder.build().map_err(transport_error);
        Ok(Self { client: build(builder())?, to_this_machine: build(builder().no_proxy())? })
    }

    /// A transport on a client of the caller's, with its own proxies and certificates.
    ///
    /// It has to follow no redirection ([`Policy::none`](reqwest::redirect::Policy::none)). An answer
    /// from elsewhere than where the request went is refused, but by then its body, which may be a
    /// password, has been there too. A total timeout would end the reading of a large backup.
    #[must_use]
    pub fn with_client(client: reqwest::Client) -> Self {
        Self { to_this_machine: client.clone(), client }
    }
}

impl fmt::Debug for ReqwestTransport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ReqwestTransport").finish_non_exhaustive()
    }
}

impl Transport for ReqwestTransport {
    async fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Body>, TransportError> {
        // reqwest would panic.
        Handle::try_current()
            .map_err(|error| TransportError::new(TransportErrorKind::Other, error))?;
        let plain = request.uri().scheme_str() == Some("http");
        let client = if plain { &self.to_this_machine } else { &self.client };
        let request = reqwest::Request::try_from(request).map_err(transport_error)?;
        let asked = request.url().clone();
        let answer = client.execute(request).await.map_err(transport_error)?;
        if *answer.url() != asked {
            let cause = "the client given to the transport has followed a redirection";
            return Err(TransportError::new(TransportErrorKind::Other, cause));
        }
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = stream::try_unfold(answer, async |mut answer| {
            let chunk = answer.chunk().await.map_err(transport_error)?;
            Ok(chunk.map(|chunk| (chunk, answer)))
        });
        let mut response = http::Response::new(Body::new(body));
        (*response.status_mut(), *response.headers_mut()) = (status, headers);
        Ok(response)
    }

    async fn sleep(&self, duration: Duration) {
        if Handle::try_current().is_ok() {
            tokio::time::sleep(duration).await;
        }
    }
}

fn transport_error(error: reqwest::Error) -> TransportError {
    let kind = if error.is_timeout() && !error.is_connect() {
        TransportErrorKind::Timeout
    } else if error.is_connect() {
        TransportErrorKind::Connect
    } else if error.is_builder() || error.is_redirect() {
        TransportErrorKind::Other
    } else {
        TransportErrorKind::Broken
    };
    // The request is named elsewhere, and what a proxy's URL has in it is nobody's business.
    TransportError::new(kind, Chain(error.without_url()))
}

/// An error with what caused it, in one line: reqwest's own first line says next to nothing.
#[derive(Debug)]
struct Chain(reqwest::Error);

impl fmt::Display for Chain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)?;
        let mut cause = core::error::Error::source(&self.0);
        while let Some(error) = cause {
            write!(formatter, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl core::error::Error for Chain {}
