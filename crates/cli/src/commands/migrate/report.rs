//! What a migration came to, in figures and in a verdict.

use std::path::Path;

use matrix_key_backup::{
    migration::{MigrationCounts, MigrationReport},
    wire::BackupAlgorithm,
};
use serde::Serialize;

use super::{Told, Work};
use crate::{
    findings::FindingsReport,
    output::Report,
    printable::printable,
    wording::{About, figure, in_words, shown},
};

/// How far it went.
pub(super) struct Came {
    pub(super) counts: MigrationCounts,
    /// Entries that the store says it has, and did not give.
    pub(super) missing: u64,
    /// What the comparison found; there is none in a dry run.
    pub(super) report: Option<MigrationReport>,
    pub(super) deleted_old: bool,
}

/// What a migration did, or would do.
#[derive(Debug, Serialize)]
pub(super) struct MigrateReport {
    /// The old version.
    #[serde(flatten)]
    about: About,
    dry_run: bool,
    /// The new version; none in a dry run.
    new_version: Option<String>,
    new_algorithm: BackupAlgorithm,
    /// Where the new decryption key was written.
    key_file: Option<String>,
    #[serde(flatten)]
    counts: MigrationCounts,
    /// Entries that the store says it has, and did not give.
    missing: u64,
    /// What was compared; nothing in a dry run.
    compared: Option<u64>,
    different: Option<u64>,
    /// Whether every key of the old version is in the new one; not known in a dry run.
    complete: Option<bool>,
    deleted_old: bool,
    #[serde(flatten)]
    findings: FindingsReport,
    #[serde(skip)]
    asked_to_delete: bool,
}

impl MigrateReport {
    pub(super) fn new(work: &Work<'_>, came: Came, key_out: Option<&Path>, told: Told<'_>) -> Self {
        let Came { counts, missing, report, deleted_old } = came;
        let problems = told.problems.finish();
        Self {
            about: About::new(work.context, &work.plan.old),
            dry_run: report.is_none(),
            new_version: report.as_ref().map(|report| report.new_version().to_string()),
            new_algorithm: work.new_algorithm(),
            key_file: key_out.map(shown),
            counts,
            missing,
            compared: report.as_ref().map(|report| report.compared()),
            different: report.as_ref().map(|report| report.different()),
            complete: report.as_ref().map(|report| report.is_complete() && missing == 0),
            deleted_old,
            findings: problems.and(told.marked.finish_of("marked")),
            asked_to_delete: work.arguments.delete_old,
        }
    }

    /// A dry run says nothing of it: what would be wrong is among the findings.
    pub(super) fn is_complete(&self) -> bool {
        self.complete.unwrap_or(true)
    }

    fn figures(&self) -> String {
        let MigrationCounts { entries, unchanged, mac_renamed, reencrypted, .. } = self.counts;
        let would = if self.dry_run { "would be " } else { "" };
        let mut text = figure(entries, "entries in the old version");
        text += &figure(unchanged, &format!("{would}taken over as they are"));
        text += &figure(mac_renamed, &format!("{would}taken over, the MAC under the other name"));
        text += &figure(reencrypted, &format!("{would}encrypted anew"));
        text += &figure(self.counts.already_there, "in the new version already");
        for (number, what) in [
            (self.counts.merged, "merged with another key for the session"),
            (self.counts.blocked, "blocked: the new version keeps what it has"),
            (self.counts.dropped, "dropped: without a right MAC"),
            (self.counts.left_behind, "left behind: gives no key"),
            (self.missing, "missing: the store did not give them"),
        ] {
            if number > 0 {
                text += &figure(number, what);
            }
        }
        if self.counts.marked_legacy_v1 > 0 {
            let what = "of these marked as from a v1 backup (m.legacy-v1): nobody vouches for them";
            text += &figure(self.counts.marked_legacy_v1, what);
        }
        if let (Some(compared), Some(different)) = (self.compared, self.different) {
            text += &figure(compared, "read back and compared");
            text += &figure(different, "missing or worse in the new version");
        }
        text
    }

    fn verdict(&self, new: &str) -> String {
        let old = printable(self.about.version());
        if self.deleted_old {
            return format!(
                "Complete: version {new} has every key of version {old}, which is deleted.\n"
            );
        }
        let stays = format!(
            "Version {old} stays in the store, read-only; `delete --backup-version {old}` deletes it."
        );
        if self.is_complete() {
            return format!("Complete: version {new} has every key of version {old}.\n{stays}\n");
        }
        let kept = match self.asked_to_delete {
            true => format!(", so version {old} was not deleted"),
            false => String::new(),
        };
        format!(
            "Not complete: not every entry of version {old} is in version {new}, as said \
             above{kept}.\nKeep version {old}: it is read-only, and `--backup-version {old}` reads \
             it.\n"
        )
    }
}

impl Report for MigrateReport {
    fn text(&self) -> String {
        let version = match &self.new_version {
            Some(version) => format!("version {}", printable(version)),
            None => "a new version".to_owned(),
        };
        let (about, algorithm) = (self.about.text(), in_words(self.new_algorithm));
        let mut text =
            format!("{}\nNew     {version}, {algorithm}\n\n", about.trim_end()) + &self.figures();
        text.push('\n');
        match &self.new_version {
            None => text += "Dry run: nothing was written.\n",
            Some(new) => text += &self.verdict(&printable(new)),
        }
        if let Some(path) = &self.key_file {
            text += &format!(
                "The new version's decryption key is in {path}, readable by you only. Keep a copy in \
                 a safe place.\n"
            );
        }
        text
    }

    fn done(&self) -> String {
        let Some(new) = &self.new_version else {
            return "Nothing was changed: run the command again".to_owned();
        };
        let verdict = if self.is_complete() { "complete" } else { "not complete" };
        let deleted = if self.deleted_old { ", and the old version is deleted" } else { "" };
        let key = self
            .key_file
            .as_ref()
            .map_or_else(String::new, |path| format!("; the new decryption key is in {path}"));
        format!(
            "The work is done: {} was migrated to version {new}, which is {verdict}{deleted}{key}",
            self.about
        )
    }
}
