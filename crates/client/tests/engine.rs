//! The engine on a real store: upload, restore, merge, trust.
#![cfg(feature = "sqlite")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use std::{collections::BTreeSet, sync::Arc};

use futures_util::StreamExt;
use matrix_key_backup::{
    BackedUpSession, EntryReader, OpenBackup, OpenError, RestoreSummary, RestoredBatch,
    create_backup,
    primitives::{BackupDecryptionKey, BackupMacKey},
    replacement::KeyMetadata,
    restore,
    store::{
        BackupStore, BackupVersion, KeyPages, KeyScope, KeyToStore, PutOutcome, ReceivedKey,
        SqliteStore, SqliteStoreError, StoreError, VersionId,
    },
    trust::{KeyOrigin, MacKeyStatus, TrustState, TrustedBackup},
    upload::{
        BlockReason, Effect, MacKeyCheck, NoticeKind, RoomKey, UploadError, UploadEvent,
        UploadNotice, UploadSummary, Uploader,
    },
    v2::{BackupReader, BackupWriter, SourcedSession},
    wire::{
        BackedUpSessionData, BackupAlgorithm, KeyBackupData, Names, Provenance, RoomId, SessionId,
        UnauthenticatedSource,
    },
};
use serde_json::{Value, value::RawValue};
use vodozemac::megolm::{ExportedSessionKey, InboundGroupSession, SessionConfig};

const V2: BackupAlgorithm = BackupAlgorithm::V2(Names::Unstable);

fn sessions() -> Vec<Value> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/vectors/megolm_sessions.json");
    let mut file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    serde_json::from_value(file["sessions"].take()).unwrap()
}

fn room() -> RoomId {
    RoomId::new("!room:example.org").unwrap()
}

/// A real session, exported at the first, second or third of its indices.
fn at(session: &Value, export: usize) -> BackedUpSessionData {
    let mut json = session["session_data"].clone();
    json["session_key"] = session["exports"][export]["session_key"].clone();
    BackedUpSessionData::parse(json.to_string().as_bytes()).unwrap()
}

fn vouched(data: BackedUpSessionData) -> RoomKey {
    RoomKey::new(SourcedSession::own_session(data, room(), None))
}

fn unvouched(data: BackedUpSessionData) -> RoomKey {
    RoomKey::new(SourcedSession::unvouched(data, room()))
}

fn from_all_sessions(key: impl Fn(BackedUpSessionData) -> RoomKey) -> Vec<RoomKey> {
    sessions().iter().map(|session| key(at(session, 1))).collect()
}

struct Setup {
    store: SqliteStore,
    reader: BackupReader,
    backup: OpenBackup,
    trusted: TrustedBackup,
}

impl Setup {
    fn new(algorithm: BackupAlgorithm) -> Self {
        pollster::block_on(async {
            let store = SqliteStore::in_memory().await.unwrap();
            let key = BackupDecryptionKey::from_slice(&[5; 32]).unwrap();
            let reader = BackupReader::new(key);
            let backup = create_backup(&store, &reader, algorithm).await.unwrap();
            let (said, origin) = (backup.description(), KeyOrigin::EnteredByUser);
            let mut state = TrustState::new();
            let trusted =
                TrustedBackup::from_decryption_key(said, &reader, origin, &mut state).unwrap();
            Self { store, reader, backup, trusted }
        })
    }

    fn uploader(&self) -> Uploader<'_, SqliteStore> {
        Uploader::for_reader(&self.store, &self.trusted, self.reader.clone(), None).unwrap()
    }

    fn writer(&self) -> Uploader<'_, SqliteStore> {
        self.writer_with(&mut TrustState::new())
    }

    fn writer_with(&self, state: &mut TrustState) -> Uploader<'_, SqliteStore> {
        self.try_writer(self.reader.mac_key().clone(), state).unwrap()
    }

    fn try_writer(
        &self,
        mac_key: BackupMacKey,
        state: &mut TrustState,
    ) -> Result<Uploader<'_, SqliteStore>, UploadError<SqliteStoreError>> {
        pollster::block_on(Uploader::for_writer(&self.store, &self.trusted, mac_key, state))
    }

    fn upload(&self, keys: Vec<RoomKey>) -> (UploadSummary, Vec<UploadNotice>) {
        run(&self.uploader(), keys)
    }

    fn restore(&self) -> RestoredBatch {
        let reader = EntryReader::new(self.reader.clone(), self.backup.algorithm(), None);
        let version = self.backup.version().clone();
        pollster::block_on(async {
            let mut all = RestoredBatch::default();
            let mut pages = restore(&self.store, version, KeyScope::All, reader);
            while let Some(page) = pages.next().await {
                let RestoredBatch { sessions, rejected, .. } = page.unwrap();
                all.sessions.extend(sessions);
                all.rejected.extend(rejected);
            }
            all
        })
    }

    fn only(&self) -> BackedUpSession {
        let RestoredBatch { mut sessions, rejected, .. } = self.restore();
        assert!(rejected.is_empty() && sessions.len() == 1);
        sessions.remove(0)
    }

    fn etag(&self) -> String {
        pollster::block_on(self.store.current_version()).unwrap().unwrap().etag
    }

    fn put(&self, keys: Vec<KeyToStore>) {
        pollster::block_on(self.store.put_keys(self.backup.version(), keys)).unwrap();
    }
}

fn run(
    uploader: &Uploader<'_, SqliteStore>,
    keys: Vec<RoomKey>,
) -> (UploadSummary, Vec<UploadNotice>) {
    let mut notices = Vec::new();
    let observe = |event: UploadEvent<'_>| {
        if let UploadEvent::Notice(notice) = event {
            notices.push(notice.clone());
        }
    };
    let summary = pollster::block_on(uploader.upload(keys, observe)).unwrap();
    (summary, notices)
}

#[test]
fn hundred_keys_come_back_as_they_were() {
    for algorithm in [V2, BackupAlgorithm::V2(Names::Stable), BackupAlgorithm::V1] {
        let setup = Setup::new(algorithm);
        let (summary, notices) = setup.upload(from_all_sessions(vouched));
        assert_eq!((summary.keys, summary.new), (100, 100));
        assert!(notices.is_empty());
        let restored = setup.restore();
        assert_eq!((restored.sessions.len(), restored.rejected.len()), (100, 0));
        let mut summary = RestoreSummary::default();
        summary.add(&restored);
        let v1 = algorithm == BackupAlgorithm::V1;
        assert_eq!(summary.keys.authenticated, if v1 { 0 } else { 100 }); // V1-6, V2-8
        assert_eq!(summary.room_under_mac, summary.keys.authenticated); // B-2
        let before: BTreeSet<_> =
            sessions().iter().map(|s| at(s, 1).session_key().expose_base64().to_string()).collect();
        let after: BTreeSet<_> = restored
            .sessions
            .iter()
            .map(|s| s.data().session_key().expose_base64().to_string())
            .collect();
        assert_eq!(before, after);
    }
}

