//! One account: logged in to, filled, checked, copied away and back.

use reqwest::Method;

use crate::{
    support::{Ran, World, by_place, key, mode, read_export, sessions, text},
    users::{Homeserver, User},
};

/// Waits for a request.
fn now<T>(request: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(request)
}

fn new_user() -> User {
    now(async { Homeserver::from_environment().new_user().await })
}

/// A world in which this user's token is in a file, and must not be printed.
fn world_of(user: &User) -> World {
    let mut world = World::new();
    world.keep_secret(&user.access_token);
    world.write("token", format!("{}\n", user.access_token));
    world.key_file("key", &key(1));
    world
}

fn log_in(world: &World, user: &User) -> Ran {
    world.run([
        "login",
        "--homeserver",
        &user.homeserver.url,
        "--user",
        &user.user_id,
        "--access-token-file",
        "token",
        "--json",
    ])
}

/// The program on the account's backup.
fn at_homeserver(world: &World, arguments: &[&str]) -> Ran {
    world.run([arguments, &["--store", "homeserver", "--json"]].concat())
}

/// A world with a v2 backup in the account, of so many keys.
fn filled(user: &User, count: usize) -> World {
    let world = world_of(user);
    log_in(&world, user).done();
    world.export("keys.txt", &sessions(count));
    at_homeserver(&world, &["create", "--key-file", "key"]).done();
    let upload = ["upload", "--key-file", "key", "--passphrase-file", "passphrase", "keys.txt"];
    let uploaded = at_homeserver(&world, &upload).done().json();
    assert_eq!(uploaded["count"], count);
    world
}

/// A-1, V2-11: what goes up comes back, equal.
#[test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
fn keys_go_up_and_come_back() {
    let user = new_user();
    let world = filled(&user, 30);
    assert_eq!(mode(&world.data().join("session.json")), 0o600);

    let status = at_homeserver(&world, &["status"]).done().json();
    assert_eq!(
        (&status["backup"]["count"], &status["backup"]["authenticated"]),
        (&30.into(), &true.into())
    );
    assert!(status["store"].as_str().unwrap().contains(&user.user_id), "{status}");

    let verified = at_homeserver(&world, &["verify", "--key-file", "key"]).done().json();
    assert_eq!(verified["entries"], 30);

    let restore =
        ["restore", "--key-file", "key", "--passphrase-file", "passphrase", "--out", "out.txt"];
    at_homeserver(&world, &restore).done();
    assert_eq!(read_export(&world.path("out.txt")), by_place(sessions(30)));
}

/// a copy in a file, of either kind, has every entry; and so has one in another account.
#[test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
fn copies_go_to_files_and_into_another_account() {
    let (one, other) = (new_user(), new_user());
    let world = filled(&one, 12);
    for file in ["copy.sqlite3", "copy.json"] {
        let copied = world.run(["copy", "homeserver", file, "--json"]).done().json();
        assert_eq!(
            (&copied["entries"], &copied["compared"], &copied["complete"]),
            (&12.into(), &12.into(), &true.into())
        );
        let verified =
            world.run(["verify", "--store", file, "--key-file", "key", "--json"]).done().json();
        assert_eq!(verified["entries"], 12);
    }
    let again = world.run(["copy", "homeserver", "copy.sqlite3", "--json"]).done().json();
    assert_eq!((&again["written"], &again["already_there"]), (&0.into(), &12.into()));

    let elsewhere = world_of(&other);
    log_in(&elsewhere, &other).done();
    let file = world.path("copy.json");
    let copied = elsewhere.run(["copy", text(&file), "homeserver"]).done();
    assert!(copied.err.contains("verify"), "{}", copied.err);
    let wish = format!("/v3/user/{}/account_data/m.key_backup", other.user_id);
    assert_eq!(now(other.get(&wish)).ok()["enabled"], true, "P-1");
    let verified = at_homeserver(&elsewhere, &["verify", "--key-file", "key"]).done().json();
    assert_eq!(verified["entries"], 12);
}

/// M-5, A-1: a new version is made, compared, and the old one deleted.
#[test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
fn a_migration_ends_in_the_new_version() {
    let user = new_user();
    let world = filled(&user, 12);
    let migrate = ["migrate", "--names", "stable", "--key-file", "key", "--delete-old", "--yes"];
    let migrated = at_homeserver(&world, &migrate).done().json();
    assert_eq!((&migrated["complete"], &migrated["deleted_old"]), (&true.into(), &true.into()));
    let status = at_homeserver(&world, &["status"]).done().json();
    assert_eq!(status["versions"], serde_json::json!(["2"]));
    let verified = at_homeserver(&world, &["verify", "--key-file", "key"]).done().json();
    assert_eq!(verified["entries"], 12);
}

