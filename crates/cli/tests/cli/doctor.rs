//! `doctor`: each thing that can be wrong, brought about in a real store; and that it only looks.

use std::{collections::BTreeMap, fs, path::Path};

use matrix_key_backup::{
    primitives::BackupDecryptionKey,
    v2::{BackupReader, SourcedSession},
    wire::Names,
};
use rand::{SeedableRng as _, rngs::StdRng};
use rusqlite::params;
use serde_json::{Value, json};

use crate::{
    fake_homeserver::FakeHomeserver,
    support::{Ran, World, key, sessions, tamper, text},
    vectors::{ACCOUNTS, account_files},
};

const SECRET: &str = "m.megolm_backup.v1";

/// The codes of all that was said, in its order.
#[track_caller]
fn codes(ran: &Ran) -> Vec<String> {
    let json = ran.json();
    let diagnoses = json["diagnoses"].as_array().unwrap();
    for diagnosis in diagnoses {
        for part in ["what", "mend"] {
            let said = diagnosis[part].as_str().unwrap();
            assert!(said.ends_with('.') && !said.contains("  "), "{said:?}");
        }
    }
    diagnoses.iter().map(|it| it["code"].as_str().unwrap().to_owned()).collect()
}

#[track_caller]
fn command(ran: &Ran, code: &str) -> String {
    let json = ran.json();
    let diagnoses = json["diagnoses"].as_array().unwrap();
    let found = diagnoses.iter().find(|it| it["code"] == code).unwrap();
    found["command"].as_str().unwrap().to_owned()
}

/// The program asks nothing, and has nothing on standard input.
fn doctor(world: &World, arguments: &[&str]) -> Ran {
    world.run([&["doctor", "--json"], arguments].concat())
}

/// Puts this into an entry's place.
fn set(store: &Path, session_id: &str, session_data: &str) {
    let update = "UPDATE keys SET session_data = ?2 WHERE session_id = ?1";
    assert_eq!(tamper(store).execute(update, params![session_id, session_data]).unwrap(), 1);
}

/// Entries under this key, vouched for, in the place of those of the first sessions.
fn seal(store: &Path, key: BackupDecryptionKey, count: usize) {
    let writer = BackupReader::new(key).writer(Names::Unstable);
    let mut rng = StdRng::seed_from_u64(7);
    for session in sessions(count) {
        let (data, room) = (session.data().clone(), session.room_id().clone());
        let sealed = writer.seal(&SourcedSession::own_session(data, room, None), &mut rng).unwrap();
        set(store, session.session_id().as_str(), sealed.as_json());
    }
}

/// Account data with this decryption key in it, and what opens it, as files.
fn secret_storage(world: &World, key_file: &Path) -> [&'static str; 4] {
    let create = ["secret-storage", "create", "--store", "nowhere.sqlite3", "--out", "events.json"];
    let keys = ["--key-out", "storage.key", "--key-file", text(key_file)];
    world.run(create.iter().chain(&keys)).done();
    ["--account-data", "events.json", "--storage-key-file", "storage.key"]
}

/// Every file of a world, and what is in it.
fn everything(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(everything(&path));
        } else {
            found.insert(text(&path).to_owned(), fs::read(&path).unwrap());
        }
    }
    found
}

#[test]
fn of_a_backup_in_order_it_has_nothing_to_say() {
    let (world, store, key_file) = World::filled(12);
    seal(&store, key(1), 12);
    let storage = secret_storage(&world, &key_file);
    let with_store = ["--store", text(&store)];
    let ran = doctor(&world, &[&with_store[..], &storage].concat()).done();
    assert_eq!(codes(&ran), [""; 0]);
    let json = ran.json();
    assert_eq!((&json["entries"], &json["version"]), (&12.into(), &"1".into()));
    let ran = world.run([&["doctor"], &with_store[..], &storage].concat()).done();
    assert!(ran.out.ends_with("Nothing is wrong with this backup: it has 12 entries.\n"));
    assert_eq!(ran.err, "");
}

#[test]
fn it_only_looks() {
    let (world, store, key_file) = World::filled(5);
    let storage = secret_storage(&world, &key_file);
    let before = everything(&world.path("."));
    let ran = doctor(&world, &[&["--store", text(&store)], &storage[..]].concat()).done();
    assert_eq!(codes(&ran), ["unauthenticated_keys"]);
    doctor(&world, &["--store", "nothing.sqlite3"]).with_status(1);
    assert_eq!(everything(&world.path(".")), before);
}

