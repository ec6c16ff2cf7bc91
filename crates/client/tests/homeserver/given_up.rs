//! Silence, closed ports, and callers who drop what they have begun.

use std::net::TcpListener;
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::{FutureExt as _, StreamExt as _};
use matrix_key_backup::store::KeyScope;
use matrix_key_backup::wire::BackupAlgorithm;
use matrix_key_backup::{EntryReader, restore};

use crate::disturbed::{Setup, V2, entries, impatient, one_of};
use crate::faults_moving::migrated_again;
use crate::keys::upload;
use crate::proxy::{Fault, Proxy};
use crate::support::Homeserver;

/// Longer than any time that the client waits.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
async fn silence_ends_in_an_error_that_says_so() {
    for fault in [Fault::SilentBefore, Fault::SilentAfter, Fault::Stalled] {
        let what = format!("{fault:?}");
        let setup = Setup::filled(BackupAlgorithm::V1).await;
        let old = setup.entries().await;
        setup.proxy.script(one_of(1, fault));
        let (keys, mut told) = (setup.keys.clone(), Vec::new());
        let work = async {
            let uploaded = upload(&setup.through, &setup.backup, &setup.key, keys, &mut told).await;
            (uploaded, setup.migrate(&setup.through).await)
        };
        let ended = tokio::time::timeout(Duration::from_secs(60), work).await;
        let (uploaded, migrated) = ended.unwrap_or_else(|_| panic!("{what}: it waits for ever"));
        for error in [uploaded.unwrap_err(), migrated.unwrap_err()] {
            assert!(error.contains("no answer in time"), "{what}: {error}");
            assert!(error.contains("try again"), "{what}: {error}");
        }
        assert!(told.is_empty());
        assert!(setup.proxy.silent() > 2, "{what}");
        setup.upload_again(&told, &what).await;
        migrated_again(&setup, &old, &what).await;
    }
}

/// Nobody listens there.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
async fn a_closed_port_is_an_error_that_says_so() {
    let setup = Setup::filled(BackupAlgorithm::V1).await;
    let old = setup.entries().await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let user = Homeserver::from_environment().new_user().await;
    let mut proxy = Proxy::start(&user.homeserver.url);
    proxy.url = closed;
    let nowhere = impatient(&user, &proxy);
    let (keys, mut told) = (setup.keys.clone(), Vec::new());
    let uploaded = upload(&nowhere, &setup.backup, &setup.key, keys, &mut told).await;
    let migrated = setup.migrate(&nowhere).await;
    let reader = EntryReader::new(setup.key.clone(), BackupAlgorithm::V1, None);
    let version = setup.backup.version().clone();
    let mut batches = restore(&nowhere, version, KeyScope::All, reader);
    let restored = batches.next().await.unwrap().map_err(|error| error.to_string());
    assert!(batches.next().await.is_none(), "it ends after its error");
    for error in [uploaded.unwrap_err(), migrated.unwrap_err(), restored.unwrap_err()] {
        assert!(error.contains("asked 4 times") && error.contains("no connection"), "{error}");
        assert!(error.contains("check the connection"), "{error}");
    }
    assert!(told.is_empty());
    setup.upload_again(&told, "closed").await;
    migrated_again(&setup, &old, "closed").await;
}

/// Runs until the request that gets no answer, and drops what waits for it. Says whether it came to
/// that.
async fn drop_at_silence<T>(setup: &Setup, work: impl Future<Output = T>) -> Option<T> {
    let silent = async {
        while setup.proxy.silent() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    match select(work.boxed_local(), silent.boxed_local()).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(((), _)) => None,
    }
}

/// Wherever the caller drops an upload, what was told is there, and the next one goes on.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
async fn an_upload_that_is_dropped_at_any_request_is_resumed() {
    for fault in [Fault::SilentBefore, Fault::SilentAfter, Fault::Stalled] {
        let mut was_whole = false;
        for cut in 0..20 {
            let mut setup = Setup::new(V2).await;
            setup.wait_long();
            setup.proxy.script(move |number| (number == cut).then_some(fault));
            let (keys, mut told) = (setup.keys.clone(), Vec::new());
            let work = upload(&setup.through, &setup.backup, &setup.key, keys, &mut told);
            was_whole = drop_at_silence(&setup, work).await.is_some();
            // The store itself is as good as before.
            let what = format!("{fault:?} at {cut}");
            setup.proxy.script(|_| None);
            let there = entries(&setup.through, setup.backup.version()).await;
            assert_eq!(there, setup.entries().await);
            setup.upload_again(&told, &what).await;
            if was_whole {
                break;
            }
        }
        assert!(was_whole, "a run that was not dropped has to be the last");
    }
}

/// The same of a migration, which is resumed to the same version.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
async fn a_migration_that_is_dropped_at_any_request_is_resumed() {
    for fault in [Fault::SilentBefore, Fault::SilentAfter, Fault::Stalled] {
        let mut was_whole = false;
        for cut in 0..40 {
            let mut setup = Setup::filled(BackupAlgorithm::V1).await;
            setup.wait_long();
            let old = setup.entries().await;
            setup.proxy.script(move |number| (number == cut).then_some(fault));
            was_whole = drop_at_silence(&setup, setup.migrate(&setup.through)).await.is_some();
            migrated_again(&setup, &old, &format!("{fault:?} at {cut}")).await;
            if was_whole {
                break;
            }
        }
        assert!(was_whole, "a run that was not dropped has to be the last");
    }
}

/// A restore is dropped while it waits for the rest; the next one by the same store is whole.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
async fn a_restore_that_is_dropped_is_begun_anew() {
    let mut setup = Setup::filled(V2).await;
    setup.wait_long();
    let before = setup.entries().await;
    for fault in [Fault::SilentBefore, Fault::SilentAfter, Fault::Stalled] {
        setup.proxy.script(one_of(1, fault));
        let reader = EntryReader::new(setup.key.clone(), V2, None);
        let version = setup.backup.version().clone();
        let mut came = 0;
        let work = async {
            let mut batches = restore(&setup.through, version, KeyScope::All, reader);
            while let Some(batch) = batches.next().await {
                came += batch.unwrap().sessions.len();
            }
        };
        assert!(drop_at_silence(&setup, work).await.is_none(), "{fault:?}: it ended");
        assert!(came < 100, "{fault:?}");
        setup.proxy.script(|_| None);
        assert!(setup.restore(&format!("{fault:?}")).await);
        assert_eq!(setup.entries().await, before);
    }
}
