//! The few requests of the client-server API that the programs here make besides those for the
//! backup, which are `matrix-key-backup`'s.
//!
//! Bodies are JSON values and not types: each of them stands in docs/write-only.md as it goes over
//! the wire.

mod error;
mod login;
mod password;
mod path;
mod sync;

use core::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use matrix_key_backup::store::homeserver::{Body, Transport};
use serde_json::{Value, json};
use zeroize::Zeroizing;

pub use error::{ApiError, homeserver_is_passing};
pub use http::Method as HttpMethod;
pub use login::{Session, log_in};
pub use password::password;
pub use path::segment;
pub use sync::Sync;

/// A request that is not answered within this time has failed. The time that `/sync` may wait comes
/// on top.
const PATIENCE: Duration = Duration::from_secs(60);
/// More than any answer to these requests has, and less than would fill the memory.
const MAX_BODY: usize = 64 << 20;

/// Requests in the name of one device.
#[derive(Debug, Clone)]
pub struct Api<T> {
    session: Session,
    transport: T,
}

impl<T: Transport> Api<T> {
    /// Nothing is sent yet.
    pub const fn new(session: Session, transport: T) -> Self {
        Self { session, transport }
    }

    /// Whose requests they are.
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// `GET` below `/_matrix/client`.
    ///
    /// # Errors
    ///
    /// [`ApiError`].
    pub async fn get(&self, path: &str) -> Result<Value, ApiError> {
        self.call(Method::GET, path, None).await
    }

    /// `POST` below `/_matrix/client`.
    ///
    /// # Errors
    ///
    /// [`ApiError`].
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, ApiError> {
        self.call(Method::POST, path, Some(body)).await
    }

    /// `PUT` below `/_matrix/client`.
    ///
    /// # Errors
    ///
    /// [`ApiError`].
    pub async fn put(&self, path: &str, body: &Value) -> Result<Value, ApiError> {
        self.call(Method::PUT, path, Some(body)).await
    }

    /// Any request below `/_matrix/client`. The path begins with a slash and is percent-encoded.
    ///
    /// # Errors
    ///
    /// [`ApiError`].
    pub async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, ApiError> {
        let url = format!("{}/_matrix/client{path}", self.session.homeserver());
        let token = self.session.expose_access_token();
        send(&self.transport, method, &url, token, body, PATIENCE).await
    }

    /// What is new since `since`, waiting for up to `wait` until there is something; `filter` says
    /// what is of no interest.
    ///
    /// # Errors
    ///
    /// [`ApiError`].
    pub async fn sync(
        &self,
        filter: Option<&Value>,
        since: Option<&str>,
        wait: Duration,
    ) -> Result<Sync, ApiError> {
        let mut url = format!(
            "{}/_matrix/client/v3/sync?set_presence=offline&timeout={}",
            self.session.homeserver(),
            wait.as_millis()
        );
        if let Some(filter) = filter {
            url.push_str("&filter=");
            url.push_str(&segment(&filter.to_string()));
        }
        if let Some(since) = since {
            url.push_str("&since=");
            url.push_str(&segment(since));
        }
        let token = self.session.expose_access_token();
        let answer = send(&self.transport, Method::GET, &url, token, None, PATIENCE + wait).await?;
        Sync::read(answer)
    }

    /// Sends one event to devices of one user: `PUT /sendToDevice`.
    ///
    /// # Errors
    ///
    /// [`ApiError`].
    pub async fn send_to_device<'d>(
        &self,
        event_type: &str,
        transaction: &str,
        user_id: &str,
        devices: impl IntoIterator<Item = &'d str>,
        content: &Value,
    ) -> Result<(), ApiError> {
        let devices: serde_json::Map<_, _> =
            devices.into_iter().map(|id| (id.to_owned(), content.clone())).collect();
        let path = format!("/v3/sendToDevice/{}/{}", segment(event_type), segment(transaction));
        self.put(&path, &json!({ "messages": { user_id: devices } })).await.map(drop)
    }
}

/// One request and its answer.
async fn send(
    transport: &impl Transport,
    method: Method,
    url: &str,
    access_token: &str,
    body: Option<&Value>,
    patience: Duration,
) -> Result<Value, ApiError> {
    let bearer = Zeroizing::new(format!("Bearer {access_token}"));
    let mut bearer = HeaderValue::from_str(&bearer)
        .map_err(|_| ApiError::Request("the access token cannot stand in a header".to_owned()))?;
    bearer.set_sensitive(true); // for whoever prints a request
    let mut request = Request::builder().method(method).uri(url);
    request = request.header(header::AUTHORIZATION, bearer);
    let body = match body {
        Some(body) => {
            request = request.header(header::CONTENT_TYPE, "application/json");
            Bytes::from(body.to_string())
        }
        None => Bytes::new(),
    };
    let request = request.body(body).map_err(|error| ApiError::Request(error.to_string()))?;
    let exchange = async {
        let answer = transport.send(request).await.map_err(ApiError::Transport)?;
        let status = answer.status().as_u16();
        Ok((status, read_all(answer.into_body()).await?))
    };
    let (status, body) =
        tokio::time::timeout(patience, exchange).await.map_err(|_| ApiError::Timeout)??;
    error::read(status, &body)
}

async fn read_all(mut body: Body) -> Result<Vec<u8>, ApiError> {
    let mut read = Vec::new();
    while let Some(piece) = body.next_chunk().await {
        read.extend_from_slice(&piece.map_err(ApiError::Transport)?);
        if read.len() > MAX_BODY {
            return Err(ApiError::TooLong);
        }
    }
    Ok(read)
}