#[test]
fn without_a_key_it_says_what_it_has_not_looked_at() {
    let (world, store, key_file) = World::filled(5);
    let ran = doctor(&world, &["--store", text(&store)]).with_status(1);
    assert_eq!(codes(&ran), ["key_not_given", "secret_storage_not_looked_at"]);
    assert_eq!(ran.json()["entries"], Value::Null);
    let with_key = command(&ran, "key_not_given").replace("KEY", text(&key_file));
    let arguments: Vec<_> = with_key.split(' ').skip(1).collect();
    world.run(arguments).done();
}

#[test]
fn no_backup_and_the_command_that_begins_one() {
    let (world, _, _) = World::filled(3);
    let begin = |ran: &Ran| {
        let upload = command(ran, "no_backup").replace("KEYS.txt", "keys.txt");
        let passphrase = ["--passphrase-file", "passphrase"];
        world.run(upload.split(' ').skip(1).chain(passphrase)).done();
    };
    let nothing = doctor(&world, &[]).with_status(1);
    assert_eq!(codes(&nothing), ["no_backup"]);
    begin(&nothing);
    assert_eq!(codes(&doctor(&world, &[]).done()).len(), 2);

    let emptied = ["--store", "a file.sqlite3"];
    world.run(["create", "--key-file", "key"].iter().chain(&emptied)).done();
    tamper(&world.path("a file.sqlite3")).execute("DELETE FROM versions", []).unwrap();
    let none = doctor(&world, &emptied).with_status(1);
    assert_eq!(codes(&none), ["no_backup"]);
    assert!(command(&none, "no_backup").ends_with(" --store 'a file.sqlite3'"));

    let json = doctor(&world, &["--store", "nothing.json"]).with_status(1);
    assert_eq!(json.json()["diagnoses"][0]["command"], Value::Null);
}

#[test]
fn a_version_that_says_nothing_this_program_knows() {
    let (world, store, key_file) = World::filled(3);
    let doctor = || doctor(&world, &["--store", text(&store), "--key-file", text(&key_file)]);
    for (change, expected) in [
        ("UPDATE versions SET auth_data = '{\"public_key\":7}'", "auth_data_unreadable"),
        ("UPDATE versions SET algorithm = 'org.example.v9'", "algorithm_unknown"),
    ] {
        tamper(&store).execute(change, []).unwrap();
        assert_eq!(codes(&doctor().with_status(1)), [expected]);
    }
}

#[test]
fn a_new_backup_is_empty_and_an_ordinary_one_is_not_authenticated() {
    let (world, store, _) = World::filled(3);
    world.run(["create", "--replace", "--key-file", "key", "--store", text(&store)]).done();
    let with_key = ["--store", text(&store), "--key-file", "key"];
    let empty = doctor(&world, &with_key).done();
    assert_eq!(codes(&empty), ["empty_backup", "secret_storage_not_looked_at"]);

    let v1 = ["--store", "v1.sqlite3", "--key-file", "key"];
    world.run(["create", "--algorithm", "v1"].iter().chain(&v1)).done();
    world.run(["upload", "keys.txt", "--passphrase-file", "passphrase"].iter().chain(&v1)).done();
    let ran = doctor(&world, &v1).with_status(1);
    assert_eq!(codes(&ran), ["not_authenticated", "secret_storage_not_looked_at"]);

    let store = world.path("v1.sqlite3");
    let id = sessions(1)[0].session_id().to_string();
    let query = "SELECT session_data FROM keys WHERE session_id = ?1";
    let entry: String = tamper(&store).query_row(query, [&id], |row| row.get(0)).unwrap();
    let mut entry: Value = serde_json::from_str(&entry).unwrap();
    entry["unsigned"] = json!({ "backup_mac": "A".repeat(43) });
    set(&store, &id, &entry.to_string());
    let ran = doctor(&world, &v1).with_status(1);
    let expected = ["not_authenticated", "macs_ignored", "secret_storage_not_looked_at"];
    assert_eq!(codes(&ran), expected);

    // What it advises helps.
    let migrate = command(&ran, "not_authenticated");
    world.run(migrate.split(' ').skip(1).chain(["--yes"])).with_status(1);
    let ran = doctor(&world, &v1).done();
    assert_eq!(codes(&ran), ["secret_storage_not_looked_at", "unauthenticated_keys"]);
}

