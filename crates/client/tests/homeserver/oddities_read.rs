//! What the engine makes of what a homeserver keeps, rewrites, or replaces: on the way up by the
//! uploader, and on the way down by our own reading.

use futures_util::StreamExt as _;
use matrix_key_backup::primitives::BackupDecryptionKey;
use matrix_key_backup::state::{BackupState, KeySetbackKind, VersionSetback};
use matrix_key_backup::store::{BackupStore, KeyScope};
use matrix_key_backup::upload::{BlockReason, Effect, NoticeKind, RoomKey, UploadEvent, Uploader};
use matrix_key_backup::v2::{BackupReader, OlmSender, SourcedSession, UnverifiedSessionData};
use matrix_key_backup::wire::{BackedUpSessionData, BackupAlgorithm, Json, Names};
use matrix_key_backup::{
    BackedUpSession, EntryReader, OpenBackup, RejectedKey, create_backup, restore,
};
use rand::rand_core::UnwrapErr;
use rand::rngs::SysRng;
use serde_json::{Value, json};

use crate::common::{raw, room, session};
use crate::keys::{ED25519, trust};
use crate::support::{Homeserver, User};

const V2: BackupAlgorithm = BackupAlgorithm::V2(Names::Unstable);
const ROOM: &str = "!room:example.org";

/// A user with an empty backup.
struct Setup {
    user: User,
    key: BackupReader,
    backup: OpenBackup,
}

impl Setup {
    async fn new() -> Self {
        let user = Homeserver::from_environment().new_user().await;
        let key = BackupReader::new(BackupDecryptionKey::random().unwrap());
        let backup = create_backup(&user.store(), &key, V2).await.unwrap();
        Self { user, key, backup }
    }

    /// Uploads one key, and says what became of it.
    async fn upload(&self, key: RoomKey) -> (Effect, Vec<NoticeKind>) {
        let (store, trusted) = (self.user.store(), trust(&self.backup, &self.key));
        let uploader = Uploader::for_reader(&store, &trusted, self.key.clone(), None).unwrap();
        let (mut effects, mut notices) = (Vec::new(), Vec::new());
        let observe = |event: UploadEvent<'_>| match event {
            UploadEvent::Key { effect, .. } => effects.push(effect),
            UploadEvent::Notice(notice) => notices.push(notice.what.clone()),
            UploadEvent::Progress { .. } => {}
            _ => panic!("{event:?}"),
        };
        uploader.upload([key], observe).await.unwrap();
        assert_eq!(effects.len(), 1);
        (effects[0], notices)
    }

    /// The path of one entry.
    fn path(&self, id: &str) -> String {
        let id = id.replace('+', "%2B").replace('/', "%2F");
        format!("/v3/room_keys/keys/{ROOM}/{id}?version={}", self.backup.version())
    }

    /// The entry of one session, as the server has it.
    async fn entry(&self, id: &str) -> Value {
        self.user.get(&self.path(id)).await.ok()
    }

    /// Puts an entry behind the client's back.
    async fn put(&self, id: &str, entry: &Value) {
        self.user.put(&self.path(id), entry).await.ok();
    }

    async fn read<S: BackupStore>(&self, store: &S) -> Read {
        let mut read = Read::default();
        self.watched(store, None, |batch| read = batch).await;
        read
    }

    /// Restores all, beside a state where there is one.
    async fn watched<S: BackupStore>(
        &self,
        store: &S,
        state: Option<&mut BackupState>,
        mut each: impl FnMut(Read),
    ) -> Vec<KeySetbackKind> {
        let (version, scope) = (self.backup.version().clone(), KeyScope::All);
        let mut watch = state.as_ref().map(|state| state.watch(&version, &scope));
        let reader = EntryReader::new(self.key.clone(), V2, None);
        let mut batches = restore(store, version, scope, reader);
        while let Some(batch) = batches.next().await {
            let batch = batch.unwrap();
            if let Some(watch) = &mut watch {
                watch.note(&batch);
            }
            each(Read { sessions: batch.sessions, rejected: batch.rejected });
        }
        let (Some(watch), Some(state)) = (watch, state) else { return Vec::new() };
        watch.finish(state).iter().map(|setback| setback.what).collect()
    }
}

