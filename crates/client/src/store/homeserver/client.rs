//! The one place that sends requests: with the token, in time, again where that helps.

use core::future::Future;
use core::pin::pin;
use core::time::Duration;
use std::borrow::Cow;
use std::collections::BTreeSet;

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use ruma_common::api::{
    IncomingResponse, IncomingResponseExt, MatrixVersion, OutgoingBody, OutgoingRequest,
    SupportedVersions,
    error::{FromHttpResponseError, IntoHttpError},
    path_builder::VersionHistory,
};

use super::access_token::{Issued, Tokens};
use super::failure::{Failure, Meaning, Refusal};
use super::retry::{Backoff, Next};
use super::{
    Body, HomeserverError, HomeserverUrl, Patience, RequestName, ServerAnswer, Transport,
    TransportError, TransportErrorKind,
};
use crate::store::{StoreError, VersionId};

/// An answer that is not a list of keys is no larger.
const ANSWER_LIMIT: usize = 4 << 20;

/// A request that can be sent any number of times.
pub(crate) type Request = http::Request<Bytes>;

/// Sends requests to one homeserver, for one user.
#[derive(Debug)]
pub(crate) struct Client<T> {
    pub(super) url: HomeserverUrl,
    pub(super) tokens: Tokens,
    pub(super) patience: Patience,
    transport: T,
}

/// When a request may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Whenever it failed: twice is as good as once.
    Always,
    /// Only if the server has certainly not done it.
    IfNotDone,
}

/// A request that failed for good, and how often it was sent.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(super) request: RequestName,
    pub(super) tries: u32,
    pub(super) failure: Failure,
}

impl<T: Transport> Client<T> {
    pub(super) fn new(url: HomeserverUrl, tokens: Tokens, transport: T) -> Self {
        Self { url, tokens, patience: Patience::default(), transport }
    }

    /// For somebody who is not logged in yet.
    pub(crate) fn without_token(url: HomeserverUrl, transport: T) -> Self {
        Self::new(url, Tokens::none(), transport)
    }

    pub(crate) fn set_patience(&mut self, patience: Patience) {
        self.patience = patience;
    }

    /// Makes a request of Ruma's, without the token, which may change from try to try.
    pub(crate) fn request<R>(&self, request: R) -> Result<Request, HomeserverError>
    where
        R: OutgoingRequest<PathBuilder = VersionHistory>,
    {
        // Ruma's error stays inside: who uses us may have another version of Ruma.
        let unmade = |error: IntoHttpError| HomeserverError::Request { detail: error.to_string() };
        self.made(request).map_err(unmade)
    }

    fn made<R>(&self, request: R) -> Result<Request, IntoHttpError>
    where
        R: OutgoingRequest<PathBuilder = VersionHistory>,
    {
        // The paths of `/v3/`, of which `/refresh` is the youngest. // A-1
        let versions = SupportedVersions {
            versions: BTreeSet::from([MatrixVersion::V1_1, MatrixVersion::V1_3]),
            features: BTreeSet::new(),
        };
        let (mut head, body) = request
            .try_into_http_request_inner(self.url.as_str(), Cow::Owned(versions))?
            .into_parts();
        if let Some(content_type) = body.content_type() {
            head.headers.insert(CONTENT_TYPE, content_type);
        }
        let body: Vec<u8> = body.try_into_buf().map_err(Into::into)?;
        Ok(http::Request::from_parts(head, body.into()))
    }

    /// Sends a request until it is answered, and reads the answer.
    pub(crate) async fn call<A: IncomingResponse>(
        &self,
        request: &Request,
        repeat: Repeat,
    ) -> Result<A, Failed> {
        let mut tries = Tries::new(self.patience, repeat);
        loop {
            match self.try_to_call(request, &mut tries).await {
                Ok(answer) => return Ok(answer),
                Err(failure) => self.before_next(request, &mut tries, failure).await?,
            }
        }
    }

    /// Sends a request until an answer begins, and gives its body as it comes in.
    pub(super) async fn open(&self, request: &Request) -> Result<Body, Failed> {
        let mut tries = Tries::new(self.patience, Repeat::Always);
        loop {
            let request_now = self.with_token(request, &mut tries).await;
            match self.in_time(self.patience.answer, self.send(request_now)).await {
                Ok(answer) => return Ok(answer.into_body()),
                Err(failure) => self.before_next(request, &mut tries, failure).await?,
            }
        }
    }

    /// The next piece of a body, in time.
    pub(super) async fn next_chunk(
        &self,
        body: &mut Body,
    ) -> Option<Result<Bytes, TransportError>> {
        let chunk = async { body.next_chunk().await.transpose() };
        self.in_time(self.patience.piece, chunk).await.transpose()
    }

    /// The pause before a request is sent again.
    pub(super) async fn pause(&self, duration: Duration) {
        self.transport.sleep(duration).await;
    }

    async fn try_to_call<A: IncomingResponse>(
        &self,
        request: &Request,
        tries: &mut Tries,
    ) -> Result<A, Failure> {
        let request = self.with_token(request, tries).await;
        let whole = async {
            let (head, body) = self.send(request).await?.into_parts();
            Ok::<_, Failure>((head, read_all(body).await?))
        };
        // A server that gives it byte by byte must not hold us for ever.
        let (head, body) = self.in_time(self.patience.answer, whole).await?;
        A::try_from_http_response(http::Response::from_parts(head, &*body)).map_err(|error| {
            match error {
                FromHttpResponseError::Deserialization(error) => Failure::malformed(&error),
                _ => Failure::malformed(&"an error in place of an answer"),
            }
        })
    }