#[test]
fn entries_that_fail() {
    let (world, store, key_file) = World::filled(20);
    seal(&store, key(1), 20);
    let ids: Vec<String> = sessions(20).iter().map(|it| it.session_id().to_string()).collect();
    let query = "SELECT session_data FROM keys WHERE session_id = ?1";
    let other: String = tamper(&store).query_row(query, [&ids[1]], |row| row.get(0)).unwrap();
    let with_key = ["--store", text(&store), "--key-file", text(&key_file)];
    let mut expected = vec!["secret_storage_not_looked_at"];
    for (number, (data, code)) in [
        ("no JSON at all", "entries_unreadable"),
        (&other, "entries_misplaced"),
        ("{}", "entries_forged"),
    ]
    .into_iter()
    .enumerate()
    {
        set(&store, &ids[number * 3 + 2], data);
        expected.insert(0, code);
        assert_eq!(codes(&doctor(&world, &with_key).with_status(1)), expected);
    }
    tamper(&store).execute("UPDATE versions SET count = count + 4", []).unwrap();
    let ran = doctor(&world, &with_key).with_status(1);
    expected.insert(3, "entries_missing");
    assert_eq!(codes(&ran), expected);
    let what = ran.json()["diagnoses"][0]["what"].as_str().unwrap().to_owned();
    assert!(what.starts_with("1 of 20 entries has no right MAC"), "{what}");
}

#[test]
fn a_key_that_does_not_fit_and_what_is_none() {
    let (mut world, store, key_file) = World::filled(4);
    let other = world.key_file("other", &key(2));
    world.write("none", "not a key");
    let doctor = |more: &[&str]| doctor(&world, &[&["--store", text(&store)], more].concat());
    let ran = doctor(&["--key-file", text(&other)]).with_status(1);
    assert_eq!(codes(&ran), ["key_does_not_fit", "secret_storage_not_looked_at"]);
    assert!(command(&ran, "key_does_not_fit").contains("unlock --account-data FILE"));
    let ran = doctor(&["--key-file", "none"]).with_status(1);
    assert_eq!(codes(&ran), ["key_unusable", "secret_storage_not_looked_at"]);

    // That in secret storage fits, and is used.
    let storage = secret_storage(&world, &key_file);
    let ran = doctor(&[&storage[..], &["--key-file", text(&other)]].concat()).with_status(1);
    assert_eq!(codes(&ran), ["key_does_not_fit", "unauthenticated_keys"]);
    assert_eq!(ran.json()["entries"], 4);
}

#[test]
fn two_keys_under_one_version() {
    let (mut world, store, key_file) = World::filled(10);
    seal(&store, key(1), 10);
    let other = world.key_file("other", &key(2));
    seal(&store, key(2), 3);
    let with_store = ["--store", text(&store)];
    // The user has the second key alone.
    let second = doctor(&world, &[&with_store[..], &["--key-file", text(&other)]].concat());
    let expected = ["key_does_not_fit", "two_keys", "secret_storage_not_looked_at"];
    assert_eq!(codes(&second.with_status(1)), expected);
    // One device has the first, and secret storage the second.
    let storage = secret_storage(&world, &other);
    let both = [&with_store[..], &["--key-file", text(&key_file)], &storage].concat();
    let both = doctor(&world, &both).with_status(1);
    assert_eq!(codes(&both), ["stored_key_does_not_fit", "two_keys", "entries_forged"]);
    let what = both.json()["diagnoses"][1]["what"].as_str().unwrap().to_owned();
    assert!(what.contains("3 entries are of the public key"), "{what}");
    // What is forged is of no key that is known.
    let forged = sessions(10)[9].session_id().to_string();
    set(&store, &forged, "{}");
    let one = doctor(&world, &[&with_store[..], &["--key-file", text(&key_file)]].concat());
    let one = one.with_status(1);
    assert_eq!(codes(&one), ["entries_forged", "secret_storage_not_looked_at"]);
}

