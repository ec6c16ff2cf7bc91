//! The file itself, in chunks; and whether it is still the same.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use super::description::{Description, DescriptionScanner};
use super::{JsonFileError, JsonFormError};

/// As much as is read at a time: large enough that the system is not asked often.
const CHUNK: usize = 256 * 1024;

/// What tells a file from what it was earlier, or from another one in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
}

/// A file that is read from its beginning to its end, once.
#[derive(Debug)]
pub(super) struct Chunks {
    path: PathBuf,
    file: File,
    buffer: Vec<u8>,
}

impl Chunks {
    /// Opens the file.
    pub(super) fn open(path: &Path) -> Result<(Self, Stamp), JsonFileError> {
        let failed = |error| JsonFileError::from_io(path, error);
        // Asked first, because opening a pipe would wait for somebody to write to it.
        if !fs::metadata(path).map_err(failed)?.is_file() {
            return Err(JsonFileError::NotAFile { path: path.to_owned() });
        }
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let stamp = Stamp { length: metadata.len(), modified: metadata.modified().ok() };
        Ok((Self { path: path.to_owned(), file, buffer: vec![0; CHUNK] }, stamp))
    }

    /// Opens the file, which has to be the same as before.
    pub(super) fn reopen(path: &Path, stamp: Stamp) -> Result<Self, JsonFileError> {
        let (chunks, now) = Self::open(path)?;
        if now != stamp {
            return Err(JsonFileError::Changed { path: path.to_owned() });
        }
        Ok(chunks)
    }

    /// The next piece of the file; an empty one is the end.
    pub(super) fn next(&mut self) -> Result<&[u8], JsonFileError> {
        let Self { path, file, buffer } = self;
        loop {
            match file.read(buffer) {
                Ok(length) => return Ok(buffer.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(JsonFileError::from_io(path, error)),
            }
        }
    }
}

/// Reads what the file says of its version, in one pass.
///
/// The answer has an etag in any case: where the file names none, it is a hash of the file.
pub(super) fn describe(path: &Path) -> Result<(Description, String, Stamp), JsonFileError> {
    let (mut chunks, stamp) = Chunks::open(path)?;
    let mut scanner = DescriptionScanner::new();
    let mut hash = Sha256::new();
    let ended = loop {
        let chunk = chunks.next()?;
        if chunk.is_empty() {
            break Ok(());
        }
        if !scanner.has("etag") {
            hash.update(chunk);
        }
        if let Err(error) = scanner.push(chunk) {
            break Err(error);
        }
    };
    let form = |error: JsonFormError| JsonFileError::from_form(path, error);
    let description = scanner.finish(ended).map_err(form)?;
    let etag = description.etag.clone();
    let etag = etag.unwrap_or_else(|| hex(hash.finalize().get(..16).unwrap_or_default()));
    Ok((description, etag, stamp))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
