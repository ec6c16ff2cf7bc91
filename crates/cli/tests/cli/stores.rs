//! The kinds of stores, and copies between them.

use std::fs;

use crate::support::{World, mode, text};

///
#[test]
fn a_copy_goes_to_a_json_file_and_back() {
    let (world, store, key) = World::filled(5);
    let (json, back) = (world.path("copy.json"), world.path("back.sqlite3"));
    let copied = world.run(["copy", text(&store), text(&json), "--json"]).done().json();
    assert_eq!(
        (&copied["entries"], &copied["compared"], &copied["different"], &copied["complete"]),
        (&5.into(), &5.into(), &0.into(), &true.into())
    );
    assert_eq!(mode(&json), 0o600);
    world.run(["copy", text(&json), text(&back)]).done();
    for copy in [&json, &back] {
        let verify = ["verify", "--store", text(copy), "--key-file", text(&key), "--json"];
        assert_eq!(world.run(verify).done().json()["entries"], 5);
    }
    let again = world.run(["copy", text(&json), text(&back), "--json"]).done().json();
    assert_eq!((&again["written"], &again["already_there"]), (&0.into(), &5.into()));
}

#[test]
fn a_json_file_is_only_read() {
    let (world, store, key) = World::filled(2);
    world.run(["copy", text(&store), "copy.json"]).done();
    let before = fs::read(world.path("copy.json")).unwrap();
    let create = ["create", "--replace", "--key-file", text(&key), "--store"];
    world.run(create.iter().copied().chain(["copy.json"])).refused(2, &["only read"]);
    world.run(create.iter().copied().chain(["new.json"])).refused(2, &["only read"]);
    let delete = ["delete", "--backup-version", "1", "--current", "--yes", "--store", "copy.json"];
    world.run(delete).refused(2, &["only read"]);
    assert_eq!(fs::read(world.path("copy.json")).unwrap(), before);
    assert!(!world.path("new.json").exists());
}

/// What is in the way stays, unless the caller has said otherwise.
#[test]
fn a_copy_overwrites_nothing_unasked() {
    let (world, store, _) = World::filled(2);
    world.write("there.json", "mine");
    world.run(["copy", text(&store), "there.json"]).refused(2, &["there already", "--force"]);
    assert_eq!(fs::read_to_string(world.path("there.json")).unwrap(), "mine");
    world.run(["copy", text(&store), "there.json", "--force"]).done();
    world.run(["copy", text(&store), text(&store)]).refused(2, &["same store"]);
    world.run(["copy", "homeserver", "homeserver"]).refused(2, &["same store"]);
    world.run(["copy", "nowhere.sqlite3", "x.json"]).refused(4, &["no store"]);

    let (other, another, _) = World::filled(1);
    let target = other.path("store.sqlite3");
    world.run(["create", "--store", "other.sqlite3", "--key-out", "other.key"]).done();
    world.run(["copy", text(&target), "other.sqlite3"]).refused(2, &["--new-version"]);
    world.run(["copy", text(&another), "other.sqlite3", "--new-version"]).done();
    let status = world.run(["status", "--store", "other.sqlite3", "--json"]).done().json();
    assert_eq!(status["versions"], serde_json::json!(["2", "1"]));
}

/// What is missing in the copy is named, and the status says so.
#[test]
fn an_entry_that_differs_is_named() {
    let (world, store, _) = World::filled(3);
    world.run(["copy", text(&store), "copy.sqlite3"]).done();
    let changed = crate::support::tamper(&world.path("copy.sqlite3"));
    assert_eq!(
        changed.execute("UPDATE keys SET first_message_index = 999 WHERE session_id = (SELECT min(session_id) FROM keys)", []).unwrap(),
        1
    );
    drop(changed);
    let ran = world.run(["copy", text(&store), "copy.sqlite3", "--json"]).with_status(1).json();
    assert_eq!((&ran["different"], &ran["complete"]), (&1.into(), &false.into()));
    assert_eq!(ran["findings"][0]["kind"], "different");
}

#[test]
fn who_is_not_logged_in_is_told_to() {
    let world = World::new();
    for command in ["status", "list", "verify"] {
        world.run([command, "--store", "homeserver"]).refused(6, &["`login`"]);
    }
    world.run(["logout"]).refused(6, &["`login`"]);
    world.write("homeserver", "");
    world.run(["status", "--store", "./homeserver"]).refused(4, &["empty file"]);
}

/// K-5: a token is never sent in the clear to another machine, and never shown.
#[test]
fn a_login_is_refused_before_anything_is_sent() {
    let mut world = World::new();
    world.keep_secret("syt_swordfish");
    world.write("token", "syt_swordfish");
    let login = |url: &str, more: &[&str]| {
        let mut command = vec!["login", "--homeserver", url, "--access-token-file", "token"];
        command.extend(more);
        world.run(command)
    };
    let user = ["--user", "@me:example.org"];
    login("http://matrix.example.org", &user).refused(2, &["http"]);
    login("matrix.example.org", &user).refused(2, &["--homeserver"]);
    let nobody = world.run(["login", "--access-token-file", "token"]);
    nobody.refused(2, &["--user"]);
    let nowhere = ["login", "--user", "@me", "--access-token-file", "token"];
    world.run(nowhere).refused(2, &["@name:example.org"]);
    world.write("token", "syt_swordfish and more");
    login("https://matrix.example.org", &user).refused(6, &["no access token"]);
    assert!(!world.data().exists());
}

/// Nothing answers there.
#[test]
fn a_session_that_is_none_is_told() {
    let world = World::new();
    fs::create_dir_all(world.data()).unwrap();
    fs::write(world.data().join("session.json"), "{}").unwrap();
    world.run(["status", "--store", "homeserver"]).refused(6, &["session.json", "login"]);
}
