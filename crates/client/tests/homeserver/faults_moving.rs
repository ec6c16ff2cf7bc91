//! Whatever the network does: a migration, and a copy from or to a homeserver, ends complete or with
//! a clear error, and a rerun completes it to the same state.

use matrix_key_backup::store::KeyScope;
use matrix_key_backup::wire::BackupAlgorithm;
use matrix_key_backup::{OpenBackup, create_backup};

use crate::disturbed::{
    Entries, FAULTS, Setup, V2, each_fault, entries, is_clear, is_kept, mixed, one_of,
};
use crate::keys::{restored, restored_keys};
use crate::proxy::Fault;

/// M-5: what was interrupted is resumed, ends in the same state, and the old version stays.
async fn migrate_twice(
    setup: Setup,
    script: impl FnMut(usize) -> Option<Fault> + Send + 'static,
    what: &str,
) -> bool {
    let old = setup.entries().await;
    setup.proxy.script(script);
    let migrated = setup.migrate(&setup.through).await;
    if let Err(error) = &migrated {
        is_clear(error, what);
    }
    assert!(setup.proxy.requests() > 0);
    migrated_again(&setup, &old, what).await;
    migrated.is_ok()
}

/// A migration around the proxy completes it, and changes nothing of what has arrived.
pub async fn migrated_again(setup: &Setup, old: &Entries, what: &str) {
    let there = OpenBackup::current(&setup.direct).await.unwrap();
    let arrived = entries(&setup.direct, there.version()).await;
    setup.migrate(&setup.direct).await.unwrap();
    assert_eq!(setup.entries().await, *old, "the old version, {what}");
    let new = OpenBackup::current(&setup.direct).await.unwrap();
    let after = entries(&setup.direct, new.version()).await;
    if there.version() != setup.backup.version() {
        assert_eq!(there.version(), new.version(), "{what}");
        is_kept(&arrived, &after, what);
    }
    let metadata = |entries: &Entries| -> Vec<_> {
        entries.iter().map(|(place, entry)| (place.clone(), entry.0)).collect()
    };
    assert_eq!(metadata(&after), metadata(old), "{what}"); // M-6: nothing was verified
    let sessions = restored(&setup.direct, &new, &setup.key, KeyScope::All).await.unwrap();
    assert_eq!(restored_keys(&sessions), setup.expected, "{what}");
    let marked = |session: &matrix_key_backup::BackedUpSession| {
        session.provenance().to_string().contains("m.legacy-v1")
    };
    assert!(sessions.iter().all(marked), "{what}"); // M-1
}

#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
async fn each_fault_ends_in_a_whole_migration_or_a_clear_error() {
    let (mut whole, mut errors) = (0, 0);
    for (fault, period, what) in each_fault() {
        let setup = Setup::filled(BackupAlgorithm::V1).await;
        let is_whole = migrate_twice(setup, one_of(period, fault), &what).await;
        if is_whole { whole += 1 } else { errors += 1 }
    }
    assert!(whole > 5 && errors > 5, "{whole} whole, {errors} errors: both must be seen");
}

#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
async fn a_migration_that_is_disturbed_is_resumed() {
    for seed in 0..12 {
        let setup = Setup::filled(BackupAlgorithm::V1).await;
        migrate_twice(setup, mixed(seed), &format!("seed {seed}")).await;
    }
}

/// Once the new version is made, every request may be sent again: with one of three disturbed, from
/// the first or the second on, each has its turn. The migration is whole where the second time
/// helps, and no fault costs a key.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
async fn each_fault_at_each_request_after_the_first_ends_in_a_whole_migration() {
    for fault in FAULTS {
        for first in [0, 1] {
            let what = format!("{fault:?}, from request {first} on");
            let setup = Setup::filled(BackupAlgorithm::V1).await;
            create_backup(&setup.direct, &setup.key, V2).await.unwrap();
            let script = move |number| (number % 3 == first).then_some(fault);
            let is_whole = migrate_twice(setup, script, &what).await;
            // What breaks off in the middle of a list is no list.
            let breaks_off = matches!(fault, Fault::Truncated | Fault::Stalled);
            assert!(is_whole || breaks_off, "{what}");
        }
    }
}

