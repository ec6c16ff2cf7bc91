//! From facts to what is wrong, and what would mend it. Nothing is read or written here.

use serde::Serialize;

use super::facts::{
    BackupFacts, EntryFacts, Facts, KeyFacts, MemoryFacts, StoreFacts, StoreKind, StoredKeyFacts,
    Stranger,
};
use crate::wording::{count, entries, quoted};

/// One thing that is to be said.
#[derive(Debug, Serialize)]
pub(super) struct Diagnosis {
    pub(super) code: Code,
    pub(super) severity: Severity,
    /// What is so, as a sentence.
    pub(super) what: String,
    /// What would mend it, in sentences.
    pub(super) mend: String,
    /// The command of this program that does. In capitals, what only its caller knows.
    pub(super) command: Option<String>,
}

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Severity {
    /// Keys are lost, or will be; or somebody else may have had a hand in it.
    Error,
    /// The backup is weaker than it could be, or nobody knows whether it is in order.
    Warning,
    /// Good to know.
    Note,
}

/// The name of a diagnosis. Names do not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Code {
    NoBackup,
    BackupGone,
    AuthDataUnreadable,
    AlgorithmUnknown,
    WentBack,
    VersionSetBack,
    MemoryUnreadable,
    KeyUnusable,
    KeyDoesNotFit,
    KeyNotGiven,
    StorageKeyDoesNotFit,
    StoredKeyDoesNotFit,
    StoredKeyDamaged,
    NoStoredKey,
    TwoKeys,
    EntriesForged,
    EntriesMisplaced,
    EntriesUnreadable,
    EntriesMissing,
    EntriesSetBack,
    MacsIgnored,
    NotAuthenticated,
    NotTrustedYet,
    StoredKeyNotChecked,
    SecretStorageNotLookedAt,
    UnauthenticatedKeys,
    EmptyBackup,
}

impl Code {
    fn severity(self) -> Severity {
        match self {
            Self::NoBackup
            | Self::BackupGone
            | Self::AuthDataUnreadable
            | Self::WentBack
            | Self::VersionSetBack
            | Self::MemoryUnreadable
            | Self::KeyUnusable
            | Self::KeyDoesNotFit
            | Self::StorageKeyDoesNotFit
            | Self::StoredKeyDoesNotFit
            | Self::StoredKeyDamaged
            | Self::TwoKeys
            | Self::EntriesForged
            | Self::EntriesMisplaced
            | Self::EntriesUnreadable
            | Self::EntriesMissing
            | Self::EntriesSetBack => Severity::Error,
            Self::AlgorithmUnknown
            | Self::KeyNotGiven
            | Self::NoStoredKey
            | Self::MacsIgnored
            | Self::NotAuthenticated => Severity::Warning,
            Self::NotTrustedYet
            | Self::StoredKeyNotChecked
            | Self::SecretStorageNotLookedAt
            | Self::UnauthenticatedKeys
            | Self::EmptyBackup => Severity::Note,
        }
    }
}

/// What is to be said of these facts, the worst first. Nothing, if all is well and was looked at.
pub(super) fn diagnose(facts: &Facts) -> Vec<Diagnosis> {
    let mut doctor = Doctor { facts, said: Vec::new() };
    doctor.backup();
    doctor.memory();
    doctor.key();
    doctor.stored_key();
    for stranger in &facts.strangers {
        doctor.two_keys(stranger);
    }
    if let Some(entries) = &facts.entries {
        doctor.entries(entries);
    }
    let mut said = doctor.said;
    said.sort_by_key(|diagnosis| diagnosis.severity);
    said
}

struct Doctor<'f> {
    facts: &'f Facts,
    said: Vec<Diagnosis>,
}

