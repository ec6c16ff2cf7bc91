//! Stores that are none, and keys that do not fit: a clear error, and nothing changed.

use std::fs;

use crate::support::{World, key, sessions, text};

/// All commands that work on a store, on this one.
fn on_every_command(world: &World, store: &str, check: impl Fn(&[&str], crate::support::Ran)) {
    let (export, passphrase) = (world.export("some.txt", &sessions(1)), world.path("passphrase"));
    let key_file = world.path("key");
    let key = ["--key-file", text(&key_file)];
    let commands: [&[&str]; 6] = [
        &["status"],
        &["list"],
        &["verify", key[0], key[1]],
        &["restore", "--plaintext-json", "out.jsonl", key[0], key[1]],
        &["upload", text(&export), "--passphrase-file", text(&passphrase), key[0], key[1]],
        &["create", key[0], key[1]],
    ];
    for command in commands {
        let ran = world.run(command.iter().chain(&["--store", store]));
        check(command, ran);
    }
    assert!(!world.path("out.jsonl").exists());
}

#[test]
fn a_file_that_is_no_store_is_left_alone() {
    let (world, store, _) = World::filled(3);
    let newer = world.path("newer.sqlite3");
    fs::copy(&store, &newer).unwrap();
    rusqlite::Connection::open(&newer).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let other = world.path("other.sqlite3");
    rusqlite::Connection::open(&other)
        .unwrap()
        .execute_batch("CREATE TABLE contacts (name)")
        .unwrap();
    world.write("text.sqlite3", "Dear diary,\n".repeat(100));
    world.write("empty.sqlite3", "");
    let whole = fs::read(&store).unwrap();
    world.write("cut.sqlite3", &whole[..whole.len() / 2]);

    let cases = [
        ("newer.sqlite3", "newer version"),
        ("other.sqlite3", "another program"),
        ("text.sqlite3", "not a database"),
        ("empty.sqlite3", "empty file"),
        ("cut.sqlite3", "damaged"),
        (".", "not a file"),
    ];
    for (name, expected) in cases {
        let path = world.path(name);
        let before = fs::read(&path).ok();
        on_every_command(&world, text(&path), |_, ran| {
            ran.refused(4, &[name, expected]);
        });
        assert_eq!(fs::read(&path).ok(), before, "{name}");
    }
}

#[test]
fn a_store_that_is_not_there_is_not_made_by_reading() {
    let mut world = World::new();
    world.key_file("key", &key(1));
    let nowhere = world.path("nowhere.sqlite3");
    on_every_command(&world, text(&nowhere), |command, ran| match command[0] {
        "create" => drop(ran.done()),
        _ => drop(ran.refused(4, &["no store at", "nowhere.sqlite3"])),
    });

    let deep = world.path("no/such/directory.sqlite3");
    let key_file = world.path("key");
    world
        .run(["create", "--store", text(&deep), "--key-file", text(&key_file)])
        .refused(4, &["directory of", "does not exist"]);

    // The default one neither.
    world.run(["status"]).refused(4, &["no store at", "backup.sqlite3", "upload"]);
    assert!(!world.data().exists());
}

#[test]
fn a_key_of_another_backup_is_refused_by_name() {
    let (mut world, store, _) = World::filled(3);
    let wrong = world.key_file("wrong", &key(2));
    let passphrase = world.path("passphrase");
    let commands: [&[&str]; 3] = [
        &["verify"],
        &["restore", "--plaintext-json", "out.jsonl"],
        &["restore", "--out", "out.txt", "--passphrase-file", text(&passphrase)],
    ];
    for command in commands {
        let with_key = ["--store", text(&store), "--key-file", text(&wrong)];
        let ran = world.run(command.iter().chain(&with_key));
        ran.refused(3, &["wrong", "does not fit", "Give the key"]);
    }
    assert!(!world.path("out.jsonl").exists() && !world.path("out.txt").exists());

    // `status` reports it, and returns the same.
    let ran = world.run(["status", "--json", "--store", text(&store), "--key-file", text(&wrong)]);
    assert_eq!(ran.with_status(3).json()["key"]["fits"], false);
}

