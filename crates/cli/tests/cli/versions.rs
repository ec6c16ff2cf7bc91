//! The version of a backup that another one has replaced: it can still be read. // A-1

use std::fs;

use crate::support::{World, key, sessions, text};

/// Three keys in version 1 under the first key, and an empty version 2 under the second.
fn replaced() -> (World, [String; 4], [String; 4]) {
    let (mut world, store, old) = World::filled(3);
    let new = world.key_file("second", &key(2));
    let with = |key: &std::path::Path| {
        ["--store", text(&store), "--key-file", text(key)].map(str::to_owned)
    };
    let (old, new) = (with(&old), with(&new));
    let created = world.run(["create", "--replace"].iter().copied().chain(words(&new))).done();
    assert!(created.out.contains("--backup-version 1"), "{}", created.out);
    (world, old, new)
}

fn words(arguments: &[String; 4]) -> impl Iterator<Item = &str> {
    arguments.iter().map(String::as_str)
}

#[test]
fn an_older_version_can_be_read_with_its_own_key() {
    let (world, old, new) = replaced();
    let run = |arguments: &[&str], key: &[String; 4]| {
        world.run(arguments.iter().copied().chain(words(key)).chain(["--json"]))
    };
    let version = ["--backup-version", "1"];

    let status = run(&["status", version[0], version[1]], &old).done().json();
    assert_eq!(status["backup"]["version"], "1");
    assert_eq!(status["backup"]["current"], false);
    assert_eq!(status["backup"]["count"], 3);
    assert_eq!(status["key"]["fits"], true);
    assert_eq!(status["versions"], serde_json::json!(["2", "1"]));
    let newest = run(&["status"], &new).done().json();
    assert_eq!(newest["backup"]["version"], "2");
    assert_eq!(newest["backup"]["current"], true);

    let verified = run(&["verify", version[0], version[1]], &old).done().json();
    assert_eq!((&verified["version"], &verified["entries"]), (&"1".into(), &3.into()));
    assert_eq!(run(&["verify"], &new).done().json()["entries"], 0);

    let out = world.path("old.jsonl");
    let restore = ["restore", "--plaintext-json", text(&out), version[0], version[1]];
    assert_eq!(run(&restore, &old).done().json()["written"], 3);
    assert_eq!(fs::read_to_string(&out).unwrap().lines().count(), 3);

    let store = world.path("store.sqlite3");
    let list = ["list", "--json", "--store", text(&store)];
    let listed = world.run(list.iter().chain(&version)).done().json();
    assert_eq!(listed["rooms"].as_array().unwrap().len(), rooms(3));
    assert_eq!(world.run(list).done().json()["rooms"], serde_json::json!([]));

    // Each has its own key.
    run(&["verify", version[0], version[1]], &new).refused(3, &["does not fit backup version 1"]);
    run(&["verify"], &old).refused(3, &["does not fit backup version 2"]);
}

fn rooms(count: usize) -> usize {
    let sessions = sessions(count);
    let rooms: std::collections::BTreeSet<_> =
        sessions.iter().map(|session| session.room_id().as_str()).collect();
    rooms.len()
}

#[test]
fn people_are_told_of_older_versions() {
    let (world, old, new) = replaced();
    let status = world.run(["status"].into_iter().chain(words(&new))).done().out;
    assert!(status.contains("Versions    2, 1"), "{status}");
    assert!(status.contains("--backup-version"), "{status}");
    assert!(!status.contains("read-only"), "{status}");
    let status =
        world.run(["status", "--backup-version", "1"].into_iter().chain(words(&old))).done().out;
    assert!(status.contains("version 1, authenticated"), "{status}");
    assert!(status.contains("read-only"), "{status}");
    world
        .run(["create"].into_iter().chain(words(&new)))
        .refused(2, &["version 2", "--replace", "--backup-version 2"]);
}

#[test]
fn a_version_that_is_not_there_is_told_with_those_that_are() {
    let (world, old, _) = replaced();
    let commands: [&[&str]; 3] =
        [&["status"], &["verify"], &["restore", "--plaintext-json", "out.jsonl"]];
    for command in commands {
        for version in ["3", "01", "one"] {
            let named = [command, &["--backup-version", version]].concat();
            let ran = world.run(named.into_iter().chain(words(&old)));
            ran.refused(
                2,
                &[&format!("no backup version {version} in"), "it has the versions 2 and 1"],
            );
        }
    }
    assert!(!world.path("out.jsonl").exists());
    world
        .run(["list", "--json", "--backup-version", "3", old[0].as_str(), old[1].as_str()])
        .refused(2, &["no_backup", "versions 2 and 1"]);
    world.run(["status", "--backup-version", ""]).refused(2, &["--backup-version"]);

    let (world, store, _) = World::filled(0);
    let status = ["status", "--store", text(&store), "--backup-version", "2"];
    world.run(status).refused(2, &["the only one that it has is version 1"]);
    crate::support::tamper(&store).execute("DELETE FROM versions", []).unwrap();
    world.run(status).refused(2, &["it has no backup at all"]);
}