#[derive(Debug, Default)]
struct Read {
    sessions: Vec<BackedUpSession>,
    rejected: Vec<RejectedKey>,
}

/// One session as a client may come to have it: from its first message on, or from a later one.
fn plaintext(export: usize) -> BackedUpSessionData {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/vectors/megolm_sessions.json");
    let file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let session = &file["sessions"][0];
    let mut json = session["session_data"].clone();
    json["session_key"] = session["exports"][export]["session_key"].clone();
    json["sender_claimed_keys"] = json!({"ed25519": ED25519});
    json["org.example.unknown"] = json!({"deep": ["é", 1]});
    BackedUpSessionData::parse(json.to_string().as_bytes()).unwrap()
}

/// From the first message on, and from the 127th on.
const FIRST: usize = 0;
const LATER: usize = 1;

fn vouched(export: usize) -> RoomKey {
    let data = plaintext(export);
    let curve25519 = data.sender_key().to_owned();
    let sender = OlmSender { curve25519: &curve25519, ed25519: ED25519 };
    RoomKey::new(SourcedSession::from_olm_room_key(data, sender, room(ROOM), None).unwrap())
}

fn unvouched(export: usize, forwarded_count: u64) -> RoomKey {
    let mut key = RoomKey::new(SourcedSession::unvouched(plaintext(export), room(ROOM)));
    key.forwarded_count = forwarded_count;
    key
}

fn index(entry: &Value) -> u64 {
    entry["first_message_index"].as_u64().unwrap()
}

/// A-2, M-8: an authenticated key does not replace an unauthenticated one with the same metadata, and
/// the uploader says so, and what to do.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
async fn an_uploader_tells_of_a_tie() {
    let setup = Setup::new().await;
    let id = vouched(FIRST).session.session_id().to_string();
    assert_eq!(setup.upload(unvouched(FIRST, 0)).await, (Effect::New, vec![]));
    let before = setup.entry(&id).await;
    let blocked = NoticeKind::Blocked(BlockReason::StoreKeepsOld);
    assert_eq!(setup.upload(vouched(FIRST)).await, (Effect::Blocked, vec![blocked]));
    assert_eq!(setup.entry(&id).await, before);
    let read = setup.read(&setup.user.store()).await;
    assert!(!read.sessions[0].provenance().is_authenticated());
}

/// A-3: by the rule of the server a later key with a lower `forwarded_count` would take the place of
/// an earlier one. The uploader merges, so no message is lost, and no provenance.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
async fn an_uploader_loses_no_message_by_the_rule_of_the_server() {
    let setup = Setup::new().await;
    let id = vouched(FIRST).session.session_id().to_string();
    setup.upload(unvouched(FIRST, 3)).await;
    let first = setup.entry(&id).await;
    // The oddity: put as it is, the later one is taken.
    let mut later = first.clone();
    (later["first_message_index"], later["forwarded_count"]) = (json!(127), json!(2));
    setup.put(&id, &later).await;
    assert_eq!(index(&setup.entry(&id).await), 127, "the oddity");
    setup.put(&id, &first).await;
    assert_eq!(index(&setup.entry(&id).await), 0);

    assert_eq!(setup.upload(unvouched(LATER, 0)).await, (Effect::Unchanged, vec![]));
    assert_eq!(setup.entry(&id).await, first);
    assert_eq!(setup.upload(vouched(LATER)).await, (Effect::Improved, vec![]));
    let merged = setup.entry(&id).await;
    let forwarded = json!(vouched(LATER).forwarded_count);
    assert_eq!((index(&merged), &merged["forwarded_count"]), (0, &forwarded));
    let read = setup.read(&setup.user.store()).await;
    let [session] = read.sessions.as_slice() else { panic!("{read:?}") };
    assert_eq!(session.data().session_key(), plaintext(FIRST).session_key());
    assert!(session.provenance().is_authenticated());
}

