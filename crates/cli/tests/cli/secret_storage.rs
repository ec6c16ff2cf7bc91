//! `secret-storage create`: a new key, and account data that opens with it. // S-1 to S-5

use std::fs;

use matrix_key_backup::primitives::BackupDecryptionKey;
use serde_json::{Value, json};

use crate::{
    support::{World, key, mode},
    vectors::{ACCOUNTS, account_files, string},
};

const CREATE: [&str; 4] = ["secret-storage", "create", "--out", "events.json"];
const KEY_OUT: [&str; 2] = ["--key-out", "new.key"];
const PASSPHRASE: &str = "  correct horse, battery staple ";

fn events(world: &World, name: &str) -> Vec<Value> {
    serde_json::from_slice(&fs::read(world.path(name)).unwrap()).unwrap()
}

fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| string(event, "type")).collect()
}

/// Opens what was made, with this secret.
fn unlocked(world: &World, account_data: &str, secret: [&str; 2]) -> BackupDecryptionKey {
    let unlock = ["unlock", "--print", "--quiet", "--account-data", account_data];
    let ran = world.run_revealing(unlock.iter().chain(&secret)).done();
    BackupDecryptionKey::from_base58(ran.out.trim_end()).unwrap()
}

#[test]
fn a_new_key_opens_what_was_stored_under_it() {
    let mut world = World::new();
    world.key_file("my.key", &key(1));
    let with = ["--key-file", "my.key", "--name", "of the bot", "--json"];
    let ran = world.run(CREATE.iter().chain(&KEY_OUT).chain(&with)).done();
    assert_eq!(ran.err, "");
    let json = ran.json();
    let key_id = string(&json, "key_id");
    assert_eq!((&json["passphrase"], &json["default"]), (&false.into(), &true.into()));
    assert_eq!(json["stored"], json!(["m.megolm_backup.v1"]));
    assert_eq!(json["decryption_key_from"], "my.key");
    let public_key = key(1).public_key().to_base64();
    let unchecked =
        json!({ "public_key": public_key, "checked": false, "backup": null, "version": null });
    assert_eq!(json["decryption_key"], unchecked);
    assert_eq!(json["not_stored"], json!([]));
    assert_eq!((&json["events_file"], &json["events"]), (&"events.json".into(), &3.into()));
    assert_eq!(json["key_file"], "new.key");
    assert_eq!((mode(&world.path("new.key")), mode(&world.path("events.json"))), (0o600, 0o600));

    // In the order in which they are to be put: the default key comes last.
    let events = events(&world, "events.json");
    let description = format!("m.secret_storage.key.{key_id}");
    let expected = [&description, "m.megolm_backup.v1", "m.secret_storage.default_key"];
    assert_eq!(types(&events), expected);
    assert_eq!(events[0]["content"]["algorithm"], "m.secret_storage.v1.aes-hmac-sha2");
    assert_eq!(events[0]["content"]["name"], "of the bot");
    assert_eq!(events[0]["content"]["passphrase"], Value::Null);
    assert_eq!(events[2]["content"], json!({ "key": key_id }));
    assert_eq!(unlocked(&world, "events.json", ["--storage-key-file", "new.key"]), key(1));

    // The key itself is in no other place.
    let secret = fs::read_to_string(world.path("new.key")).unwrap();
    assert!(!ran.out.contains(secret.trim_end()));
    let check = ["key", "check", "--account-data", "events.json", "--storage-key-file", "new.key"];
    world.run(check).done();
}

