//! Whole migrations on a real store (M-1 to M-8), undisturbed and disturbed.
#![cfg(feature = "sqlite")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
};

use futures_util::{StreamExt, stream};
use matrix_key_backup::{
    EntryReader, OpenBackup, create_backup,
    migration::{
        CopiedMigration, Difference, MigrateError, Migration, MigrationCounts, MigrationEvent,
        MigrationReport, Migrator, NotMigrated, TargetError, dry_run, target,
    },
    primitives::BackupDecryptionKey,
    restore,
    store::{
        BackupStore, BackupVersion, KeyPages, KeyScope, KeyToStore, PutOutcome, ReceivedKey,
        SqliteStore, SqliteStoreError, StoreError, VersionId,
    },
    trust::{KeyOrigin, TrustState, TrustedBackup},
    upload::{RoomKey, Uploader},
    v2::{BackupReader, SourcedSession},
    wire::{BackedUpSessionData, BackupAlgorithm, Names, RoomId, SessionId, UnauthenticatedSource},
};
use serde_json::{Value, value::RawValue};

const UNSTABLE: BackupAlgorithm = BackupAlgorithm::V2(Names::Unstable);

fn sessions() -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/vectors/megolm_sessions.json");
    let mut file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    serde_json::from_value(file["sessions"].take()).unwrap()
}

fn at(session: &Value, export: usize) -> BackedUpSessionData {
    let mut json = session["session_data"].clone();
    json["session_key"] = session["exports"][export]["session_key"].clone();
    BackedUpSessionData::parse(json.to_string().as_bytes()).unwrap()
}

fn room() -> RoomId {
    RoomId::new("!room:example.org").unwrap()
}

fn reader(fill: u8) -> BackupReader {
    BackupReader::new(BackupDecryptionKey::from_slice(&[fill; 32]).unwrap())
}

fn vouched(data: BackedUpSessionData) -> RoomKey {
    let mut key = RoomKey::new(SourcedSession::own_session(data, room(), None));
    key.sender_verified = true;
    key
}

fn forwarded(data: BackedUpSessionData) -> RoomKey {
    let source = UnauthenticatedSource::ForwardedRoomKey;
    RoomKey::new(SourcedSession::unauthenticated(data, source, room()))
}

/// What a server may do to those who migrate on it.
#[derive(Default)]
struct Mischief {
    /// Writing fails from this call on.
    puts_until_failure: Option<AtomicUsize>,
    /// Every page has every entry twice.
    doubles: bool,
    /// From this reading of a whole version on, nothing comes.
    readings_until_empty: Option<AtomicUsize>,
    /// Look-ups of this session come back empty.
    withholds: Option<SessionId>,
    /// Entries beside those of the store.
    planted: Vec<(RoomId, SessionId, &'static str)>,
}

struct Server {
    store: SqliteStore,
    mischief: Mischief,
}

impl BackupStore for Server {
    type Error = SqliteStoreError;

    async fn current_version(&self) -> Result<Option<BackupVersion>, StoreError<Self::Error>> {
        self.store.current_version().await
    }

    async fn version(
        &self,
        version: &VersionId,
    ) -> Result<Option<BackupVersion>, StoreError<Self::Error>> {
        self.store.version(version).await
    }

    async fn create_version(
        &self,
        algorithm: &str,
        auth_data: &RawValue,
    ) -> Result<VersionId, StoreError<Self::Error>> {
        self.store.create_version(algorithm, auth_data).await
    }

    async fn update_auth_data(
        &self,
        version: &VersionId,
        algorithm: &str,
        auth_data: &RawValue,
    ) -> Result<(), StoreError<Self::Error>> {
        self.store.update_auth_data(version, algorithm, auth_data).await
    }

    async fn delete_version(&self, version: &VersionId) -> Result<bool, StoreError<Self::Error>> {
        self.store.delete_version(version).await
    }

