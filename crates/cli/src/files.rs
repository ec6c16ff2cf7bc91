//! Files: which one is read, and how one is written so that it is whole or not there.

use std::{
    ffi::OsString,
    fmt,
    fs::{self, File, TryLockError},
    io::{self, Read as _, Write},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use matrix_key_backup::{primitives::BackupDecryptionKey, wire::WriterKey};
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::{error::Error, interrupt, output::Output};

/// More than any key, writer key or passphrase takes.
pub(crate) const SECRET_MAX_BYTES: usize = 64 * 1024;

/// More than the export of any account takes: some 1,500,000 keys.
const FILE_MAX_BYTES: u64 = 1 << 30;

/// Something to read: a file, or standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    File(PathBuf),
    StandardInput,
}

/// Standard input can be read once; a second reader would find it empty and take that for a secret.
static STANDARD_INPUT_TAKEN: AtomicBool = AtomicBool::new(false);

impl From<OsString> for Input {
    fn from(text: OsString) -> Self {
        if text == "-" { Self::StandardInput } else { Self::File(text.into()) }
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::StandardInput => f.write_str("standard input"),
        }
    }
}

impl Input {
    /// All bytes of a file that is no secret as it is.
    pub(crate) fn read(&self) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        self.open()?
            .take(FILE_MAX_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(|source| self.unreadable(source))?;
        if bytes.len() as u64 > FILE_MAX_BYTES {
            return Err(Error::TooLarge { file: self.clone() });
        }
        Ok(bytes)
    }

    /// The text of a file that holds a secret and nothing else; `what` says which.
    pub(crate) fn read_secret(&self, what: &'static str) -> Result<Zeroizing<String>, Error> {
        // As large as it may get from the beginning, so that it is never moved and leaves no copy.
        let mut text = Zeroizing::new(Vec::with_capacity(SECRET_MAX_BYTES + 1));
        self.open()?
            .take(SECRET_MAX_BYTES as u64 + 1)
            .read_to_end(&mut text)
            .map_err(|source| self.unreadable(source))?;
        if text.len() > SECRET_MAX_BYTES {
            return Err(Error::TooLong { file: self.clone(), what });
        }
        into_text(text).ok_or_else(|| Error::NotText { file: self.clone(), what })
    }

    /// Whether others than the owner may read the file.
    #[cfg(unix)]
    pub(crate) fn is_open_to_others(&self) -> bool {
        use std::os::unix::fs::PermissionsExt as _;
        let Self::File(path) = self else { return false };
        // A pipe that a shell made (`<(…)`) has such bits too, and nobody else can open it.
        fs::metadata(path)
            .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o077 != 0)
    }

    #[cfg(not(unix))]
    pub(crate) fn is_open_to_others(&self) -> bool {
        false
    }

    fn open(&self) -> Result<Box<dyn io::Read>, Error> {
        match self {
            Self::File(path) => match File::open(path) {
                Ok(file) => Ok(Box::new(file)),
                Err(source) => Err(self.unreadable(source)),
            },
            Self::StandardInput => {
                if STANDARD_INPUT_TAKEN.swap(true, Ordering::Relaxed) {
                    let message = "`-` stands for standard input and can be given only once: \
                                   put the other secret into a file or the environment";
                    return Err(Error::Usage(message.to_owned()));
                }
                Ok(Box::new(io::stdin().lock()))
            }
        }
    }

    fn unreadable(&self, source: io::Error) -> Error {
        Error::Read { file: self.clone(), source }
    }
}

/// The bytes as text, without a copy.
fn into_text(mut bytes: Zeroizing<Vec<u8>>) -> Option<Zeroizing<String>> {
    match String::from_utf8(std::mem::take(&mut *bytes)) {
        Ok(text) => Some(Zeroizing::new(text)),
        Err(error) => {
            drop(Zeroizing::new(error.into_bytes()));
            None
        }
    }
}

/// A file on its way: it lies beside its place under another name, readable by its owner only
/// (0600), until it is finished and on the disk. Dropped before, it is gone.
#[derive(Debug)]
pub(crate) struct NewFile {
    draft: NamedTempFile,
    path: PathBuf,
    overwrite: Overwrite,
}

/// What becomes of a file that is in the place of a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overwrite {
    Yes,
    /// It stays; the text says what to do instead.
    No(&'static str),
}

/// What to do where a key is in the way: there is no flag to overwrite the only copy of a key.
pub(crate) const KEEP_KEYS: Overwrite =
    Overwrite::No("give another path, or move that file away if nothing needs it");

