//! `migrate`: everything goes over that may, nothing is destroyed, and it is said. // M-1 to M-8

use std::{
    fs,
    path::{Path, PathBuf},
};

use matrix_key_backup::primitives::BackupDecryptionKey;
use rusqlite::params;
use serde_json::Value;

use crate::support::{Ran, World, key, mode, sessions, tamper, text};

/// A store with a backup of this kind, and so many keys, under a key that is in a file.
struct Old {
    world: World,
    store: PathBuf,
    key_file: PathBuf,
}

impl Old {
    fn new(count: usize, create: &[&str]) -> Self {
        let mut world = World::new();
        let (store, key_file) = (world.path("store.sqlite3"), world.key_file("key", &key(1)));
        world.export("keys.txt", &sessions(count));
        let old = Self { world, store, key_file };
        old.run(["create"].iter().chain(create).copied()).done();
        old.run(["upload", "keys.txt", "--passphrase-file", "passphrase"]).done();
        old
    }

    fn v1(count: usize) -> Self {
        Self::new(count, &["--algorithm", "v1"])
    }

    fn v2(count: usize) -> Self {
        Self::new(count, &[])
    }

    fn run<'a>(&'a self, arguments: impl IntoIterator<Item = &'a str>) -> Ran {
        let with = ["--store", text(&self.store), "--key-file", text(&self.key_file)];
        self.world.run(arguments.into_iter().chain(with))
    }

    fn json<'a>(&'a self, arguments: impl IntoIterator<Item = &'a str>) -> Value {
        self.run(arguments.into_iter().chain(["--json"])).done().json()
    }

    /// With another key than the old one.
    fn verify_with(&self, key_file: &Path) -> Value {
        let arguments = ["verify", "--json", "--store", text(&self.store), "--key-file"];
        self.world.run(arguments.into_iter().chain([text(key_file)])).done().json()
    }

    fn versions(&self) -> Value {
        let status = ["status", "--json", "--store", text(&self.store)];
        self.world.run(status).done().json()["versions"].clone()
    }

    /// All that the store has, as a database says it.
    fn content(&self) -> Vec<String> {
        let file = tamper(&self.store);
        let mut rows = Vec::new();
        for query in [
            "SELECT version || '|' || algorithm || '|' || auth_data || '|' || etag || '|' || count
             FROM versions ORDER BY 1",
            "SELECT version || '|' || room_id || '|' || session_id || '|' || is_verified || '|'
             || session_data FROM keys ORDER BY version, room_id, session_id",
        ] {
            let mut statement = file.prepare(query).unwrap();
            let found = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
            rows.extend(found.map(Result::unwrap));
        }
        rows
    }

    /// Changes the entry of the n-th session in a version.
    fn set(&self, version: i64, session: usize, session_data: &str) {
        let id = sessions(session + 1)[session].session_id().to_string();
        let query = "UPDATE keys SET session_data = ?3 WHERE version = ?1 AND session_id = ?2";
        let changed = tamper(&self.store).execute(query, params![version, id, session_data]);
        assert_eq!(changed.unwrap(), 1);
    }
}

