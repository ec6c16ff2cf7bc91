//! What a homeserver says to deceive the program, or the person who reads what it prints.

use std::fs;

use serde_json::{Value, json};

use crate::{
    fake_homeserver::FakeHomeserver,
    support::{Ran, World, text},
};

/// The backup in a JSON file, of so many keys.
fn backup(count: usize) -> (World, Value) {
    let (world, store, _) = World::filled(count);
    world.run(["copy", text(&store), "backup.json"]).done();
    let backup = fs::read(world.path("backup.json")).unwrap();
    (world, serde_json::from_slice(&backup).unwrap())
}

/// The same in the account of this user, who is logged in.
fn logged_in(user_id: &str, change: impl FnOnce(&mut Value)) -> (World, FakeHomeserver) {
    let (world, mut backup) = backup(3);
    change(&mut backup);
    let homeserver = FakeHomeserver::with(backup);
    fs::create_dir_all(world.data()).unwrap();
    let session = json!({
        "format": "session-2", "homeserver": homeserver.url, "user_id": user_id,
        "access_token": "token",
    });
    fs::write(world.data().join("session.json"), session.to_string()).unwrap();
    (world, homeserver)
}

fn findings(ran: &Ran, kind: &str) -> usize {
    let json = ran.json();
    json["findings"].as_array().unwrap().iter().filter(|it| it["kind"] == kind).count()
}

/// A-3, B-3: an entry that is there twice does not make up for one that is not.
#[test]
fn what_is_named_twice_counts_once_and_is_told() {
    let (world, mut backup) = backup(3);
    let rooms = backup["rooms"].as_object().unwrap().clone();
    let (room, sessions) = rooms.iter().next().unwrap();
    // A room that stands in the file twice, with another one in between.
    let between = json!({ "sessions": {} });
    let named_twice =
        format!(r#"{{"{room}":{sessions},"!between:example.org":{between},"{room}":{sessions}}}"#);
    backup["rooms"] = "ROOMS".into();
    let kept = sessions["sessions"].as_object().unwrap().len();
    backup["count"] = (2 * kept).into();
    world.write("twice.json", backup.to_string().replace(r#""ROOMS""#, &named_twice));
    let writer = ["key", "writer", "--user", "@a:example.org", "--key-file", "key"];
    world.run([&writer[..], &["--out", "writer.json"]].concat()).done();
    for key in [["--key-file", "key"], ["--writer-key-file", "writer.json"]] {
        let verify = ["verify", "--store", "twice.json", "--json"];
        let ran = world.run([&verify[..], &key].concat()).with_status(1);
        assert_eq!(findings(&ran, "repeated"), kept);
        assert_eq!(ran.json()["missing"], kept);
    }
    let doctor = ["doctor", "--store", "twice.json", "--key-file", "key", "--json"];
    let ran = world.run(doctor).with_status(1);
    let codes = ran.json()["diagnoses"].to_string();
    assert!(codes.contains("missing"), "{codes}");
}

/// B-2, K-6: an account's backup is its user's, whoever is named.
#[test]
fn the_account_says_whose_backup_it_is() {
    let (world, _homeserver) = logged_in("@alice:example.org", |_| {});
    let at = ["--store", "homeserver", "--json"];
    let other = world.run([&["status", "--user", "@bob:example.org"][..], &at].concat());
    other.refused(2, &["@alice:example.org", "@bob:example.org", "--user"]);
    world.run([&["status", "--user", "@alice:example.org"][..], &at].concat()).done();

    let writer = ["key", "writer", "--user", "@bob:example.org", "--key-file", "key"];
    world.run([&writer[..], &["--out", "bobs.json"]].concat()).done();
    let upload = ["upload", "--writer-key-file", "bobs.json", "--passphrase-file", "passphrase"];
    let upload = world.run([&upload[..], &["keys.txt"], &at].concat());
    upload.refused(3, &["@bob:example.org"]);
}

/// What a server calls a version or a user makes no line of its own.
#[test]
fn names_make_no_lines() {
    let change = |backup: &mut Value| backup["version"] = "1\nFORGED: all is well".into();
    let (world, _homeserver) = logged_in("@a\nFORGED:example.org", change);
    for command in [&["status"][..], &["verify", "--key-file", "key"]] {
        let ran = world.run([command, &["--store", "homeserver"]].concat());
        let said = format!("{}{}", ran.out, ran.err);
        assert!(said.contains("FORGED"), "{said}");
        assert!(!said.lines().any(|line| line.trim_start().starts_with("FORGED")), "{said}");
    }
}

/// K-5: an empty file is no password, and is not sent.
#[test]
fn an_empty_password_is_refused() {
    let world = World::new();
    world.write("empty", "\n");
    let login = ["login", "--homeserver", "http://127.0.0.1:9", "--user", "@a:example.org"];
    world.run([&login[..], &["--password-file", "empty"]].concat()).refused(2, &["empty"]);
    assert!(!world.data().exists());
}
