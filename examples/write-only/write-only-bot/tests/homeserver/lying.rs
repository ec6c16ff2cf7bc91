//! A homeserver that lies: a transport that changes answers on their way, and remembers requests.

use core::time::Duration;
use std::sync::Mutex;

use bytes::Bytes;
use http::{Request, Response};
use matrix_key_backup::store::homeserver::{
    Body, ReqwestTransport, Transport, TransportError, TransportErrorKind,
};
use serde_json::Value;

/// Changes an answer: gets the path and query of the request, and the answer.
type Lie = Box<dyn FnMut(&str, &mut Value) + Send>;

pub(crate) struct Lying {
    inner: ReqwestTransport,
    lie: Mutex<Option<Lie>>,
    /// The part of the API that does not answer the next time.
    fails: Mutex<Option<&'static str>>,
    sent: Mutex<Vec<(String, String)>>,
}

/// What a test holds of it.
#[derive(Clone)]
pub(crate) struct Server(std::sync::Arc<Lying>);

impl Server {
    pub(crate) fn new() -> Self {
        let inner = ReqwestTransport::new().unwrap();
        Self(
            Lying {
                inner,
                lie: Mutex::new(None),
                fails: Mutex::new(None),
                sent: Mutex::new(Vec::new()),
            }
            .into(),
        )
    }

    pub(crate) fn lies(&self, lie: impl FnMut(&str, &mut Value) + Send + 'static) {
        *self.0.lie.lock().unwrap() = Some(Box::new(lie));
    }

    /// Loses the next request to this part of the API.
    pub(crate) fn fails_once(&self, part: &'static str) {
        *self.0.fails.lock().unwrap() = Some(part);
    }

    /// Forgets what was sent so far.
    pub(crate) fn listen(&self) {
        self.0.sent.lock().unwrap().clear();
    }

    /// What was sent to this part of the API since: `PUT /…` and the body.
    pub(crate) fn heard(&self, part: &str) -> Vec<(String, String)> {
        let sent = self.0.sent.lock().unwrap();
        sent.iter().filter(|(what, _)| what.contains(part)).cloned().collect()
    }
}

impl Transport for Server {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Body>, TransportError> {
        let path = request.uri().path_and_query().unwrap().to_string();
        let what = format!("{} {path}", request.method());
        if self.0.fails.lock().unwrap().take_if(|part| path.contains(*part)).is_some() {
            return Err(TransportError::new(TransportErrorKind::Broken, "a test breaks it"));
        }
        let body = String::from_utf8_lossy(request.body()).into_owned();
        self.0.sent.lock().unwrap().push((what, body));
        let (head, mut body) = self.0.inner.send(request).await?.into_parts();
        let mut bytes = Vec::new();
        while let Some(piece) = body.next_chunk().await {
            bytes.extend_from_slice(&piece?);
        }
        let mut answer: Value = serde_json::from_slice(&bytes)
            .map_err(|error| TransportError::new(TransportErrorKind::Other, error))?;
        if let Some(lie) = &mut *self.0.lie.lock().unwrap() {
            lie(&path, &mut answer);
        }
        let mut response = Response::new(Body::full(answer.to_string()));
        *response.status_mut() = head.status;
        Ok(response)
    }

    async fn sleep(&self, duration: Duration) {
        self.0.inner.sleep(duration).await;
    }
}
