//! Whatever the network does: every run ends complete or with a clear error, a rerun completes, and
//! nothing that was acknowledged is lost.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use matrix_key_backup::downloader::{Download, Downloader};
use matrix_key_backup::migration::{Migrator, target};
use matrix_key_backup::primitives::BackupDecryptionKey;
use matrix_key_backup::store::KeyScope;
use matrix_key_backup::store::homeserver::{HomeserverStore, Patience, ReqwestTransport};
use matrix_key_backup::upload::RoomKey;
use matrix_key_backup::v2::BackupReader;
use matrix_key_backup::wire::{BackupAlgorithm, Names};
use matrix_key_backup::{EntryReader, OpenBackup, create_backup};

use crate::keys::{by_session, restored, restored_keys, room_keys, trust, upload};
use crate::proxy::{Fault, Proxy};
use crate::support::{Homeserver, User};

type Store = HomeserverStore<ReqwestTransport>;

const V2: BackupAlgorithm = BackupAlgorithm::V2(Names::Unstable);

const FAULTS: [Fault; 10] = [
    Fault::Refused,
    Fault::ResetBefore,
    Fault::ResetAfter,
    Fault::Truncated,
    Fault::Slow,
    Fault::RateLimited,
    Fault::Failing,
    Fault::TooLarge(20_000),
    Fault::Duplicated,
    Fault::Late(30),
];

/// A user, with a way to the server through the proxy and one around it.
struct Setup {
    proxy: Proxy,
    through: Store,
    direct: Store,
    key: BackupReader,
    backup: OpenBackup,
    keys: Vec<RoomKey>,
    expected: BTreeMap<String, String>,
}

impl Setup {
    async fn new(algorithm: BackupAlgorithm) -> Self {
        let user = Homeserver::from_environment().new_user().await;
        let proxy = Proxy::start(&user.homeserver.url);
        let direct = user.store();
        let key = BackupReader::new(BackupDecryptionKey::random().unwrap());
        let backup = create_backup(&direct, &key, algorithm).await.unwrap();
        let keys = room_keys();
        let expected = by_session(&keys);
        assert_eq!(expected.len(), 100);
        Self { through: impatient(&user, &proxy), proxy, direct, key, backup, keys, expected }
    }

    async fn filled(algorithm: BackupAlgorithm) -> Self {
        let setup = Self::new(algorithm).await;
        let (store, keys) = (&setup.direct, setup.keys.clone());
        upload(store, &setup.backup, &setup.key, keys, &mut Vec::new()).await.unwrap();
        setup
    }

    async fn on_server(&self) -> BTreeMap<String, String> {
        let all = restored(&self.direct, &self.backup, &self.key, KeyScope::All).await;
        restored_keys(&all.unwrap())
    }

    /// Uploads through the proxy; then once more, around it.
    async fn upload_twice(&self, what: &str) {
        let mut told = Vec::new();
        let keys = self.keys.clone();
        match upload(&self.through, &self.backup, &self.key, keys, &mut told).await {
            Ok(summary) => {
                assert_eq!((summary.keys, summary.blocked), (100, 0), "{what}");
                assert_eq!(self.on_server().await, self.expected, "{what}");
            }
            Err(error) => is_clear(&error, what),
        }
        let there = self.on_server().await;
        for session in &told {
            assert_eq!(there.get(session), self.expected.get(session), "{what}: {session} lost");
        }
        let keys = self.keys.clone();
        let again = upload(&self.direct, &self.backup, &self.key, keys, &mut Vec::new()).await;
        assert_eq!(again.unwrap().blocked, 0, "{what}");
        assert_eq!(self.on_server().await, self.expected, "{what}");
    }

    /// A restore is whole, or it is an error.
    async fn restore(&self, what: &str) -> bool {
        match restored(&self.through, &self.backup, &self.key, KeyScope::All).await {
            Ok(sessions) => {
                assert_eq!(restored_keys(&sessions), self.expected, "{what}");
                true
            }
            Err(error) => {
                is_clear(&error, what);
                false
            }
        }
    }

