//! Whatever the network does: every upload and restore ends complete or with a clear error, a rerun
//! completes, and nothing that was acknowledged is lost.

use futures_util::future::join_all;
use matrix_key_backup::EntryReader;
use matrix_key_backup::downloader::{Download, Downloader};

use crate::disturbed::{Setup, V2, each_fault, mixed, one_of};
use crate::keys::by_session;
use crate::proxy::Fault;

#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
async fn each_fault_ends_in_a_whole_upload_or_a_clear_error() {
    for (fault, period, what) in each_fault() {
        let setup = Setup::new(V2).await;
        setup.proxy.script(one_of(period, fault));
        setup.upload_twice(&what).await;
        assert!(setup.proxy.requests() > 0);
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
    for (fault, period, what) in each_fault() {
        setup.proxy.script(one_of(period, fault));
        count(setup.restore(&what).await);
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

/// Answers that come in another order than their questions go to those who asked.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
async fn answers_out_of_order_are_not_mixed_up() {
    let mut setup = Setup::filled(V2).await;
    setup.wait_long();
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