/// B-3: an entry that is as good as it was once, in the place of a better one. Its MAC holds, version,
/// count and etag are those of now: memory alone can tell.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
async fn an_older_entry_in_the_place_of_a_newer_one_is_noticed_after_a_restart() {
    let setup = Setup::new().await;
    let id = vouched(FIRST).session.session_id().to_string();
    let mut entries = Vec::new();
    for key in [unvouched(LATER, 0), vouched(LATER), vouched(FIRST)] {
        setup.upload(key).await;
        entries.push(setup.entry(&id).await);
    }
    // The second was a tie, so this one is made here; the server might have had it before.
    let rng = &mut UnwrapErr(SysRng);
    let sealed = setup.key.writer(Names::Unstable).seal(&vouched(LATER).session, rng).unwrap();
    entries[1]["session_data"] = serde_json::from_str(sealed.as_json()).unwrap();
    let mut unvouched_for = entries[2].clone();
    let sealed = setup.key.writer(Names::Unstable).seal(&unvouched(FIRST, 0).session, rng).unwrap();
    unvouched_for["session_data"] = serde_json::from_str(sealed.as_json()).unwrap();

    let mut state = BackupState::generate(&mut UnwrapErr(SysRng));
    let now = OpenBackup::current(&setup.user.store()).await.unwrap();
    assert_eq!(state.note_version(&now), None);
    let store = setup.user.store();
    assert_eq!(setup.watched(&store, Some(&mut state), |_| {}).await, []);
    let later = KeySetbackKind::LaterIndex { found: 127 };
    for (older, expected) in [
        (&entries[0], &[later][..]),
        (&entries[1], &[later]),
        (&unvouched_for, &[KeySetbackKind::NotAuthenticated]),
        (&entries[2], &[]),
    ] {
        let (older, at) = (older.clone(), id.clone());
        let server = setup.user.edited_store(move |path, answer| {
            if path.ends_with("/room_keys/keys") {
                answer["rooms"][ROOM]["sessions"][&at] = older.clone();
            }
        });
        // Every attempt begins after a restart.
        let mut state: BackupState =
            serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
        let again = OpenBackup::current(&server).await.unwrap();
        assert_eq!(state.note_version(&again), None, "the version says nothing");
        let mut rejected = 0;
        let count = |read: Read| rejected += read.rejected.len();
        let kinds = setup.watched(&server, Some(&mut state), count).await;
        assert_eq!((kinds.as_slice(), rejected), (expected, 0));
    }
}

/// B-3: the whole version as it was before.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
async fn a_version_that_is_rolled_back_is_noticed_after_a_restart() {
    let setup = Setup::new().await;
    setup.upload(vouched(LATER)).await;
    let version = "/v3/room_keys/version";
    let older = setup.user.get(version).await.ok();
    let mut state = BackupState::generate(&mut UnwrapErr(SysRng));
    let store = setup.user.store();
    assert_eq!(state.note_version(&OpenBackup::current(&store).await.unwrap()), None);
    setup.upload(vouched(FIRST)).await;
    assert_eq!(state.note_version(&OpenBackup::current(&store).await.unwrap()), None);
    let mut state: BackupState =
        serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap();
    let server = setup.user.edited_store(move |_, answer| answer.clone_from(&older));
    let rolled_back = OpenBackup::current(&server).await.unwrap();
    assert_eq!(state.note_version(&rolled_back), Some(VersionSetback::OlderState));
}

