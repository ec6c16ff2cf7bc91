//! Where things are in this checkout, and how its cargo is called.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

/// The folder with the workspace's `Cargo.toml`.
///
/// # Errors
///
/// When xtask is not inside a checkout.
pub(crate) fn root() -> Result<PathBuf> {
    // Cargo sets it at run time too, so that a checkout can be moved after it was built.
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest
        .parent()
        .map(Path::to_path_buf)
        .context("cannot find the project's root: call this as `cargo xtask`")
}

/// The cargo that runs us, in the project's root.
///
/// # Errors
///
/// As [`root`].
pub(crate) fn cargo() -> Result<Command> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root()?);
    Ok(command)
}

/// A path as a person in the root would write it.
pub(crate) fn shown(path: &Path) -> String {
    let root = root().unwrap_or_default();
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}