/// T-1: the key of another backup is refused, and nothing is uploaded.
#[test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
fn a_wrong_key_is_refused() {
    let user = new_user();
    let mut world = filled(&user, 2);
    world.key_file("other", &key(2));
    let upload = ["upload", "--key-file", "other", "--passphrase-file", "passphrase", "keys.txt"];
    at_homeserver(&world, &upload).refused(3, &["wrong_key", &user.user_id]);
}

/// K-5: a token that is refused is not stored; one that has ended is told, with what to do.
#[test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
fn a_token_that_is_none_any_more_asks_for_a_login() {
    let user = new_user();
    let mut world = world_of(&user);
    at_homeserver(&world, &["status"]).refused(6, &["not_logged_in", "login"]);
    world.keep_secret("syt_of_nobody");
    world.write("token", "syt_of_nobody");
    log_in(&world, &user).refused(6, &["not_logged_in", "log in again"]);
    assert!(!world.data().join("session.json").exists());

    world.write("token", &user.access_token);
    log_in(&world, &user).done();
    at_homeserver(&world, &["status"]).done();
    now(user.request(Method::POST, "/v3/logout", Some(&serde_json::json!({})))).ok();
    at_homeserver(&world, &["status"]).refused(6, &["not_logged_in", "log in again"]);

    world.run(["logout", "--json"]).done();
    assert!(!world.data().join("session.json").exists());
    world.run(["logout", "--json"]).refused(6, &["not_logged_in"]);
}

/// T-4: where the newer version is gone, going back takes the user's word, once.
#[test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
fn a_server_that_goes_back_is_told() {
    let user = new_user();
    let world = filled(&user, 2);
    at_homeserver(&world, &["create", "--replace", "--key-file", "key"]).done();
    at_homeserver(&world, &["verify", "--key-file", "key", "--backup-version", "1"]).done();
    now(user.delete("/v3/room_keys/version/2")).ok();

    let upload = ["upload", "--key-file", "key", "--passphrase-file", "passphrase", "keys.txt"];
    for command in [&upload[..], &["verify", "--key-file", "key"]] {
        let refused = at_homeserver(&world, command);
        refused.refused(3, &["went_back", "--accept-older-backup", &user.user_id]);
    }
    at_homeserver(&world, &[&upload[..], &["--accept-older-backup"]].concat()).done();
    at_homeserver(&world, &upload).done();
}

/// K-5: the program as a device of its own: its password is not kept, its tokens are refreshed when
/// they end (the server lets them live two seconds), and logging out ends it.
#[test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
fn a_password_makes_a_device_that_stays_logged_in_and_ends() {
    let user = new_user();
    let mut world = World::new();
    world.keep_secret(&user.password);
    world.write("password", format!("{}\n", user.password));
    let login = |world: &World, name: &str, file: &str| {
        let at = ["--homeserver", &*user.homeserver.url, "--user", name, "--json"];
        world.run([&["login", "--password-file", file][..], &at].concat())
    };
    world.write("wrong", "another\n");
    login(&world, &user.user_id, "wrong").refused(3, &["wrong_password", "check both"]);
    assert!(!world.data().join("session.json").exists());

    let report = login(&world, &user.user_id, "password").done().json();
    let device = report["device_id"].as_str().unwrap().to_owned();
    assert_eq!(
        (&report["user_id"], &report["version"]),
        (&user.user_id.as_str().into(), &serde_json::Value::Null)
    );
    let session = world.data().join("session.json");
    assert_eq!(mode(&session), 0o600);
    login(&world, &user.user_id, "password").refused(2, &["usage", "logout", &user.user_id]);

    let tokens = || {
        let session: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&session).unwrap()).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        [text(&session["access_token"]), text(&session["device"]["refresh_token"])]
    };
    let first = tokens();
    for token in &first {
        world.keep_secret(token);
    }
    assert!(!std::fs::read_to_string(&session).unwrap().contains(&user.password));
    std::thread::sleep(std::time::Duration::from_secs(3));
    world.key_file("key", &key(1));
    at_homeserver(&world, &["create", "--key-file", "key"]).done();
    let second = tokens();
    assert!(first[0] != second[0] && first[1] != second[1]);
    std::thread::sleep(std::time::Duration::from_secs(3));
    at_homeserver(&world, &["verify", "--key-file", "key"]).done();
    assert!(tokens()[1] != second[1], "the second refresh token was stored, and used");

    let devices = now(user.get("/v3/devices")).ok();
    assert!(devices.to_string().contains(&device), "{devices}");
    let left = world.run(["logout", "--json"]).done().json();
    assert_eq!(left["ended_device"], device);
    assert!(!session.exists());
    let devices = now(user.get("/v3/devices")).ok();
    assert!(!devices.to_string().contains(&device), "{devices}");
}

