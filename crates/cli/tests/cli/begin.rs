//! The first command on a fresh clone, and beginning a backup in other ways.

use std::fs;

use matrix_key_backup::primitives::BackupDecryptionKey;

use crate::support::{PASSPHRASE, World, key, mode, sessions, testdata, text};

/// The README's path: one command, on a machine that has nothing, with the file in testdata.
#[test]
fn one_command_backs_up_the_600_sessions() {
    let mut world = World::new();
    let (file, passphrase) = (testdata("600-sessions.txt"), testdata("passphrase.txt"));
    let upload = ["upload", text(&file), "--passphrase-file", text(&passphrase)];

    let first = world.run(upload).done();
    for part in ["600  keys in 1 file", "600  new", "600  unauthenticated", "m.undefined"] {
        assert!(first.out.contains(part), "{part:?} is not in {}", first.out);
    }
    assert!(first.out.contains("nobody can vouch"), "{}", first.out); // V2-11
    // The store is named, and so, loudly, is the new key's file.
    let (store, key_file) = (world.default_store(), world.data().join("backup.sqlite3.key"));
    assert!(first.out.contains(text(&store)), "{}", first.out);
    assert!(first.err.contains(text(&key_file)), "{}", first.err);
    assert_eq!(mode(&world.data()), 0o700);
    assert_eq!(mode(&store), 0o600);
    assert_eq!(mode(&key_file), 0o600);

    // Nobody has seen the key.
    let written = fs::read_to_string(&key_file).unwrap();
    world.keep_key_secret(&BackupDecryptionKey::from_base58(&written).unwrap());
    assert!(!first.out.contains(written.trim()) && !first.err.contains(written.trim()));

    // The same again changes nothing.
    let before = world.run(["status", "--json"]).done().json();
    let second = world.run(upload).done();
    assert!(second.out.contains("600  unchanged"), "{}", second.out);
    assert!(second.err.is_empty(), "{}", second.err);
    let after = world.run(["status", "--json"]).done().json();
    assert_eq!(after["backup"]["count"], 600);
    assert_eq!(after["backup"]["etag"], before["backup"]["etag"]);
    assert_eq!(after["key"]["fits"], true);

    let verified = world.run(["verify"]).done();
    assert!(verified.out.contains("Nothing is forged"), "{}", verified.out);
    let listed = world.run(["list"]).done();
    assert!(listed.out.contains("600 sessions in 14 rooms."), "{}", listed.out);
    // Nothing else is left in the directory: no log, no draft.
    let mut files: Vec<_> =
        fs::read_dir(world.data()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.sort();
    assert_eq!(files, ["backup.sqlite3", "backup.sqlite3.key"]);
}

/// A store that was named may be a typing error, or somebody else's: nothing happens unasked.
#[test]
fn a_named_store_takes_a_word() {
    let world = World::new();
    let (store, passphrase) = (world.path("other.sqlite3"), world.path("passphrase"));
    let export = world.export("keys.txt", &sessions(5));
    let upload =
        ["upload", "--store", text(&store), "--passphrase-file", text(&passphrase), text(&export)];

    world.run(upload).refused(4, &["no store", "other.sqlite3", "--create"]);
    assert!(!store.exists());

    let begun = world.run(upload.into_iter().chain(["--create"])).done();
    assert!(begun.err.contains("other.sqlite3.key"), "{}", begun.err);
    let key_file = world.path("other.sqlite3.key");

    // The key beside it is not taken unasked either, but it is pointed at. // T-1
    world.run(upload).refused(2, &["--key-file", text(&key_file)]);
    world.run(upload.into_iter().chain(["--key-file", text(&key_file)])).done();
}

#[test]
fn an_interrupted_beginning_goes_on_with_its_key() {
    let world = World::new();
    let (export, passphrase) = (world.export("keys.txt", &sessions(5)), world.path("passphrase"));
    let upload = ["upload", "--passphrase-file", text(&passphrase), text(&export)];
    world.run(upload).done();
    // As if it had been killed after writing the key, before anything else.
    fs::remove_file(world.default_store()).unwrap();
    let key_file = world.data().join("backup.sqlite3.key");
    let written = fs::read(&key_file).unwrap();

    world.run(upload).done();
    assert_eq!(fs::read(&key_file).unwrap(), written);
    world.run(["verify"]).done();
}

#[test]
fn nothing_is_begun_for_a_file_that_cannot_be_opened() {
    let world = World::new();
    let export = world.export("keys.txt", &sessions(5));
    let wrong = world.write("wrong", "another passphrase");
    world
        .run(["upload", text(&export), "--passphrase-file", text(&wrong)])
        .refused(3, &["keys.txt", "passphrase is wrong, or the file is damaged"]);
    assert!(!world.data().exists());
}

#[test]
fn create_writes_the_key_or_takes_one() {
    let mut world = World::new();
    let (store, key_out) = (world.path("a.sqlite3"), world.path("a.key"));
    let created = world
        .run(["create", "--store", text(&store), "--key-out", text(&key_out), "--json"])
        .done();
    let new_key = BackupDecryptionKey::from_base58(&fs::read_to_string(&key_out).unwrap()).unwrap();
    world.keep_key_secret(&new_key);
    assert_eq!(created.json()["public_key"], new_key.public_key().to_base64());
    assert_eq!(created.json()["algorithm"], "org.matrix.msc4048.curve25519-aes-sha2"); // N-1
    assert_eq!(mode(&key_out), 0o600);
    assert_eq!(mode(&store), 0o600);

    // The same key for another store, from the environment and in its other form.
    let other = world.path("b.sqlite3");
    let mut command =
        world.command(["create", "--names", "stable", "--json", "--store", text(&other)]);
    let taken =
        world.finish(command.env("MATRIX_KEY_BACKUP_KEY", &*new_key.expose_base64())).done();
    assert_eq!(taken.json()["public_key"], new_key.public_key().to_base64());
    assert_eq!(taken.json()["algorithm"], "m.backup.v2.curve25519-aes-sha2");
    assert_eq!(taken.json()["key_file"], serde_json::Value::Null);
}

#[test]
fn create_needs_somewhere_to_put_a_new_key() {
    let world = World::new();
    let store = world.path("store.sqlite3");
    world
        .run(["create", "--store", text(&store)])
        .refused(2, &["--key-out", "Nothing was created"]);
    assert!(!store.exists());

    let taken = world.write("taken", "not to be lost");
    world
        .run(["create", "--store", text(&store), "--key-out", text(&taken)])
        .refused(2, &["taken is there already"]);
    assert_eq!(fs::read_to_string(taken).unwrap(), "not to be lost");
    assert!(!store.exists());
}

#[test]
fn create_replaces_only_when_told_to() {
    let (mut world, store, _) = World::filled(5);
    let key_file = world.key_file("second", &key(2));
    let create = ["create", "--store", text(&store), "--key-file", text(&key_file)];
    world.run(create).refused(2, &["version 1", "--replace", "nothing was changed"]);

    let created = world.run(create.into_iter().chain(["--replace"])).done();
    assert!(created.out.contains("Version 1 stays"), "{}", created.out);
    let status = world.run(["status", "--store", text(&store), "--json"]).done().json();
    assert_eq!(status["backup"]["version"], "2");
    assert_eq!(status["backup"]["count"], 0);
}

/// A key file beside the default store is used unasked, so one that does not fit is spoken of.
#[test]
fn create_warns_of_an_older_key_file_beside_the_default_store() {
    let mut world = World::new();
    let (export, passphrase) = (world.export("keys.txt", &sessions(5)), world.path("passphrase"));
    world.run(["upload", text(&export), "--passphrase-file", text(&passphrase)]).done();
    let other = world.key_file("other", &key(2));
    let created = world.run(["create", "--replace", "--key-file", text(&other)]).done();
    assert!(created.err.contains("is not the key of the new backup"), "{}", created.err);
    world.run(["verify"]).refused(3, &["key file beside the store", "does not fit"]);
    world.run(["verify", "--key-file", text(&other)]).done();
}

#[test]
fn the_passphrase_keeps_its_spaces() {
    assert_ne!(PASSPHRASE, PASSPHRASE.trim());
    let world = World::new();
    let export = world.export("keys.txt", &sessions(2));
    let trimmed = world.write("trimmed", PASSPHRASE.trim());
    world.run(["upload", text(&export), "--passphrase-file", text(&trimmed)]).with_status(3);
    let crlf = world.write("crlf", format!("{PASSPHRASE}\r\n"));
    world.run(["upload", text(&export), "--passphrase-file", text(&crlf)]).done();
}
