//! What a homeserver says to deceive the program, or the person who reads what it prints.

use std::{fs, process::Stdio, thread, time::Duration};

use serde_json::{Value, json};

use crate::{
    fake_homeserver::FakeHomeserver,
    support::{Ran, World, set_mode, text},
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

/// P-1: a version that a copy has made is wanted, also where the copy breaks off: the next one finds
/// it there and says nothing.
#[test]
fn a_copy_that_breaks_off_says_that_its_version_is_wanted() {
    let (world, homeserver) = logged_in("@alice:example.org", |_| {});
    world.write("copy.json", homeserver.backup().to_string());
    homeserver.set(None);
    world.run(["copy", "copy.json", "homeserver", "--json"]).refused(4, &["version 7"]);
    assert!(homeserver.was_asked("POST room_keys/version"));
    let wish = "PUT user/@alice:example.org/account_data/m.key_backup";
    assert!(homeserver.was_asked(wish));
}

/// T-4: an authenticated backup does not become one without authentication, under the same key either.
#[test]
fn a_backup_of_the_older_algorithm_is_no_successor() {
    let (world, homeserver) = logged_in("@alice:example.org", |_| {});
    let verify = ["verify", "--key-file", "key", "--store", "homeserver", "--json"];
    world.run(verify).done();
    let mut older = homeserver.backup();
    older["algorithm"] = "m.megolm_backup.v1.curve25519-aes-sha2".into();
    older["version"] = "9".into();
    older["count"] = 0.into();
    older["rooms"] = json!({});
    homeserver.set(Some(older));
    world.run(verify).refused(3, &["went_back", "--accept-older-backup"]);
    let restore = ["restore", "--key-file", "key", "--store", "homeserver", "--json"];
    let restore = [&restore[..], &["--passphrase-file", "passphrase", "--out", "o.txt"]].concat();
    world.run(restore).refused(3, &["went_back"]);
    assert!(!world.path("o.txt").exists());
}

/// B-3, T-4: two runs at once do not overwrite what the other has remembered.
#[test]
fn what_is_remembered_is_changed_by_one_run_at_a_time() {
    let (world, _homeserver) = logged_in("@alice:example.org", |_| {});
    let lock = world.data().join("@alice+3aexample.org.state.lock");
    let lock = fs::File::create(lock).unwrap();
    lock.lock().unwrap();
    let verify = ["verify", "--key-file", "key", "--store", "homeserver", "--json"];
    let mut waiting =
        world.command(verify).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    thread::sleep(Duration::from_secs(1));
    let state = world.data().join("@alice+3aexample.org.state.json");
    assert!(waiting.try_wait().unwrap().is_none() && !state.exists());
    lock.unlock().unwrap();
    assert!(waiting.wait().unwrap().success() && state.exists());
}

fn log_in(world: &World, homeserver: &FakeHomeserver, user_id: &str) -> Ran {
    world.write("password", "swordfish\n");
    fs::remove_file(world.data().join("session.json")).unwrap();
    let login = ["login", "--homeserver", &homeserver.url, "--user", user_id, "--json"];
    world.run([&login[..], &["--password-file", "password"]].concat())
}

/// K-5: a device of which nothing is kept does not stay behind.
#[test]
fn a_login_that_is_given_up_leaves_no_device() {
    let (world, homeserver) = logged_in("@alice:example.org", |_| {});
    homeserver.let_in("@mallory:example.org");
    log_in(&world, &homeserver, "@alice:example.org").refused(2, &["@mallory:example.org"]);
    assert!(homeserver.was_asked("POST logout"));
    assert!(!world.data().join("session.json").exists());
}

/// A login that has worked is one, whatever the backup looks like.
#[test]
fn a_login_stands_though_the_backup_cannot_be_looked_at() {
    let change = |backup: &mut Value| backup["count"] = "many".into();
    let (world, homeserver) = logged_in("@alice:example.org", change);
    homeserver.let_in("@alice:example.org");
    let ran = log_in(&world, &homeserver, "@alice:example.org").done();
    assert!(ran.err.contains("the backup cannot be looked at"), "{}", ran.err);
    assert_eq!(ran.json()["device_id"], "DEVICE");
    assert!(world.data().join("session.json").exists() && !homeserver.was_asked("POST logout"));
}

/// K-5: a session that others can read is told.
#[test]
fn a_session_that_is_open_to_others_is_told() {
    let (world, _homeserver) = logged_in("@alice:example.org", |_| {});
    let session = world.data().join("session.json");
    for (mode, told) in [(0o600, false), (0o644, true)] {
        set_mode(&session, mode);
        let ran = world.run(["status", "--store", "homeserver"]).done();
        assert_eq!(ran.err.contains("chmod 600"), told, "{}", ran.err);
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
