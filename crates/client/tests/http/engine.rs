//! The engine on a homeserver: what is counted is true, and large uploads take few requests.

use std::collections::BTreeSet;

use futures_util::StreamExt;
use matrix_key_backup::store::homeserver::HomeserverStore;
use matrix_key_backup::store::{BackupStore, KeyScope, StoreError};
use matrix_key_backup::trust::{KeyOrigin, TrustState, TrustedBackup};
use matrix_key_backup::upload::{
    BlockReason, Effect, NoticeKind, RoomKey, UploadError, UploadEvent, UploadSummary, Uploader,
};
use matrix_key_backup::v2::{BackupReader, SourcedSession};
use matrix_key_backup::wire::{BackedUpSessionData, BackupAlgorithm, Names, RoomId};
use matrix_key_backup::{
    EntryReader, OpenBackup, create_backup, primitives::BackupDecryptionKey, restore,
};
use pollster::block_on;
use serde_json::Value;

use crate::common::raw;
use crate::fake::{FakeHomeserver, Trouble, Ways};

const V2: BackupAlgorithm = BackupAlgorithm::V2(Names::Unstable);

struct Setup {
    server: FakeHomeserver,
    store: HomeserverStore<FakeHomeserver>,
    reader: BackupReader,
    backup: OpenBackup,
    trusted: TrustedBackup,
}

type Told = Vec<(String, Effect)>;

impl Setup {
    fn new(ways: Ways) -> Self {
        let server = FakeHomeserver::new(ways);
        let store = server.store();
        let key = BackupDecryptionKey::from_slice(&[5; 32]).unwrap();
        let reader = BackupReader::new(key);
        let backup = block_on(create_backup(&store, &reader, V2)).unwrap();
        let origin = KeyOrigin::EnteredByUser;
        let trusted = TrustedBackup::from_decryption_key(
            backup.description(),
            &reader,
            origin,
            &mut TrustState::default(),
        )
        .unwrap();
        server.trouble(|_, _| None);
        Self { server, store, reader, backup, trusted }
    }

    fn upload(&self, keys: Vec<RoomKey>) -> Result<(UploadSummary, Told, Vec<NoticeKind>), String> {
        let (store, trusted) = (&self.store, &self.trusted);
        let uploader = Uploader::for_reader(store, trusted, self.reader.clone(), None).unwrap();
        let (mut told, mut notices) = (Vec::new(), Vec::new());
        let observe = |event: UploadEvent<'_>| match event {
            UploadEvent::Key { session_id, effect, .. } => {
                told.push((session_id.to_string(), effect));
            }
            UploadEvent::Notice(notice) => notices.push(notice.what.clone()),
            _ => {}
        };
        let summary = block_on(uploader.upload(keys, observe));
        summary.map(|summary| (summary, told, notices)).map_err(|error| error.to_string())
    }

    /// The ids of all sessions that can be restored.
    fn restore(&self) -> BTreeSet<String> {
        let reader = EntryReader::new(self.reader.clone(), V2, None);
        let version = self.backup.version().clone();
        block_on(async {
            let mut pages = restore(&self.store, version, KeyScope::All, reader);
            let mut restored = BTreeSet::new();
            while let Some(page) = pages.next().await {
                let page = page.unwrap();
                assert!(page.rejected.is_empty());
                let ids = page.sessions.iter().map(|s| s.data().session_key().session_id());
                restored.extend(ids.map(String::from));
            }
            restored
        })
    }
}

/// Real sessions, spread over as many rooms.
fn keys(rooms: usize) -> Vec<RoomKey> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/vectors/megolm_sessions.json");
    let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let sessions = file["sessions"].as_array().unwrap().iter();
    sessions
        .enumerate()
        .map(|(n, session)| {
            let json = session["session_data"].to_string();
            let data = BackedUpSessionData::parse(json.as_bytes()).unwrap();
            let room_id = RoomId::new(format!("!{}", n % rooms)).unwrap();
            RoomKey::new(SourcedSession::own_session(data, room_id, None))
        })
        .collect()
}

