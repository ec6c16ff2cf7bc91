//! Going through a backup, entry by entry: each verified, decrypted, bound to its place, and
//! counted.

use futures_util::StreamExt as _;
use matrix_key_backup::{
    BackedUpSession, EntryReader, OpenBackup, RejectReason, RejectedKey, RestoreSummary, restore,
    store::{BackupStore as _, KeyScope, ReceivedKey, StoreError},
    trust::TrustedBackup,
    v2::{BackupReader, UnverifiedSessionData},
    wire::{BackupAlgorithm, WriterKey},
};
use serde::Serialize;

use crate::{
    any_store::{AnyStore, AnyStoreError},
    args::ScopeArguments,
    context::Context,
    error::Error,
    findings::{Finding, Findings},
    memory::Memory,
    places::{Places, withheld},
    progress::Progress,
    wording::{figure, provenance},
};

/// One walk through a backup.
#[derive(Debug)]
pub(crate) struct Walk<'w> {
    pub(crate) store: &'w AnyStore,
    pub(crate) backup: &'w OpenBackup,
    /// The same, as the key was found to be its own.
    pub(crate) trusted: &'w TrustedBackup,
    pub(crate) scope: &'w ScopeArguments,
    pub(crate) progress: &'w Progress,
    pub(crate) findings: &'w Findings<'w>,
    pub(crate) context: &'w Context,
}

/// What came of one entry. What is to be told of it has been told.
#[derive(Debug)]
pub(crate) enum Entry {
    Key(Box<BackedUpSession>),
    Rejected(RejectedKey),
}

/// What a holder of the decryption key saw.
#[derive(Debug, Serialize)]
pub(crate) struct Walked {
    #[serde(flatten)]
    pub(crate) summary: RestoreSummary,
    /// Entries that the store says it has, and did not give.
    pub(crate) missing: u64,
}

/// What a holder of the MAC key alone saw.
#[derive(Debug, Default, Serialize)]
pub(crate) struct MacsChecked {
    pub(crate) entries: u64,
    /// Entries whose MAC is right.
    pub(crate) valid_macs: u64,
    pub(crate) rejected: std::collections::BTreeMap<&'static str, u64>,
    pub(crate) missing: u64,
}