/// A token is its owner's, whatever is said.
#[test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
fn a_token_of_somebody_else_is_refused() {
    let (user, other) = (new_user(), new_user());
    let world = world_of(&user);
    let login = |name: &[&str]| {
        let url = &*user.homeserver.url;
        let login = ["login", "--access-token-file", "token", "--json", "--homeserver", url];
        world.run([&login[..], name].concat())
    };
    login(&["--user", &other.user_id]).refused(2, &[&user.user_id, &other.user_id]);
    let report = login(&[]).done().json();
    assert_eq!(report["user_id"], user.user_id.as_str());
    assert_eq!(report["device_id"], serde_json::Value::Null);
    world.run(["logout", "--json"]).done();
    assert_eq!(now(user.get("/v3/account/whoami")).status, 200, "the other client's token lives");
}

/// From an account without a backup to one in which all is well, by what is advised.
#[test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
fn the_doctor_leads_from_nothing_to_a_sound_backup() {
    let user = new_user();
    let world = world_of(&user);
    log_in(&world, &user).done();
    world.export("keys.txt", &sessions(5));
    let codes = |arguments: &[&str], status| {
        let ran = at_homeserver(&world, &[&["doctor"], arguments].concat()).with_status(status);
        let said = ran.json()["diagnoses"].as_array().unwrap().clone();
        let codes = said.iter().map(|it| it["code"].as_str().unwrap().to_owned());
        codes.collect::<Vec<_>>()
    };
    assert_eq!(codes(&[], 1), ["no_backup", "no_stored_key"]);
    at_homeserver(&world, &["create", "--key-file", "key"]).done();
    let with_key = ["--key-file", "key"];
    // What is made here is trusted from the beginning. // T-4
    assert_eq!(codes(&with_key, 1), ["no_stored_key", "empty_backup"]);
    let upload = ["upload", "--key-file", "key", "--passphrase-file", "passphrase", "keys.txt"];
    at_homeserver(&world, &upload).done();
    let create = ["secret-storage", "create", "--key-out", "4s.key", "--key-file", "key"];
    at_homeserver(&world, &create).done();
    assert_eq!(codes(&[], 1), ["key_not_given", "stored_key_not_checked"]);
    assert_eq!(codes(&["--storage-key-file", "4s.key"], 0), ["unauthenticated_keys"]);

    // Another machine of the same user, which remembers nothing and is not made to by looking.
    let fresh = world_of(&user);
    log_in(&fresh, &user).done();
    fresh.write("4s.key", std::fs::read(world.path("4s.key")).unwrap());
    for _ in 0..2 {
        let ran = at_homeserver(&fresh, &["doctor", "--storage-key-file", "4s.key"]).done();
        assert_eq!(ran.json()["diagnoses"][0]["code"], "not_trusted_yet");
        assert_eq!(ran.json()["entries"], 5);
    }
}

/// S-1 to S-6, with nothing but the passphrase: what one device stores in the account, another one
/// finds there, and restores.
#[test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
fn secret_storage_in_the_account_unlocks_the_backup() {
    let user = new_user();
    let world = filled(&user, 9);
    at_homeserver(&world, &["unlock", "--key-out", "no.key"]).refused(2, &["not_stored"]);
    world.write("4s", "a passphrase of some length");
    let create = ["secret-storage", "create", "--key-file", "key", "--passphrase-file", "4s"];
    let made = at_homeserver(&world, &[&create[..], &["--key-out", "4s.key"]].concat()).done();
    let made = made.json();
    assert_eq!((&made["events"], &made["default"]), (&3.into(), &true.into()));
    assert_eq!(made["decryption_key"]["checked"], true);

    let fresh = world_of(&user);
    log_in(&fresh, &user).done();
    fresh.write("4s", "a passphrase of some length");
    let unlock = ["unlock", "--passphrase-file", "4s", "--key-out", "found.key"];
    let found = at_homeserver(&fresh, &unlock).done().json();
    assert_eq!((&found["checked"], &found["key_check"]), (&true.into(), &"fits".into()));
    let restore = ["restore", "--key-file", "found.key", "--out", "out.txt"];
    fresh.write("passphrase", std::fs::read(world.path("passphrase")).unwrap());
    let restore = [&restore[..], &["--passphrase-file", "passphrase"]].concat();
    at_homeserver(&fresh, &restore).done();
    assert_eq!(read_export(&fresh.path("out.txt")), by_place(sessions(9)));

    fresh.write("wrong", "another passphrase");
    let wrong = ["unlock", "--passphrase-file", "wrong", "--key-out", "no.key"];
    at_homeserver(&fresh, &wrong).refused(3, &["wrong_passphrase"]);
    assert!(!fresh.path("no.key").exists());

    // A second key does not take the place of the default one unasked.
    let again = [&create[..], &["--key-out", "second.key"]].concat();
    let again = at_homeserver(&world, &again).done().json();
    assert_eq!(again["default"], false);
    fresh.write("by-key", std::fs::read(world.path("second.key")).unwrap());
    let id = again["key_id"].as_str().unwrap();
    let by_id = ["unlock", "--key-id", id, "--storage-key-file", "by-key", "--key-out", "two.key"];
    at_homeserver(&fresh, &by_id).done();
    let check = ["key", "check", "--storage-key-file", "by-key"];
    let checked = at_homeserver(&fresh, &check).with_status(3).json();
    assert_eq!(checked["storage_key"]["result"], "wrong");
}