    async fn put_keys(
        &self,
        version: &VersionId,
        keys: Vec<KeyToStore>,
    ) -> Result<PutOutcome, StoreError<Self::Error>> {
        if let Some(left) = &self.mischief.puts_until_failure
            && left.fetch_sub(1, Ordering::SeqCst) == 0
        {
            left.store(usize::MAX, Ordering::SeqCst);
            // Half of the batch arrives, and the answer does not.
            let half = keys.len() / 2;
            self.store.put_keys(version, keys.into_iter().take(half).collect()).await?;
            return Err(StoreError::NoSuchVersion { version: VersionId::new("a lost connection") });
        }
        self.store.put_keys(version, keys).await
    }

    fn keys(&self, version: VersionId, scope: KeyScope) -> KeyPages<'_, Self::Error> {
        let is_empty = match (&scope, &self.mischief.readings_until_empty) {
            (KeyScope::All, Some(left)) => left
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1))
                .is_err(),
            _ => false,
        };
        if is_empty {
            return KeyPages::new(stream::empty());
        }
        let withheld = match (&scope, &self.mischief.withholds) {
            (KeyScope::Session(_, asked), Some(withheld)) => asked == withheld,
            _ => false,
        };
        let planted = match scope {
            KeyScope::All if version.as_str() == "1" => self.mischief.planted.clone(),
            _ => Vec::new(),
        };
        let planted: Vec<ReceivedKey> = planted
            .into_iter()
            .map(|(room_id, session_id, json)| {
                let data = serde_json::from_str(json).unwrap();
                ReceivedKey { room_id, session_id, data: Ok(data) }
            })
            .collect();
        let doubles = self.mischief.doubles;
        let pages = self.store.keys(version, scope).map(move |page| {
            page.map(|page| match doubles {
                true => page.iter().chain(&page).cloned().collect(),
                false => page,
            })
        });
        let planted = stream::iter((!planted.is_empty()).then_some(Ok(planted)));
        match withheld {
            true => KeyPages::new(stream::empty()),
            false => KeyPages::new(planted.chain(pages)),
        }
    }

    async fn delete_keys(
        &self,
        version: &VersionId,
        scope: KeyScope,
    ) -> Result<PutOutcome, StoreError<Self::Error>> {
        self.store.delete_keys(version, scope).await
    }
}

/// A backup with keys in it, on a server.
struct Account {
    server: Server,
    old: OpenBackup,
    old_key: BackupReader,
}

impl Account {
    async fn new(algorithm: BackupAlgorithm, keys: Vec<RoomKey>) -> Self {
        let server = Server {
            store: SqliteStore::in_memory().await.unwrap(),
            mischief: Mischief::default(),
        };
        let old_key = reader(5);
        let old = create_backup(&server.store, &old_key, algorithm).await.unwrap();
        let trusted = trust(&old, &old_key);
        let uploader =
            Uploader::for_reader(&server.store, &trusted, old_key.clone(), None).unwrap();
        uploader.upload(keys, |_| {}).await.unwrap();
        let old = OpenBackup::current(&server).await.unwrap();
        Self { server, old, old_key }
    }

    async fn migrator(&self, key: &BackupReader, names: Names) -> Migrator<'_, Server> {
        let new = target(&self.server, &self.old, key, names).await.unwrap();
        let trusted = trust(&new, key);
        let (store, old_key) = (&self.server, self.old_key.clone());
        Migrator::new(store, &self.old, old_key, &trusted, key.clone(), None).unwrap()
    }

    async fn migrate(&self, key: &BackupReader, names: Names) -> (MigrationReport, Seen) {
        let mut seen = Seen::default();
        let copied = self.migrator(key, names).await.copy(|event| seen.note(&event)).await.unwrap();
        let report = copied.compare(|event| seen.note(&event)).await.unwrap();
        (report, seen)
    }

    /// What another device restores: by session, the key, and who vouches for it.
    async fn restored(&self, key: &BackupReader) -> BTreeMap<String, (String, String)> {
        let current = OpenBackup::current(&self.server).await.unwrap();
        let reader = EntryReader::new(key.clone(), current.algorithm(), None);
        let version = current.version().clone();
        let mut all = BTreeMap::new();
        let mut pages = restore(&self.server.store, version, KeyScope::All, reader);
        while let Some(page) = pages.next().await {
            let page = page.unwrap();
            assert!(page.rejected.is_empty());
            for session in page.sessions {
                let said = (
                    session.data().session_key().expose_base64().to_string(),
                    session.provenance().to_string(),
                );
                all.insert(session.session_id().to_string(), said);
            }
        }
        all
    }
}

