//! All stages of a backup's life, one after another, with as many keys as a lively account has in a
//! month. `cargo xtask measure --homeserver` takes the figures, with more of them.

use std::collections::BTreeMap;

use matrix_key_backup::copying::{OtherBackup, copy_version};
use matrix_key_backup::migration::{CompleteMigration, Migrator, target};
use matrix_key_backup::primitives::BackupDecryptionKey;
use matrix_key_backup::store::{BackupStore as _, KeyScope, SqliteStore};
use matrix_key_backup::upload::RoomKey;
use matrix_key_backup::v2::BackupReader;
use matrix_key_backup::wire::{BackedUpSessionData, BackupAlgorithm, MegolmSessionExport, Names};
use matrix_key_backup::{BackedUpSession, OpenBackup, create_backup};
use vodozemac::megolm::{GroupSession, InboundGroupSession, SessionConfig};

use crate::keys::{plaintexts, restored, room_key, trust, upload};
use crate::support::Homeserver;

const ROOMS: usize = 20;
const IN_EACH: usize = 100;
const ALL: u64 = 2000;

/// New sessions, rooms interleaved, as they come with messages.
fn new_keys() -> Vec<RoomKey> {
    let from = plaintexts();
    let new_key = |number: usize| {
        let outbound = GroupSession::new(SessionConfig::version_1());
        let inbound = InboundGroupSession::new(&outbound.session_key(), SessionConfig::version_1());
        let export = inbound.export_at_first_known_index().to_base64();
        let sender = &from[number % from.len()];
        let data = BackedUpSessionData::new(
            MegolmSessionExport::from_base64(&export).unwrap(),
            sender.sender_key().to_owned(),
            sender.sender_claimed_keys().to_map(),
            Vec::new(),
        );
        room_key(data, number % ROOMS)
    };
    (0..ROOMS * IN_EACH).map(new_key).collect()
}

/// Of each session: its room, its key, and from whom it is said to be.
type Found = BTreeMap<String, [String; 3]>;

fn wanted(keys: &[RoomKey]) -> Found {
    let said = |key: &RoomKey| {
        let (session, data) = (&key.session, key.session.data());
        let session_key = data.session_key().expose_base64().to_string();
        let said = [session.room_id().to_string(), session_key, data.sender_key().to_owned()];
        (session.session_id().to_string(), said)
    };
    keys.iter().map(said).collect()
}

/// All are vouched for, or all have this mark.
fn found(sessions: &[BackedUpSession], mark: Option<&str>) -> Found {
    let said = |session: &BackedUpSession| {
        let provenance = session.provenance().to_string();
        assert!(mark.map_or(provenance == "authenticated", |mark| provenance.contains(mark)));
        let data = session.data();
        let session_key = data.session_key().expose_base64().to_string();
        let said = [session.room_id().to_string(), session_key, data.sender_key().to_owned()];
        (session.session_id().to_string(), said)
    };
    sessions.iter().map(said).collect()
}

#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
async fn two_thousand_keys_go_through_all_stages() {
    let user = Homeserver::from_environment().new_user().await;
    let store = user.store();
    let [old_key, new_key] =
        [(); 2].map(|()| BackupReader::new(BackupDecryptionKey::random().unwrap()));
    let keys = new_keys();
    let wanted = wanted(&keys);
    assert_eq!(wanted.len() as u64, ALL);

    // As deployed clients do it; a second time there is nothing to do.
    let old = create_backup(&store, &old_key, BackupAlgorithm::V1).await.unwrap();
    let mut told = Vec::new();
    let first = upload(&store, &old, &old_key, keys.clone(), &mut told).await.unwrap();
    assert_eq!((first.new, first.blocked, told.len() as u64), (ALL, 0, ALL));
    let again = upload(&store, &old, &old_key, keys.clone(), &mut Vec::new()).await.unwrap();
    assert_eq!((again.new, again.blocked), (0, 0));
    assert_eq!(OpenBackup::current(&store).await.unwrap().count(), ALL);

    // A copy, before anything is changed, and another device.
    let file = SqliteStore::in_memory().await.unwrap();
    let version = old.version().clone();
    let copied = copy_version(&store, version, &file, OtherBackup::Refuse, |_| {}).await.unwrap();
    assert!(copied.is_complete(), "{copied:?}");
    let copy = OpenBackup::current(&file).await.unwrap();
    let other_device = user.homeserver.log_in(&user.localpart, &user.password).await.store();
    for sessions in [
        restored(&file, &copy, &old_key, KeyScope::All).await.unwrap(),
        restored(&other_device, &old, &old_key, KeyScope::All).await.unwrap(),
    ] {
        assert_eq!(found(&sessions, Some("m.legacy-v1")), wanted); // V1-6
    }

    // To v2, under another key, and the old version deleted. // M-1, M-5
    let new = target(&store, &old, &new_key, Names::Stable).await.unwrap();
    let trusted = trust(&new, &new_key);
    let migrator =
        Migrator::new(&store, &old, old_key.clone(), &trusted, new_key.clone(), None).unwrap();
    let report = migrator.copy(|_| {}).await.unwrap().compare(|_| {}).await.unwrap();
    assert_eq!((report.counts().marked_legacy_v1, report.compared()), (ALL, ALL));
    CompleteMigration::delete_old(report.complete().unwrap(), &store).await.unwrap();
    assert!(store.version(old.version()).await.unwrap().is_none());
    let sessions = restored(&other_device, &new, &new_key, KeyScope::All).await.unwrap();
    assert_eq!(found(&sessions, Some("m.legacy-v1")), wanted);

    // A v2 backup of those who know where the keys came from.
    let last = create_backup(&store, &new_key, BackupAlgorithm::V2(Names::Stable)).await.unwrap();
    let summary = upload(&store, &last, &new_key, keys, &mut Vec::new()).await.unwrap();
    assert_eq!((summary.new, summary.written.authenticated), (ALL, ALL));
    let sessions = restored(&other_device, &last, &new_key, KeyScope::All).await.unwrap();
    assert_eq!(found(&sessions, None), wanted);
}