fn ids(keys: &[RoomKey]) -> BTreeSet<String> {
    keys.iter().map(|key| key.session.session_id().into()).collect()
}

#[test]
fn a_new_backup_is_filled_with_few_requests() {
    let setup = Setup::new(Ways::SYNAPSE);
    let all = keys(20);
    let (summary, ..) = setup.upload(all.clone()).unwrap();
    assert_eq!((summary.keys, summary.new), (100, 100));
    let expected = ["GET /version/1", "GET /version/1", "GET /version/1", "PUT /keys"];
    assert_eq!(setup.server.log(), expected, "trust, what is there, how it stands, the keys");
    assert_eq!(setup.restore(), ids(&all));
    // And once more: nothing is written, and what is there is read at once.
    setup.server.trouble(|_, _| None);
    let (summary, ..) = setup.upload(all).unwrap();
    assert_eq!((summary.keys, summary.unchanged), (100, 100));
    assert_eq!(setup.server.log().len(), 3, "{:?}", setup.server.log());
}

/// What the server did not take is told as blocked, and not counted as written. // A-2
#[test]
fn what_the_server_did_not_take_is_not_counted() {
    let setup = Setup::new(Ways::SYNAPSE);
    let all = keys(1);
    let (theirs, room) = (all[0].session.session_id().to_string(), "!0");
    let planted = theirs.clone();
    setup.server.before_put(move |server| {
        let entry = serde_json::json!({
            "first_message_index": 0, "forwarded_count": 0, "is_verified": true,
            "session_data": {"another": "device"},
        });
        server.plant(1, room, &planted, entry);
    });
    let (summary, told, notices) = setup.upload(all).unwrap();
    assert_eq!((summary.new, summary.blocked), (99, 1));
    assert_eq!(summary.written.authenticated, 99);
    assert_eq!(notices, [NoticeKind::Blocked(BlockReason::StoreKeepsOld)]);
    for (session_id, effect) in told {
        assert_eq!(effect == Effect::Blocked, session_id == theirs);
    }
}

#[test]
fn what_the_server_refuses_is_blocked_with_its_words() {
    let setup = Setup::new(Ways { refuses: |session| session.contains('a'), ..Ways::SYNAPSE });
    let all = keys(1);
    let bad = ids(&all).iter().filter(|id| id.contains('a')).count() as u64;
    let outcome = setup.upload(all);
    if let Ok((summary, _, notices)) = outcome {
        assert_eq!((summary.blocked, summary.new), (bad, 100 - bad));
        let said = "the homeserver answered 400 M_BAD_JSON: bad entry".to_owned();
        let blocked = NoticeKind::Blocked(BlockReason::RefusedByStore(said));
        assert!(notices.iter().all(|notice| *notice == blocked));
    } else {
        panic!("{outcome:?}");
    }
}

/// T-3: the version that took the backup's place is named, and nothing is written to it.
#[test]
fn a_backup_that_was_replaced_takes_no_keys() {
    let setup = Setup::new(Ways::SYNAPSE);
    block_on(setup.store.create_version(V2.as_str(), &raw("{}"))).unwrap();
    let (store, trusted) = (&setup.store, &setup.trusted);
    let uploader = Uploader::for_reader(store, trusted, setup.reader.clone(), None).unwrap();
    match block_on(uploader.upload(keys(1), |_| ())).unwrap_err() {
        UploadError::Store(StoreError::WrongVersion { current, .. }) => {
            assert_eq!(current.unwrap().as_str(), "2");
        }
        other => panic!("{other:?}"),
    }
    assert!(setup.server.sessions(1).is_empty() && setup.server.sessions(2).is_empty());
}

#[test]
fn an_upload_that_failed_is_begun_again() {
    let setup = Setup::new(Ways::SYNAPSE);
    setup.server.trouble_with("PUT", vec![Trouble::DoneBut(403, "{}")]);
    let error = setup.upload(keys(3)).unwrap_err();
    assert_eq!(error, "PUT /room_keys/keys: the homeserver answered 403");
    let (summary, ..) = setup.upload(keys(3)).unwrap();
    assert_eq!(summary.unchanged, 100);
}