#[test]
fn second_upload_changes_nothing() {
    let setup = Setup::new(V2);
    setup.upload(from_all_sessions(unvouched));
    let etag = setup.etag();
    let (summary, notices) = setup.upload(from_all_sessions(unvouched));
    assert_eq!((summary.unchanged, summary.new + summary.improved), (100, 0));
    assert_eq!((setup.etag(), notices), (etag, vec![]));
}

/// The same session twice in one upload, the better one second.
#[test]
fn session_that_comes_twice_in_one_upload_is_merged() {
    let setup = Setup::new(V2);
    let session = &sessions()[0];
    let (summary, _) = setup.upload(vec![unvouched(at(session, 1)), unvouched(at(session, 0))]);
    assert_eq!((summary.new, summary.improved), (1, 1));
    assert_eq!(
        setup.only().first_message_index(),
        at(session, 0).session_key().first_known_index()
    );
}

#[test]
fn better_index_replaces_and_worse_does_not() {
    let setup = Setup::new(V2);
    let session = &sessions()[1];
    setup.upload(vec![unvouched(at(session, 1))]);
    let etag = setup.etag();
    let (worse, _) = setup.upload(vec![unvouched(at(session, 2))]);
    assert_eq!((worse.unchanged, setup.etag()), (1, etag));
    let (better, _) = setup.upload(vec![unvouched(at(session, 0))]);
    assert_eq!(better.improved, 1);
    assert_eq!(setup.only().first_message_index(), 0);
}

/// A-3: a copy from nowhere with a lower index takes nothing of what is vouched for away, and adds
/// nothing of its own but the index.
#[test]
fn earlier_unvouched_copy_lends_its_index_and_nothing_else() {
    let setup = Setup::new(V2);
    let session = &sessions()[2];
    setup.upload(vec![vouched(at(session, 1))]);
    let mut copy = session["session_data"].clone();
    copy["session_key"] = session["exports"][0]["session_key"].clone();
    copy["sender_key"] = "an attacker's".into();
    let copy = BackedUpSessionData::parse(copy.to_string().as_bytes()).unwrap();
    let (summary, notices) = setup.upload(vec![unvouched(copy)]);
    assert_eq!((summary.improved, notices.len()), (1, 0));
    let kept = setup.only();
    assert_eq!(*kept.provenance(), Provenance::Authenticated);
    assert_eq!(kept.first_message_index(), 0);
    assert_eq!(kept.data().sender_key(), at(session, 1).sender_key());
}

/// A key whose ratchet does not lead to the one that is there.
fn unconnected(session: &Value) -> BackedUpSessionData {
    let mut bytes = matrix_key_backup::primitives::base64::decode_unpadded(
        session["exports"][0]["session_key"].as_str().unwrap(),
    )
    .unwrap();
    for byte in &mut bytes[5..133] {
        *byte ^= 0x55; // another ratchet under the same public key
    }
    let mut json = session["session_data"].clone();
    json["session_key"] = matrix_key_backup::primitives::base64::encode_unpadded(&bytes).into();
    BackedUpSessionData::parse(json.to_string().as_bytes()).unwrap()
}

#[test]
fn unconnected_copy_does_not_displace_what_is_vouched_for() {
    let setup = Setup::new(V2);
    let session = &sessions()[3];
    setup.upload(vec![vouched(at(session, 1))]);
    let (summary, notices) = setup.upload(vec![unvouched(unconnected(session))]);
    assert_eq!((summary.conflicts, summary.improved), (1, 0)); // A-3
    assert_eq!(notices[0].what, NoticeKind::Conflict { stored_kept: true });
    let kept = setup.only();
    assert!(kept.provenance().is_authenticated());
    assert_eq!(kept.data().session_key(), at(session, 1).session_key());
}

#[test]
fn vouched_key_displaces_an_unconnected_copy_where_the_store_lets_it() {
    let setup = Setup::new(V2);
    let session = &sessions()[3];
    setup.upload(vec![unvouched(unconnected(session))]);
    let mut key = vouched(at(session, 1));
    key.sender_verified = true; // A-2: verified wins
    let (summary, notices) = setup.upload(vec![key]);
    assert_eq!((summary.improved, summary.conflicts), (1, 1));
    assert_eq!(notices[0].what, NoticeKind::Conflict { stored_kept: false });
    assert!(setup.only().provenance().is_authenticated());
}

/// M-8: a better provenance at the same index is a tie for the store, and that is said.
#[test]
fn provenance_that_the_store_will_not_take_is_reported() {
    let setup = Setup::new(V2);
    let session = &sessions()[4];
    setup.upload(vec![unvouched(at(session, 1))]);
    let (summary, notices) = setup.upload(vec![vouched(at(session, 1))]);
    assert_eq!(summary.blocked, 1);
    assert_eq!(notices[0].what, NoticeKind::Blocked(BlockReason::StoreKeepsOld));
    assert!(!setup.only().provenance().is_authenticated());
}

/// A-5: verified is written for authenticated keys of verified devices, and for no others.
#[test]
fn verified_is_written_only_for_what_is_authenticated() {
    let setup = Setup::new(V2);
    let all = sessions();
    let mut keys =
        vec![vouched(at(&all[0], 0)), unvouched(at(&all[1], 0)), vouched(at(&all[2], 0))];
    keys[0].sender_verified = true;
    keys[1].sender_verified = true;
    setup.upload(keys);
    let verified: Vec<_> =
        stored(&setup).iter().map(|(id, m)| (id.clone(), m.is_verified)).collect();
    for (index, expected) in [(0, true), (1, false), (2, false)] {
        let id = at(&all[index], 0).session_key().session_id().to_string();
        assert!(verified.contains(&(id, expected)), "{index}");
    }
}

fn stored(setup: &Setup) -> Vec<(String, KeyMetadata)> {
    pollster::block_on(async {
        let mut pages = setup.store.keys(setup.backup.version().clone(), KeyScope::All);
        let mut found = Vec::new();
        while let Some(page) = pages.next_page().await {
            for key in page.unwrap() {
                found.push((key.session_id.to_string(), KeyMetadata::from(&key.data.unwrap())));
            }
        }
        found
    })
}

/// Writes an entry under somebody else's MAC key, as a server that knows the public key could.
fn plant(setup: &Setup, data: BackedUpSessionData, index: u64) {
    let mac_key = BackupMacKey::from_slice(&[0xEE; 32]).unwrap();
    let forger = setup.trusted.writer(mac_key).unwrap();
    let session = SourcedSession::own_session(data, room(), None);
    let session_id = session.data().session_key().session_id();
    let mut rng = rand_core::UnwrapErr(rand::rngs::SysRng);
    let session_data = forger.seal(&session, &mut rng).unwrap().into_raw();
    let data = KeyBackupData {
        first_message_index: index,
        forwarded_count: 0,
        is_verified: false,
        session_data,
    };
    setup.put(vec![KeyToStore { room_id: room(), session_id, data }]);
}

