//! A user whose way to the homeserver is disturbed, and what must hold whatever the disturbance.

use std::collections::BTreeMap;
use std::time::Duration;

use matrix_key_backup::migration::{Migrator, target};
use matrix_key_backup::primitives::BackupDecryptionKey;
use matrix_key_backup::store::homeserver::{HomeserverStore, Patience, ReqwestTransport};
use matrix_key_backup::store::{BackupStore, KeyScope, VersionId};
use matrix_key_backup::upload::RoomKey;
use matrix_key_backup::v2::BackupReader;
use matrix_key_backup::wire::{BackupAlgorithm, Names};
use matrix_key_backup::{OpenBackup, create_backup};
use serde_json::Value;

use crate::common;
use crate::keys::{by_session, restored, restored_keys, room_keys, trust, upload};
use crate::proxy::{Fault, Proxy};
use crate::support::{Homeserver, User};

pub type Store = HomeserverStore<ReqwestTransport>;

pub const V2: BackupAlgorithm = BackupAlgorithm::V2(Names::Unstable);

pub const FAULTS: [Fault; 13] = [
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
    Fault::SilentBefore,
    Fault::SilentAfter,
    Fault::Stalled,
];

/// Each fault at every request, and at one of two and of three.
pub fn each_fault() -> impl Iterator<Item = (Fault, usize, String)> {
    FAULTS.into_iter().flat_map(|fault| {
        [1, 2, 3].map(|period| (fault, period, format!("{fault:?}, one of {period}")))
    })
}

/// The fault at one request of so many.
pub fn one_of(period: usize, fault: Fault) -> impl FnMut(usize) -> Option<Fault> + Send {
    move |number| (number % period == period - 1).then_some(fault)
}

/// A user, with a way to the server through the proxy and one around it.
pub struct Setup {
    pub user: User,
    pub proxy: Proxy,
    pub through: Store,
    pub direct: Store,
    pub key: BackupReader,
    pub backup: OpenBackup,
    pub keys: Vec<RoomKey>,
    pub expected: BTreeMap<String, String>,
}

impl Setup {
    pub async fn new(algorithm: BackupAlgorithm) -> Self {
        let user = Homeserver::from_environment().new_user().await;
        let proxy = Proxy::start(&user.homeserver.url);
        let direct = user.store();
        let key = BackupReader::new(BackupDecryptionKey::random().unwrap());
        let backup = create_backup(&direct, &key, algorithm).await.unwrap();
        let keys = room_keys();
        let expected = by_session(&keys);
        assert_eq!(expected.len(), 100);
        let through = impatient(&user, &proxy);
        Self { user, proxy, through, direct, key, backup, keys, expected }
    }

    pub async fn filled(algorithm: BackupAlgorithm) -> Self {
        let setup = Self::new(algorithm).await;
        let (store, keys) = (&setup.direct, setup.keys.clone());
        upload(store, &setup.backup, &setup.key, keys, &mut Vec::new()).await.unwrap();
        setup
    }

    pub async fn on_server(&self) -> BTreeMap<String, String> {
        let all = restored(&self.direct, &self.backup, &self.key, KeyScope::All).await;
        restored_keys(&all.unwrap())
    }

    /// From now on an answer has as much time as it has by default.
    pub fn wait_long(&mut self) {
        self.through = self.user.store_at(&self.proxy.url);
    }

    /// Every entry of the backup, whole.
    pub async fn entries(&self) -> Entries {
        entries(&self.direct, self.backup.version()).await
    }

    /// Uploads through the proxy; then once more, around it.
    pub async fn upload_twice(&self, what: &str) {
        let mut told = Vec::new();
        let keys = self.keys.clone();
        match upload(&self.through, &self.backup, &self.key, keys, &mut told).await {
            Ok(summary) => assert_eq!((summary.keys, summary.blocked), (100, 0), "{what}"),
            Err(error) => is_clear(&error, what),
        }
        self.upload_again(&told, what).await;
    }

    /// What was told is there, and an upload around the proxy completes it and changes nothing of it.
    pub async fn upload_again(&self, told: &[String], what: &str) {
        let before = self.entries().await;
        for session in told {
            assert!(before.keys().any(|(_, there)| there == session), "{what}: {session} lost");
        }
        let keys = self.keys.clone();
        let again = upload(&self.direct, &self.backup, &self.key, keys, &mut Vec::new()).await;
        assert_eq!(again.unwrap().blocked, 0, "{what}");
        let after = self.entries().await;
        is_kept(&before, &after, what);
        let metadata: BTreeMap<_, _> = after.iter().map(|(place, it)| (place, it.0)).collect();
        let expected = self.keys.iter().map(|key| (place(key), metadata_of(key)));
        let expected: BTreeMap<_, _> = expected.collect();
        assert!(metadata.into_iter().eq(expected.iter().map(|(at, it)| (at, *it))), "{what}");
        assert_eq!(self.on_server().await, self.expected, "{what}");
    }

    /// A restore is whole, or it is an error.
    pub async fn restore(&self, what: &str) -> bool {
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

    pub async fn migrate(&self, store: &Store) -> Result<(), String> {
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

pub fn impatient(user: &User, proxy: &Proxy) -> Store {
    let mut patience = Patience::default();
    patience.tries = 4;
    patience.first_pause = Duration::from_millis(5);
    // Silence is longer than any time.
    (patience.answer, patience.piece) = (Duration::from_millis(700), Duration::from_millis(700));
    user.store_at(&proxy.url).with_patience(patience)
}

/// The request is named, and it is said what to do.
pub fn is_clear(error: &str, what: &str) {
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
pub fn mixed(seed: u64) -> impl FnMut(usize) -> Option<Fault> {
    let mut next = numbers(seed + 1);
    move |_| {
        let number = next();
        let fault = FAULTS[usize::try_from(number >> 8).unwrap() % FAULTS.len()];
        number.is_multiple_of(3).then_some(fault)
    }
}

/// Metadata (verified, index, count) and `session_data`, by room and session.
pub type Entries = BTreeMap<(String, String), ((bool, u64, u64), Value)>;

/// Every entry of a version, whole.
pub async fn entries<S: BackupStore>(store: &S, version: &VersionId) -> Entries {
    let all = common::read(store, version, KeyScope::All).await;
    let by_place: Entries = all
        .iter()
        .map(|entry| {
            let session_data = serde_json::from_str(&entry.session_data).unwrap();
            let place = (entry.room_id.clone(), entry.session_id.clone());
            (place, (entry.metadata, session_data))
        })
        .collect();
    assert_eq!(by_place.len(), all.len(), "one session twice");
    by_place
}

/// What was there is there still, to the last property.
pub fn is_kept(before: &Entries, after: &Entries, what: &str) {
    for (place, entry) in before {
        assert_eq!(after.get(place), Some(entry), "{what}: {place:?}");
    }
}

fn place(key: &RoomKey) -> (String, String) {
    (key.session.room_id().to_string(), key.session.session_id().to_string())
}

/// B-1, A-5: nobody has verified who sent these.
fn metadata_of(key: &RoomKey) -> (bool, u64, u64) {
    let index = key.session.data().session_key().first_known_index();
    (false, index.into(), key.forwarded_count)
}