/// What lies beside the default store was not even given: it does not fit, and nothing fails.
#[test]
fn status_tells_of_a_key_file_that_is_junk() {
    let world = World::new();
    let (export, passphrase) = (world.export("keys.txt", &sessions(2)), world.path("passphrase"));
    world.run(["upload", text(&export), "--passphrase-file", text(&passphrase)]).done();
    let beside = world.data().join("backup.sqlite3.key");
    let large = vec![b'A'; 100_000];
    let cases: [(&[u8], &str); 4] =
        [(b"junk", "48 characters"), (b"", "empty"), (&[0xff; 32], "no UTF-8"), (&large, "large")];
    for (content, expected) in cases {
        fs::write(&beside, content).unwrap();
        let ran = world.run(["status", "--json"]).with_status(3);
        assert!(ran.err.is_empty(), "{}", ran.err);
        let json = ran.json();
        assert_eq!(json["backup"]["count"], 2);
        assert_eq!(json["key"]["fits"], false);
        assert_eq!(json["key"]["kind"], "decryption");
        let problem = json["key"]["problem"].as_str().unwrap();
        assert!(problem.contains(expected), "{problem}");
        let ran = world.run(["status"]).with_status(3);
        assert!(ran.out.contains("does not fit") && ran.out.contains("2 "), "{}", ran.out);
    }
    // Where a key is given, that one counts.
    let no_key = world.write("no.key", "junk");
    let json = world.run(["status", "--json", "--key-file", text(&no_key)]).with_status(3).json();
    assert_eq!(json["key"]["fits"], false);
    world.run(["status", "--key-file", "nowhere.key"]).refused(2, &["cannot be read"]);
    let json =
        world.run(["status", "--json", "--writer-key-file", text(&no_key)]).with_status(3).json();
    assert_eq!((&json["key"]["kind"], &json["key"]["fits"]), (&"writer".into(), &false.into()));
}

#[test]
fn a_text_that_is_no_key_is_told_apart_without_showing_it() {
    let (world, store, _) = World::filled(1);
    let good = key(1).expose_base58().to_string();
    let cases = [
        (good.replacen("Es", "Et", 1), "beginning is wrong"),
        (format!("{}1", &good[..good.len() - 1]), "typing error"),
        (good[..good.len() - 3].to_owned(), "48 characters"),
        (good.replacen("Es", "E0", 1), "character 2"),
        (format!("{}+", &key(1).expose_base64()[..41]), "base64"),
        (String::new(), "empty"),
    ];
    for (content, expected) in cases {
        let file = world.write("bad.key", &content);
        let ran = world.run(["verify", "--store", text(&store), "--key-file", text(&file)]);
        let ran = ran.refused(3, &["bad.key", expected]);
        for group in content.split_whitespace().filter(|group| group.len() > 3) {
            assert!(!ran.err.contains(group), "{group:?} is in {}", ran.err);
        }
    }
    world
        .run(["verify", "--store", text(&store), "--key-file", "nowhere.key"])
        .refused(2, &["nowhere.key cannot be read"]);
    let large = world.write("large.key", vec![b'A'; 100_000]);
    world
        .run(["verify", "--store", text(&store), "--key-file", text(&large)])
        .refused(2, &["too large"]);
    let binary = world.write("binary.key", [0xff_u8; 32]);
    world
        .run(["verify", "--store", text(&store), "--key-file", text(&binary)])
        .refused(2, &["no UTF-8 text"]);
}

#[test]
fn a_backup_of_an_unknown_kind_is_shown_and_not_touched() {
    let (world, store, key_file) = World::filled(3);
    crate::support::tamper(&store)
        .execute("UPDATE versions SET algorithm = 'org.example.v9'", [])
        .unwrap();
    let status = world.run(["status", "--json", "--store", text(&store)]).with_status(1).json();
    assert_eq!(status["backup"]["algorithm"], "org.example.v9");
    assert!(status["backup"]["problem"].as_str().unwrap().contains("org.example.v9"));
    world
        .run(["verify", "--store", text(&store), "--key-file", text(&key_file)])
        .refused(4, &["version 1", "org.example.v9"]);
    // It can be replaced all the same.
    world
        .run(["create", "--replace", "--store", text(&store), "--key-file", text(&key_file)])
        .done();
}

#[test]
fn stores_do_not_get_in_each_others_way() {
    let (mut world, first, _) = World::filled(5);
    let (second, key_file) = (world.path("second.sqlite3"), world.key_file("second", &key(2)));
    let before = fs::read(&first).unwrap();
    let (export, passphrase) = (world.export("more.txt", &sessions(9)), world.path("passphrase"));
    world
        .run([
            "upload",
            "--create",
            "--store",
            text(&second),
            "--key-file",
            text(&key_file),
            "--passphrase-file",
            text(&passphrase),
            text(&export),
        ])
        .done();
    assert_eq!(fs::read(&first).unwrap(), before);
    let count = |store| {
        world.run(["status", "--json", "--store", text(store)]).done().json()["backup"]["count"]
            .clone()
    };
    assert_eq!((count(&first), count(&second)), (5.into(), 9.into()));
    // The key was given, so none was written.
    assert!(!world.path("second.sqlite3.key").exists());
}