/// Two keys in an ordinary backup: no MAC tells them apart, only what decrypts does.
#[test]
fn two_keys_under_one_v1_version() {
    let (mut world, _, _) = World::filled(4);
    world.key_file("other", &key(2));
    let store = |name: &'static str, key: &'static str| {
        let with = ["--store", name, "--key-file", key];
        world.run(["create", "--algorithm", "v1"].iter().chain(&with)).done();
        let upload = ["upload", "keys.txt", "--passphrase-file", "passphrase"];
        world.run(upload.iter().chain(&with)).done();
    };
    store("one.sqlite3", "key");
    store("two.sqlite3", "other");
    let id = sessions(1)[0].session_id().to_string();
    let query = "SELECT session_data FROM keys WHERE session_id = ?1";
    let two = tamper(&world.path("two.sqlite3"));
    let entry: String = two.query_row(query, [&id], |row| row.get(0)).unwrap();
    set(&world.path("one.sqlite3"), &id, &entry);
    let ran = doctor(&world, &["--store", "one.sqlite3", "--key-file", "other"]).with_status(1);
    let expected =
        ["key_does_not_fit", "two_keys", "not_authenticated", "secret_storage_not_looked_at"];
    assert_eq!(codes(&ran), expected);
    let ran = doctor(&world, &["--store", "one.sqlite3", "--key-file", "key"]).with_status(1);
    let expected = ["entries_unreadable", "not_authenticated", "secret_storage_not_looked_at"];
    assert_eq!(codes(&ran), expected);
}

/// What deployed clients have written, with account data that is changed case by case.
#[test]
fn secret_storage_that_gives_no_key() {
    let mut world = World::new();
    let scenario = &ACCOUNTS[0];
    account_files(&mut world, scenario);
    world.write("other.key", ACCOUNTS[1]["ssss_recovery_key"].as_str().unwrap());
    let mut backup = scenario["version_info"].clone();
    backup["rooms"] = scenario["room_keys"]["rooms"].clone();
    world.write("backup.json", backup.to_string());
    let with_store = ["--store", "backup.json", "--account-data", "account.json"];
    let opened = ["--storage-key-file", "storage.key"];
    let run = |change: fn(&mut Value), with: &[&str]| {
        let mut account = scenario["account_data"].clone();
        change(&mut account);
        world.write("account.json", account.to_string());
        doctor(&world, &[&with_store[..], with].concat()).with_status(1)
    };

    let ran = run(|_| (), &opened);
    assert_eq!(codes(&ran), ["entries_forged", "entries_misplaced", "unauthenticated_keys"]);
    assert_eq!(ran.json()["entries"], 200);
    let ran = run(|_| (), &["--passphrase-file", "storage.passphrase"]);
    assert_eq!(codes(&ran).len(), 3);

    let says = |change, with: &[&str], expected: &[&str]| {
        assert_eq!(codes(&run(change, with)), expected);
    };
    says(|_| (), &[], &["key_not_given", "stored_key_not_checked"]);
    says(
        |_| (),
        &["--storage-key-file", "other.key"],
        &["storage_key_does_not_fit", "key_not_given"],
    );
    let damage: fn(&mut Value) = |account| {
        for key in account[SECRET]["encrypted"].as_object_mut().unwrap().values_mut() {
            key["mac"] = "A".repeat(43).into();
        }
    };
    says(damage, &opened, &["stored_key_damaged", "key_not_given"]);
    let no_secret: fn(&mut Value) = |account| drop(account.as_object_mut().unwrap().remove(SECRET));
    says(no_secret, &opened, &["key_not_given", "no_stored_key"]);
    let nothing: fn(&mut Value) = |account| *account = json!({});
    says(nothing, &opened, &["key_not_given", "no_stored_key"]);
}

#[test]
fn what_cannot_be_told_is_an_error_and_no_diagnosis() {
    let (world, store, _) = World::filled(2);
    let with_store = ["--store", text(&store)];
    let doctor = |more: &[&str]| doctor(&world, &[&with_store[..], more].concat());
    doctor(&["--storage-key-file", "key"]).refused(2, &["--account-data"]);
    doctor(&["--account-data", "keys.txt"]).refused(2, &["keys.txt is no account data"]);
    doctor(&["--key-file", "nowhere"]).refused(2, &["nowhere"]);
    world.write("broken.sqlite3", "no database");
    self::doctor(&world, &["--store", "broken.sqlite3"]).with_status(4);
    self::doctor(&world, &["--store", "homeserver"]).with_status(6);
}

