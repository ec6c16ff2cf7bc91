//! Processor work, off the executor's threads.
//!
//! With the feature `rayon` it goes to rayon's threads and the future waits. Without it the work
//! is done in place, and the future gives way after every few items, so that other tasks of a
//! single-threaded executor, a browser's for one, get their turn.

use crate::maybe_send::{MaybeSend, MaybeSync};

#[cfg(feature = "rayon")]
mod imp {
    use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

    use futures_channel::oneshot;
    use rayon::prelude::*;

    /// Applies `work` to every item, in parallel, keeping the order.
    pub(super) async fn map<T, U, F>(items: Vec<T>, _per_turn: usize, work: F) -> Vec<U>
    where
        T: Send + 'static,
        U: Send + 'static,
        F: Fn(T) -> U + Send + Sync + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        rayon::spawn(move || {
            let run = || items.into_par_iter().map(work).collect();
            // A panic belongs to whoever waits, not to rayon, which would end the process.
            // Nobody left to wait is no error.
            let _ = sender.send(catch_unwind(AssertUnwindSafe(run)));
        });
        match receiver.await {
            Ok(Ok(results)) => results,
            Ok(Err(panic)) => resume_unwind(panic),
            Err(oneshot::Canceled) => Vec::new(), // not reached: the job always sends
        }
    }
}

#[cfg(not(feature = "rayon"))]
mod imp {
    use core::task::Poll;

    /// Applies `work` to every item, keeping the order. After so many of them others get a turn.
    pub(super) async fn map<T, U, F: Fn(T) -> U>(
        items: Vec<T>,
        per_turn: usize,
        work: F,
    ) -> Vec<U> {
        let mut results = Vec::with_capacity(items.len());
        for (done, item) in items.into_iter().enumerate() {
            if done > 0 && done.is_multiple_of(per_turn) {
                give_way().await;
            }
            results.push(work(item));
        }
        results
    }

    async fn give_way() {
        let mut given = false;
        core::future::poll_fn(|context| {
            if given {
                return Poll::Ready(());
            }
            given = true;
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

/// So many keys are about a millisecond's work, one by one.
const ITEMS_PER_TURN: usize = 16;

/// Applies `work` to every item, keeping the order.
pub(crate) async fn map<T, U, F>(items: Vec<T>, work: F) -> Vec<U>
where
    T: MaybeSend + 'static,
    U: MaybeSend + 'static,
    F: Fn(T) -> U + MaybeSend + MaybeSync + 'static,
{
    imp::map(items, ITEMS_PER_TURN, work).await
}

/// As many take the vector unit's advantages: work on them together is a few milliseconds.
const CHUNK: usize = 128;

/// Applies `work` to pieces of the items, keeping the order.
pub(crate) async fn map_chunks<T, U, F>(items: Vec<T>, work: F) -> Vec<U>
where
    T: MaybeSend + 'static,
    U: MaybeSend + 'static,
    F: Fn(Vec<T>) -> U + MaybeSend + MaybeSync + 'static,
{
    let mut items = items.into_iter();
    let chunk = || Some(items.by_ref().take(CHUNK).collect()).filter(|it: &Vec<T>| !it.is_empty());
    let chunks: Vec<Vec<T>> = core::iter::from_fn(chunk).collect();
    imp::map(chunks, 1, work).await
}