/// Under a new key, the decryption key of another backup would be taken for this one's. // S-6
#[test]
fn the_decryption_key_is_compared_with_the_backup() {
    let mut world = World::new();
    world.key_file("my.key", &key(1));
    world.key_file("other.key", &key(2));
    let public_key = key(1).public_key().to_base64();
    world.write("auth_data.json", json!({ "public_key": public_key }).to_string());
    world.run(["create", "--store", "mine.sqlite3", "--key-file", "my.key"]).done();
    let backups = [["--auth-data", "auth_data.json"], ["--store", "mine.sqlite3"]];
    for (backup, version) in backups.into_iter().zip([Value::Null, "1".into()]) {
        let other = ["--key-file", "other.key", "--json"];
        let ran = world.run(CREATE.iter().chain(&KEY_OUT).chain(&backup).chain(&other));
        let ran =
            ran.refused(3, &["other.key", backup[1], "do not belong together", "other_backup"]);
        assert_eq!(ran.out, "");
        assert!(!world.path("events.json").exists() && !world.path("new.key").exists());

        let print = ["--print", "--key-file", "my.key", "--json"];
        let ran = world.run_revealing(CREATE.iter().chain(&print).chain(&backup)).done();
        let expected = json!({
            "public_key": public_key, "checked": true, "backup": backup[1], "version": version,
        });
        assert_eq!(ran.json()["decryption_key"], expected);
        fs::remove_file(world.path("events.json")).unwrap();
    }
    // A file counts more than the store, and people are told the same.
    let with = ["--key-file", "other.key", "--store", "mine.sqlite3", "--auth-data", "other.json"];
    let public_key = key(2).public_key().to_base64();
    world.write("other.json", json!({ "public_key": public_key }).to_string());
    let ran = world.run(CREATE.iter().chain(&KEY_OUT).chain(&with)).done();
    assert!(ran.out.contains(&public_key), "{}", ran.out);
    assert!(ran.out.contains("other.json: the key fits"), "{}", ran.out);

    let nothing = ["secret-storage", "create", "--out", "x", "--key-out", "y"];
    world
        .run(nothing.iter().chain(&["--auth-data", "other.json"]))
        .refused(2, &["--auth-data", "none was given", "--key-file"]);
    let ran = world.run(nothing.iter().chain(&["--key-file", "my.key"])).done();
    assert!(ran.out.contains("unchecked"), "{}", ran.out);
}

#[test]
fn a_key_from_a_passphrase_opens_with_either() {
    let mut world = World::new();
    world.keep_secret(PASSPHRASE.trim());
    world.write("storage.passphrase", format!("{PASSPHRASE}\n"));
    let mut command = world.command(CREATE.iter().chain(&KEY_OUT).chain(&["--json"]));
    command.args(["--passphrase-file", "storage.passphrase"]);
    command.env("MATRIX_KEY_BACKUP_KEY", &*key(1).expose_base64());
    let json = world.finish(&mut command).done().json();
    assert_eq!(json["passphrase"], true);
    assert_eq!(json["decryption_key_from"], "the environment variable MATRIX_KEY_BACKUP_KEY");
    let info = &events(&world, "events.json")[0]["content"]["passphrase"];
    assert_eq!((&info["algorithm"], &info["iterations"]), (&"m.pbkdf2".into(), &500_000.into()));
    for secret in [["--storage-key-file", "new.key"], ["--passphrase-file", "storage.passphrase"]] {
        assert_eq!(unlocked(&world, "events.json", secret), key(1));
    }

    // From the environment, too; and not an empty one.
    let again = ["secret-storage", "create", "--out", "again.json", "--key-out", "again.key"];
    let mut command = world.command(again);
    command.env("MATRIX_KEY_BACKUP_STORAGE_PASSPHRASE", PASSPHRASE);
    let ran = world.finish(&mut command).done();
    assert!(ran.out.contains("opened by its passphrase too"), "{}", ran.out);
    assert!(ran.out.contains("no decryption key was given"), "{}", ran.out);
    world.write("empty", "\n");
    let other = ["secret-storage", "create", "--out", "x.json", "--key-out", "x.key"];
    world.run(other.iter().chain(&["--passphrase-file", "empty"])).refused(2, &["is empty"]);
    world
        .run(other.iter().chain(&["--with-passphrase"]))
        .refused(2, &["--passphrase-file", "MATRIX_KEY_BACKUP_STORAGE_PASSPHRASE"]);
    assert!(!world.path("x.json").exists() && !world.path("x.key").exists());
}

#[test]
fn a_key_is_printed_only_when_that_is_asked_for() {
    let mut world = World::new();
    world.key_file("my.key", &key(1));
    let print = ["--print", "--key-file", "my.key"];
    let ran = world.run_revealing(CREATE.iter().chain(&print)).done();
    world.write("storage.key", &ran.out);
    assert_eq!(unlocked(&world, "events.json", ["--storage-key-file", "storage.key"]), key(1));
    assert!(ran.err.contains("3 events in events.json"), "{}", ran.err);

    let create = ["secret-storage", "create", "--out", "again.json", "--json"];
    let ran = world.run_revealing(create.iter().chain(&print)).done();
    world.write("storage.key", string(&ran.json(), "secret_storage_key"));
    assert_eq!(ran.json()["key_file"], Value::Null);
    assert_eq!(unlocked(&world, "again.json", ["--storage-key-file", "storage.key"]), key(1));
    // Where the key goes has to be said.
    world.run(["secret-storage", "create", "--out", "x"]).refused(2, &["--key-out", "--print"]);
}

