//! Reading a backup back.

use std::{fs, process::Stdio};

use crate::support::{World, by_place, mode, read_export, sessions, text};

#[test]
fn what_comes_out_is_what_went_in() {
    let (world, store, key_file) = World::filled(40);
    let (out, passphrase) = (world.path("out.txt"), world.path("passphrase"));
    let restore = [
        "restore",
        "--store",
        text(&store),
        "--key-file",
        text(&key_file),
        "--passphrase-file",
        text(&passphrase),
        "--out",
        text(&out),
    ];
    let report = world.run(restore.into_iter().chain(["--json"])).done().json();
    assert_eq!((&report["written"], &report["entries"]), (&40.into(), &40.into()));
    assert_eq!(report["unauthenticated"]["m.undefined"], 40);
    assert_eq!(report["file"], text(&out));
    assert_eq!(read_export(&out), by_place(sessions(40)));
    assert_eq!(mode(&out), 0o600);

    let before = fs::read(&out).unwrap();
    world.run(restore).refused(2, &["out.txt is there already", "--force"]);
    assert_eq!(fs::read(&out).unwrap(), before);
}

#[test]
fn a_file_that_is_there_goes_only_by_force() {
    let (world, store, key_file) = World::filled(3);
    let out = world.write("out.jsonl", "of value");
    let restore = ["restore", "--store", text(&store), "--key-file", text(&key_file)];
    let restore = [&restore[..], &["--plaintext-json", text(&out)]].concat();
    world.run(&restore).refused(2, &["out.jsonl is there already", "--force"]);
    assert_eq!(fs::read_to_string(&out).unwrap(), "of value");
    world.run(restore.iter().chain(&["--force"])).done();
    assert_eq!(fs::read_to_string(&out).unwrap().lines().count(), 3);
    // No draft is left.
    let drafts = fs::read_dir(world.path(".")).unwrap().filter(|entry| {
        entry.as_ref().unwrap().file_name().to_str().unwrap().starts_with(".matrix-key-backup")
    });
    assert_eq!(drafts.count(), 0);
}

/// The only copy of a key, the store itself, and what is no ordinary file: no flag overwrites them.
#[test]
fn keys_stores_and_links_do_not_go_by_force_either() {
    let (world, store, key_file) = World::filled(3);
    let passphrase = world.write("passphrase.txt", "of the new file");
    let link = world.path("link");
    std::os::unix::fs::symlink(&key_file, &link).unwrap();
    let folder = world.path(".");
    // SQLite's own files do not look like a store.
    let [wal, journal] = ["-wal", "-journal"].map(|end| world.path(&format!("store.sqlite3{end}")));
    for precious in [&key_file, &store, &wal, &journal, &link, &folder] {
        let before = fs::read(precious).ok();
        let restore = ["restore", "--store", text(&store), "--key-file", text(&key_file)];
        let to = ["--out", text(precious), "--force", "--passphrase-file", text(&passphrase)];
        world.run(restore.iter().chain(&to)).refused(2, &[text(precious), "another path"]);
        assert_eq!(fs::read(precious).ok(), before);
    }
    assert!(link.is_symlink());
}

#[test]
fn one_room_or_one_session() {
    let (world, store, key_file) = World::filled(200);
    let all = sessions(200);
    let one = &all[150];
    let restore = ["restore", "--store", text(&store), "--key-file", text(&key_file)];
    let lines = |arguments: &[&str]| {
        let ran = world.run_revealing(restore.iter().chain(arguments)).done();
        ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<_>>()
    };

    let room = lines(&["--plaintext-json", "-", "--room", one.room_id().as_str()]);
    let expected = all.iter().filter(|session| session.room_id() == one.room_id()).count();
    assert_eq!(room.len(), expected);

    let session = ["--room", one.room_id().as_str(), "--session", one.session_id().as_str()];
    let session = lines(&[&["--plaintext-json", "-"], &session[..]].concat());
    let [line]: [serde_json::Value; 1] = session.try_into().unwrap();
    let key: serde_json::Value = serde_json::from_str(&one.to_json()).unwrap();
    let expected = serde_json::json!({
        "authenticated": false,
        "unauthenticated": "m.undefined",
        "bundle_sender": null,
        "room_under_mac": false,
        "key": key,
    });
    assert_eq!(line, expected);
}

#[test]
fn keys_in_clear_go_into_a_private_file() {
    let (world, store, key_file) = World::filled(5);
    let out = world.path("keys.jsonl");
    let restore = ["restore", "--store", text(&store), "--key-file", text(&key_file)];
    let ran = world.run(restore.iter().chain(&["--plaintext-json", text(&out)])).done();
    assert!(ran.out.contains("5 keys written"), "{}", ran.out);
    assert_eq!(mode(&out), 0o600);
    assert_eq!(fs::read_to_string(&out).unwrap().lines().count(), 5);
}

#[test]
fn what_is_not_there_is_missing() {
    let (world, store, key_file) = World::filled(5);
    let out = world.path("out.jsonl");
    let ran = world.run([
        "restore",
        "--store",
        text(&store),
        "--key-file",
        text(&key_file),
        "--plaintext-json",
        text(&out),
        "--room",
        "!nobody:example.org",
    ]);
    let ran = ran.refused(1, &["missing", "!nobody:example.org"]);
    assert!(ran.out.contains("no key to write"), "{}", ran.out);
    assert!(!out.exists());
}

#[test]
fn a_form_has_to_be_chosen_and_a_passphrase_is_not_empty() {
    let (world, store, key_file) = World::filled(1);
    let restore = ["restore", "--store", text(&store), "--key-file", text(&key_file)];
    world.run(restore).refused(2, &["--out", "--plaintext-json"]);
    let empty = world.write("empty", "\n");
    world
        .run(restore.iter().chain(&["--out", "x", "--passphrase-file", text(&empty)]))
        .refused(2, &["passphrase is empty"]);
    assert!(!world.path("x").exists());
    world
        .run(restore.iter().chain(&["--plaintext-json", "nowhere/x"]))
        .refused(2, &["nowhere/x cannot be written"]);
}

/// Ctrl-C while a file is on its way leaves neither the file nor its draft, which may hold keys.
#[test]
fn an_interruption_leaves_no_half_file() {
    let (world, store, key_file) = World::filled(3);
    let (directory, passphrase) = (world.path("restored"), world.path("passphrase"));
    fs::create_dir(&directory).unwrap();
    let out = directory.join("out.txt");
    let is_empty = || fs::read_dir(&directory).unwrap().next().is_none();
    let mut restore = world.command([
        "restore",
        "--store",
        text(&store),
        "--key-file",
        text(&key_file),
        "--passphrase-file",
        text(&passphrase),
        "--out",
        text(&out),
    ]);
    let mut child = restore.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // The draft is begun before the passphrase is stretched, which takes long.
    while is_empty() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before its time");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let interrupt = ["-INT", &child.id().to_string()];
    assert!(std::process::Command::new("kill").args(interrupt).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(is_empty());
}
