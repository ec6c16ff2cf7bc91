//! Copying to a JSON file.

use std::io::Write;

use matrix_key_backup_wire::VersionId;
use thiserror::Error;

use super::{CopyCounts, CopyEvent};
use crate::{
    maybe_send::MaybeSend,
    store::{
        BackupStore, JsonFileWriter, JsonWriteError, KeyScope, LeftOut, LeftOutReason, StoreError,
    },
};

/// Copies a version to a JSON file, which [`JsonFileStore`](crate::store::JsonFileStore) reads.
///
/// `out` is best a new file, which takes its name when it is whole; it is given back, flushed.
/// Writing to it blocks the executor for as long as that takes. To know that all is in the file,
/// open it and [compare](super::compare_versions): nothing that was written is read here.
///
/// # Errors
///
/// [`JsonCopyError`]. What was written before the error is no backup.
///
/// # Security
///
/// Nothing is verified: a copy of a forged entry is a forged entry.
pub async fn copy_to_json<S: BackupStore, W: Write + MaybeSend>(
    from: &S,
    version: VersionId,
    out: W,
    mut observe: impl FnMut(CopyEvent<'_>) + MaybeSend,
) -> Result<(W, CopyCounts), JsonCopyError<S::Error>> {
    let described = from.version(&version).await.map_err(JsonCopyError::Source)?;
    let described = described.ok_or_else(|| {
        JsonCopyError::Source(StoreError::NoSuchVersion { version: version.clone() })
    })?;
    let mut writer = JsonFileWriter::new(out, &described)?;
    let mut counts = CopyCounts::default();
    let mut pages = from.keys(version, KeyScope::All);
    while let Some(page) = pages.next_page().await {
        let page = page.map_err(JsonCopyError::Source)?;
        counts.entries += page.len() as u64;
        for left_out in writer.write(page)? {
            counts.add_left_out(&left_out, &mut observe);
        }
        observe(CopyEvent::Copied { entries_done: counts.entries });
    }
    counts.written = counts.entries - counts.unreadable - counts.left_out;
    Ok((writer.finish()?, counts))
}

impl CopyCounts {
    fn add_left_out(&mut self, left_out: &LeftOut, mut observe: impl FnMut(CopyEvent<'_>)) {
        match &left_out.reason {
            LeftOutReason::Unreadable(error) => {
                self.unreadable += 1;
                observe(CopyEvent::Unreadable(&left_out.room_id, &left_out.session_id, error));
            }
            _ => {
                self.left_out += 1;
                observe(CopyEvent::LeftOut(left_out));
            }
        }
    }
}

/// Why a version could not be copied to a JSON file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JsonCopyError<E> {
    /// The store failed, or has no such version.
    #[error("what is to be copied: {0}")]
    Source(StoreError<E>),
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] JsonWriteError),
}