/// An account that has secret storage keeps all of it.
#[test]
fn what_is_stored_under_other_keys_stays() {
    let mut world = World::new();
    let scenario = &ACCOUNTS[0];
    account_files(&mut world, scenario);
    let mut data = scenario["account_data"].clone();
    let encrypted = data["m.megolm_backup.v1"].clone();
    data["m.cross_signing.master"] = encrypted.clone();
    data["m.direct"] = json!({ "@bob:example.org": ["!r:example.org"] });
    data["m.megolm_backup.v1"]["org.example.other"] = json!(true);
    world.write("account.json", data.to_string());
    world.write("my.key", string(scenario, "decryption_key"));
    let with = ["--account-data", "account.json", "--key-file", "my.key", "--json"];
    let ran = world.run(CREATE.iter().chain(&KEY_OUT).chain(&with)).done();
    assert_eq!(ran.err, "");
    let json = ran.json();
    assert_eq!(json["default"], false);
    assert_eq!(json["not_stored"], json!(["m.cross_signing.master"]));
    let events = events(&world, "events.json");
    let key_id = string(&json, "key_id");
    assert_eq!(types(&events)[1..], ["m.megolm_backup.v1"]);
    let stored = &events[1]["content"];
    assert_eq!(stored["encrypted"]["scenarioKey0"], encrypted["encrypted"]["scenarioKey0"]);
    assert!(stored["encrypted"][key_id].is_object());
    assert_eq!(stored["org.example.other"], true);

    // Put on top of what there was, both keys open it.
    for event in &events {
        data[string(event, "type")] = event["content"].clone();
    }
    world.write("account.json", data.to_string());
    let expected = BackupDecryptionKey::from_base64(string(scenario, "decryption_key")).unwrap();
    assert_eq!(unlocked(&world, "account.json", ["--storage-key-file", "storage.key"]), expected);
    let unlock = ["unlock", "--print", "--quiet", "--account-data", "account.json"];
    let by_id = ["--storage-key-file", "new.key", "--key-id", key_id];
    let ran = world.run_revealing(unlock.iter().chain(&by_id)).done();
    assert_eq!(BackupDecryptionKey::from_base58(ran.out.trim_end()).unwrap(), expected);

    // The default key changes only when told to, and then what is lost to sight is named.
    let replace = ["secret-storage", "create", "--out", "second.json", "--key-out", "second.key"];
    let ran = world.run(replace.iter().chain(&with[..4]).chain(&["--replace-default"])).done();
    assert!(ran.err.contains("m.cross_signing.master"), "{}", ran.err);
    assert!(!ran.err.contains("m.megolm_backup.v1"), "{}", ran.err);
    let second = self::events(&world, "second.json");
    assert_eq!(types(&second).last(), Some(&"m.secret_storage.default_key"));
}

#[test]
fn nothing_is_overwritten_and_nothing_half_made() {
    let mut world = World::new();
    world.key_file("my.key", &key(1));
    world.write("taken", "not to be lost");
    let cases: [(&[&str], &[&str]); 6] = [
        (&["--out", "taken", "--key-out", "new.key"], &["taken is there already"]),
        (&["--out", "events.json", "--key-out", "taken"], &["taken is there already"]),
        (&["--out", "same", "--key-out", "./same"], &["--out and --key-out", "same file"]),
        (&["--out", "nowhere/x", "--key-out", "new.key"], &["nowhere/x cannot be written"]),
        (&["--out", "events.json", "--key-out", "nowhere/x"], &["nowhere/x cannot be written"]),
        (&["--out", "events.json", "--print", "--replace-default"], &["--account-data"]),
    ];
    for (arguments, expected) in cases {
        let create = ["secret-storage", "create", "--key-file", "my.key"];
        world.run(create.iter().chain(arguments)).refused(2, expected);
        for left in ["events.json", "new.key", "same"] {
            assert!(!world.path(left).exists(), "{left} was left behind by {arguments:?}");
        }
    }
    assert_eq!(fs::read_to_string(world.path("taken")).unwrap(), "not to be lost");
    world.write("damaged.json", r#"{"m.secret_storage.default_key":7,"m.megolm_backup.v1":{}}"#);
    let damaged = ["--account-data", "damaged.json", "--key-file", "my.key"];
    world
        .run(CREATE.iter().chain(&KEY_OUT).chain(&damaged))
        .refused(2, &["damaged.json", "m.secret_storage.default_key"]);
    assert!(!world.path("new.key").exists());
}