impl Overwrite {
    /// Refuses a path where a file must stay. Asked early, before any work is done, and again when
    /// the file is put into its place.
    pub(crate) fn check(self, path: &Path) -> Result<(), Error> {
        if path == Path::new("-") {
            let message = "`-` stands for standard output, which this cannot be written to: give \
                           the path of a file (`./-` for one of that name)";
            return Err(Error::Usage(message.to_owned()));
        }
        match self {
            Self::No(advice) if path.symlink_metadata().is_ok() => {
                Err(Error::Exists { path: path.to_owned(), advice })
            }
            Self::Yes if is_not_for_overwriting(path) => {
                let advice = "give another path: --force overwrites ordinary files only, and no \
                              key and no store among them. For standard output give `-`";
                Err(Error::Exists { path: path.to_owned(), advice })
            }
            _ => Ok(()),
        }
    }
}

/// Whether something is there that no flag overwrites: a link, a device, a directory; a store; the
/// perhaps only copy of a key.
fn is_not_for_overwriting(path: &Path) -> bool {
    let Ok(there) = path.symlink_metadata() else { return false };
    if !there.is_file() {
        return true;
    }
    let mut beginning = Zeroizing::new(Vec::with_capacity(SECRET_MAX_BYTES + 1));
    let read = File::open(path)
        .and_then(|file| file.take(SECRET_MAX_BYTES as u64 + 1).read_to_end(&mut beginning));
    if read.is_err() {
        return true; // what cannot be looked at may be anything
    }
    let text = str::from_utf8(&beginning).unwrap_or_default();
    beginning.starts_with(b"SQLite format 3\0")
        || BackupDecryptionKey::from_base58(text).is_ok()
        || BackupDecryptionKey::from_base64(text.trim()).is_ok()
        || WriterKey::from_json(text).is_ok()
}

impl NewFile {
    /// Begins a file that will be at `path`.
    pub(crate) fn begin(path: &Path, overwrite: Overwrite) -> Result<Self, Error> {
        overwrite.check(path)?;
        let draft = tempfile::Builder::new()
            .prefix(".matrix-key-backup-")
            .suffix(".tmp")
            .tempfile_in(directory_of(path))
            .map_err(|source| unwritable(path, source))?;
        interrupt::remove_if_interrupted(draft.path());
        Ok(Self { draft, path: path.to_owned(), overwrite })
    }

    /// Puts the file into its place.
    pub(crate) fn finish(self) -> Result<(), Error> {
        let Self { draft, path, overwrite } = self;
        let draft_path = draft.path().to_owned();
        draft.as_file().sync_all().map_err(|source| unwritable(&path, source))?;
        match overwrite {
            Overwrite::Yes => {
                draft.persist(&path).map_err(|error| unwritable(&path, error.error))?
            }
            Overwrite::No(advice) => {
                draft.persist_noclobber(&path).map_err(|error| match error.error.kind() {
                    io::ErrorKind::AlreadyExists => Error::Exists { path: path.clone(), advice },
                    _ => unwritable(&path, error.error),
                })?
            }
        };
        interrupt::nothing_to_remove(&draft_path);
        sync_directory(directory_of(&path));
        Ok(())
    }

    /// Writes all of a file, down to the disk; only its name is still to come. What can fail has
    /// then been tried, before anything else is done that counts on the file.
    pub(crate) fn prepare(path: &Path, bytes: &[u8], overwrite: Overwrite) -> Result<Self, Error> {
        let mut file = Self::begin(path, overwrite)?;
        let written = file.write_all(bytes).and_then(|()| file.draft.as_file().sync_all());
        written.map_err(|source| unwritable(path, source))?;
        Ok(file)
    }

    /// Writes a whole file.
    pub(crate) fn write(path: &Path, bytes: &[u8], overwrite: Overwrite) -> Result<(), Error> {
        Self::prepare(path, bytes, overwrite)?.finish()
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.draft.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.draft.flush()
    }
}

pub(crate) fn unwritable(path: &Path, source: io::Error) -> Error {
    Error::Write { path: path.to_owned(), source }
}

/// Waits until no other run of the program holds the lock in this file, and holds it as long as the
/// value lives. The file stays, and is empty.
pub(crate) fn lock(path: &Path, output: Output) -> Result<File, Error> {
    let locked = File::options().create(true).append(true).open(path).and_then(|file| {
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            output.note(format_args!(
                "another run of this program holds {}: waiting for it to end",
                path.display()
            ));
            file.lock()?;
        }
        Ok(file)
    });
    locked.map_err(|source| unwritable(path, source))
}

pub(crate) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(directory) if directory != Path::new("") => directory,
        _ => Path::new("."),
    }
}

/// Makes the new name last over a loss of power, too, as far as the file system knows how.
#[cfg(unix)]
fn sync_directory(directory: &Path) {
    let _ = File::open(directory).and_then(|directory| directory.sync_all());
}

#[cfg(not(unix))]
fn sync_directory(_: &Path) {}
