//! The commands that the README shows, run as they stand.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use crate::steps::Steps;
use crate::{program, project};

/// How a command begins that runs the program.
const PROGRAM: &str = "cargo run --release -- ";

/// Runs every command with which the README calls the program, one after the other.
///
/// In a folder that is thrown away, where only testdata is what it is in the checkout; with the
/// program as the tests have built it, since a build with optimisations takes minutes.
///
/// # Errors
///
/// When one of them fails.
pub(crate) fn steps(steps: &mut Steps) -> Result<()> {
    let root = project::root()?;
    let readme = std::fs::read_to_string(root.join("README.md")).context("no README.md")?;
    let commands = commands(&readme)?;
    let program = steps.call("README: build the program", program::BUILD, program::build)?;
    let target = root.join("target");
    // Cargo may build elsewhere (CARGO_TARGET_DIR).
    std::fs::create_dir_all(&target).context("cannot create target/")?;
    let folder = tempfile::tempdir_in(target).context("cannot make a folder in target/")?;
    link(&root.join("testdata"), &folder.path().join("testdata"))?;
    for arguments in commands {
        let name = format!("README: {}", arguments.first().copied().unwrap_or_default());
        let mut command = program::call(&program);
        command.args(&arguments).current_dir(folder.path());
        steps.run(&name, &mut command)?;
    }
    Ok(())
}

/// The arguments of each command, in the order of the README.
fn commands(readme: &str) -> Result<Vec<Vec<&str>>> {
    let lines: Vec<_> = readme.lines().filter_map(|line| line.strip_prefix(PROGRAM)).collect();
    ensure!(!lines.is_empty(), "README.md shows no command `{PROGRAM}…`");
    let shell = ['"', '\'', '$', '|', '>', '<', ';', '&', '`', '*', '\\'];
    for line in &lines {
        ensure!(!line.contains(shell), "this command of README.md needs a shell: {line}");
    }
    Ok(lines.iter().map(|line| line.split_whitespace().collect()).collect())
}

#[cfg(unix)]
fn link(from: &Path, to: &Path) -> Result<()> {
    std::os::unix::fs::symlink(from, to).context("cannot link to testdata")
}

#[cfg(not(unix))]
fn link(from: &Path, to: &Path) -> Result<()> {
    std::os::windows::fs::symlink_dir(from, to).context("cannot link to testdata")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_line_by_line() {
        let readme = "text `cargo run --release -- --help`\n```sh\n\
                      cargo run --release -- upload a --store b\nrm b\n```\n\
                      cargo run --release -- verify";
        assert_eq!(commands(readme).unwrap(), [&["upload", "a", "--store", "b"][..], &["verify"]]);
    }

    #[test]
    fn a_readme_without_commands_is_an_error() {
        commands("nothing to run").unwrap_err();
        commands("cargo run --release -- verify | less").unwrap_err();
    }
}
