//! The program of this checkout, built and called.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::{project, steps};

/// What a person would type to build it.
pub(crate) const BUILD: &str = "cargo build --workspace --all-features --bin matrix-key-backup";

/// What cargo says of something that it has built.
#[derive(Debug, Deserialize)]
struct Artifact {
    executable: Option<PathBuf>,
}

/// Builds the program with what the tests have built already, and says where it is.
///
/// # Errors
///
/// When it does not compile.
pub(crate) fn build() -> Result<PathBuf> {
    let mut command = project::cargo()?;
    command.args(["build", "--locked", "--workspace", "--all-features"]);
    command.args(["--bin", "matrix-key-backup", "--message-format=json-render-diagnostics"]);
    let messages = steps::output(&mut command)?;
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Artifact>(line).ok()?.executable)
        .next_back()
        .context("cargo names no program")
}

/// A call of the program. Whatever the person who runs this has set, the arguments say all that
/// counts.
pub(crate) fn call(program: &Path) -> Command {
    let mut command = Command::new(program);
    let others = std::env::vars_os().map(|(name, _)| name);
    for variable in others.filter(|name| name.to_string_lossy().starts_with("MATRIX_KEY_")) {
        command.env_remove(variable);
    }
    command
}