/// P-1: beginning a backup says that one is wanted; `disable` says the opposite, which is told where
/// it matters.
#[test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
fn the_wish_for_a_backup_is_written_and_told() {
    let user = new_user();
    let wish =
        |name: &str| now(user.get(&format!("/v3/user/{}/account_data/{name}", user.user_id)));
    assert_eq!(wish("m.key_backup").status, 404);
    let world = filled(&user, 2);
    assert_eq!(wish("m.key_backup").ok(), serde_json::json!({"enabled": true}));
    let custom = "m.org.matrix.custom.backup_disabled";
    assert_eq!(wish(custom).ok(), serde_json::json!({"disabled": false}));

    assert_eq!(world.run(["disable", "--json"]).done().json()["wants_backup"], false);
    assert_eq!(wish("m.key_backup").ok(), serde_json::json!({"enabled": false}));
    let upload = ["upload", "--key-file", "key", "--passphrase-file", "passphrase", "keys.txt"];
    let uploaded = at_homeserver(&world, &upload).done();
    assert!(uploaded.err.contains("enable"), "{}", uploaded.err);
    let fresh = world_of(&user);
    assert_eq!(log_in(&fresh, &user).done().json()["wants_backup"], false);

    world.run(["enable", "--json"]).done();
    assert_eq!(wish(custom).ok(), serde_json::json!({"disabled": false}));
    let uploaded = at_homeserver(&world, &upload).done();
    assert!(!uploaded.err.contains("enable"), "{}", uploaded.err);
}

/// B-3: a key that is gone, and one that was replaced by a worse one, are told by the next run.
#[test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
fn a_server_that_takes_keys_back_is_told() {
    let user = new_user();
    let world = filled(&user, 8);
    let verify = ["verify", "--key-file", "key"];
    at_homeserver(&world, &verify).done();
    let path = "/v3/room_keys/keys?version=1";
    let keys = now(user.get(path)).ok();
    let (room, sessions) = keys["rooms"].as_object().unwrap().iter().next().unwrap();
    let session = sessions["sessions"].as_object().unwrap().keys().next().unwrap();
    let place = format!(
        "/v3/room_keys/keys/{room}/{}?version=1",
        session.replace('/', "%2F").replace('+', "%2B")
    );
    now(user.delete(&place)).ok();

    // It is told each time: nothing of it is forgotten.
    for _ in 0..2 {
        let verified = at_homeserver(&world, &verify).with_status(1).json();
        let kinds: Vec<_> = verified["findings"].as_array().unwrap().iter().collect();
        let told = kinds.iter().any(|finding| {
            finding["kind"] == "setback"
                && finding["session_id"] == **session
                && finding["message"].as_str().unwrap().contains("missing")
        });
        assert!(told, "{verified}");
    }
}

/// T-5: what a writer key has written itself is nobody else's, in the next run neither. Where the
/// decryption key has read an entry, its MAC key is known.
#[test]
#[ignore = "needs a homeserver: cargo xtask e2e"]
fn a_writer_key_is_not_confirmed_by_what_it_wrote_before() {
    let user = new_user();
    let world = filled(&user, 0);
    let writer = ["key", "writer", "--user", &user.user_id, "--key-file", "key", "--out", "w.json"];
    world.run(writer).done();
    let elsewhere = world_of(&user);
    log_in(&elsewhere, &user).done();
    elsewhere.write("w.json", std::fs::read(world.path("w.json")).unwrap());
    let uploaded = |world: &World| {
        world.export("more.txt", &sessions(4));
        let upload = ["upload", "--writer-key-file", "w.json", "--passphrase-file", "passphrase"];
        at_homeserver(world, &[&upload[..], &["more.txt"]].concat()).done().json()
    };
    for _ in 0..2 {
        assert_eq!(uploaded(&elsewhere)["mac_key"], "unconfirmed");
    }
    at_homeserver(&elsewhere, &["verify", "--key-file", "key"]).done();
    assert_eq!(uploaded(&elsewhere)["mac_key"], "confirmed");
}