fn kinds(report: &Value) -> Vec<&str> {
    let findings = report["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["kind"].as_str().unwrap()).collect()
}

/// M-1: whoever wrote a key into a v1 backup, nobody vouches for it, and each is named.
#[test]
fn a_v1_backup_becomes_an_authenticated_one() {
    let old = Old::v1(25);
    let before = old.content();
    let ran = old.run(["migrate", "--yes"]).done();
    assert!(ran.err.contains("know only v1 backups stop"), "{}", ran.err); // M-7
    assert_eq!(ran.err.matches("marked: session ").count(), 20, "{}", ran.err);
    assert!(ran.err.contains("and 5 more marked; --all names them"), "{}", ran.err);
    for part in [
        "version 1, not authenticated (v1)",
        "version 2, authenticated (v2, names of the proposal)",
        "25  encrypted anew",
        "25  of these marked",
        "25  read back and compared",
        "Complete: version 2 has every key of version 1.",
        "`delete --backup-version 1`",
    ] {
        assert!(ran.out.contains(part), "{part:?} is not in {}", ran.out);
    }
    let verified = old.json(["verify"]);
    assert_eq!((&verified["version"], &verified["entries"]), (&"2".into(), &25.into()));
    assert_eq!(verified["unauthenticated"]["m.legacy-v1"], 25);
    // The old one is as it was. // M-5
    let after = old.content();
    assert!(before.iter().all(|row| after.contains(row)));
    assert_eq!(old.json(["verify", "--backup-version", "1"])["entries"], 25);
}

/// M-3: a plaintext with a name of the other kind is encrypted anew, and its value kept.
#[test]
fn stable_names() {
    let old = Old::v2(4);
    let report = old.json(["migrate", "--names", "stable"]);
    assert_eq!(report["new_algorithm"], "m.backup.v2.curve25519-aes-sha2");
    assert_eq!((&report["entries"], &report["reencrypted"]), (&4.into(), &4.into()));
    assert_eq!((&report["marked_legacy_v1"], &report["complete"]), (&0.into(), &true.into()));
    assert_eq!(kinds(&report), Vec::<&str>::new());
    let verified = old.json(["verify"]);
    assert_eq!(verified["unauthenticated"]["m.undefined"], 4); // the value is kept
    for row in old.content().iter().filter(|row| row.starts_with("2|")) {
        assert!(!row.contains("org.matrix.msc4048"), "{row}");
    }
}

/// The new key is in a file of the owner's before there is a version that needs it.
#[test]
fn another_key() {
    let mut old = Old::v2(5);
    let new_key = old.world.path("new.key");
    let ran = old.run(["migrate", "--new-key", "--key-out", text(&new_key)]).done();
    let written = fs::read_to_string(&new_key).unwrap();
    let written = BackupDecryptionKey::from_base58(&written).unwrap();
    old.world.keep_key_secret(&written);
    assert!(!ran.out.contains(&*written.expose_base58()), "{}", ran.out);
    assert!(!ran.err.contains(&*written.expose_base58()), "{}", ran.err);
    assert_eq!(mode(&new_key), 0o600);
    assert!(ran.err.contains(&format!("--new-key-file {}", text(&new_key))), "{}", ran.err);
    assert_ne!(written, key(1));
    assert_eq!(old.verify_with(&new_key)["entries"], 5);
    old.run(["verify"]).refused(3, &["does not fit backup version 2"]);

    // Where it goes unless it is told. Not over a file, which may be a key that is needed.
    let old = Old::v2(2);
    let beside = old.world.path("store.sqlite3.new.key");
    old.run(["migrate", "--new-key"]).done();
    assert_eq!(old.verify_with(&beside)["entries"], 2);
    let kept = fs::read(&beside).unwrap();
    let before = old.content();
    old.run(["migrate", "--new-key"]).refused(2, &["is there already", "--new-key-file"]);
    old.run(["migrate", "--new-key", "--key-out", "store.sqlite3"]).refused(2, &["is the store"]);
    assert_eq!((fs::read(&beside).unwrap(), old.content()), (kept, before));
}

/// A key that cannot be written leaves the store as it was.
#[test]
fn a_new_key_that_cannot_be_written_changes_nothing() {
    let old = Old::v2(2);
    let before = old.content();
    let nowhere = ["migrate", "--new-key", "--key-out", "nowhere/new.key"];
    old.run(nowhere).refused(2, &["nowhere/new.key cannot be written"]);
    old.run(["migrate", "--key-out", "x.key"]).refused(2, &["--new-key"]);
    assert_eq!(old.content(), before);
}

/// An old version that the key does not read is not migrated, and no key is made for it.
#[test]
fn the_wrong_key_changes_nothing() {
    let mut old = Old::v1(2);
    let before = old.content();
    old.key_file = old.world.key_file("wrong", &key(9));
    for arguments in [&["migrate", "--yes"][..], &["migrate", "--new-key", "--yes"]] {
        old.run(arguments.iter().copied()).refused(3, &["does not fit backup version 1"]);
    }
    assert_eq!(old.content(), before);
    assert!(!old.world.path("store.sqlite3.new.key").exists());
}

/// The same figures, and not a byte is changed, nor a file made.
#[test]
fn a_dry_run_changes_nothing() {
    for arguments in
        [&["migrate"][..], &["migrate", "--new-key"], &["migrate", "--names", "stable"]]
    {
        let old = Old::v1(7);
        let bytes = fs::read(&old.store).unwrap();
        let dry = old.json(arguments.iter().copied().chain(["--dry-run"]));
        assert_eq!(fs::read(&old.store).unwrap(), bytes);
        assert!(!old.world.path("store.sqlite3.new.key").exists());
        assert_eq!(dry["dry_run"], true);
        for nothing in ["new_version", "compared", "different", "complete", "key_file"] {
            assert_eq!(dry[nothing], Value::Null, "{nothing}");
        }
        let real = old.json(arguments.iter().copied().chain(["--yes"]));
        for figure in ["entries", "unchanged", "mac_renamed", "reencrypted", "marked_legacy_v1"] {
            assert_eq!(dry[figure], real[figure], "{figure}");
        }
        assert_eq!(
            (&dry["reencrypted"], &dry["new_algorithm"]),
            (&7.into(), &real["new_algorithm"])
        );
        assert_eq!(kinds(&dry), ["marked"; 7]);
    }
    let text = Old::v1(1).run(["migrate", "--dry-run"]).done();
    assert!(text.out.contains("1  would be encrypted anew"), "{}", text.out);
    assert!(text.out.contains("nothing was written"), "{}", text.out);
    assert!(text.err.contains("know only v1 backups stop"), "{}", text.err);
}

/// M-7: clients that know only v1 stop backing up, so that takes a word.
#[test]
fn away_from_v1_takes_a_word() {
    let old = Old::v1(2);
    let before = old.content();
    for arguments in [&["migrate"][..], &["migrate", "--new-key"], &["migrate", "--json"]] {
        old.run(arguments.iter().copied()).refused(2, &["know only v1 backups stop", "--yes"]);
    }
    assert_eq!(old.content(), before);
    assert!(!old.world.path("store.sqlite3.new.key").exists());
    // From v2 nobody is left behind, so there is nothing to ask.
    let ran = Old::v2(2).run(["migrate", "--names", "stable"]).done();
    assert!(!ran.err.contains("v1"), "{}", ran.err);
}

/// M-5: begun again it ends in the same state, and finds the old version by itself.
#[test]
fn an_interrupted_migration_is_begun_again() {
    let old = Old::v1(9);
    old.run(["migrate", "--yes"]).done();
    let whole = old.content();
    // As if it had been killed half way.
    let file = tamper(&old.store);
    let removed = file
        .execute(
            "DELETE FROM keys WHERE version = 2 AND session_id IN
             (SELECT session_id FROM keys WHERE version = 2 ORDER BY session_id LIMIT 4)",
            [],
        )
        .unwrap();
    assert_eq!(removed, 4);
    file.execute("UPDATE versions SET count = 5 WHERE version = 2", []).unwrap();
    drop(file);

    let ran = old.run(["migrate", "--json"]).done(); // those clients have stopped already
    let report = ran.json();
    assert_eq!((&report["version"], &report["new_version"]), (&"1".into(), &"2".into()));
    assert_eq!((&report["already_there"], &report["reencrypted"]), (&5.into(), &4.into()));
    assert_eq!(report["complete"], true);
    assert_eq!(old.versions(), serde_json::json!(["2", "1"]));
    assert_eq!(old.content().len(), whole.len());

    let done = old.content();
    let again = old.run(["migrate"]).done();
    assert!(again.err.contains("version 1 is migrated to it"), "{}", again.err);
    assert!(again.out.contains("9  in the new version already"), "{}", again.out);
    assert_eq!(old.content(), done);
    let named = old.json(["migrate", "--backup-version", "1"]);
    assert_eq!(named["already_there"], 9);
}

/// With the file of the new key that it has written.
#[test]
fn an_interrupted_change_of_the_key_goes_on_with_its_key() {
    let mut old = Old::v2(6);
    let new_key = old.world.key_file("new.key", &key(2));
    // As if it had been killed after writing the key: there is no version yet.
    let migrate = ["migrate", "--new-key-file", text(&new_key)];
    let first = old.json(migrate);
    assert_eq!((&first["version"], &first["new_version"]), (&"1".into(), &"2".into()));
    assert_eq!(first["key_file"], Value::Null);
    // And after making the version.
    let file = tamper(&old.store);
    file.execute("DELETE FROM keys WHERE version = 2", []).unwrap();
    file.execute("UPDATE versions SET count = 0 WHERE version = 2", []).unwrap();
    drop(file);
    let again = old.json(migrate);
    assert_eq!((&again["version"], &again["new_version"]), (&"1".into(), &"2".into()));
    assert_eq!((&again["reencrypted"], &again["complete"]), (&6.into(), &true.into()));
    assert_eq!(old.verify_with(&new_key)["entries"], 6);
    // Another key than that one would be a third backup, and is not made of the old one.
    let third = old.world.key_file("third.key", &key(3));
    old.run(["migrate", "--backup-version", "1", "--new-key-file", text(&third)])
        .refused(2, &["version 2", "has taken the place of version 1"]);
    assert_eq!(old.versions(), serde_json::json!(["2", "1"]));
}

/// Others than those of the old key are none of its business.
#[test]
fn only_a_version_that_the_key_reads_is_found() {
    let mut old = Old::v2(3);
    let second = old.world.key_file("second", &key(2));
    let third = ["create", "--replace", "--store", text(&old.store), "--key-file"];
    old.world.run(third.iter().copied().chain([text(&second)])).done();
    old.run(["create", "--replace"]).done();
    let report = old.json(["migrate"]);
    assert_eq!((&report["version"], &report["new_version"]), (&"1".into(), &"3".into()));
    old.key_file = second;
    old.run(["migrate"]).refused(3, &["does not fit backup version 3"]);
}

#[test]
fn there_may_be_nothing_to_do() {
    let old = Old::v2(2);
    let before = old.content();
    for arguments in [
        &["migrate"][..],
        &["migrate", "--names", "unstable"],
        &["migrate", "--backup-version", "1"],
        &["migrate", "--dry-run"],
    ] {
        old.run(arguments.iter().copied()).refused(2, &["nothing to migrate", "version 1"]);
    }
    old.run(["migrate", "--backup-version", "7"]).refused(2, &["no backup version 7"]);
    let error = old.run(["migrate", "--json"]).with_status(2).err;
    assert!(error.contains("\"kind\":\"has_backup\""), "{error}");
    assert_eq!(old.content(), before);
}

/// M-7: what cannot be read stays behind, is named even among many, and nothing is deleted.
#[test]
fn what_stays_behind_is_named_and_keeps_the_old_version() {
    let old = Old::v1(30);
    old.set(1, 29, "no JSON at all");
    let ran = old.run(["migrate", "--yes", "--delete-old"]).with_status(1);
    let id = sessions(30)[29].session_id().to_string();
    let line = ran.err.lines().find(|line| line.starts_with("left_behind")).unwrap();
    assert!(line.contains(&id), "{line}");
    for part in ["1  left behind", "29  read back", "Not complete", "version 1 was not deleted"] {
        assert!(ran.out.contains(part), "{part:?} is not in {}", ran.out);
    }
    assert_eq!(old.versions(), serde_json::json!(["2", "1"]));
    let again = old.run(["migrate", "--delete-old", "--json"]).with_status(1).json();
    assert_eq!((&again["left_behind"], &again["complete"]), (&1.into(), &false.into()));
    assert_eq!(again["deleted_old"], false);
    assert_eq!(kinds(&again)[0], "left_behind");
    assert_eq!(old.versions(), serde_json::json!(["2", "1"]));
    let dry = old.run(["migrate", "--dry-run", "--json"]).with_status(1).json();
    assert_eq!(dry["left_behind"], 1);
}

/// M-1: an entry of a v2 backup without a right MAC is dropped. It never was a key of the owner's, so
/// the migration is complete without it.
#[test]
fn what_is_forged_is_dropped_and_named() {
    let old = Old::v2(4);
    let id = sessions(1)[0].session_id().to_string();
    let query = "SELECT session_data FROM keys WHERE session_id = ?1";
    let data: String = tamper(&old.store).query_row(query, [&id], |row| row.get(0)).unwrap();
    let mut data: Value = serde_json::from_str(&data).unwrap();
    data["added"] = true.into();
    old.set(1, 0, &data.to_string());
    let report = old.run(["migrate", "--names", "stable", "--json"]).with_status(1).json();
    assert_eq!((&report["dropped"], &report["left_behind"]), (&1.into(), &0.into()));
    assert_eq!((&report["compared"], &report["complete"]), (&3.into(), &true.into()));
    assert_eq!(kinds(&report), ["dropped"]);
    assert_eq!(report["findings"][0]["session_id"], id);
}

/// What the comparison finds counts as much. An entry that the store does not give cannot be compared,
/// so it counts too. // B-3
#[test]
fn what_is_missing_keeps_the_old_version() {
    let old = Old::v1(5);
    tamper(&old.store).execute("UPDATE versions SET count = 6", []).unwrap();
    let ran = old.run(["migrate", "--yes", "--delete-old", "--json"]).with_status(1).json();
    assert_eq!((&ran["missing"], &ran["complete"]), (&1.into(), &false.into()));
    assert_eq!((&ran["deleted_old"], &ran["different"]), (&false.into(), &0.into()));
    assert_eq!(old.versions(), serde_json::json!(["2", "1"]));
}

#[test]
fn a_complete_migration_may_delete_the_old_version() {
    let old = Old::v1(5);
    let ran = old.run(["migrate", "--yes", "--delete-old"]).done();
    assert!(ran.out.contains("every key of version 1, which is deleted"), "{}", ran.out);
    assert_eq!(old.versions(), serde_json::json!(["2"]));
    assert_eq!(old.json(["verify"])["entries"], 5);
    old.run(["migrate", "--delete-old", "--dry-run"]).refused(2, &["cannot be used with"]);
}

/// The new version has an entry for the session already, and it is not the old one's key. // M-5, A-3
#[test]
fn a_key_that_is_worse_in_the_new_version_is_named() {
    let old = Old::v2(3);
    old.run(["migrate", "--names", "stable"]).done();
    // Its metadata says that it is as good, so the store keeps it, and it gives no key.
    old.set(2, 0, "{}");
    let report = old.run(["migrate", "--delete-old", "--json"]).with_status(1).json();
    assert_eq!(report["different"], 1, "{report}");
    assert!(kinds(&report).contains(&"different"), "{report}");
    assert_eq!(report["deleted_old"], false);
    assert_eq!(old.versions(), serde_json::json!(["2", "1"]));
}

/// A key that is used unasked would not fit any more.
#[test]
fn the_key_that_is_used_unasked_is_spoken_of() {
    let old = Old::v2(1);
    let mut migrate = old.world.command(["migrate", "--new-key", "--store", text(&old.store)]);
    migrate.env("MATRIX_KEY_BACKUP_KEY", &*key(1).expose_base58());
    let ran = old.world.finish(&mut migrate).done();
    assert!(ran.err.contains("MATRIX_KEY_BACKUP_KEY is that of the old version"), "{}", ran.err);
}

/// No key file for a version that cannot be made, and no word of what clients will do; but what would
/// come of it can be looked at.
#[test]
fn a_json_file_is_refused_before_a_key_is_written() {
    let old = Old::v1(3);
    old.world.run(["copy", text(&old.store), "copy.json"]).done();
    let names = || {
        let files = fs::read_dir(old.world.path(".")).unwrap();
        let mut names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    let migrate =
        ["migrate", "--store", "copy.json", "--key-file", text(&old.key_file), "--new-key"];
    for more in [&["--yes"][..], &[], &["--key-out", "new.key", "--yes"]] {
        let ran = old.world.run(migrate.iter().chain(more));
        let ran = ran.refused(2, &["copy.json is a JSON file, which is only read"]);
        assert!(!ran.err.contains("stop backing up") && !ran.err.contains("--yes"), "{}", ran.err);
        assert_eq!(names(), before);
    }
    let ran = old.world.run(migrate.iter().chain(&["--dry-run"])).done();
    assert!(ran.err.contains("once this is done"), "{}", ran.err);
    assert_eq!(names(), before);
}
