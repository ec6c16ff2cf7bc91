//! The file of a new key: written first, where it was asked for, and never in the store's way.

use std::fs;

use matrix_key_backup::primitives::BackupDecryptionKey;

use crate::support::{World, key, sessions, text};

/// The decryption key in a file.
fn written(path: &std::path::Path) -> BackupDecryptionKey {
    BackupDecryptionKey::from_base58(&fs::read_to_string(path).unwrap()).unwrap()
}

/// The names of all files in the world's directory.
fn files(world: &World) -> Vec<String> {
    let entries = fs::read_dir(world.path(".")).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// An argument counts more than the environment.
#[test]
fn an_upload_makes_a_new_key_although_one_is_in_the_environment() {
    let mut world = World::new();
    world.keep_key_secret(&key(1));
    let (export, passphrase) = (world.export("keys.txt", &sessions(3)), world.path("passphrase"));
    let (store, key_out) = (world.path("new.sqlite3"), world.path("new.key"));
    let mut upload = world.command([
        "upload",
        "--create",
        "--json",
        "--store",
        text(&store),
        "--key-out",
        text(&key_out),
        "--passphrase-file",
        text(&passphrase),
        text(&export),
    ]);
    upload.env("MATRIX_KEY_BACKUP_KEY", &*key(1).expose_base58());
    let ran = world.finish(&mut upload).done();
    assert_eq!(ran.json()["key_file"], text(&key_out));
    assert!(ran.err.contains("MATRIX_KEY_BACKUP_KEY was not used"), "{}", ran.err);
    assert_ne!(written(&key_out), key(1));
    world.run(["verify", "--store", text(&store), "--key-file", text(&key_out)]).done();
}

/// Nor is the file beside the default store in the way, though it will be later.
#[test]
fn an_upload_makes_a_new_key_although_one_lies_beside_the_default_store() {
    let mut world = World::new();
    let (export, passphrase) = (world.export("keys.txt", &sessions(3)), world.path("passphrase"));
    fs::create_dir_all(world.data()).unwrap();
    let older = world.key_file("data/matrix-key-backup/backup.sqlite3.key", &key(1));
    let key_out = world.path("new.key");
    let ran = world
        .run([
            "upload",
            "--key-out",
            text(&key_out),
            "--passphrase-file",
            text(&passphrase),
            text(&export),
        ])
        .done();
    assert!(ran.err.contains("is not the key of the new backup"), "{}", ran.err);
    assert!(ran.err.contains(text(&key_out)), "{}", ran.err);
    assert_eq!(written(&older), key(1));
    world.run(["verify", "--key-file", text(&key_out)]).done();
}

#[test]
fn create_says_that_the_key_in_the_environment_was_not_used() {
    let mut world = World::new();
    world.keep_key_secret(&key(1));
    let mut create = world.command(["create", "--store", "a.sqlite3", "--key-out", "a.key"]);
    let ran = world.finish(create.env("MATRIX_KEY_BACKUP_KEY", &*key(1).expose_base58())).done();
    assert!(ran.err.contains("MATRIX_KEY_BACKUP_KEY was not used"), "{}", ran.err);
    assert_ne!(written(&world.path("a.key")), key(1));
}

/// Elsewhere `-` is standard output, so no file of that name is made by mistake.
#[test]
fn a_dash_is_no_file() {
    let mut world = World::new();
    world.key_file("key", &key(1));
    let before = files(&world);
    let commands: [&[&str]; 5] = [
        &["create", "--store", "a.sqlite3", "--key-out", "-"],
        &["key", "generate", "--out", "-"],
        &["key", "show", "--key-file", "key", "--out", "-"],
        &["secret-storage", "create", "--out", "-", "--key-out", "x"],
        &["secret-storage", "create", "--out", "x", "--key-out", "-"],
    ];
    for command in commands {
        world.run(command).refused(2, &["`-` stands for standard output"]);
        assert_eq!(files(&world), before);
    }
}

/// A key that cannot be written leaves no store behind, and no draft.
#[test]
fn a_key_that_cannot_be_written_begins_nothing() {
    let world = World::new();
    let (export, passphrase) = (world.export("keys.txt", &sessions(3)), world.path("passphrase"));
    let (store, nowhere) = (world.path("store.sqlite3"), world.path("nowhere/new.key"));
    let before = files(&world);
    let with = ["--store", text(&store), "--key-out", text(&nowhere)];
    let upload = ["upload", "--create", "--passphrase-file", text(&passphrase), text(&export)];
    for command in [&["create"][..], &upload] {
        world
            .run(command.iter().chain(&with))
            .refused(2, &["nowhere/new.key cannot be written", "Check the directory"]);
        assert_eq!(files(&world), before);
    }
}

/// Nor does a store that cannot be made leave a key behind that belongs to nothing.
#[test]
fn a_store_that_cannot_be_made_leaves_no_key() {
    let world = World::new();
    let (store, key_out) = (world.path("nowhere/store.sqlite3"), world.path("new.key"));
    let before = files(&world);
    world
        .run(["create", "--store", text(&store), "--key-out", text(&key_out)])
        .refused(4, &["directory of", "does not exist"]);
    assert_eq!(files(&world), before);
}

#[test]
fn a_backup_that_is_there_leaves_no_new_key() {
    let (world, store, _) = World::filled(1);
    let key_out = world.path("new.key");
    let before = files(&world);
    world
        .run(["create", "--store", text(&store), "--key-out", text(&key_out)])
        .refused(2, &["has a backup already"]);
    assert_eq!(files(&world), before);
}

/// However the path is spelled.
#[test]
fn the_key_does_not_go_where_the_store_goes() {
    let world = World::new();
    let (export, passphrase) = (world.export("keys.txt", &sessions(1)), world.path("passphrase"));
    fs::create_dir(world.path("folder")).unwrap();
    std::os::unix::fs::symlink(world.path("."), world.path("link")).unwrap();
    let before = files(&world);
    let upload = ["upload", "--create", "--passphrase-file", text(&passphrase), text(&export)];
    for alias in [
        "store.sqlite3",
        "./store.sqlite3",
        "folder/../store.sqlite3",
        "link/store.sqlite3",
        "Store.SQLite3",
        "store.sqlite3-wal",
        "store.sqlite3-journal",
    ] {
        for command in [&["create"][..], &upload] {
            world
                .run(command.iter().chain(&["--store", "store.sqlite3", "--key-out", alias]))
                .refused(2, &["is the store itself", "another path"]);
            assert_eq!(files(&world), before);
        }
    }

    // The default store's directory is not there yet.
    let default = world.default_store();
    world.run(["create", "--key-out", text(&default)]).refused(2, &["is the store itself"]);
    assert!(!world.data().exists());
}
