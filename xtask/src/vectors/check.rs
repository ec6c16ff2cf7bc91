//! `cargo xtask vectors check`: finds the files, and hands each to its topic.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};

use crate::vectors::report::Report;
use crate::vectors::topics::{Check, TOPICS, Topic};

/// Runs every file of a known form in `dir`.
///
/// # Errors
///
/// When the folder cannot be read. What is wrong inside it is in the report.
pub(crate) fn folder(dir: &Path) -> Result<Report> {
    let unreadable = || format!("cannot read the folder {}", dir.display());
    let mut found = BTreeSet::new();
    for entry in dir.read_dir().with_context(unreadable)? {
        found.insert(entry.with_context(unreadable)?.file_name().to_string_lossy().into_owned());
    }
    let mut report = Report::default();
    for topic in TOPICS {
        if found.remove(topic.file) {
            file(topic, &dir.join(topic.file), &mut report);
        } else {
            report.skip(topic.file, "not in this folder");
        }
    }
    for unknown in found.iter().filter(|name| !is_prose(name)) {
        report.skip(unknown, "unknown: no topic reads a file of this name");
    }
    Ok(report)
}

fn is_prose(name: &str) -> bool {
    name.starts_with("README") || name.starts_with('.')
}

fn file(topic: &Topic, path: &Path, report: &mut Report) {
    let before = report.counts();
    match std::fs::read_to_string(path) {
        Ok(text) => self::text(topic.file, topic.check, &text, report),
        Err(why) => report.fail(topic.file, "the file", &anyhow!("cannot be read: {why}")),
    }
    report.close_file(topic.file, before);
}

/// Runs a file's content. What is no JSON, or lacks a list of cases, is one failure.
pub(crate) fn text(file: &'static str, check: Check, text: &str, report: &mut Report) {
    if let Err(why) = check(file, text, report) {
        report.fail(file, "the file", &why);
    }
}
