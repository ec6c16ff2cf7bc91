//! How long the server was waited for.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::stream;
use matrix_key_backup::store::homeserver::{Body, ReqwestTransport, Transport, TransportError};

/// The time in which at least one answer, or the next piece of one, was waited for. What this
/// process computed meanwhile is in it: it was not the server's turn alone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waiting(Arc<Mutex<Clock>>);

#[derive(Debug, Default)]
struct Clock {
    waits: u32,
    since: Option<Instant>,
    total: Duration,
}

impl Waiting {
    pub(crate) fn total(&self) -> Duration {
        self.0.lock().unwrap().total
    }

    fn begin(&self) -> Wait {
        let mut clock = self.0.lock().unwrap();
        clock.waits += 1;
        clock.since.get_or_insert_with(Instant::now);
        Wait(self.clone())
    }
}

/// One wait, which ends when it is dropped: with what was waited for, or when nobody waits any more.
struct Wait(Waiting);

impl Drop for Wait {
    fn drop(&mut self) {
        let mut clock = self.0.0.lock().unwrap();
        clock.waits -= 1;
        if clock.waits == 0
            && let Some(since) = clock.since.take()
        {
            clock.total += since.elapsed();
        }
    }
}

/// Our transport, with a clock. Pauses between two tries are not the server's, and do not count.
pub(crate) struct Timed {
    pub(crate) transport: ReqwestTransport,
    pub(crate) waiting: Waiting,
}

impl Transport for Timed {
    async fn send(
        &self,
        request: http::Request<Bytes>,
    ) -> Result<http::Response<Body>, TransportError> {
        let head = self.waiting.begin();
        let answer = self.transport.send(request).await?;
        drop(head);
        let (head, body) = answer.into_parts();
        let pieces = (body, self.waiting.clone());
        let body = stream::unfold(pieces, async |(mut body, waiting)| {
            let piece = waiting.begin();
            let chunk = body.next_chunk().await?;
            drop(piece);
            Some((chunk, (body, waiting)))
        });
        Ok(http::Response::from_parts(head, Body::new(body)))
    }

    async fn sleep(&self, duration: Duration) {
        self.transport.sleep(duration).await;
    }
}