    async fn migrate(&self, store: &Store) -> Result<(), String> {
        let said = |error: &dyn std::error::Error| error.to_string();
        let new = target(store, &self.backup, &self.key, Names::Unstable).await;
        let new = new.map_err(|error| said(&error))?;
        let (trusted, key) = (trust(&new, &self.key), &self.key);
        let migrator =
            Migrator::new(store, &self.backup, key.clone(), &trusted, key.clone(), None).unwrap();
        let copied = migrator.copy(|_| {}).await.map_err(|error| said(&error))?;
        let report = copied.compare(|_| {}).await.map_err(|error| said(&error))?;
        assert!(report.is_complete(), "{report:?}");
        assert_eq!((report.counts().marked_legacy_v1, report.compared()), (100, 100)); // M-1
        Ok(())
    }
}

fn impatient(user: &User, proxy: &Proxy) -> Store {
    let mut patience = Patience::default();
    patience.tries = 4;
    patience.first_pause = std::time::Duration::from_millis(5);
    user.store_at(&proxy.url).with_patience(patience)
}

/// The request is named, and it is said what to do.
fn is_clear(error: &str, what: &str) {
    const ADVICE: [&str; 3] = ["try again", "begin again", "check"];
    let says_what_to_do = ADVICE.iter().any(|advice| error.contains(advice));
    assert!(error.contains("/room_keys") && says_what_to_do, "{what}: {error:?}");
}

/// Numbers that look random and are the same in each run.
fn numbers(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    }
}

/// Of three requests about one is disturbed, by any of the faults.
fn mixed(seed: u64) -> impl FnMut(usize) -> Option<Fault> {
    let mut next = numbers(seed + 1);
    move |_| {
        let number = next();
        let fault = FAULTS[usize::try_from(number >> 8).unwrap() % FAULTS.len()];
        number.is_multiple_of(3).then_some(fault)
    }
}

#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
async fn each_fault_ends_in_a_whole_upload_or_a_clear_error() {
    for fault in FAULTS {
        for period in [1, 2, 3] {
            let setup = Setup::new(V2).await;
            setup.proxy.script(move |number| (number % period == period - 1).then_some(fault));
            setup.upload_twice(&format!("{fault:?}, one of {period}")).await;
            assert!(setup.proxy.requests() > 0);
        }
    }
}

#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
async fn mixed_faults_end_in_a_whole_upload_or_a_clear_error() {
    for seed in 0..12 {
        let setup = Setup::new(V2).await;
        setup.proxy.script(mixed(seed));
        setup.upload_twice(&format!("seed {seed}")).await;
    }
}

#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
async fn no_restore_ends_short_without_a_word() {
    let setup = Setup::filled(V2).await;
    let (mut whole, mut errors) = (0, 0);
    let mut count = |is_whole| if is_whole { whole += 1 } else { errors += 1 };
    for fault in FAULTS {
        for period in [1, 2] {
            setup.proxy.script(move |number| (number % period == period - 1).then_some(fault));
            count(setup.restore(&format!("{fault:?}, one of {period}")).await);
        }
    }
    for seed in 0..20 {
        setup.proxy.script(mixed(seed));
        count(setup.restore(&format!("seed {seed}")).await);
    }
    assert!(whole > 10 && errors > 2, "{whole} whole, {errors} errors: both must be seen");
}

/// Wherever an upload is cut off, the next one goes on.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
async fn an_upload_that_is_cut_off_at_any_request_is_resumed() {
    for (fault, last) in [(Fault::ResetBefore, 20), (Fault::ResetAfter, 20)] {
        let mut was_whole = false;
        for cut in 0..last {
            let setup = Setup::new(V2).await;
            setup.proxy.script(move |number| (number >= cut).then_some(fault));
            setup.upload_twice(&format!("{fault:?} from request {cut} on")).await;
            if setup.proxy.requests() <= cut {
                was_whole = true;
                break;
            }
        }
        assert!(was_whole, "a run that nothing cut off has to be the last");
    }
}