fn trust(backup: &OpenBackup, key: &BackupReader) -> TrustedBackup {
    let (said, origin) = (backup.description(), KeyOrigin::EnteredByUser);
    TrustedBackup::from_decryption_key(said, key, origin, &mut TrustState::new()).unwrap()
}

/// What a migration told.
#[derive(Default)]
struct Seen {
    marked: usize,
    left_behind: Vec<NotMigrated>,
    notices: usize,
    different: Vec<Difference>,
}

impl Seen {
    fn note(&mut self, event: &MigrationEvent<'_>) {
        match event {
            MigrationEvent::Marked(..) => self.marked += 1,
            MigrationEvent::LeftBehind(_, _, reason) => self.left_behind.push((*reason).clone()),
            MigrationEvent::Notice(..) => self.notices += 1,
            MigrationEvent::Different(_, _, what) => self.different.push((*what).clone()),
            _ => {}
        }
    }
}

fn all(key: impl Fn(BackedUpSessionData) -> RoomKey) -> Vec<RoomKey> {
    sessions().iter().map(|session| key(at(session, 1))).collect()
}

// M-1
#[test]
fn every_key_of_v1_is_marked() {
    pollster::block_on(async {
        let account = Account::new(BackupAlgorithm::V1, all(vouched)).await;
        let before = account.restored(&account.old_key).await;
        let (report, seen) = account.migrate(&reader(5), Names::Unstable).await;
        assert_eq!((report.counts().entries, report.counts().reencrypted), (100, 100));
        assert_eq!((report.counts().marked_legacy_v1, seen.marked), (100, 100));
        assert_eq!((report.compared(), report.different()), (100, 0));
        assert!(report.is_complete());
        let after = account.restored(&reader(5)).await;
        assert_eq!(before.len(), 100);
        for (session, (key, provenance)) in &after {
            assert_eq!(*key, before[session].0);
            assert!(provenance.contains("m.legacy-v1"), "{provenance}");
        }
    });
}

// M-3, N-1
#[test]
fn stable_names_and_other_keys_keep_what_is_vouched_for() {
    pollster::block_on(async {
        for key in [reader(5), reader(6)] {
            let mut keys = all(vouched);
            for (key, session) in keys.iter_mut().zip(sessions()).take(30) {
                *key = forwarded(at(&session, 1));
            }
            let account = Account::new(UNSTABLE, keys).await;
            let before = account.restored(&account.old_key).await;
            let (report, seen) = account.migrate(&key, Names::Stable).await;
            let same_key = key.public_key() == account.old_key.public_key();
            // The marked ones have the unstable name in their plaintext.
            let renamed = if same_key { 70 } else { 0 };
            assert_eq!(report.counts().mac_renamed, renamed);
            assert_eq!(report.counts().reencrypted, 100 - renamed);
            assert_eq!((report.counts().marked_legacy_v1, seen.left_behind.len()), (0, 0));
            assert!(report.is_complete());
            assert_eq!(account.restored(&key).await, before);
        }
    });
}

// M-5: the old version stays, until somebody deletes it with a complete migration in hand.
#[test]
fn the_old_version_stays_until_it_is_deleted() {
    pollster::block_on(async {
        let account = Account::new(UNSTABLE, all(vouched)).await;
        let (report, _) = account.migrate(&reader(5), Names::Stable).await;
        let old = account.old.version();
        assert_eq!(account.server.version(old).await.unwrap().unwrap().count, 100);
        report.complete().unwrap().delete_old(&account.server).await.unwrap();
        assert!(account.server.version(old).await.unwrap().is_none());
        assert_eq!(account.restored(&reader(5)).await.len(), 100);
    });
}

#[test]
fn nothing_is_deleted_when_the_new_version_is_gone() {
    pollster::block_on(async {
        let account = Account::new(UNSTABLE, all(vouched)).await;
        let (report, _) = account.migrate(&reader(5), Names::Stable).await;
        account.server.delete_version(report.new_version()).await.unwrap();
        let refused = report.complete().unwrap().delete_old(&account.server).await;
        assert!(matches!(refused, Err(StoreError::WrongVersion { .. })));
        assert!(account.server.version(account.old.version()).await.unwrap().is_some());
    });
}