#[cfg(feature = "sqlite")]
mod copies {
    use matrix_key_backup::copying::{CopyReport, OtherBackup, copy_version};
    use matrix_key_backup::store::{BackupStore, SqliteStore, VersionId};

    use super::*;
    use crate::disturbed::{Store, impatient};
    use crate::proxy::Proxy;
    use crate::support::Homeserver;

    async fn copy<F: BackupStore, T: BackupStore>(
        from: &F,
        version: &VersionId,
        to: &T,
    ) -> Result<CopyReport, String> {
        let copied = copy_version(from, version.clone(), to, OtherBackup::Refuse, |_| {}).await;
        let report = copied.map_err(|error| error.to_string())?;
        assert!(report.is_complete(), "{report:?}");
        Ok(report)
    }

    /// The copy is the backup, entry by entry, and the backup is as it was.
    async fn is_the_same<T: BackupStore>(setup: &Setup, before: &Entries, to: &T, what: &str) {
        let copy = OpenBackup::current(to).await.unwrap();
        assert_eq!(entries(to, copy.version()).await, *before, "{what}");
        assert_eq!(setup.entries().await, *before, "{what}");
        assert_eq!(before.len(), 100);
    }

    async fn to_a_file(
        setup: &Setup,
        before: &Entries,
        script: impl FnMut(usize) -> Option<Fault> + Send + 'static,
        what: &str,
    ) {
        let file = SqliteStore::in_memory().await.unwrap();
        setup.proxy.script(script);
        let version = setup.backup.version();
        match copy(&setup.through, version, &file).await {
            Ok(_) => is_the_same(setup, before, &file, what).await,
            Err(error) => is_clear(&error, what),
        }
        assert!(setup.proxy.requests() > 0);
        copy(&setup.direct, version, &file).await.unwrap();
        is_the_same(setup, before, &file, what).await;
    }

    #[tokio::test]
    #[ignore = "needs a homeserver: cargo xtask e2e"]
    async fn from_a_homeserver() {
        let setup = Setup::filled(V2).await;
        let before = setup.entries().await;
        for (fault, period, what) in each_fault() {
            to_a_file(&setup, &before, one_of(period, fault), &what).await;
        }
        for seed in 0..12 {
            to_a_file(&setup, &before, mixed(seed), &format!("seed {seed}")).await;
        }
    }

    /// Into the account of somebody who has no backup.
    async fn to_an_account(
        setup: &Setup,
        before: &Entries,
        script: impl FnMut(usize) -> Option<Fault> + Send + 'static,
        what: &str,
    ) {
        let user = Homeserver::from_environment().new_user().await;
        let proxy = Proxy::start(&user.homeserver.url);
        let (through, direct): (Store, Store) = (impatient(&user, &proxy), user.store());
        proxy.script(script);
        let version = setup.backup.version();
        match copy(&setup.direct, version, &through).await {
            Ok(_) => is_the_same(setup, before, &direct, what).await,
            Err(error) => is_clear(&error, what),
        }
        assert!(proxy.requests() > 0);
        copy(&setup.direct, version, &direct).await.unwrap();
        is_the_same(setup, before, &direct, what).await;
    }

    #[tokio::test]
    #[ignore = "needs a homeserver: cargo xtask e2e"]
    async fn to_a_homeserver() {
        let setup = Setup::filled(V2).await;
        let before = setup.entries().await;
        for (fault, period, what) in each_fault() {
            to_an_account(&setup, &before, one_of(period, fault), &what).await;
        }
        for seed in 0..12 {
            to_an_account(&setup, &before, mixed(seed), &format!("seed {seed}")).await;
        }
    }
}
