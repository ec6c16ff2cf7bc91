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
    elsewhere.run(["copy", text(&file), "homeserver", "--json"]).done();
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
    at_homeserver(&world, &["verify", "--key-file", "key"]).done();
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