impl Doctor<'_> {
    fn say(&mut self, code: Code, what: String, mend: impl Into<String>) {
        let severity = code.severity();
        self.said.push(Diagnosis { code, severity, what, mend: mend.into(), command: None });
    }

    /// The same, with a command; the argument that names the store is added. What is only read cannot
    /// be mended where it is.
    fn say_with(&mut self, code: Code, what: String, mend: impl Into<String>, command: &str) {
        let writes = ["create", "upload", "migrate"].iter().any(|it| command.starts_with(it));
        if writes && self.facts.store.kind == StoreKind::JsonFile {
            let read_only = "A JSON file is only read: do this to the backup that it is a copy of.";
            return self.say(code, what, format!("{} {read_only}", mend.into()));
        }
        self.say(code, what, mend);
        let command = format!("matrix-key-backup {command}{}", self.facts.store.argument);
        if let Some(diagnosis) = self.said.last_mut() {
            diagnosis.command = Some(command);
        }
    }

    /// ` --key-file …`, as far as it is known which file that is.
    fn key_argument(&self) -> &str {
        match &self.facts.key {
            KeyFacts::Fits { argument } => argument,
            _ => " --key-file KEY",
        }
    }

    fn backup(&mut self) {
        let StoreFacts { shown, .. } = &self.facts.store;
        match &self.facts.backup {
            BackupFacts::NoStore => {
                let what = format!("There is nothing at {shown}, so there is no backup.");
                self.no_backup(what);
            }
            BackupFacts::None => self.none(),
            BackupFacts::UnknownAlgorithm { version, algorithm } => {
                let (version, algorithm) = (quoted(version), quoted(algorithm));
                let what = format!(
                    "Version {version} is of the algorithm {algorithm}, which this program does not \
                     know, so nothing in it was looked at."
                );
                self.say(
                    Code::AlgorithmUnknown,
                    what,
                    "A newer version of this program may know it.",
                );
            }
            BackupFacts::Unreadable { version, problem } => {
                let what = format!(
                    "Version {} has an `auth_data` that cannot be read ({problem}), so no client \
                     can write to it, and none can tell which key it is of.",
                    quoted(version)
                );
                let mend = "Begin a new version. The old one stays; then upload what your clients \
                            have.";
                self.say_with(Code::AuthDataUnreadable, what, mend, "create --replace");
            }
            BackupFacts::Readable { version, is_v1, count, .. } => {
                self.algorithm(&quoted(version), *is_v1);
                if *count == 0 {
                    let what = "The backup has no keys yet.".to_owned();
                    let mend = "Export the keys of a client that has them, and upload the file.";
                    let upload = format!("upload KEYS.txt{}", self.key_argument());
                    self.say_with(Code::EmptyBackup, what, mend, &upload);
                }
            }
        }
    }

    fn none(&mut self) {
        let shown = &self.facts.store.shown;
        let MemoryFacts::Known { last, .. } = &self.facts.memory else {
            let what = format!("There is no backup in {shown}: keys that a device loses are lost.");
            return self.no_backup(what);
        };
        let what = format!(
            "There is no backup in {shown} any more: version {} was used here before.",
            quoted(last)
        );
        let mend = "If neither you nor one of your clients has deleted it, ask whoever runs the \
                    homeserver. Otherwise begin a new one, and upload what your clients have.";
        self.say_with(Code::BackupGone, what, mend, "create");
    }

    fn no_backup(&mut self, what: String) {
        if self.facts.store.kind == StoreKind::JsonFile {
            let mend = "A JSON file is only read. Check the path, or give another store.";
            return self.say(Code::NoBackup, what, mend);
        }
        let mend = "Check that this is the store that you mean. Then export the keys of a client: \
                    uploading that file begins a backup.";
        self.say_with(Code::NoBackup, what, mend, "upload KEYS.txt --create");
    }

    fn algorithm(&mut self, version: &str, is_v1: bool) {
        if !is_v1 {
            return;
        }
        let what = format!(
            "Version {version} is not authenticated (v1): whoever knows its public key, the \
             homeserver included, can add keys to it, and nobody can tell."
        );
        let mend = "Migrate to an authenticated version (v2); the old one stays. Clients that know \
                    only v1 will stop backing up: --dry-run shows first what would come of it.";
        let migrate = format!("migrate{}", self.key_argument());
        self.say_with(Code::NotAuthenticated, what, mend, &migrate);
    }

    fn memory(&mut self) {
        match &self.facts.memory {
            MemoryFacts::NotKept => {}
            MemoryFacts::Nothing => self.not_trusted_yet(),
            MemoryFacts::Unreadable { problem } => {
                let what = format!("What is remembered of this account cannot be read: {problem}.");
                let mend = "Until that is mended nobody notices when the server goes back to an \
                            older backup. Look at the file, and move it away to begin anew.";
                self.say(Code::MemoryUnreadable, what, mend);
            }
            MemoryFacts::Known { went_back, setback, .. } => {
                if let Some(problem) = went_back {
                    let mend = "Another device of yours may have deleted the newer one; else \
                                somebody at the homeserver wants you to use this one. If you know \
                                why, say so once.";
                    let verify = format!("verify --accept-older-backup{}", self.key_argument());
                    self.say_with(Code::WentBack, format!("{problem}."), mend, &verify);
                }
                if let Some(problem) = setback {
                    let what = format!("By what was seen here before, {problem}.");
                    let mend = "If you have deleted keys, or restored an older copy, all is well. \
                                Otherwise upload them again from a client that has them.";
                    let upload = format!("upload KEYS.txt{}", self.key_argument());
                    self.say_with(Code::VersionSetBack, what, mend, &upload);
                }
            }
        }
    }

    fn not_trusted_yet(&mut self) {
        if !matches!(self.facts.backup, BackupFacts::Readable { .. }) {
            return;
        }
        let what = "No backup of this account was used here yet, so nobody would notice if the \
                    server went back to an older one."
            .to_owned();
        let mend = "Verify the backup once with its key: from then on it is remembered.";
        let verify = format!("verify{}", self.key_argument());
        self.say_with(Code::NotTrustedYet, what, mend, &verify);
    }

    fn key(&mut self) {
        match &self.facts.key {
            KeyFacts::Unusable { from, problem } => {
                let what = format!("What {from} holds is no decryption key: {problem}.");
                self.say(Code::KeyUnusable, what, "Compare it with what you wrote down.");
            }
            KeyFacts::Other { from, public_key } => self.other_key(from, public_key),
            KeyFacts::NotGiven => self.no_key(),
            KeyFacts::NotCompared | KeyFacts::Fits { .. } => {}
        }
    }

    fn other_key(&mut self, from: &str, found: &str) {
        let what = format!(
            "The decryption key from {from} is not that of this backup: it belongs to the public \
             key {found}, and the backup has {}.",
            self.public_key()
        );
        let (mend, unlock) = match self.facts.stored {
            StoredKeyFacts::Fits => ("The one in secret storage fits: take it out.", self.unlock()),
            _ => (
                "Look for the one that fits: clients keep it in secret storage. If nobody has it, \
                 what is in this version is lost, and `create --replace` begins a new one.",
                self.unlock(),
            ),
        };
        self.say_with(Code::KeyDoesNotFit, what, mend, unlock);
    }

    fn unlock(&self) -> &'static str {
        match self.facts.store.kind {
            StoreKind::Homeserver => "unlock",
            _ => "unlock --account-data FILE",
        }
    }

    fn no_key(&mut self) {
        let is_readable = matches!(self.facts.backup, BackupFacts::Readable { .. });
        if !is_readable || matches!(self.facts.stored, StoredKeyFacts::Fits) {
            return;
        }
        let what =
            "The decryption key was not given, so no entry was looked at: they may be forged, \
                    damaged or of another key."
                .to_owned();
        let mend = "Give it; or, with account data, what opens secret storage \
                    (--storage-key-file, --passphrase-file).";
        self.say_with(Code::KeyNotGiven, what, mend, "doctor --key-file KEY");
    }

    fn stored_key(&mut self) {
        let store_it = "Store the key of the backup there, from a device that has it.";
        match &self.facts.stored {
            StoredKeyFacts::NotLookedAt => self.not_looked_at(),
            StoredKeyFacts::NoSecretStorage { from, problem } => {
                let what = format!(
                    "Secret storage in {from} cannot be used: {problem}. No other device finds the \
                     backup's key there."
                );
                self.say_with(Code::NoStoredKey, what, store_it, &self.store_command());
            }
            StoredKeyFacts::NoSuchSecret { from } => {
                let what = format!(
                    "The backup's decryption key is not in secret storage ({from}): a device that \
                     is new finds no way into the backup."
                );
                self.say_with(Code::NoStoredKey, what, store_it, &self.store_command());
            }
            StoredKeyFacts::NotOpened { from } => {
                let what = format!(
                    "Secret storage ({from}) has a decryption key, and nobody looked whether it is \
                     that of the backup: nothing to open it with was given."
                );
                let mend = "Give the secret storage key, or its passphrase with --passphrase-file.";
                let again = "doctor --storage-key-file FILE";
                self.say_with(Code::StoredKeyNotChecked, what, mend, again);
            }
            StoredKeyFacts::WrongStorageKey { problem } => {
                let what = format!("Secret storage was not opened: {problem}.");
                let mend = "Try again with the one that your clients take.";
                let again = "doctor --storage-key-file FILE";
                self.say_with(Code::StorageKeyDoesNotFit, what, mend, again);
            }
            StoredKeyFacts::Damaged { problem } => {
                let what = format!(
                    "The decryption key in secret storage is damaged: {problem}. A device that is \
                     new finds no way into the backup."
                );
                self.say_with(Code::StoredKeyDamaged, what, store_it, &self.store_command());
            }
            StoredKeyFacts::Other { from, public_key } => {
                let what = format!(
                    "The decryption key in secret storage ({from}) is not that of this backup: it \
                     belongs to the public key {public_key}, and the backup has {}. A device that \
                     is new cannot read the backup with it.",
                    self.public_key()
                );
                let mend = "Store the key of the backup there, from a device that has it. If none \
                            has, begin a new version with the key that is stored: `create --replace`.";
                self.say_with(Code::StoredKeyDoesNotFit, what, mend, &self.store_command());
            }
            StoredKeyFacts::NotCompared | StoredKeyFacts::Fits => {}
        }
    }

    fn not_looked_at(&mut self) {
        if !matches!(self.facts.backup, BackupFacts::Readable { .. }) {
            return;
        }
        let what = "Nobody looked whether secret storage has the key of this backup: no account \
                    data was given."
            .to_owned();
        let mend = "Give the account's data, an answer of /sync for instance, and what opens secret \
                    storage; or log in, and say --store homeserver.";
        let again =
            format!("doctor --account-data FILE --storage-key-file FILE{}", self.key_argument());
        self.say_with(Code::SecretStorageNotLookedAt, what, mend, &again);
    }

    /// Into the account, or into a file for it.
    fn store_command(&self) -> String {
        let out = match self.facts.store.kind {
            StoreKind::Homeserver => "",
            _ => " --account-data FILE --out EVENTS.json",
        };
        let key = self.key_argument();
        format!("secret-storage create --key-out STORAGE.key{out} --replace-default{key}")
    }

    fn public_key(&self) -> &str {
        match &self.facts.backup {
            BackupFacts::Readable { public_key, .. } => public_key,
            _ => "none",
        }
    }

    fn two_keys(&mut self, stranger: &Stranger) {
        let Stranger { from, public_key, entries: number } = stranger;
        let are = if *number == 1 { "is" } else { "are" };
        let what = format!(
            "Two keys were used under one version: {} {are} of the public key {public_key}, which \
             is that of the key from {from}, and not of the backup's, {}. Whoever has only one of \
             the two reads only a part.",
            entries(*number),
            self.public_key()
        );
        let mend = "Take what is of the backup's own key to a new version under a new key; then \
                    upload the rest into it from the client that has written it.";
        let migrate = format!("migrate --new-key{}", self.key_argument());
        self.say_with(Code::TwoKeys, what, mend, &migrate);
    }

    fn entries(&mut self, read: &EntryFacts) {
        let again = "Export the keys of a client that has them, and upload the file.";
        let upload = format!("upload KEYS.txt{}", self.key_argument());
        let migrate = format!("migrate --new-key{}", self.key_argument());
        let of = |number: u64, one: &str, more: &str| {
            format!(
                "{number} of {} {}",
                entries(read.entries),
                if number == 1 { one } else { more }
            )
        };
        if read.forged > 0 {
            let what = format!(
                "{} no right MAC: forged, changed, or written with another key, so not decrypted.",
                of(read.forged, "has", "have")
            );
            let mend = "Every restore leaves them out, and `verify --all` names them. To be rid of \
                        them, migrate to a new version, which does not take them along.";
            self.say_with(Code::EntriesForged, what, mend, &migrate);
        }
        if read.misplaced > 0 {
            let what = format!(
                "{} in the place of another session, room or user: somebody has moved them.",
                of(read.misplaced, "is", "are")
            );
            let mend = "Every restore leaves them out, and `verify --all` names them. To be rid of \
                        them, migrate to a new version, and upload what it lacks.";
            self.say_with(Code::EntriesMisplaced, what, mend, &migrate);
        }
        if read.unreadable > 0 {
            let what = format!(
                "{} damaged, of an unknown kind, or written with another key.",
                of(read.unreadable, "is", "are")
            );
            let mend = format!("`verify --all` names them. {again}");
            self.say_with(Code::EntriesUnreadable, what, mend, &upload);
        }
        if read.missing > 0 {
            let what =
                format!("The store says that it has {} more than it gave.", entries(read.missing));
            let mend = format!("Look again; if it stays so, they are withheld or lost. {again}");
            self.say_with(Code::EntriesMissing, what, mend, &upload);
        }
        if read.set_back > 0 {
            let what = format!(
                "{} {} less than when the backup was read here before: gone, or from a later \
                 message on.",
                count(read.set_back, "key"),
                if read.set_back == 1 { "is" } else { "are" },
            );
            let mend = format!("`verify --all` names them. {again}");
            self.say_with(Code::EntriesSetBack, what, mend, &upload);
        }
        if read.ignored_macs > 0 {
            let what = format!(
                "{} a MAC that is wrong. In a v1 backup they are read all the same, as if they had \
                 none.",
                of(read.ignored_macs, "has", "have")
            );
            let mend = "`verify --all` names them. Somebody has changed them, or they are of a client \
                        with a fault.";
            let verify = format!("verify --all{}", self.key_argument());
            self.say_with(Code::MacsIgnored, what, mend, &verify);
        }
        self.unauthenticated(read);
    }

    fn unauthenticated(&mut self, read: &EntryFacts) {
        // Of a v1 backup that is said of the whole.
        let number: u64 = read.unauthenticated.values().sum();
        if number == 0 || matches!(self.facts.backup, BackupFacts::Readable { is_v1: true, .. }) {
            return;
        }
        let sources: Vec<_> = read
            .unauthenticated
            .iter()
            .map(|(source, number)| format!("{number} {source}"))
            .collect();
        let what = format!(
            "Nobody vouches for {number} of {} ({}): their messages are shown with a warning.",
            count(read.authenticated + number, "key"),
            sources.join(", ")
        );
        let mend = "That is no fault. A client that got such a key from its sender can vouch for it, \
                    in a new version of the backup.";
        self.say(Code::UnauthenticatedKeys, what, mend);
    }
}

#[cfg(test)]
mod tests;
