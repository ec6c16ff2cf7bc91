//! `cargo xtask vectors generate`: our own vectors, the same on every run.
//!
//! They hold what others' files have no case for, and what must not change unnoticed. Every
//! value in them is computed here by way of `primitives` and `wire`, not by the crates that read
//! them back.

mod backup_v1;
mod entry;
mod key_export;
mod key_representation;
mod mac_key;
mod material;
mod migration;
mod secret_storage;
mod session_data_v2;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde::Serialize;

/// A file's name and content.
type File = (&'static str, String);

/// Makes every file.
fn files() -> Result<Vec<File>> {
    Ok(vec![
        ("mac_key.json", pretty(&mac_key::file()?)?),
        ("key_representation.json", pretty(&key_representation::file()?)?),
        ("backup_v1.json", pretty(&backup_v1::file()?)?),
        ("session_data_v2.json", pretty(&session_data_v2::file()?)?),
        ("key_export.json", pretty(&key_export::file()?)?),
        ("secret_storage.json", pretty(&secret_storage::file()?)?),
        ("migration.json", pretty(&migration::file()?)?),
    ])
}

/// Structs alone are written, so that the order of the properties is theirs and never changes.
fn pretty(file: &impl Serialize) -> Result<String> {
    Ok(serde_json::to_string_pretty(file)? + "\n")
}

/// Writes every file into `dir`.
///
/// # Errors
///
/// When a file cannot be made or written.
pub(crate) fn write(dir: &Path) -> Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    for (name, content) in files()? {
        let path = dir.join(name);
        fs::write(&path, &content).with_context(|| format!("cannot write {}", path.display()))?;
        println!("{name}: {} bytes", content.len());
    }
    Ok(())
}

/// Makes every file anew and compares it with the one in `dir`.
///
/// # Errors
///
/// Names the first file that differs, and where.
pub(crate) fn compare(dir: &Path) -> Result<()> {
    for (name, content) in files()? {
        let path = dir.join(name);
        let committed =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        if committed != content {
            let same = committed.lines().zip(content.lines()).take_while(|(a, b)| a == b).count();
            bail!(
                "{name} is not what this code makes, from line {} on. If the change is meant: \
                 cargo xtask vectors generate",
                same + 1
            );
        }
        println!("{name}: unchanged");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_runs_make_the_same_files() {
        assert_eq!(files().unwrap(), files().unwrap());
    }

    #[test]
    fn a_changed_file_is_found() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path()).unwrap();
        compare(dir.path()).unwrap();
        let path = dir.path().join("mac_key.json");
        let changed = fs::read_to_string(&path).unwrap().replacen('A', "B", 1);
        fs::write(&path, changed).unwrap();
        let error = compare(dir.path()).unwrap_err().to_string();
        assert!(
            error.starts_with("mac_key.json is not what this code makes, from line"),
            "{error}"
        );
    }
}
