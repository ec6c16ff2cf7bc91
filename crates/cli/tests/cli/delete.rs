//! `delete`: only what was named, and only with the user's word.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Ran, World, key, tamper, text};

/// Three keys in version 1, and an empty version 2 under another key.
fn two_versions() -> World {
    let (mut world, store, _) = World::filled(3);
    let second = world.key_file("second", &key(2));
    let create = ["create", "--replace", "--store", text(&store), "--key-file", text(&second)];
    world.run(create).done();
    world
}

fn delete(world: &World, arguments: &[&str]) -> Ran {
    let store = ["delete", "--store", "store.sqlite3"];
    world.run(store.iter().chain(arguments))
}

fn versions(world: &World) -> Value {
    let status = ["status", "--json", "--store", "store.sqlite3"];
    world.run(status).done().json()["versions"].clone()
}

#[test]
fn an_older_version_is_deleted_with_its_keys() {
    let world = two_versions();
    let ran = delete(&world, &["--backup-version", "1", "--yes"]).done();
    assert!(ran.out.contains("Version 1 is deleted, with 3 keys."), "{}", ran.out);
    assert!(ran.out.contains("current version is 2"), "{}", ran.out);
    assert_eq!(versions(&world), json!(["2"]));
    let keys =
        tamper(&world.path("store.sqlite3"))
            .query_row("SELECT count(*) FROM keys", [], |row| row.get::<_, i64>(0));
    assert_eq!(keys.unwrap(), 0);
    delete(&world, &["--backup-version", "1", "--yes"]).refused(2, &["no backup version 1"]);
}

#[test]
fn it_takes_a_name_and_a_word() {
    let world = two_versions();
    delete(&world, &["--yes"]).refused(2, &["--backup-version"]);
    delete(&world, &["--backup-version", "1"]).refused(
        2,
        &["Version 1, authenticated (v2, names of the proposal), with 3 keys", "--yes"],
    );
    delete(&world, &["--backup-version", "3", "--yes"]).refused(2, &["versions 2 and 1"]);
    assert_eq!(versions(&world), json!(["2", "1"]));
}

/// T-4: the version before it would come back, perhaps under another key.
#[test]
fn the_current_version_takes_a_word_more() {
    let world = two_versions();
    delete(&world, &["--backup-version", "2", "--yes"]).refused(
        2,
        &[
            "version 2 is the current one",
            "nothing was deleted",
            "--current",
            "Version 1,",
            "step back",
        ],
    );
    delete(&world, &["--backup-version", "2", "--current"]).refused(2, &["Version 1,", "--yes"]);
    assert_eq!(versions(&world), json!(["2", "1"]));

    let ran = delete(&world, &["--backup-version", "2", "--current", "--yes", "--json"]).done();
    assert_eq!(
        ran.json(),
        json!({
            "store": "store.sqlite3",
            "version": "2",
            "algorithm": "org.matrix.msc4048.curve25519-aes-sha2",
            "count": 0,
            "was_current": true,
            "current_version": "1",
            "current_algorithm": "org.matrix.msc4048.curve25519-aes-sha2",
        })
    );
    assert_eq!(versions(&world), json!(["1"]));

    let ran = delete(&world, &["--backup-version", "1", "--current", "--yes"]).done();
    assert!(ran.err.contains("The store then has no backup"), "{}", ran.err);
    assert!(ran.out.contains("no backup any more"), "{}", ran.out);
    assert_eq!(versions(&world), json!([]));
}

/// Nobody has to be able to read what is deleted, and what it is called does not write to the terminal.
#[test]
fn a_version_of_an_unknown_algorithm_can_be_deleted() {
    let world = two_versions();
    tamper(&world.path("store.sqlite3"))
        .execute("UPDATE versions SET algorithm = 'x\u{1b}[2Jy' WHERE version = 1", [])
        .unwrap();
    let ran = delete(&world, &["--backup-version", "1"]).refused(2, &["unknown algorithm"]);
    assert!(!ran.err.contains('\u{1b}'), "{}", ran.err);
    delete(&world, &["--backup-version", "1", "--yes"]).done();
    assert_eq!(versions(&world), json!(["2"]));
}

/// Nothing is said to be deleted for good, and nobody is asked, where nothing can be.
#[test]
fn a_json_file_is_refused_before_anything_is_said() {
    let (world, store, _) = World::filled(3);
    world.run(["copy", text(&store), "copy.json"]).done();
    let before = fs::read(world.path("copy.json")).unwrap();
    for more in [&[][..], &["--yes"], &["--current", "--yes"], &["--current"]] {
        let delete = ["delete", "--store", "copy.json", "--backup-version", "1"];
        let ran = world.run(delete.iter().chain(more));
        let ran = ran.refused(2, &["copy.json is a JSON file, which is only read"]);
        assert!(!ran.err.contains("deleted") && !ran.err.contains("--yes"), "{}", ran.err);
        assert_eq!(fs::read(world.path("copy.json")).unwrap(), before);
    }
}