#[test]
fn planted_keys_are_counted_named_and_do_not_stop_the_others() {
    let setup = Setup::new(V2);
    let all = sessions();
    setup.upload(all[10..].iter().map(|s| vouched(at(s, 0))).collect());
    for session in &all[..10] {
        plant(&setup, at(session, 0), 0);
    }
    let restored = setup.restore();
    assert_eq!((restored.sessions.len(), restored.rejected.len()), (90, 10)); // V2-6
    let mut summary = RestoreSummary::default();
    summary.add(&restored);
    assert_eq!((summary.entries, summary.rejected["forged"]), (100, 10));
    let named: BTreeSet<_> = restored.rejected.iter().map(|r| r.session_id.to_string()).collect();
    let planted: BTreeSet<_> =
        all[..10].iter().map(|s| s["session_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(named, planted);
}

#[test]
fn key_takes_the_place_of_a_planted_one_where_the_store_lets_it() {
    let setup = Setup::new(V2);
    let session = &sessions()[0];
    plant(&setup, at(session, 1), 100);
    let (summary, notices) = setup.upload(vec![vouched(at(session, 0))]);
    assert_eq!(summary.improved, 1);
    assert!(matches!(notices[0].what, NoticeKind::ReplacedUnreadable(_)));
    assert!(setup.only().provenance().is_authenticated());

    let setup = Setup::new(V2);
    plant(&setup, at(session, 0), 0);
    let (summary, notices) = setup.upload(vec![vouched(at(session, 1))]);
    assert_eq!(summary.blocked, 1);
    assert!(matches!(notices[0].what, NoticeKind::Blocked(BlockReason::UnreadableInPlace(_))));
}

#[test]
fn upload_to_a_version_that_was_replaced_stops() {
    let setup = Setup::new(V2);
    let uploader = setup.uploader();
    pollster::block_on(create_backup(&setup.store, &setup.reader, V2)).unwrap();
    let stopped =
        pollster::block_on(uploader.upload(from_all_sessions(vouched), |_| {})).unwrap_err();
    assert!(matches!(stopped, UploadError::Store(StoreError::WrongVersion { .. }))); // A-1, T-3
}

#[test]
fn another_decryption_key_does_not_upload() {
    let setup = Setup::new(V2);
    let other = BackupReader::new(BackupDecryptionKey::from_slice(&[6; 32]).unwrap());
    let refused = Uploader::for_reader(&setup.store, &setup.trusted, other, None).unwrap_err();
    assert!(matches!(refused, UploadError::OtherKey));
}

mod write_only {
    use super::*;

    #[test]
    fn writer_adds_keys_that_the_reader_reads() {
        let setup = Setup::new(V2);
        let (summary, _) = run(&setup.writer(), from_all_sessions(vouched));
        assert_eq!((summary.new, summary.mac_key), (100, MacKeyCheck::Unconfirmed)); // T-5
        assert_eq!(setup.restore().sessions.len(), 100);
        let (again, _) = run(&setup.writer(), from_all_sessions(vouched));
        assert_eq!((again.unchanged, again.mac_key), (100, MacKeyCheck::Confirmed)); // T-5
    }

    /// What it wrote itself says nothing of its MAC key, however often it starts anew.
    #[test]
    fn own_entries_confirm_nothing() {
        let (setup, mut state) = (Setup::new(V2), TrustState::new());
        let (first, _) = run(&setup.writer_with(&mut state), from_all_sessions(vouched));
        assert_eq!((first.new, first.mac_key), (100, MacKeyCheck::Unconfirmed)); // T-5
        for _ in 0..2 {
            let kept = serde_json::to_string(&state).unwrap();
            state = serde_json::from_str(&kept).unwrap();
            let (again, _) = run(&setup.writer_with(&mut state), Vec::new());
            assert_eq!(again.mac_key, MacKeyCheck::Unconfirmed); // T-5
        }
        // Another MAC key, or another backup, is another matter.
        let other = setup.try_writer(BackupMacKey::from_slice(&[1; 32]).unwrap(), &mut state);
        assert!(matches!(other.unwrap_err(), UploadError::StaleMacKey));
    }

    /// A state that is not new: the entry is there before the writer has written any.
    #[test]
    fn entry_of_another_confirms() {
        let (setup, mut state) = (Setup::new(V2), TrustState::new());
        setup.upload(vec![vouched(at(&sessions()[0], 0))]);
        let (summary, _) = run(&setup.writer_with(&mut state), Vec::new());
        assert_eq!(summary.mac_key, MacKeyCheck::Confirmed); // T-5
        // Once is enough: it is not tried again, not even on a backup that was emptied since.
        pollster::block_on(setup.store.delete_keys(setup.backup.version(), KeyScope::All)).unwrap();
        let (summary, _) = run(&setup.writer_with(&mut state), from_all_sessions(vouched));
        assert_eq!((summary.new, summary.mac_key), (100, MacKeyCheck::Confirmed));
    }

    fn confirm(
        uploader: &mut Uploader<'_, SqliteStore>,
        own: &[&Value],
        state: &mut TrustState,
    ) -> Result<MacKeyCheck, UploadError<SqliteStoreError>> {
        let own: BTreeSet<_> =
            own.iter().map(|session| at(session, 0).session_key().session_id()).collect();
        let written_here = |_: &RoomId, session_id: &_| own.contains(session_id);
        pollster::block_on(uploader.confirm_mac_key(written_here, state))
    }

    /// The caller knows what it wrote; what is left is somebody else's. // T-5
    #[test]
    fn entry_of_another_confirms_later() {
        let (setup, mut state) = (Setup::new(V2), TrustState::new());
        let all = sessions();
        let mut writer = setup.writer_with(&mut state);
        run(&writer, vec![vouched(at(&all[0], 0))]);
        let unconfirmed = confirm(&mut writer, &[&all[0]], &mut state).unwrap();
        assert_eq!(unconfirmed, MacKeyCheck::Unconfirmed);
        setup.upload(vec![vouched(at(&all[1], 0))]);
        assert_eq!(
            confirm(&mut writer, &[&all[0], &all[1]], &mut state).unwrap(),
            MacKeyCheck::Unconfirmed
        );
        assert_eq!(confirm(&mut writer, &[&all[0]], &mut state).unwrap(), MacKeyCheck::Confirmed);
        assert_eq!(run(&writer, Vec::new()).0.mac_key, MacKeyCheck::Confirmed);
        assert_eq!(
            run(&setup.writer_with(&mut state), Vec::new()).0.mac_key,
            MacKeyCheck::Confirmed
        );
    }

    /// A stale key verifies what it wrote, and nothing else. // T-5
    #[test]
    fn stale_mac_key_is_found_out_by_what_others_wrote() {
        let (setup, mut state) = (Setup::new(V2), TrustState::new());
        let all = sessions();
        let stale = BackupMacKey::from_slice(&[1; 32]).unwrap();
        let mut writer = setup.try_writer(stale.clone(), &mut state).unwrap();
        run(&writer, vec![vouched(at(&all[0], 0))]);
        setup.upload(vec![vouched(at(&all[1], 0))]);
        let refused = confirm(&mut writer, &[&all[0]], &mut state).unwrap_err();
        assert!(matches!(refused, UploadError::StaleMacKey));
        assert_eq!(state.mac_key_status(&setup.trusted, &stale), Some(MacKeyStatus::Unconfirmed));
    }

    #[test]
    fn callers_word_confirms() {
        let (setup, mut state) = (Setup::new(V2), TrustState::new());
        run(&setup.writer_with(&mut state), from_all_sessions(vouched));
        state.confirm_mac_key(&setup.trusted, setup.reader.mac_key());
        let (summary, _) = run(&setup.writer_with(&mut state), Vec::new());
        assert_eq!(summary.mac_key, MacKeyCheck::Confirmed);
    }

    /// A backup has a million entries; a MAC key is tried on the first few thousand.
    #[test]
    fn mac_key_is_tried_on_a_bounded_number_of_entries() {
        let setup = Setup::new(V2);
        let stale = setup.trusted.writer(BackupMacKey::from_slice(&[1; 32]).unwrap()).unwrap();
        let own = SourcedSession::own_session(at(&sessions()[0], 0), room(), None);
        let mut rng = rand_core::UnwrapErr(rand::rngs::SysRng);
        let entry = |writer: &BackupWriter, session_id: String, rng: &mut _| KeyToStore {
            room_id: room(),
            session_id: SessionId::new(session_id).unwrap(),
            data: KeyBackupData {
                first_message_index: 0,
                forwarded_count: 0,
                is_verified: false,
                session_data: writer.seal(&own, rng).unwrap().into_raw(),
            },
        };
        let forged = (0..4095).map(|n| entry(&stale, format!("a{n:05}"), &mut rng)).collect();
        setup.put(forged);
        let right = setup.reader.writer(Names::Unstable);
        let last = entry(&right, "b".to_owned(), &mut rng);
        setup.put(vec![last]);
        let (summary, _) = run(&setup.writer(), Vec::new());
        assert_eq!(summary.mac_key, MacKeyCheck::Confirmed);
        let one_more = entry(&stale, "a".to_owned(), &mut rng);
        setup.put(vec![one_more]);
        let refused = setup.try_writer(setup.reader.mac_key().clone(), &mut TrustState::new());
        assert!(matches!(refused.unwrap_err(), UploadError::StaleMacKey));
    }

    #[test]
    fn stale_mac_key_writes_nothing() {
        let setup = Setup::new(V2);
        setup.upload(from_all_sessions(vouched));
        let stale = BackupMacKey::from_slice(&[1; 32]).unwrap();
        let refused = setup.try_writer(stale, &mut TrustState::new());
        assert!(matches!(refused.unwrap_err(), UploadError::StaleMacKey)); // T-5
    }

    /// It cannot see whether what is there is vouched for, so it leaves it alone. // A-3
    #[test]
    fn unvouched_key_does_not_displace_what_the_writer_cannot_read() {
        let setup = Setup::new(V2);
        let session = &sessions()[0];
        setup.upload(vec![vouched(at(session, 1))]);
        let (summary, notices) = run(&setup.writer(), vec![unvouched(at(session, 0))]);
        assert_eq!(summary.blocked, 1);
        assert_eq!(notices[0].what, NoticeKind::Blocked(BlockReason::CannotCompare));
        let (summary, _) = run(&setup.writer(), vec![vouched(at(session, 0))]);
        assert_eq!(summary.improved, 1);
        assert_eq!(setup.only().first_message_index(), 0);
    }

    #[test]
    fn v1_backup_has_nothing_to_write_with_a_mac_key() {
        let setup = Setup::new(BackupAlgorithm::V1);
        let mac_key = setup.reader.mac_key().clone();
        let refused = setup.try_writer(mac_key, &mut TrustState::new());
        assert!(matches!(refused.unwrap_err(), UploadError::NoMac));
    }
}

/// Stores take any `auth_data`: each is answered, none panics.
#[test]
fn odd_backup_versions_are_refused_by_name() {
    pollster::block_on(async {
        let store = SqliteStore::in_memory().await.unwrap();
        assert!(matches!(OpenBackup::current(&store).await, Err(OpenError::NoBackup)));
        for (algorithm, auth_data, named) in [
            ("org.example.v3", r#"{"public_key":"x"}"#, "org.example.v3"),
            (V2.as_str(), "null", "null"),
            (V2.as_str(), "{}", "public_key"),
            (V2.as_str(), r#"{"public_key":"AAAA"}"#, "public_key"),
            (V2.as_str(), r#"{"public_key":7}"#, "public_key"),
        ] {
            let auth_data = RawValue::from_string(auth_data.to_owned()).unwrap();
            let version = store.create_version(algorithm, &auth_data).await.unwrap();
            let error = OpenBackup::current(&store).await.unwrap_err();
            let message = error.to_string();
            assert!(matches!(error, OpenError::Unreadable(_)), "{message}");
            assert!(message.contains(named), "{message}");
            assert!(message.contains(version.as_str()), "{message}");
        }
    });
}

/// Executors move futures between threads; this one checks that they may.
#[test]
fn futures_are_send() {
    fn send<T: Send>(value: T) -> T {
        value
    }
    let setup = Setup::new(V2);
    let reader = EntryReader::new(setup.reader.clone(), V2, None);
    drop(send(restore(&setup.store, setup.backup.version().clone(), KeyScope::All, reader)));
    let uploader = setup.uploader();
    drop(send(uploader.upload(Vec::new(), |_| {})));
    let (mac_key, mut state) = (setup.reader.mac_key().clone(), TrustState::new());
    let (store, trusted) = (&setup.store, &setup.trusted);
    drop(send(Uploader::for_writer(store, trusted, mac_key, &mut state)));
    let mut writer = setup.writer();
    drop(send(writer.confirm_mac_key(|_, _| false, &mut state)));
    drop(send(create_backup(&setup.store, &setup.reader, V2)));
    drop(send(OpenBackup::current(&setup.store)));
}

#[test]
fn v1_keys_are_legacy() {
    let setup = Setup::new(BackupAlgorithm::V1);
    let (summary, _) = setup.upload(from_all_sessions(vouched));
    assert_eq!(summary.written.unauthenticated["m.legacy-v1"], 100);
    let legacy = Provenance::Unauthenticated(UnauthenticatedSource::LegacyV1);
    assert!(setup.restore().sessions.iter().all(|s| *s.provenance() == legacy));
    let (again, _) = setup.upload(from_all_sessions(vouched));
    assert_eq!(again.unchanged, 100);
}

/// What a hostile or careless party could do to an upload, and what became of it.
mod defences {
    use super::*;

    fn mac_key(fill: u8) -> BackupMacKey {
        BackupMacKey::from_slice(&[fill; 32]).unwrap()
    }

    /// Verified wins in the store (A-2); an index that is vouched for must not be lost to it. // A-3
    #[test]
    fn writer_does_not_displace_an_earlier_index() {
        let setup = Setup::new(V2);
        let session = &sessions()[0];
        setup.upload(vec![vouched(at(session, 0))]);
        let mut later = vouched(at(session, 1));
        later.sender_verified = true;
        let (summary, notices) = run(&setup.writer(), vec![later]);
        assert_eq!((summary.blocked, summary.improved), (1, 0));
        assert_eq!(notices[0].what, NoticeKind::Blocked(BlockReason::CannotCompare));
        assert_eq!(setup.only().first_message_index(), 0);
    }

    /// A MAC key that was stale before anybody could notice takes everybody's keys for forged.
    #[test]
    fn stale_writer_destroys_nothing() {
        let setup = Setup::new(V2);
        let stale = setup.try_writer(mac_key(1), &mut TrustState::new());
        let session = &sessions()[0];
        setup.upload(vec![vouched(at(session, 1))]);
        let (summary, _) = run(&stale.unwrap(), vec![vouched(at(session, 0))]);
        assert_eq!((summary.blocked, summary.improved), (1, 0)); // T-5
        assert!(setup.only().provenance().is_authenticated());
    }

    /// Homeservers let the public key of a version be changed without a word. // T-3
    #[test]
    fn changed_public_key_stops_the_upload() {
        let setup = Setup::new(V2);
        let uploader = setup.uploader();
        let other = BackupReader::new(BackupDecryptionKey::from_slice(&[9; 32]).unwrap());
        let auth_data = format!(r#"{{"public_key":"{}"}}"#, other.public_key());
        let auth_data = RawValue::from_string(auth_data).unwrap();
        let version = setup.backup.version();
        pollster::block_on(setup.store.update_auth_data(version, V2.as_str(), &auth_data)).unwrap();
        let stopped =
            pollster::block_on(uploader.upload(from_all_sessions(vouched), |_| {})).unwrap_err();
        assert!(matches!(stopped, UploadError::NotTheTrustedBackup), "{stopped}");
        assert!(stored(&setup).is_empty());
    }

    /// Nor does it help a server to wait until an upload has begun. // T-3
    #[test]
    fn public_key_that_is_changed_during_an_upload_stops_it() {
        let setup = Setup::new(V2);
        let uploader = setup.uploader();
        let other = BackupReader::new(BackupDecryptionKey::from_slice(&[9; 32]).unwrap());
        let auth_data = format!(r#"{{"public_key":"{}"}}"#, other.public_key());
        let auth_data = RawValue::from_string(auth_data).unwrap();
        let version = setup.backup.version();
        // More than this store takes in a batch: 256.
        let in_room = |number: usize| {
            let room = RoomId::new(format!("!{number}")).unwrap();
            from_all_sessions(move |data| {
                RoomKey::new(SourcedSession::own_session(data, room.clone(), None))
            })
        };
        let mut told = Vec::new();
        let observe = |event: UploadEvent<'_>| {
            if let UploadEvent::Progress { keys_done, .. } = event {
                told.push(keys_done);
                let change = setup.store.update_auth_data(version, V2.as_str(), &auth_data);
                pollster::block_on(change).unwrap();
            }
        };
        let keys = (0..4).flat_map(in_room);
        let stopped = pollster::block_on(uploader.upload(keys, observe)).unwrap_err();
        assert!(matches!(stopped, UploadError::NotTheTrustedBackup), "{stopped}");
        assert_eq!(told, [256], "one batch of two");
        let there = pollster::block_on(setup.store.version(version)).unwrap().unwrap();
        assert_eq!(there.count, 256);
    }

    /// Trust in one store's backup is none in another's, though both call it version 1. // T-3
    #[test]
    fn trust_does_not_carry_over_to_another_store() {
        let (mine, theirs) = (Setup::new(V2), Setup::new(BackupAlgorithm::V1));
        let uploader =
            Uploader::for_reader(&theirs.store, &mine.trusted, mine.reader.clone(), None).unwrap();
        let stopped =
            pollster::block_on(uploader.upload(from_all_sessions(vouched), |_| {})).unwrap_err();
        assert!(matches!(stopped, UploadError::NotTheTrustedBackup));
    }

    fn plant_raw(setup: &Setup, data: &BackedUpSessionData, json: String, old: KeyMetadata) {
        let data_id = data.session_key().session_id();
        let data = KeyBackupData {
            first_message_index: old.first_message_index,
            forwarded_count: old.forwarded_count,
            is_verified: old.is_verified,
            session_data: RawValue::from_string(json).unwrap(),
        };
        setup.put(vec![KeyToStore { room_id: room(), session_id: data_id, data }]);
    }

    fn at_index(index: u64) -> KeyMetadata {
        KeyMetadata { is_verified: false, first_message_index: index, forwarded_count: 3 }
    }

    fn rng() -> rand_core::UnwrapErr<rand::rngs::SysRng> {
        rand_core::UnwrapErr(rand::rngs::SysRng)
    }

    /// A v1 upload has no MAC; it must not take the place of an entry that has one. // M-3
    #[test]
    fn hybrid_entry_keeps_its_mac() {
        let setup = Setup::new(BackupAlgorithm::V1);
        let session = &sessions()[0];
        let own = SourcedSession::own_session(at(session, 1), room(), None);
        let hybrid = setup.reader.writer(Names::Stable).seal_hybrid(&own, &mut rng()).unwrap();
        plant_raw(&setup, own.data(), hybrid.as_json().to_owned(), at_index(99));
        let (summary, notices) = setup.upload(vec![unvouched(at(session, 0))]);
        assert_eq!(summary.blocked, 1);
        assert_eq!(notices[0].what, NoticeKind::Blocked(BlockReason::WouldLoseMac));
        assert!(setup.only().has_valid_mac());
    }

    /// H-2, H-4 as the engine reads them.
    #[test]
    fn mac_in_a_v1_backup_decides_or_is_reported() {
        let setup = Setup::new(BackupAlgorithm::V1);
        let session = &sessions()[0];
        let own = SourcedSession::own_session(at(session, 1), room(), None);
        let sealed = setup.reader.writer(Names::Stable).seal(&own, &mut rng()).unwrap();
        plant_raw(&setup, own.data(), sealed.as_json().to_owned(), at_index(0));
        assert!(setup.only().ignored_mac().is_none()); // H-4: read without a `mac`

        let setup = Setup::new(BackupAlgorithm::V1);
        let public_key = setup.reader.public_key();
        let entry = matrix_key_backup::v1::encrypt(public_key, own.data(), &mut rng()).unwrap();
        let mut entry: Value = serde_json::from_str(entry.as_json()).unwrap();
        entry["unsigned"] = serde_json::json!({ "backup_mac": "A".repeat(43) });
        plant_raw(&setup, own.data(), entry.to_string(), at_index(0));
        let restored = setup.restore();
        assert!(restored.sessions[0].ignored_mac().is_some()); // H-2
        let mut summary = RestoreSummary::default();
        summary.add(&restored);
        assert_eq!(summary.ignored_macs, 1);
    }

    /// An entry with a valid MAC that this software cannot use is somebody's key all the same.
    #[test]
    fn what_somebody_vouches_for_is_not_replaced() {
        let setup = Setup::new(V2);
        let session = &sessions()[0];
        let owner = matrix_key_backup::wire::UserId::new("@other:example.org").unwrap();
        let theirs = SourcedSession::own_session(at(session, 1), room(), Some(&owner));
        let writer = setup.reader.writer(Names::Unstable);
        let sealed = writer.seal(&theirs, &mut rng()).unwrap();
        plant_raw(&setup, theirs.data(), sealed.as_json().to_owned(), at_index(99));
        let me = matrix_key_backup::wire::UserId::new("@me:example.org").unwrap();
        let uploader =
            Uploader::for_reader(&setup.store, &setup.trusted, setup.reader.clone(), Some(me));
        let (summary, notices) = run(&uploader.unwrap(), vec![unvouched(at(session, 0))]);
        assert_eq!(summary.blocked, 1);
        assert!(matches!(notices[0].what, NoticeKind::Blocked(BlockReason::UnreadableInPlace(_))));
    }

    #[test]
    fn key_for_another_users_backup_is_refused_on_restore() {
        let setup = Setup::new(V2);
        let owner = matrix_key_backup::wire::UserId::new("@me:example.org").unwrap();
        let own = SourcedSession::own_session(at(&sessions()[0], 0), room(), Some(&owner));
        setup.upload(vec![RoomKey::new(own)]);
        let refused = |user: &str| {
            let user = matrix_key_backup::wire::UserId::new(user).unwrap();
            let reader = setup.backup.reader(setup.reader.clone(), Some(user)).unwrap();
            pollster::block_on(async {
                let version = setup.backup.version().clone();
                let mut pages = restore(&setup.store, version, KeyScope::All, reader);
                pages.next().await.unwrap().unwrap().rejected.len()
            })
        };
        assert_eq!((refused("@me:example.org"), refused("@you:example.org")), (0, 1)); // B-2
    }

    #[test]
    fn wrong_decryption_key_is_said_and_not_taken_for_an_attack() {
        let setup = Setup::new(V2);
        let other = BackupReader::new(BackupDecryptionKey::from_slice(&[9; 32]).unwrap());
        let wrong = setup.backup.reader(other, None).unwrap_err();
        assert_eq!(wrong.expected, *setup.reader.public_key());
    }

    /// One key that is too large is one key that is too large. // V2-13
    #[test]
    fn oversized_key_does_not_stop_the_others() {
        let setup = Setup::new(V2);
        let all = sessions();
        let mut huge = at(&all[0], 0);
        let long = format!(r#""{}""#, "x".repeat(800_000));
        huge.set_other_property("org.example.long", &long).unwrap();
        let (summary, notices) = setup.upload(vec![unvouched(huge), unvouched(at(&all[1], 0))]);
        assert_eq!((summary.new, summary.blocked), (1, 1));
        assert_eq!(notices[0].what, NoticeKind::Blocked(BlockReason::TooLarge));
    }

    /// V1-2: one ephemeral key for each key, and new ones each time.
    #[test]
    fn no_ephemeral_key_is_used_twice() {
        let mut ephemerals = BTreeSet::new();
        for _ in 0..2 {
            let setup = Setup::new(V2);
            setup.upload(from_all_sessions(vouched));
            pollster::block_on(async {
                let version = setup.backup.version().clone();
                let mut pages = setup.store.keys(version, KeyScope::All);
                while let Some(page) = pages.next_page().await {
                    for key in page.unwrap() {
                        let json = key.data.unwrap().session_data;
                        let json: Value = serde_json::from_str(json.get()).unwrap();
                        ephemerals.insert(json["ephemeral"].as_str().unwrap().to_owned());
                    }
                }
            });
        }
        assert_eq!(ephemerals.len(), 200);
    }

    /// A v1 entry with a MAC that does not hold, as somebody who knows the public key could plant it.
    fn plant_with_wrong_mac(setup: &Setup, data: &BackedUpSessionData, index: u64) {
        let entry = matrix_key_backup::v1::encrypt(setup.reader.public_key(), data, &mut rng());
        let mut entry: Value = serde_json::from_str(entry.unwrap().as_json()).unwrap();
        entry["unsigned"] = serde_json::json!({ "backup_mac": "A".repeat(43) });
        plant_raw(setup, data, entry.to_string(), at_index(index));
    }

    /// H-2: an upload that meets a MAC that does not hold says so, whatever becomes of the key.
    #[test]
    fn upload_reports_a_mac_that_does_not_hold() {
        let session = &sessions()[0];
        for (export, effect) in [(1, Effect::Unchanged), (0, Effect::Improved)] {
            let setup = Setup::new(BackupAlgorithm::V1);
            plant_with_wrong_mac(&setup, &at(session, 1), 99);
            let (summary, notices) = setup.upload(vec![unvouched(at(session, export))]);
            assert_eq!(summary.ignored_macs, 1, "{effect:?}");
            assert_eq!(summary.unchanged, u64::from(effect == Effect::Unchanged));
            assert_eq!(summary.improved, u64::from(effect == Effect::Improved));
            assert!(matches!(&notices[..], [UploadNotice { what: NoticeKind::IgnoredMac(_), .. }]));
        }
    }

    #[test]
    fn conflict_and_a_mac_that_does_not_hold_are_both_reported() {
        let setup = Setup::new(BackupAlgorithm::V1);
        let session = &sessions()[0];
        plant_with_wrong_mac(&setup, &unconnected(session), 0);
        let (summary, notices) = setup.upload(vec![unvouched(at(session, 1))]);
        assert_eq!((summary.ignored_macs, summary.conflicts), (1, 1));
        assert_eq!(notices.len(), 2);
    }

    /// What stands beside the merged key, where a store has an entry with `stored` beside it and an
    /// earlier copy is uploaded.
    fn merged_metadata(
        stored: KeyMetadata,
        stored_is_vouched_for: bool,
        earlier: RoomKey,
    ) -> (UploadSummary, KeyMetadata) {
        let setup = Setup::new(V2);
        let data = at(&sessions()[0], 1);
        let entry = match stored_is_vouched_for {
            true => SourcedSession::own_session(data, room(), None),
            false => SourcedSession::unvouched(data, room()),
        };
        let sealed = setup.reader.writer(Names::Unstable).seal(&entry, &mut rng()).unwrap();
        plant_raw(&setup, entry.data(), sealed.as_json().to_owned(), stored);
        let (summary, _) = setup.upload(vec![earlier]);
        (summary, super::stored(&setup)[0].1)
    }

    fn from_another_sender(session: &Value) -> BackedUpSessionData {
        let mut json: Value = serde_json::from_str(&at(session, 0).to_json()).unwrap();
        json["sender_key"] = "somebody else's".into();
        BackedUpSessionData::parse(json.to_string().as_bytes()).unwrap()
    }

    /// A-5: verified is what this uploader verified, or the one whose authenticated entry it keeps,
    /// and only of the device that the merged key names.
    #[test]
    fn verified_goes_with_the_sender_that_was_verified() {
        let session = &sessions()[0];
        let with = |mut key: RoomKey, sender_verified| {
            key.sender_verified = sender_verified;
            key
        };
        let same = |sender_verified| with(unvouched(at(session, 0)), sender_verified);
        let another = |verified| with(unvouched(from_another_sender(session)), verified);
        let own = |sender_verified| with(vouched(at(session, 0)), sender_verified);
        let unverified = at_index(99);
        let verified = KeyMetadata { is_verified: true, ..unverified };

        for (stored, stored_is_vouched_for, earlier, expected) in [
            (unverified, true, same(false), false),
            (unverified, true, same(true), true),
            (verified, true, same(false), true),
            (verified, true, own(false), true),
            (unverified, true, own(true), true),
            // Verified is another device than the one that the merged key names.
            (unverified, true, another(true), false),
            (verified, true, another(false), true),
            // Nobody vouches for either.
            (unverified, false, same(true), false),
            (unverified, false, own(false), false),
            (unverified, false, own(true), true),
        ] {
            let what = format!("{stored:?} {stored_is_vouched_for} {earlier:?}");
            let (summary, written) = merged_metadata(stored, stored_is_vouched_for, earlier);
            assert_eq!((summary.improved, written.is_verified), (1, expected), "{what}");
            assert_eq!(written.first_message_index, 0);
        }
        // What the store says of an entry for which nobody vouches is handed back for nothing, so
        // the store keeps that one. // A-2
        for earlier in [same(true), own(false)] {
            let (summary, kept) = merged_metadata(verified, false, earlier);
            assert_eq!((summary.blocked, kept), (1, verified));
        }
    }

    #[test]
    fn forwarded_count_is_not_taken_from_the_store() {
        let earlier = unvouched(at(&sessions()[0], 0));
        let forwarders = earlier.session.data().forwarding_curve25519_key_chain().len() as u64;
        assert_ne!(forwarders, at_index(99).forwarded_count);
        let (summary, written) = merged_metadata(at_index(99), true, earlier);
        assert_eq!((summary.improved, written.forwarded_count), (1, forwarders));
    }

    /// A store that answers with two entries where there is one.
    #[derive(Debug)]
    struct TwiceStore<'s> {
        store: &'s SqliteStore,
        more: KeyToStore,
        more_first: bool,
    }

    impl BackupStore for TwiceStore<'_> {
        type Error = SqliteStoreError;

        async fn current_version(&self) -> Outcome<Option<BackupVersion>> {
            self.store.current_version().await
        }

        async fn version(&self, version: &VersionId) -> Outcome<Option<BackupVersion>> {
            self.store.version(version).await
        }

        async fn create_version(&self, _: &str, _: &RawValue) -> Outcome<VersionId> {
            panic!("an upload creates no version")
        }

        async fn update_auth_data(&self, _: &VersionId, _: &str, _: &RawValue) -> Outcome<()> {
            panic!("an upload changes no version")
        }

        async fn delete_version(&self, _: &VersionId) -> Outcome<bool> {
            panic!("an upload deletes nothing")
        }

        async fn put_keys(
            &self,
            version: &VersionId,
            keys: Vec<KeyToStore>,
        ) -> Outcome<PutOutcome> {
            self.store.put_keys(version, keys).await
        }

        fn keys(&self, version: VersionId, scope: KeyScope) -> KeyPages<'_, SqliteStoreError> {
            self.store.keys(version, scope)
        }

        async fn keys_of(
            &self,
            version: &VersionId,
            sessions: &[(RoomId, SessionId)],
        ) -> Outcome<Vec<ReceivedKey>> {
            let mut found = self.store.keys_of(version, sessions).await?;
            let KeyToStore { room_id, session_id, data } = self.more.clone();
            let more = ReceivedKey { room_id, session_id, data: Ok(data) };
            found.insert(if self.more_first { 0 } else { found.len() }, more);
            Ok(found)
        }

        async fn delete_keys(&self, _: &VersionId, _: KeyScope) -> Outcome<PutOutcome> {
            panic!("an upload deletes nothing")
        }
    }

    type Outcome<T> = Result<T, StoreError<SqliteStoreError>>;

    /// Of two entries for one session, whichever the uploader took, it could overwrite the one that
    /// is vouched for with less. // A-3
    #[test]
    fn session_that_a_store_names_twice_is_left_alone() {
        for (more_first, write_only) in [(true, false), (false, false), (true, true), (false, true)]
        {
            let setup = Setup::new(V2);
            let session = &sessions()[0];
            setup.upload(vec![vouched(at(session, 1))]);
            let etag = setup.etag();
            // A forged entry, over which the key that is uploaded now would be written.
            let forger = setup.trusted.writer(mac_key(1)).unwrap();
            let own = SourcedSession::own_session(at(session, 1), room(), None);
            let data = KeyBackupData {
                first_message_index: 99,
                forwarded_count: 0,
                is_verified: false,
                session_data: forger.seal(&own, &mut rng()).unwrap().into_raw(),
            };
            let session_id = own.session_id();
            let more = KeyToStore { room_id: room(), session_id, data };
            // Through what every store can be used by: what it does itself, it does there too.
            let store = Arc::new(TwiceStore { store: &setup.store, more, more_first });
            let store = &store;

            let mut notices = Vec::new();
            let observe = |event: UploadEvent<'_>| {
                if let UploadEvent::Notice(notice) = event {
                    notices.push(notice.what.clone());
                }
            };
            let keys = vec![unvouched(unconnected(session)), unvouched(at(&sessions()[1], 0))];
            let summary = pollster::block_on(async {
                let mac_key = setup.reader.mac_key().clone();
                let uploader = if write_only {
                    Uploader::for_writer(&store, &setup.trusted, mac_key, &mut TrustState::new())
                        .await
                } else {
                    Uploader::for_reader(&store, &setup.trusted, setup.reader.clone(), None)
                };
                uploader.unwrap().upload(keys, observe).await.unwrap()
            });
            assert_eq!((summary.blocked, summary.new), (1, 1));
            assert_eq!(notices, [NoticeKind::Blocked(BlockReason::StoredTwice)]);
            assert_ne!(setup.etag(), etag); // the other key went in
            let id = at(session, 1).session_key().session_id();
            let kept = setup.restore().sessions;
            let kept = kept.iter().find(|s| *s.session_id() == id).unwrap();
            assert!(kept.provenance().is_authenticated());
            assert_eq!(kept.data().session_key(), at(session, 1).session_key());
        }
    }

    /// The limit of A-3 that SECURITY.md tells. Junk in a part of the ratchet that is made anew before
    /// the index that is vouched for does not show. What is vouched for stays whole, and the true
    /// key, when it comes, is reported.
    #[test]
    fn junk_before_an_index_that_is_vouched_for() {
        let setup = Setup::new(V2);
        let session = &sessions()[0];
        let key_at = |key: &BackedUpSessionData, index| {
            let export = ExportedSessionKey::from_base64(&key.session_key().expose_base64());
            let export = InboundGroupSession::import(&export.unwrap(), SessionConfig::version_1())
                .export_at(index)
                .unwrap();
            with_session_key(session, &export.to_base64())
        };
        let first = at(session, 0);
        assert!(first.session_key().first_known_index() < 5);
        let junk = {
            let key = first.session_key().expose_base64();
            let mut bytes = matrix_key_backup::primitives::base64::decode_unpadded(&key).unwrap();
            bytes[101..133].fill(7); // the fastest part
            let key = matrix_key_backup::primitives::base64::encode_unpadded(&bytes);
            with_session_key(session, &key)
        };
        let later = key_at(&first, 300);
        setup.upload(vec![vouched(later.clone())]);
        let (summary, notices) = setup.upload(vec![unvouched(junk)]);
        assert_eq!((summary.improved, notices), (1, vec![]));
        let kept = setup.only();
        assert!(kept.provenance().is_authenticated());
        assert_eq!(*kept.data().sender_key(), *later.sender_key());
        assert_eq!(key_at(kept.data(), 300).session_key(), later.session_key());

        let (_, notices) = setup.upload(vec![unvouched(key_at(&first, 5))]);
        assert_eq!(notices[0].what, NoticeKind::Conflict { stored_kept: true });
    }

    fn with_session_key(session: &Value, key: &str) -> BackedUpSessionData {
        let mut json = session["session_data"].clone();
        json["session_key"] = key.into();
        BackedUpSessionData::parse(json.to_string().as_bytes()).unwrap()
    }

    /// Every key is told once its batch is acknowledged, so that a client can mark it.
    #[test]
    fn every_key_is_told() {
        let setup = Setup::new(V2);
        let mut told = Vec::new();
        let observe = |event: UploadEvent<'_>| {
            if let UploadEvent::Key { session_id, effect, .. } = event {
                told.push((session_id.to_string(), effect));
            }
        };
        let keys = from_all_sessions(unvouched);
        pollster::block_on(setup.uploader().upload(keys, observe)).unwrap();
        assert_eq!(told.len(), 100);
        assert!(told.iter().all(|(_, effect)| *effect == Effect::New));
    }
}

/// A-3 between two that are restored.
mod merging {
    use matrix_key_backup::merge::{Merged, merge};

    use super::*;

    fn restored(key: RoomKey) -> BackedUpSession {
        let setup = Setup::new(V2);
        setup.upload(vec![key]);
        setup.only()
    }

    fn by(data: &BackedUpSessionData, sender: &str) -> BackedUpSessionData {
        let mut json: Value = serde_json::from_str(&data.to_json()).unwrap();
        json["sender_key"] = sender.into();
        BackedUpSessionData::parse(json.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn lower_index_and_better_provenance_are_both_kept_in_either_order() {
        let session = &sessions()[0];
        for swapped in [false, true] {
            let (a, b) = (restored(vouched(at(session, 1))), restored(unvouched(at(session, 0))));
            let Merged { session, conflicting, .. } =
                if swapped { merge(b, a) } else { merge(a, b) };
            assert!(conflicting.is_none());
            assert!(session.provenance().is_authenticated());
            assert_eq!(session.first_message_index(), 0);
        }
    }

    #[test]
    fn of_two_unconnected_ones_the_first_stays() {
        let session = &sessions()[0];
        let (a, b) =
            (restored(unvouched(at(session, 1))), restored(unvouched(unconnected(session))));
        let merged = merge(a, b);
        assert_eq!(merged.session.data().session_key(), at(session, 1).session_key());
        assert!(merged.conflicting.is_some());
    }

    #[test]
    fn two_vouched_senders_contradict_each_other() {
        let session = &sessions()[0];
        let a = restored(vouched(by(&at(session, 0), "one")));
        let b = restored(vouched(by(&at(session, 1), "other")));
        assert!(merge(a, b).conflicting.is_some());
    }

    #[test]
    fn room_under_the_mac_is_not_lost() {
        let session = &sessions()[0];
        let with_room = restored(vouched(at(session, 1)));
        // An authenticated key without a context, as another implementation writes it.
        let setup = Setup::new(V2);
        let data = at(session, 0);
        let mut rng = rand_core::UnwrapErr(rand::rngs::SysRng);
        let raw = matrix_key_backup::primitives::hazmat::encrypt(
            setup.reader.public_key(),
            data.to_json().as_bytes(),
            &mut rng,
        )
        .unwrap();
        let encrypted =
            matrix_key_backup::wire::EncryptedSessionData::new(&raw.ephemeral, raw.ciphertext);
        let mac = setup.reader.mac_key().mac(encrypted.signable().as_bytes());
        let json = encrypted.to_json_with_backup_mac(&mac, Names::Stable);
        let entry = KeyBackupData {
            first_message_index: 0,
            forwarded_count: 0,
            is_verified: false,
            session_data: RawValue::from_string(json).unwrap(),
        };
        let session_id = data.session_key().session_id();
        setup.put(vec![KeyToStore { room_id: room(), session_id, data: entry }]);
        let without_room = setup.only();
        assert!(without_room.provenance().is_authenticated());

        let merged = merge(with_room, without_room).session;
        assert_eq!(merged.first_message_index(), 0);
        assert_eq!(merged.room_assurance(), matrix_key_backup::v2::RoomAssurance::UnderMac); // B-2
    }

    #[test]
    fn keys_of_two_sessions_are_not_merged() {
        let all = sessions();
        let (a, b) = (restored(unvouched(at(&all[0], 0))), restored(vouched(at(&all[1], 0))));
        let id = a.session_id().clone();
        let merged = merge(a, b);
        assert_eq!(*merged.session.session_id(), id);
        assert!(merged.conflicting.is_some());
    }
}
