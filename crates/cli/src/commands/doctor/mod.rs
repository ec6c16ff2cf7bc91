//! `doctor`: what is wrong with a backup, in plain words, and what would mend it.
//!
//! [`gather`] finds the facts out and changes nothing; [`diagnosis`] makes of them what is said.

mod diagnosis;
mod facts;
mod gather;

use anstyle::Style;
use clap::Args;
use serde::Serialize;

use self::{
    diagnosis::{Diagnosis, Severity, diagnose},
    facts::Facts,
    gather::{Gathered, gather},
};
use crate::{
    args::KeyArguments,
    context::Context,
    error::Error,
    exit::ExitStatus,
    files::Input,
    output::{self, Report},
    printable::printable,
    storage_key::StorageKeyArguments,
    wording::{count, entries, shown},
};

/// Say in plain words what is wrong with the backup, and what would mend it
///
/// It looks and changes nothing: nothing is written to the store, nothing is remembered, nothing is
/// asked. What it can look at depends on what it is given. Without a key: whether there is a backup,
/// whether it can be read, whether it is authenticated, and, of an account, whether the homeserver has
/// gone back to an older one. With the decryption key: every entry. With account data and what opens
/// secret storage (4S): whether new devices find the right key there. With `--store homeserver` the
/// account data is that of the account that is logged in.
///
/// A key from secret storage that fits is used to read the entries. One that does not fit is tried
/// on them as well, and so is one that was given: that is how two keys under one version are seen.
///
/// Each thing that is said has a code, which stays the same, and, where this program can help, the
/// command that mends it. Words in capitals (KEYS.txt, KEY) are to be replaced. The exit status is 1
/// if there is an error or a warning, 0 if there are at most notes.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  matrix-key-backup doctor
  matrix-key-backup doctor --store homeserver --passphrase-file passphrase.txt
  matrix-key-backup doctor --store copy.sqlite3 --key-file my.key --account-data sync.json")]
pub(crate) struct Arguments {
    #[command(flatten)]
    key: KeyArguments,

    /// The account data of the user, JSON; `-` is standard input [default: that of the account, with
    /// `--store homeserver`]
    #[arg(long, value_name = "FILE")]
    account_data: Option<Input>,

    #[command(flatten)]
    storage_key: StorageKeyArguments,
}

/// What is to be said.
#[derive(Debug, Serialize)]
struct DoctorReport {
    store: String,
    version: Option<String>,
    algorithm: Option<String>,
    /// How many entries were looked at; none without a key that fits.
    entries: Option<u64>,
    diagnoses: Vec<Diagnosis>,
}

/// How wide text is.
const COLUMNS: usize = 92;
/// As wide as the longest word for a severity, and two spaces.
const INDENT: &str = "         ";

const LABELS: [(&str, Style); 3] =
    [("error", output::ERROR), ("warning", output::WARNING), ("note", output::NOTE)];

impl Report for DoctorReport {
    fn text(&self) -> String {
        let mut text = format!("Store   {}\n", self.store);
        text += &match (&self.version, &self.algorithm) {
            (Some(version), Some(algorithm)) => {
                format!("Backup  version {}, {}\n\n", printable(version), printable(algorithm))
            }
            _ => "Backup  none\n\n".to_owned(),
        };
        for diagnosis in &self.diagnoses {
            text += &diagnosis.text();
        }
        text + &self.verdict()
    }

    fn labels(&self) -> &'static [(&'static str, Style)] {
        &LABELS
    }
}

impl DoctorReport {
    fn number(&self, severity: Severity) -> u64 {
        self.diagnoses.iter().filter(|diagnosis| diagnosis.severity == severity).count() as u64
    }

    fn any_fault(&self) -> bool {
        self.diagnoses.iter().any(|diagnosis| diagnosis.severity < Severity::Note)
    }

    fn verdict(&self) -> String {
        let number = |severity| self.number(severity);
        if self.any_fault() {
            let (errors, warnings) = (number(Severity::Error), number(Severity::Warning));
            return format!("{}, {}.\n", count(errors, "error"), count(warnings, "warning"));
        }
        let looked_at = self.entries.map(|number| format!(": it has {}", entries(number)));
        format!("Nothing is wrong with this backup{}.\n", looked_at.unwrap_or_default())
    }
}

impl Diagnosis {
    fn text(&self) -> String {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        let mut text = format!("{severity:<9}{}\n", self.code_in_text());
        text += &wrapped(&self.what);
        text += &wrapped(&self.mend);
        if let Some(command) = &self.command {
            text += &format!("{INDENT}$ {}\n", printable(command));
        }
        text + "\n"
    }

    fn code_in_text(&self) -> String {
        let code = serde_json::to_value(self.code).ok();
        code.as_ref().and_then(|code| code.as_str()).unwrap_or_default().to_owned()
    }
}

/// Lines that are indented and not too long.
fn wrapped(text: &str) -> String {
    let mut lines = String::new();
    let mut length = 0;
    for word in printable(text).split(' ') {
        let width = word.chars().count();
        if length == 0 || length + 1 + width > COLUMNS {
            lines += if lines.is_empty() { "" } else { "\n" };
            lines += INDENT;
            length = INDENT.len();
        } else {
            lines.push(' ');
            length += 1;
        }
        lines += word;
        length += width;
    }
    lines + "\n"
}

pub(crate) fn run(arguments: &Arguments, context: &Context) -> Result<ExitStatus, Error> {
    let Gathered { facts, backup } = gather(arguments, context)?;
    let Facts { entries, .. } = &facts;
    let report = DoctorReport {
        store: shown(context.place.path()),
        version: backup.as_ref().map(|backup| backup.version.to_string()),
        algorithm: backup.map(|backup| backup.algorithm),
        entries: entries.as_ref().map(|entries| entries.entries),
        diagnoses: diagnose(&facts),
    };
    context.output.report(&report)?;
    Ok(ExitStatus::from_findings(report.any_fault()))
}