#[test]
fn a_person_reads_sentences_and_the_command() {
    let (world, store, _) = World::filled(2);
    let ran = world.run(["doctor", "--store", text(&store)]).with_status(1);
    assert!(ran.out.contains("\nwarning  key_not_given\n         The decryption key was"));
    assert!(ran.out.contains("\n         $ matrix-key-backup doctor --key-file KEY --store /"));
    assert!(ran.out.ends_with("0 errors, 1 warning.\n"), "{}", ran.out);
    assert!(!ran.out.contains('\u{1b}'), "colours where there is no terminal");
    assert!(ran.out.lines().all(|line| line.len() < 100 || line.contains("$ ")), "{}", ran.out);
}

/// A world that is logged in, with a v2 backup of so many keys in the account.
fn at_homeserver(count: usize) -> (World, FakeHomeserver) {
    let (world, store, _) = World::filled(count);
    seal(&store, key(1), count);
    world.run(["copy", text(&store), "backup.json"]).done();
    let backup = serde_json::from_slice(&fs::read(world.path("backup.json")).unwrap()).unwrap();
    let homeserver = FakeHomeserver::with(backup);
    fs::create_dir_all(world.data()).unwrap();
    let session = json!({
        "format": "session-2", "homeserver": homeserver.url, "user_id": "@alice:localhost",
        "access_token": "token",
    });
    fs::write(world.data().join("session.json"), session.to_string()).unwrap();
    (world, homeserver)
}

/// The state that the program keeps of an account. // B-3, T-4
#[test]
fn what_a_homeserver_goes_back_on() {
    let (world, homeserver) = at_homeserver(6);
    let with_key = ["--store", "homeserver", "--key-file", "key"];
    let doctor = || doctor(&world, &with_key);
    let ran = doctor().with_status(1);
    assert_eq!(codes(&ran), ["no_stored_key", "not_trusted_yet"]);
    assert_eq!(codes(&doctor().with_status(1)), ["no_stored_key", "not_trusted_yet"], "it looks");
    let verify = command(&ran, "not_trusted_yet");
    world.run(verify.split(' ').skip(1)).done();
    assert_eq!(codes(&doctor().with_status(1)), ["no_stored_key"]);

    let good = homeserver.backup();
    // A key fewer, under the same etag.
    let mut lacking = good.clone();
    let rooms = lacking["rooms"].as_object_mut().unwrap();
    let room = rooms.values_mut().next().unwrap()["sessions"].as_object_mut().unwrap();
    let session = room.keys().next().unwrap().clone();
    room.remove(&session);
    lacking["count"] = 5.into();
    homeserver.set(Some(lacking));
    let before = everything(&world.data());
    for _ in 0..2 {
        let codes = codes(&doctor().with_status(1));
        assert_eq!(codes, ["version_set_back", "entries_set_back", "no_stored_key"]);
    }
    assert_eq!(everything(&world.data()), before, "it has remembered something");

    let mut older = good.clone();
    older["version"] = "0".into();
    homeserver.set(Some(older));
    let ran = doctor().with_status(1);
    assert_eq!(codes(&ran), ["went_back", "no_stored_key"]);
    assert!(command(&ran, "went_back").contains("--accept-older-backup"));
    // It takes no key to see that.
    let ran = self::doctor(&world, &["--store", "homeserver"]).with_status(1);
    assert_eq!(codes(&ran), ["went_back", "key_not_given", "no_stored_key"]);

    homeserver.set(None);
    assert_eq!(codes(&doctor().with_status(1)), ["backup_gone", "no_stored_key"]);

    homeserver.set(Some(good));
    let state = fs::read_dir(world.data()).unwrap().map(|entry| entry.unwrap().path());
    let state: Vec<_> = state.filter(|path| text(path).ends_with(".state.json")).collect();
    fs::write(&state[0], "{}").unwrap();
    assert_eq!(codes(&doctor().with_status(1)), ["memory_unreadable", "no_stored_key"]);
}