/// V2-5, A-4: what we do not know is kept and covered by the MAC, and what was added later is told
/// from it.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
async fn unknown_properties_are_read_and_their_mac_decides() {
    let setup = Setup::new().await;
    let key = vouched(FIRST);
    let id = key.session.session_id().to_string();
    let rng = &mut UnwrapErr(SysRng);
    let cleartext = json!({"org.example.a": [1, {"ü": null}], "org.example.b": "b"}).to_string();
    let cleartext = Json::parse(&cleartext).unwrap();
    let writer = setup.key.writer(Names::Unstable);
    let sealed = writer.reseal(&key.session, cleartext.as_object().unwrap(), rng).unwrap();
    let sealed: Value = serde_json::from_str(sealed.as_json()).unwrap();
    let change = |change: &dyn Fn(&mut Value)| {
        let mut entry = json!({
            "first_message_index": 0, "forwarded_count": 0, "is_verified": false,
            "session_data": sealed,
        });
        change(&mut entry);
        entry
    };
    let good: [&dyn Fn(&mut Value); 3] =
        [&|_| {}, &|entry| entry["org.example.beside"] = json!("dropped"), &|entry| {
            entry["session_data"]["unsigned"]["org.example.note"] = json!(["not covered"]);
        }];
    let bad: [&dyn Fn(&mut Value); 4] = [
        &|entry| entry["session_data"]["org.example.c"] = json!("added"),
        &|entry| entry["session_data"]["org.example.b"] = json!("changed"),
        &|entry| entry["session_data"]["org.example.a"][1]["ü"] = json!(0),
        &|entry| drop(entry["session_data"].as_object_mut().unwrap().remove("org.example.b")),
    ];
    let scope = || KeyScope::Session(room(ROOM), session(&id));
    let store = setup.user.store();
    for (changes, is_good) in [(&good[..], true), (&bad[..], false)] {
        for (n, entry) in changes.iter().map(|it| change(*it)).enumerate() {
            store.delete_keys(setup.backup.version(), scope()).await.unwrap();
            setup.put(&id, &entry).await;
            let read = setup.read(&store).await;
            assert_eq!(
                (read.sessions.len(), read.rejected.len()),
                if is_good { (1, 0) } else { (0, 1) }
            );
            if is_good {
                // And those of the plaintext.
                let data: Value = serde_json::from_str(&read.sessions[0].data().to_json()).unwrap();
                assert_eq!(data["org.example.unknown"], json!({"deep": ["é", 1]}), "{n}");
                assert!(read.sessions[0].provenance().is_authenticated());
            } else {
                let said = read.rejected[0].to_string();
                assert!(said.contains("MAC"), "{n}: {said}");
            }
        }
    }
}

/// V2-13: a duplicate property and `-0` are malformed for us. The server makes one property and `0`
/// of them, and the MAC then covers what is left.
#[tokio::test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
async fn the_last_duplicate_wins_and_minus_zero_is_zero() {
    let setup = Setup::new().await;
    let key = vouched(FIRST);
    let id = key.session.session_id().to_string();
    let rng = &mut UnwrapErr(SysRng);
    let cleartext = r#"{"org.example.n":0,"org.example.s":"last"}"#;
    let cleartext = Json::parse(cleartext).unwrap();
    let writer = setup.key.writer(Names::Unstable);
    let sealed = writer.reseal(&key.session, cleartext.as_object().unwrap(), rng).unwrap();
    let text = sealed.as_json();
    let (n, s) = (r#""org.example.n":0"#, r#""org.example.s":"last""#);
    assert!(text.contains(n) && text.contains(s), "{text}");
    let twice = |first: &str, last: &str| {
        text.replace(s, &format!(r#""org.example.s":"{first}","org.example.s":"{last}""#))
    };
    let store = setup.user.store();
    let scope = || KeyScope::Session(room(ROOM), session(&id));
    for (sent, stored, is_good) in [
        (text.replace(n, r#""org.example.n":-0"#), json!([0, "last"]), true),
        (twice("first", "last"), json!([0, "last"]), true),
        (twice("last", "first"), json!([0, "first"]), false),
    ] {
        // As it was sent, nobody of ours takes it.
        let ours = UnverifiedSessionData::parse(&sent, V2).map(|it| it.verify(setup.key.mac_key()));
        assert!(!matches!(ours, Ok(Ok(_))), "{sent}");
        store.delete_keys(setup.backup.version(), scope()).await.unwrap();
        let mut to_store = crate::common::plain_key(ROOM, &id);
        to_store.data.session_data = raw(&sent);
        store.put_keys(setup.backup.version(), vec![to_store]).await.unwrap();
        let found = &setup.entry(&id).await["session_data"];
        assert_eq!(json!([found["org.example.n"], found["org.example.s"]]), stored, "the oddity");
        let read = setup.read(&store).await;
        assert_eq!(
            (read.sessions.len(), read.rejected.len()),
            if is_good { (1, 0) } else { (0, 1) }
        );
    }
}