// M-5: whatever write it was interrupted at, it ends in the same state.
#[test]
fn an_interrupted_migration_ends_in_the_same_state() {
    pollster::block_on(async {
        let mut keys = all(vouched);
        keys.truncate(60);
        let undisturbed = Account::new(UNSTABLE, keys.clone()).await;
        undisturbed.migrate(&reader(6), Names::Unstable).await;
        let expected = undisturbed.restored(&reader(6)).await;

        let mut account = Account::new(UNSTABLE, keys).await;
        account.server.mischief.puts_until_failure = Some(AtomicUsize::new(0));
        let broken = account.migrator(&reader(6), Names::Unstable).await.copy(|_| {}).await;
        assert!(matches!(broken, Err(MigrateError::Store(_))));
        let half = account.restored(&reader(6)).await;
        assert_eq!(half.len(), 30);

        let (report, _) = account.migrate(&reader(6), Names::Unstable).await;
        assert_eq!(*report.new_version(), VersionId::new("2"), "the version that was begun");
        assert_eq!((report.counts().already_there, report.counts().reencrypted), (30, 30));
        assert!(report.is_complete());
        assert_eq!(account.restored(&reader(6)).await, expected);
        // And once more, when there is nothing to do.
        let etag = OpenBackup::current(&account.server).await.unwrap().etag().to_owned();
        let (report, _) = account.migrate(&reader(6), Names::Unstable).await;
        assert_eq!((report.counts().already_there, report.is_complete()), (60, true));
        assert_eq!(OpenBackup::current(&account.server).await.unwrap().etag(), etag);
    });
}

#[test]
fn a_dry_run_refuses_another_backups_key() {
    pollster::block_on(async {
        let account = Account::new(BackupAlgorithm::V1, all(vouched)).await;
        let writer = reader(6).writer(Names::Unstable);
        let rules = Migration::new(reader(7), account.old.algorithm(), writer);
        let refused = dry_run(&account.server, &account.old, rules, None, |_| ()).await;
        assert!(matches!(refused, Err(MigrateError::WrongOldKey(_))), "{refused:?}");
    });
}

#[test]
fn a_dry_run_says_the_same_and_writes_nothing() {
    pollster::block_on(async {
        let account = Account::new(BackupAlgorithm::V1, all(vouched)).await;
        let rules = Migration::new(
            account.old_key.clone(),
            account.old.algorithm(),
            reader(6).writer(Names::Unstable),
        );
        let mut seen = Seen::default();
        let observe = |event: MigrationEvent<'_>| seen.note(&event);
        let counts: MigrationCounts =
            dry_run(&account.server, &account.old, rules, None, observe).await.unwrap();
        let current = OpenBackup::current(&account.server).await.unwrap();
        assert_eq!(current.version(), account.old.version());
        assert_eq!(current.etag(), account.old.etag());
        let (report, really_seen) = account.migrate(&reader(6), Names::Unstable).await;
        assert_eq!((*report.counts(), really_seen.marked), (counts, seen.marked));
    });
}

// A-3: what other devices have put into the new version meanwhile.
#[test]
fn better_keys_in_the_new_version_stay() {
    pollster::block_on(async {
        let sessions = sessions();
        let account = Account::new(BackupAlgorithm::V1, all(vouched)).await;
        let new = target(&account.server, &account.old, &reader(5), Names::Unstable).await.unwrap();
        let trusted = trust(&new, &reader(5));
        let other = Uploader::for_reader(&account.server, &trusted, reader(5), None).unwrap();
        // One that is vouched for, one of them from an earlier index, one from a later one.
        let theirs = [0, 1, 2].map(|export| vouched(at(&sessions[export], export)));
        other.upload(theirs, |_| {}).await.unwrap();
        let (report, _) = account.migrate(&reader(5), Names::Unstable).await;
        assert!(report.is_complete(), "{report:?}");
        let after = account.restored(&reader(5)).await;
        for (export, session) in sessions.iter().enumerate().take(3) {
            let id = at(session, 0).session_key().session_id().to_string();
            let (key, provenance) = &after[&id];
            // The lower index of the two, and the better provenance.
            let best = at(session, export.min(1));
            assert_eq!(*key, *best.session_key().expose_base64());
            assert_eq!(provenance, "authenticated");
        }
    });
}

