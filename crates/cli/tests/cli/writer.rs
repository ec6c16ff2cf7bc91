//! A device that can write and not read. // K-6, T-2, T-5

use crate::support::{World, key, sessions, text};

/// A backup with these many keys, and the writer key for it.
fn with_writer(count: usize) -> World {
    let (world, _, key_file) = World::filled(count);
    let out = world.path("writer.json");
    let writer = ["key", "writer", "--user", "@alice:example.org", "--out", text(&out)];
    world.run(writer.iter().chain(&["--key-file", text(&key_file)])).done();
    world
}

fn upload(world: &World, writer: &str, export: &str) -> crate::support::Ran {
    let (store, passphrase) = (world.path("store.sqlite3"), world.path("passphrase"));
    world.run([
        "upload",
        "--json",
        "--store",
        text(&store),
        "--writer-key-file",
        writer,
        "--passphrase-file",
        text(&passphrase),
        export,
    ])
}

#[test]
fn a_writer_key_adds_what_the_owner_can_read() {
    let world = with_writer(5);
    let (writer, export) = (world.path("writer.json"), world.export("more.txt", &sessions(12)));
    let ran = upload(&world, text(&writer), text(&export)).done();
    assert_eq!((&ran.json()["new"], &ran.json()["unchanged"]), (&7.into(), &5.into()));
    assert_eq!(ran.json()["mac_key"], "confirmed"); // T-5
    assert_eq!(upload(&world, text(&writer), text(&export)).done().json()["unchanged"], 12);

    let (store, key_file) = (world.path("store.sqlite3"), world.path("key"));
    let verified =
        world.run(["verify", "--json", "--store", text(&store), "--key-file", text(&key_file)]);
    assert_eq!(verified.done().json()["unauthenticated"]["m.undefined"], 12);
}

#[test]
fn in_an_empty_backup_a_writer_key_stays_unconfirmed() {
    let world = with_writer(0);
    let (writer, export) = (world.path("writer.json"), world.export("more.txt", &sessions(3)));
    let ran = upload(&world, text(&writer), text(&export)).done();
    assert_eq!(ran.json()["mac_key"], "unconfirmed");
    assert!(ran.err.contains("could not be tried"), "{}", ran.err);
}

#[test]
fn a_writer_key_checks_macs_and_reads_nothing() {
    let world = with_writer(5);
    let (store, writer) = (world.path("store.sqlite3"), world.path("writer.json"));
    let verify = ["verify", "--json", "--store", text(&store), "--writer-key-file", text(&writer)];
    let json = world.run(verify).done().json();
    assert_eq!((&json["checked"], &json["valid_macs"]), (&"macs".into(), &5.into()));

    let id = sessions(1)[0].session_id().to_string();
    crate::support::tamper(&store)
        .execute("UPDATE keys SET session_data = '{}' WHERE session_id = ?1", [&id])
        .unwrap();
    let json = world.run(verify).with_status(1).json();
    assert_eq!(json["rejected"]["forged"], 1);
    assert_eq!(json["findings"][0]["session_id"], id);

    world
        .run(["restore", "--plaintext-json", "-", "--writer-key-file", text(&writer)])
        .refused(2, &["--writer-key-file"]);
}

#[test]
fn a_writer_key_of_another_backup_user_or_algorithm_is_refused() {
    let mut world = with_writer(3);
    let (store, export) = (world.path("store.sqlite3"), world.export("more.txt", &sessions(4)));
    let passphrase = world.path("passphrase");
    let other = world.key_file("other", &key(2));
    let make = |name: &str, arguments: &[&str]| {
        let out = world.path(name);
        world.run(["key", "writer", "--out", text(&out)].iter().chain(arguments)).done();
        out
    };
    let user = ["--user", "@alice:example.org"];
    let key_file = world.path("key");
    let other = make("other.json", &[user[0], user[1], "--key-file", text(&other)]);
    upload(&world, text(&other), text(&export)).refused(3, &["other.json", "public key"]);
    let stable = make(
        "stable.json",
        &[user[0], user[1], "--key-file", text(&key_file), "--names", "stable"],
    );
    upload(&world, text(&stable), text(&export)).refused(3, &["stable.json", "algorithm"]);
    let writer = world.path("writer.json");
    let ran = world.run([
        "upload",
        "--user",
        "@bob:example.org",
        "--store",
        text(&store),
        "--writer-key-file",
        text(&writer),
        "--passphrase-file",
        text(&passphrase),
        text(&export),
    ]);
    ran.refused(3, &["@alice:example.org", "@bob:example.org"]);

    // The MAC key of another backup beside the right public key. // T-5
    let right = std::fs::read_to_string(&writer).unwrap();
    let stale =
        right.replace(&*key(1).mac_key().expose_base64(), &key(2).mac_key().expose_base64());
    assert_ne!(right, stale);
    let stale = world.write("stale.json", stale);
    upload(&world, text(&stale), text(&export)).refused(3, &["stale.json", "verifies no entry"]);

    let broken = world.write("broken.json", r#"{"user_id":"@alice:example.org"}"#);
    upload(&world, text(&broken), text(&export)).refused(3, &["broken.json", "missing"]);
}

#[test]
fn a_writer_key_begins_no_backup() {
    let world = with_writer(0);
    let (writer, export) = (world.path("writer.json"), world.export("more.txt", &sessions(3)));
    let (store, passphrase) = (world.path("new.sqlite3"), world.path("passphrase"));
    world
        .run([
            "upload",
            "--create",
            "--store",
            text(&store),
            "--writer-key-file",
            text(&writer),
            "--passphrase-file",
            text(&passphrase),
            text(&export),
        ])
        .refused(2, &["cannot begin one"]);
    assert!(!store.exists());
}

#[test]
fn two_keys_in_the_environment_are_one_too_many() {
    let world = with_writer(1);
    let store = world.path("store.sqlite3");
    let writer = std::fs::read_to_string(world.path("writer.json")).unwrap();
    let mut command = world.command(["verify", "--store", text(&store)]);
    command.env("MATRIX_KEY_BACKUP_WRITER_KEY", &writer);
    world.finish(&mut command).done();
    command.env("MATRIX_KEY_BACKUP_KEY", &*key(1).expose_base64());
    world.finish(&mut command).refused(2, &["both set"]);
}
