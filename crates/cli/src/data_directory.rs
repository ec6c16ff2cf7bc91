//! The user's own directory for what the program keeps.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{error::Error, files::unwritable};

/// Where it is; it may not be there yet.
pub(crate) fn data_directory() -> Result<PathBuf, Error> {
    let directory = dirs::data_local_dir().ok_or(Error::NoDataDirectory)?;
    Ok(directory.join(env!("CARGO_BIN_NAME")))
}

/// Makes a directory, for its owner's eyes only.
pub(crate) fn make_private(directory: &Path) -> Result<(), Error> {
    make(directory).map_err(|source| unwritable(directory, source))
}

#[cfg(unix)]
fn make(directory: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)
}

#[cfg(not(unix))]
fn make(directory: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).create(directory)
}