    /// The request as it is sent this time.
    async fn with_token(&self, request: &Request, tries: &mut Tries) -> Request {
        let mut request = request.clone();
        tries.token = self.tokens.current().await;
        if let Some(issued) = &tries.token {
            request.headers_mut().insert(AUTHORIZATION, issued.token.to_header());
        }
        request
    }

    /// Sends a request once, and waits for a good answer to begin, or for a bad one to end.
    async fn send(&self, request: Request) -> Result<http::Response<Body>, Failure> {
        let answer = self.transport.send(request).await.map_err(Failure::Transport)?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let (head, body) = answer.into_parts();
        // What cannot be read of an error is not needed either.
        let body = read_all(body).await.unwrap_or_default();
        Err(Failure::Answer(Refusal::read(&head, &body)))
    }

    /// Sees to it that another try makes sense, and waits for the time to come; or gives up.
    async fn before_next(
        &self,
        request: &Request,
        tries: &mut Tries,
        failure: Failure,
    ) -> Result<(), Failed> {
        if let (Some(refused), Some(used), false) =
            (failure.refused_token(), &tries.token, tries.refreshed)
        {
            tries.refreshed = true;
            if self.tokens.replace(used, refused).await {
                return Ok(());
            }
        }
        let helps = match failure.meaning() {
            Meaning::NotNow => true,
            Meaning::Unknown => tries.repeat == Repeat::Always,
            Meaning::TooMuch | Meaning::No => false,
        };
        let next = tries.backoff.after_failure(failure.retry_after(), random());
        match next {
            Next::Pause(pause) if helps => {
                self.pause(pause).await;
                Ok(())
            }
            _ => Err(Failed {
                request: RequestName::of(request),
                tries: tries.backoff.failures(),
                failure,
            }),
        }
    }

    pub(super) async fn in_time<O, E: From<TransportError>>(
        &self,
        time: Duration,
        future: impl Future<Output = Result<O, E>>,
    ) -> Result<O, E> {
        match select(pin!(future), pin!(self.transport.sleep(time))).await {
            Either::Left((output, _)) => output,
            Either::Right(((), _)) => {
                let cause = format!("it was not there after {} seconds", time.as_secs());
                Err(TransportError::new(TransportErrorKind::Timeout, cause).into())
            }
        }
    }
}

/// An answer that is small, if it is one at all.
async fn read_all(mut body: Body) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    while let Some(chunk) = body.next_chunk().await {
        let chunk = chunk?;
        if bytes.len() + chunk.len() > ANSWER_LIMIT {
            return Err(Failure::malformed(&format!("it is larger than {ANSWER_LIMIT} bytes")));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// The tries of one request.
#[derive(Debug)]
struct Tries {
    backoff: Backoff,
    repeat: Repeat,
    /// The token that was sent the last time.
    token: Option<Issued>,
    /// A token is refreshed once: a new one that is refused is refused for another reason.
    refreshed: bool,
}

impl Tries {
    fn new(patience: Patience, repeat: Repeat) -> Self {
        Self { backoff: Backoff::new(patience), repeat, token: None, refreshed: false }
    }
}

/// For jitter alone; if the system has none, nothing is lost.
pub(super) fn random() -> u32 {
    getrandom::u32().unwrap_or_default()
}

impl Failed {
    /// Whether the server says this, with this status.
    pub(crate) fn is(&self, status: u16, errcode: &str) -> bool {
        self.failure.is(status, errcode)
    }

    /// The answer, if there was one and it was not good.
    pub(crate) fn answer(&self) -> Option<&ServerAnswer> {
        self.failure.answer()
    }

    /// Where it was sent instead, by an answer that is a redirection.
    pub(crate) fn moved_to(&self) -> Option<&str> {
        self.failure.moved_to()
    }

    /// The failure of a request for a version, which may not be there.
    pub(super) fn about(self, version: &VersionId) -> StoreError<HomeserverError> {
        if self.failure.is(404, "M_NOT_FOUND") {
            return StoreError::NoSuchVersion { version: version.clone() };
        }
        StoreError::Store(self.into_error())
    }

    /// The failure as the caller is to read it.
    pub(crate) fn into_error(self) -> HomeserverError {
        let Self { request, tries, failure } = self;
        let refused = failure.refused_token();
        match (failure, refused) {
            (Failure::Transport(cause), _) => {
                HomeserverError::Unreachable { request, tries, cause }
            }
            (Failure::Malformed(detail), _) => HomeserverError::MalformedAnswer { request, detail },
            (Failure::Answer(Refusal { answer, .. }), Some(refused)) => {
                HomeserverError::Unauthorized { request, refused, answer }
            }
            (Failure::Answer(Refusal { answer, retry_after, .. }), None) => {
                match (answer.status, answer.errcode.as_deref()) {
                    (429, _) => HomeserverError::RateLimited { request, retry_after },
                    (404, Some("M_UNRECOGNIZED")) | (404 | 405, None) => {
                        HomeserverError::NoSuchApi { request, answer }
                    }
                    (500.., _) => HomeserverError::Failing { request, tries, answer },
                    _ => HomeserverError::Refused { request, answer },
                }
            }
        }
    }
}
