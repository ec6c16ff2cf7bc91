//! Restoring: a stream of pages, each read from the store and taken through the walk.
//!
//! Memory stays the same whatever the size of the backup: two pages are under way at a time, one
//! being read while the other is decrypted. One bad entry never ends it: it comes out as a
//! [`RejectedKey`] beside the others.

use std::sync::Arc;

use futures_core::Stream;
use futures_util::StreamExt;

use crate::{
    BackedUpSession, EntryReader, RejectedKey,
    maybe_send::MaybeSend,
    offload,
    store::{BackupStore, KeyScope, StoreError, VersionId},
};

/// How many pages are under way at a time.
const PAGES_AHEAD: usize = 2;

/// What came of one page of a backup.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct RestoredBatch {
    /// The keys that may be imported.
    pub sessions: Vec<BackedUpSession>,
    /// The entries that gave no key. They are to be counted and reported (V2-6).
    pub rejected: Vec<RejectedKey>,
}

/// Reads keys from a store, page by page.
///
/// The stream ends after its first error. A room and session that a store names twice comes twice:
/// [`merge`](crate::merge) says what then is kept.
pub fn restore<'a, S: BackupStore>(
    store: &'a S,
    version: VersionId,
    scope: KeyScope,
    reader: EntryReader,
) -> impl Stream<Item = Result<RestoredBatch, StoreError<S::Error>>> + MaybeSend + Unpin + 'a {
    let reader = Arc::new(reader);
    let batches = store.keys(version, scope).map(move |page| {
        let reader = Arc::clone(&reader);
        async move { Ok(read_page(reader, page?).await) }
    });
    Box::pin(batches.buffered(PAGES_AHEAD))
}

async fn read_page(
    reader: Arc<EntryReader>,
    page: Vec<crate::store::ReceivedKey>,
) -> RestoredBatch {
    let mut batch = RestoredBatch::default();
    let read = offload::map_chunks(page, move |keys| reader.read_batch(keys)).await;
    for result in read.into_iter().flatten() {
        match result {
            Ok(session) => batch.sessions.push(session),
            Err(rejected) => batch.rejected.push(rejected),
        }
    }
    batch
}