// M-1, M-7
#[test]
fn what_is_no_key_stays_behind_and_is_told() {
    pollster::block_on(async {
        let id = |id: &str| SessionId::new(id).unwrap();
        let entry = |ciphertext: &str| {
            let json = format!(
                r#"{{"first_message_index":0,"forwarded_count":0,"is_verified":false,
                "session_data":{{"ephemeral":"JphPz7v2L6GmjSLH+/GMjUkgvaCZp2dYLAeVC770+DI",
                "ciphertext":"{ciphertext}","mac":"AAAAAAAAAAA"}}}}"#
            );
            &*Box::leak(json.into_boxed_str())
        };
        for (algorithm, complete) in [(BackupAlgorithm::V1, false), (UNSTABLE, true)] {
            let mut account = Account::new(algorithm, all(vouched)).await;
            account.server.mischief.planted =
                vec![(room(), id("planted"), entry("AAAA")), (room(), id("other"), entry("AA"))];
            let (report, seen) = account.migrate(&reader(5), Names::Stable).await;
            let counts = *report.counts();
            assert_eq!((counts.entries, seen.left_behind.len()), (102, 2));
            // In a v2 backup nobody vouches for them, so they never were keys.
            let expected = if complete { (2, 0) } else { (0, 2) };
            assert_eq!((counts.dropped, counts.left_behind), expected);
            assert_eq!((report.is_complete(), report.complete().is_some()), (complete, complete));
            assert_eq!(report.compared(), 100);
        }
    });
}

#[test]
fn entries_that_come_twice_go_over_once() {
    pollster::block_on(async {
        let mut account = Account::new(UNSTABLE, all(vouched)).await;
        account.server.mischief.doubles = true;
        let (report, _) = account.migrate(&reader(6), Names::Stable).await;
        let MigrationCounts { entries, reencrypted, already_there, .. } = *report.counts();
        assert_eq!((entries, reencrypted, already_there), (200, 100, 100));
        assert!(report.is_complete());
        assert_eq!(account.restored(&reader(6)).await.len(), 100);
    });
}

// M-5: the comparison believes what is there, not what was sent.
#[test]
fn a_key_that_the_new_version_lost_is_told() {
    pollster::block_on(async {
        let sessions = sessions();
        let mut account = Account::new(UNSTABLE, all(vouched)).await;
        let lost = at(&sessions[7], 1).session_key().session_id();
        let new = target(&account.server, &account.old, &reader(5), Names::Stable).await.unwrap();
        account.migrate(&reader(5), Names::Stable).await;
        account.server.mischief.withholds = Some(lost.clone());
        let copied: CopiedMigration<'_, _> =
            account.migrator(&reader(5), Names::Stable).await.copy(|_| {}).await.unwrap();
        let mut seen = Seen::default();
        let report = copied.compare(|event| seen.note(&event)).await.unwrap();
        assert_eq!(seen.different, [Difference::Missing]);
        assert_eq!((report.compared(), report.different(), report.is_complete()), (100, 1, false));
        assert!(report.complete().is_none());
        assert_eq!(report.new_version(), new.version());
    });
}

// M-5: what was not compared is not found, however many errors there were not.
#[test]
fn a_server_that_gives_no_list_completes_nothing() {
    pollster::block_on(async {
        for readings in [0, 1] {
            let mut account = Account::new(UNSTABLE, all(vouched)).await;
            account.server.mischief.readings_until_empty = Some(AtomicUsize::new(readings));
            let (report, _) = account.migrate(&reader(5), Names::Stable).await;
            let read = if readings == 0 { 0 } else { 100 };
            assert_eq!((report.counts().entries, report.different()), (read, 0));
            assert_eq!((report.compared(), report.missing()), (0, 100));
            assert!(!report.is_complete() && report.complete().is_none());
        }
    });
}

