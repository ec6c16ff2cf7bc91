//! The compatibility algorithm: it works, and promises nothing. // V1-6

use crate::support::{World, key, sessions, text};

#[test]
fn a_v1_backup_goes_up_and_comes_back_unauthenticated() {
    let mut world = World::new();
    let (store, key_file) = (world.path("store.sqlite3"), world.key_file("key", &key(1)));
    let with_key = ["--store", text(&store), "--key-file", text(&key_file)];
    world.run(["create", "--algorithm", "v1"].iter().chain(&with_key)).done();
    let (export, passphrase) = (world.export("keys.txt", &sessions(7)), world.path("passphrase"));
    let upload = ["upload", "--passphrase-file", text(&passphrase), text(&export)];
    let ran = world.run(upload.iter().chain(&with_key)).done();
    assert!(ran.out.contains("7  new"), "{}", ran.out);
    assert!(ran.out.contains("nothing in it is authenticated"), "{}", ran.out);
    let again = world.run(upload.iter().chain(&with_key).chain(&["--json"])).done();
    assert_eq!(again.json()["unchanged"], 7);

    let verified = world.run(["verify"].iter().chain(&with_key)).done();
    assert!(verified.out.contains("says no more"), "{}", verified.out);
    let json = world.run(["verify", "--json"].iter().chain(&with_key)).done().json();
    assert_eq!(json["algorithm"], "m.megolm_backup.v1.curve25519-aes-sha2");
    assert_eq!(json["unauthenticated"]["m.legacy-v1"], 7);
    assert_eq!(json["authenticated"], 0);
    let status = world.run(["status"].iter().chain(&with_key)).done();
    assert!(status.out.contains("not authenticated (v1)"), "{}", status.out);
}

#[test]
fn names_are_about_v2() {
    let mut world = World::new();
    let (store, key_file) = (world.path("store.sqlite3"), world.key_file("key", &key(1)));
    world
        .run([
            "create",
            "--algorithm",
            "v1",
            "--names",
            "stable",
            "--store",
            text(&store),
            "--key-file",
            text(&key_file),
        ])
        .refused(2, &["--names is about v2"]);
    assert!(!store.exists());
}
