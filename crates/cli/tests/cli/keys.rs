//! `key`: forms of a key, and what follows from it.

use std::fs;

use matrix_key_backup::{primitives::BackupDecryptionKey, wire::WriterKey};

use crate::support::{World, key, mode, text};

#[test]
fn a_key_in_either_form_gives_the_same() {
    let world = World::new();
    let key = key(1);
    let forms = [key.expose_base58().to_string(), key.expose_base64().to_string()];
    for form in &forms {
        let file = world.write("form.key", form);
        let run = |arguments: &[&str]| {
            let ran = world
                .run_revealing(["key"].iter().chain(arguments).chain(&["--key-file", text(&file)]));
            ran.done().out.trim_end().to_owned()
        };
        assert_eq!(run(&["show"]), *key.expose_base58());
        assert_eq!(run(&["show", "--form", "base64"]), *key.expose_base64());
        assert_eq!(run(&["public"]), key.public_key().to_base64());
        assert_eq!(run(&["mac"]), *key.mac_key().expose_base64());
        assert_eq!(
            run(&["mac", "--json"]),
            format!("{{\"backup_mac_key\":\"{}\"}}", *key.mac_key().expose_base64())
        );

        let writer = run(&["writer", "--user", "@alice:example.org", "--names", "stable"]);
        let writer = WriterKey::from_json(&writer).unwrap(); // K-6
        assert_eq!(writer.user_id().as_str(), "@alice:example.org");
        assert_eq!(writer.algorithm().as_str(), "m.backup.v2.curve25519-aes-sha2");
        assert_eq!(*writer.public_key(), key.public_key());
        assert_eq!(*writer.backup_mac_key(), key.mac_key());
    }
}

#[test]
fn the_public_key_is_no_secret_and_shows_none() {
    let mut world = World::new();
    let file = world.key_file("key", &key(1));
    // This run is searched for secrets.
    let ran = world.run(["key", "public", "--json", "--key-file", text(&file)]).done();
    assert_eq!(ran.json()["public_key"], key(1).public_key().to_base64());
}

#[test]
fn a_new_key_is_new_and_goes_where_it_is_told() {
    let world = World::new();
    let shown = |ran: crate::support::Ran| BackupDecryptionKey::from_base58(&ran.out).unwrap();
    let first = shown(world.run_revealing(["key", "generate"]).done());
    assert_ne!(first, shown(world.run_revealing(["key", "generate"]).done()));

    let out = world.path("new.key");
    let ran = world.run(["key", "generate", "--json", "--out", text(&out)]).done();
    assert_eq!(ran.json()["file"], text(&out));
    let written = fs::read_to_string(&out).unwrap();
    BackupDecryptionKey::from_base58(&written).unwrap();
    assert!(!ran.out.contains(written.trim()));
    assert_eq!(mode(&out), 0o600);

    world.run(["key", "generate", "--out", text(&out)]).refused(2, &["new.key is there already"]);
    assert_eq!(fs::read_to_string(&out).unwrap(), written);
}

#[test]
fn a_writer_key_names_its_user() {
    let mut world = World::new();
    let file = world.key_file("key", &key(1));
    world.run(["key", "writer", "--key-file", text(&file)]).refused(2, &["--user"]);
    world
        .run(["key", "writer", "--key-file", text(&file), "--user", "alice"])
        .refused(2, &["@name:example.org"]);
    let out = world.path("writer.json");
    let ran = world.run([
        "key",
        "writer",
        "--key-file",
        text(&file),
        "--user",
        "@a:b",
        "--out",
        text(&out),
    ]);
    ran.done();
    assert_eq!(mode(&out), 0o600);
}
