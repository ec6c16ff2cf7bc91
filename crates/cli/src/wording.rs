//! Words and figures that several reports share.

use std::{fmt, path::Path};

use matrix_key_backup::{
    OpenBackup, ProvenanceCounts,
    wire::{BackupAlgorithm, Names},
};
use serde::Serialize;

use crate::{context::Context, printable::printable};

/// The store and the backup that a report is about.
#[derive(Debug, Serialize)]
pub(crate) struct About {
    store: String,
    version: String,
    algorithm: BackupAlgorithm,
}

impl About {
    pub(crate) fn new(context: &Context, backup: &OpenBackup) -> Self {
        Self {
            store: shown(context.place.path()),
            version: backup.version().to_string(),
            algorithm: backup.algorithm(),
        }
    }

    /// Two lines for people.
    pub(crate) fn text(&self) -> String {
        let Self { store, version, algorithm } = self;
        let version = printable(version);
        format!("Store   {store}\nBackup  version {version}, {}\n\n", in_words(*algorithm))
    }

    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    pub(crate) fn is_v1(&self) -> bool {
        self.algorithm == BackupAlgorithm::V1
    }
}

impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "backup version {} in {}", self.version, self.store)
    }
}

/// A path as it is shown: JSON has no way to carry one that is no text.
pub(crate) fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// What somebody else has named, for people.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", printable(name))
}

/// An algorithm, for people.
pub(crate) fn in_words(algorithm: BackupAlgorithm) -> &'static str {
    match algorithm {
        BackupAlgorithm::V1 => "not authenticated (v1)",
        BackupAlgorithm::V2(Names::Unstable) => "authenticated (v2, names of the proposal)",
        BackupAlgorithm::V2(Names::Stable) => "authenticated (v2, stable names)",
    }
}

/// `1 key`, `2 keys`.
pub(crate) fn count(number: u64, thing: &str) -> String {
    match number {
        1 => format!("1 {thing}"),
        number => format!("{number} {thing}s"),
    }
}

/// `1 entry`, `2 entries`.
pub(crate) fn entries(number: u64) -> String {
    if number == 1 { "1 entry".to_owned() } else { format!("{number} entries") }
}

/// A path as a shell takes it for one word.
pub(crate) fn in_shell(path: &Path) -> String {
    let path = shown(path);
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@:,=~".contains(c);
    if !path.is_empty() && !path.starts_with('~') && path.chars().all(is_plain) {
        return path;
    }
    format!("'{}'", path.replace('\'', r"'\''"))
}

/// One figure on a line of its own.
pub(crate) fn figure(number: u64, what: &str) -> String {
    format!("{number:>9}  {what}\n")
}

/// Who vouches for the keys, one figure a line.
pub(crate) fn provenance(counts: &ProvenanceCounts) -> String {
    let mut text = figure(counts.authenticated, "authenticated: their writer vouches for them");
    for (source, number) in &counts.unauthenticated {
        text += &figure(*number, &format!("unauthenticated: {}", because(source)));
    }
    text
}

/// What a value of `unauthenticated` says. // V2-9
pub(crate) fn because(source: &str) -> &'static str {
    match source {
        "m.legacy-v1" => "from a v1 backup (m.legacy-v1)",
        "m.forwarded_room_key" => "forwarded by a device not trusted for it (m.forwarded_room_key)",
        _ => "nobody vouches for them (m.undefined)",
    }
}