/// M-5: what was interrupted is resumed, ends in the same state, and the old version stays.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
async fn a_migration_that_is_disturbed_is_resumed() {
    for seed in 0..12 {
        let setup = Setup::filled(BackupAlgorithm::V1).await;
        setup.proxy.script(mixed(seed));
        if let Err(error) = setup.migrate(&setup.through).await {
            is_clear(&error, &format!("seed {seed}"));
        }
        setup.migrate(&setup.direct).await.unwrap();
        assert_eq!(setup.on_server().await, setup.expected, "the old version, seed {seed}");
        let new = OpenBackup::current(&setup.direct).await.unwrap();
        let sessions = restored(&setup.direct, &new, &setup.key, KeyScope::All).await.unwrap();
        assert_eq!(restored_keys(&sessions), setup.expected, "seed {seed}");
        let marked = |session: &matrix_key_backup::BackedUpSession| {
            session.provenance().to_string().contains("m.legacy-v1")
        };
        assert!(sessions.iter().all(marked), "seed {seed}");
    }
}

/// Answers that come in another order than their questions go to those who asked.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
async fn answers_out_of_order_are_not_mixed_up() {
    let setup = Setup::filled(V2).await;
    setup.proxy.script(|number| Some(Fault::Late(1000 - 50 * number.min(20) as u64)));
    let reader = EntryReader::new(setup.key.clone(), V2, None);
    let version = setup.backup.version().clone();
    let downloader = Downloader::new(&setup.through, version, reader);
    let asked = setup.keys.iter().take(16).map(|key| async {
        let (room, session) = (key.session.room_id(), key.session.session_id());
        let found = downloader.download(room, &session, std::time::Duration::ZERO).await.unwrap();
        let Download::Key(found) = found else { panic!("{found:?}") };
        assert_eq!(*found.session_id(), session);
        found.data().session_key().expose_base64().to_string()
    });
    let expected: Vec<_> =
        setup.keys.iter().take(16).map(|key| by_session(std::slice::from_ref(key))).collect();
    let found = join_all(asked).await;
    for (found, expected) in found.iter().zip(&expected) {
        assert!(expected.values().eq([found]));
    }
    assert_eq!(setup.proxy.requests(), 16);
    let answered = setup.proxy.late();
    assert!(!answered.is_sorted(), "the answers came in order: {answered:?}");
}

#[cfg(feature = "sqlite")]
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
async fn a_copy_that_is_disturbed_is_resumed() {
    use matrix_key_backup::copying::{OtherBackup, copy_version};
    use matrix_key_backup::store::{BackupStore as _, SqliteStore};

    let setup = Setup::filled(V2).await;
    for seed in 0..12 {
        let file = SqliteStore::in_memory().await.unwrap();
        setup.proxy.script(mixed(seed));
        let version = setup.backup.version();
        let copied =
            copy_version(&setup.through, version.clone(), &file, OtherBackup::Refuse, |_| {}).await;
        match copied {
            Ok(report) => assert!(report.is_complete(), "seed {seed}: {report:?}"),
            Err(error) => is_clear(&error.to_string(), &format!("seed {seed}")),
        }
        let again =
            copy_version(&setup.direct, version.clone(), &file, OtherBackup::Refuse, |_| {}).await;
        assert!(again.unwrap().is_complete(), "seed {seed}");
        let copy = OpenBackup::current(&file).await.unwrap();
        let sessions = restored(&file, &copy, &setup.key, KeyScope::All).await.unwrap();
        assert_eq!(restored_keys(&sessions), setup.expected, "seed {seed}");
        assert_eq!(setup.direct.version(version).await.unwrap().unwrap().count, 100);
    }
}
