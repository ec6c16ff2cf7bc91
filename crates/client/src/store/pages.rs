//! The stream of pages that reading a store is.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};

use futures_core::Stream;

use super::{ReceivedKey, StoreError};
use crate::maybe_send::MaybeSend;

/// One page: its entries, or why reading ended.
type Page<E> = Result<Vec<ReceivedKey>, StoreError<E>>;

/// A stream of pages that is `Send` where there are threads.
trait PageStream<E>: Stream<Item = Page<E>> + MaybeSend {}
impl<E, S: Stream<Item = Page<E>> + MaybeSend> PageStream<E> for S {}

/// The entries of a backup version, page by page.
///
/// A page has at least one entry and is bounded in entries and bytes, so reading takes the same
/// memory whatever the size of the backup. No entry comes twice; their order is the store's.
/// What is written while reading goes on may be seen or not.
///
/// It is a [`Stream`]; [`next_page`](Self::next_page) does without one.
#[must_use = "nothing is read before the stream is polled"]
pub struct KeyPages<'a, E>(Pin<Box<dyn PageStream<E> + 'a>>);

impl<'a, E> KeyPages<'a, E> {
    /// For implementors of a store: makes pages of any stream of pages.
    pub fn new(stream: impl Stream<Item = Page<E>> + MaybeSend + 'a) -> Self {
        Self(Box::pin(stream))
    }

    /// The next page, or `None` after the last one.
    ///
    /// Dropping the future before it is done loses nothing: the next call goes on from there.
    ///
    /// # Errors
    ///
    /// What the store says; no page follows an error.
    pub async fn next_page(&mut self) -> Option<Page<E>> {
        core::future::poll_fn(|context| self.0.as_mut().poll_next(context)).await
    }
}

impl<E> Stream for KeyPages<'_, E> {
    type Item = Page<E>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(context)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl<E> fmt::Debug for KeyPages<'_, E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("KeyPages").finish_non_exhaustive()
    }
}