impl Walk<'_> {
    /// Reads every entry and hands what came of it to `take`.
    pub(crate) async fn read(
        &self,
        reader: BackupReader,
        mut take: impl FnMut(Entry) -> Result<(), Error>,
    ) -> Result<Walked, Error> {
        let user = self.context.user.clone();
        let mac_key = reader.mac_key().clone();
        let reader = EntryReader::new(reader, self.backup.algorithm(), user);
        let (version, scope) = (self.backup.version().clone(), self.scope.key_scope());
        let mut watch = Memory::seen(self.context)?.watch(self.backup, &scope);
        let mut batches = restore(self.store, version, scope, reader);
        let mut summary = RestoreSummary::default();
        let mut places = Places::default();
        while let Some(batch) = batches.next().await {
            let batch = batch.map_err(|error| self.failed(error))?;
            summary.add(&batch);
            watch.note(&batch);
            self.findings.add_all(places.repeated_in(&batch).map(Finding::repeated));
            for rejected in batch.rejected {
                self.findings.add(Finding::rejected(&rejected));
                take(Entry::Rejected(rejected))?;
            }
            for session in batch.sessions {
                if let Some(error) = session.ignored_mac() {
                    let (room, session) = (session.room_id(), session.session_id());
                    self.findings.add(Finding::ignored_mac(room, session, error)); // H-2
                }
                take(Entry::Key(Box::new(session)))?;
            }
            self.progress.set(summary.entries);
        }
        let missing = self.missing(places.count()).await?;
        // Another run may have remembered something meanwhile.
        let mut memory = Memory::of(self.context)?;
        let is_under_mac = self.backup.algorithm() != BackupAlgorithm::V1;
        if is_under_mac && summary.entries > summary.rejected_total() {
            // Each of these has a MAC that held. // T-5
            memory.confirm_mac_key(self.trusted, &mac_key);
        }
        let setbacks = memory.compare(self.backup, watch)?;
        self.findings.add_all(setbacks.version.iter().map(Finding::version_setback));
        self.findings.add_all(setbacks.keys.iter().map(Finding::key_setback));
        Ok(Walked { summary, missing })
    }

    /// Checks the MAC of every entry, which is all that a writer key can do.
    pub(crate) async fn check_macs(&self, key: &WriterKey) -> Result<MacsChecked, Error> {
        let mut checked = MacsChecked::default();
        let mut places = Places::default();
        let mut pages = self.store.keys(self.backup.version().clone(), self.scope.key_scope());
        while let Some(page) = pages.next_page().await {
            for entry in page.map_err(|error| self.failed(error))? {
                checked.entries += 1;
                if places.is_repeated(&entry.room_id, &entry.session_id) {
                    let place = (&entry.room_id, &entry.session_id);
                    self.findings.add(Finding::repeated(place));
                }
                match check_mac(&entry, self.backup.algorithm(), key) {
                    Ok(()) => checked.valid_macs += 1,
                    Err(reason) => {
                        *checked.rejected.entry(reason.class().as_str()).or_default() += 1;
                        let ReceivedKey { room_id, session_id, .. } = entry;
                        let rejected = RejectedKey::new(room_id, session_id, reason);
                        self.findings.add(Finding::rejected(&rejected));
                    }
                }
            }
            self.progress.set(checked.entries);
        }
        checked.missing = self.missing(places.count()).await?;
        Ok(checked)
    }

    /// How many entries the store did not give although it says that it has them. // B-3
    async fn missing(&self, entries: u64) -> Result<u64, Error> {
        let ScopeArguments { room, session } = self.scope;
        if let Some(room) = room {
            if entries == 0 {
                let message = "the backup has no such key: look at what it has with `list`";
                let missing = Finding::missing(Some(room), session.as_ref(), message);
                self.findings.add(missing);
            }
            return Ok(0);
        }
        let missing = withheld(self.store, self.backup, entries).await;
        let missing = missing.map_err(|error| self.failed(error))?;
        if missing == 0 {
            return Ok(0);
        }
        let message = format!(
            "the store says that the backup has {} entries, and gave {entries}: compare it with an \
             older copy",
            self.backup.count()
        );
        self.findings.add(Finding::missing(None, None, message));
        Ok(missing)
    }

    fn failed(&self, error: StoreError<AnyStoreError>) -> Error {
        Error::from_store(self.context.place.path().to_owned(), error)
    }
}

fn check_mac(
    entry: &ReceivedKey,
    algorithm: BackupAlgorithm,
    key: &WriterKey,
) -> Result<(), RejectReason> {
    let data = entry.data.as_ref().map_err(|error| RejectReason::from(*error))?;
    UnverifiedSessionData::parse(data.session_data.get(), algorithm)?
        .verify(key.backup_mac_key())?;
    Ok(())
}

impl Walked {
    /// The figures for people.
    pub(crate) fn text(&self) -> String {
        let Self { summary, missing } = self;
        let mut text = figure(summary.entries, "entries");
        text += &provenance(&summary.keys);
        text += &rejected(&summary.rejected);
        if summary.ignored_macs > 0 {
            text +=
                &figure(summary.ignored_macs, "with a MAC that is wrong, and does not count here");
        }
        text + &self::missing(*missing)
    }
}

impl MacsChecked {
    /// The figures for people.
    pub(crate) fn text(&self) -> String {
        let mut text = figure(self.entries, "entries");
        text += &figure(self.valid_macs, "with a right MAC");
        text += &rejected(&self.rejected);
        text + &missing(self.missing)
    }
}

/// What gave no key, by class. Forged ones are named even where there is none.
fn rejected(by_class: &std::collections::BTreeMap<&'static str, u64>) -> String {
    let number = |class| by_class.get(class).copied().unwrap_or_default();
    let mut text = figure(number("forged"), "forged: without a right MAC");
    for (class, what) in [
        ("misplaced", "misplaced: moved to another room or session"),
        ("unreadable", "unreadable: damaged, or of an unknown kind"),
    ] {
        if number(class) > 0 {
            text += &figure(number(class), what);
        }
    }
    text
}

fn missing(number: u64) -> String {
    if number > 0 { figure(number, "missing: the store did not give them") } else { String::new() }
}

impl ScopeArguments {
    pub(crate) fn key_scope(&self) -> KeyScope {
        match (&self.room, &self.session) {
            (Some(room), Some(session)) => KeyScope::Session(room.clone(), session.clone()),
            (Some(room), None) => KeyScope::Room(room.clone()),
            (None, _) => KeyScope::All,
        }
    }
}