// M-4
#[test]
fn only_the_current_version_is_migrated_to() {
    pollster::block_on(async {
        let account = Account::new(UNSTABLE, all(vouched)).await;
        let (store, old_key) = (&account.server, account.old_key.clone());
        let newer = create_backup(store, &reader(6), UNSTABLE).await.unwrap();
        // Back to the first one, which is not the current one any more.
        let old_trusted = trust(&account.old, &old_key);
        let back = Migrator::new(store, &newer, reader(6), &old_trusted, old_key, None).unwrap();
        let refused = back.copy(|_| {}).await;
        assert!(matches!(refused, Err(MigrateError::Store(StoreError::WrongVersion { .. }))));
    });
}

// M-5
#[test]
fn nothing_is_deleted_once_the_new_version_is_another() {
    pollster::block_on(async {
        let account = Account::new(UNSTABLE, all(vouched)).await;
        let (report, _) = account.migrate(&reader(5), Names::Stable).await;
        let other = Account::new(UNSTABLE, Vec::new()).await;
        create_backup(&other.server, &reader(9), UNSTABLE).await.unwrap();
        for store in [&other.server, &account.server] {
            let refused = report.complete().unwrap().delete_old(store).await;
            assert!(matches!(refused, Err(StoreError::WrongVersion { .. })));
            assert!(store.version(account.old.version()).await.unwrap().is_some());
            create_backup(&account.server, &reader(9), UNSTABLE).await.unwrap();
        }
    });
}

// M-6, in the store
#[test]
fn who_was_verified_is_carried_over_unless_nobody_vouches() {
    pollster::block_on(async {
        for (algorithm, verified) in [(BackupAlgorithm::V1, false), (UNSTABLE, true)] {
            let account = Account::new(algorithm, all(vouched)).await;
            let (report, _) = account.migrate(&reader(5), Names::Stable).await;
            let mut pages = account.server.store.keys(report.new_version().clone(), KeyScope::All);
            let mut keys = 0;
            while let Some(page) = pages.next_page().await {
                for key in page.unwrap() {
                    assert_eq!(key.data.unwrap().is_verified, verified);
                    keys += 1;
                }
            }
            assert_eq!(keys, 100);
        }
    });
}

#[test]
fn keys_and_versions_that_do_not_fit_are_refused() {
    pollster::block_on(async {
        let account = Account::new(UNSTABLE, all(vouched)).await;
        let (store, old, old_key) = (&account.server, &account.old, &account.old_key);
        let same = target(store, old, &reader(5), Names::Unstable).await;
        assert!(matches!(same, Err(TargetError::NothingToDo)));
        let trusted = trust(old, old_key);
        let into_itself =
            Migrator::new(store, old, old_key.clone(), &trusted, old_key.clone(), None);
        assert!(matches!(into_itself, Err(MigrateError::SameVersion)));

        let new = target(store, old, &reader(6), Names::Unstable).await.unwrap();
        let trusted = trust(&new, &reader(6));
        let wrong = Migrator::new(store, old, reader(6), &trusted, reader(6), None);
        assert!(matches!(wrong, Err(MigrateError::WrongOldKey(_))));
        let wrong = Migrator::new(store, old, reader(5), &trusted, reader(5), None);
        assert!(matches!(wrong, Err(MigrateError::WrongNewKey(_))));
        // Somebody else's version has come in between.
        let foreign = target(store, old, &reader(7), Names::Unstable).await;
        assert!(matches!(foreign, Err(TargetError::Replaced { .. })));

        let migrator = Migrator::new(store, old, reader(5), &trusted, reader(6), None).unwrap();
        create_backup(store, &reader(8), UNSTABLE).await.unwrap();
        let overtaken = migrator.copy(|_| {}).await;
        assert!(
            matches!(overtaken, Err(MigrateError::Store(StoreError::WrongVersion { .. }))),
            "T-3"
        );
        let v1 = create_backup(store, &reader(9), BackupAlgorithm::V1).await.unwrap();
        let down = Migrator::new(store, old, reader(5), &trust(&v1, &reader(9)), reader(9), None);
        assert!(matches!(down, Err(MigrateError::NotAuthenticated)));
    });
}
