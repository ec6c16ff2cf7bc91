//! `key check`: does a key fit? // S-2, S-6

use serde_json::{Value, json};

use crate::{
    support::{World, key, text},
    vectors::{ACCOUNTS, STORAGE, account_files, string},
};

fn account_world() -> World {
    let mut world = World::new();
    account_files(&mut world, &ACCOUNTS[0]);
    world.write("wrong.passphrase", "another passphrase");
    world.write("wrong.key", string(&ACCOUNTS[1], "ssss_recovery_key"));
    world.write("junk", "junk");
    world
}

const CHECK: [&str; 4] = ["key", "check", "--account-data", "account.json"];

#[test]
fn a_secret_storage_key_and_its_passphrase_fit_or_do_not() {
    let world = account_world();
    let cases = [
        (["--storage-key-file", "storage.key"], 0, "fits", Value::Null),
        (["--passphrase-file", "storage.passphrase"], 0, "fits", Value::Null),
        (["--storage-key-file", "wrong.key"], 3, "wrong", "another key".into()),
        (["--passphrase-file", "wrong.passphrase"], 3, "wrong", "passphrase is wrong".into()),
        (["--storage-key-file", "junk"], 3, "wrong", "48 characters".into()),
    ];
    for (secret, status, result, problem) in cases {
        let ran = world.run(CHECK.iter().chain(&secret).chain(&["--json"])).with_status(status);
        assert_eq!(ran.err, "");
        let json = ran.json();
        assert_eq!(json["decryption_key"], Value::Null);
        let checked = &json["storage_key"];
        assert_eq!(
            (&checked["result"], &checked["key_id"]),
            (&result.into(), &"scenarioKey0".into())
        );
        assert_eq!(checked["from"], secret[1]);
        match problem.as_str() {
            None => assert_eq!(checked["problem"], Value::Null),
            Some(part) => assert!(checked["problem"].as_str().unwrap().contains(part), "{checked}"),
        }
        let ran = world.run(CHECK.iter().chain(&secret)).with_status(status);
        let word = if status == 0 { "fits" } else { "is wrong" };
        assert!(ran.out.contains(word) && ran.out.contains(secret[1]), "{}", ran.out);
    }
}

/// Where the description says nothing, a secret that is stored under the key may; where there is
/// none either, nobody can tell.
#[test]
fn what_cannot_be_checked_is_not_called_right() {
    let world = account_world();
    let mut data = ACCOUNTS[0]["account_data"].clone();
    let description = data["m.secret_storage.key.scenarioKey0"].as_object_mut().unwrap();
    description.remove("iv");
    description.remove("mac");
    world.write("account.json", data.to_string());
    let check = |secret: [&str; 2]| {
        let ran = world.run(CHECK.iter().chain(&secret).chain(&["--json"]));
        let json = ran.json();
        (ran.status, json["storage_key"]["result"].as_str().unwrap().to_owned(), json)
    };
    let right = ["--storage-key-file", "storage.key"];
    let wrong = ["--storage-key-file", "wrong.key"];
    let (status, result, _) = check(right);
    assert_eq!((status, result.as_str()), (0, "fits"));
    let (status, result, json) = check(wrong);
    assert_eq!((status, result.as_str()), (1, "not_checkable"));
    assert!(json["storage_key"]["problem"].as_str().unwrap().contains("no key check"), "{json}");

    data.as_object_mut().unwrap().remove("m.megolm_backup.v1");
    world.write("account.json", data.to_string());
    for secret in [right, wrong] {
        let (status, result, _) = check(secret);
        assert_eq!((status, result.as_str()), (1, "not_checkable"));
        let ran = world.run(CHECK.iter().chain(&secret)).with_status(1);
        assert!(ran.out.contains("cannot be checked"), "{}", ran.out);
    }
}

/// The id of a key may be anything: have the length of a key, or begin like an option.
#[test]
fn a_key_is_found_by_its_id_whatever_that_is() {
    let world = account_world();
    let description = &ACCOUNTS[0]["account_data"]["m.secret_storage.key.scenarioKey0"];
    for id in ["gPYkSZdrBGYUHEnKpUvREms59Uq731WrkhBoBKD6blY", "-abc", "--print", "ключ"] {
        let data = json!({ format!("m.secret_storage.key.{id}"): description });
        world.write("account.json", data.to_string());
        let by_id = ["--key-id", id, "--storage-key-file", "storage.key", "--json"];
        let json = world.run(CHECK.iter().chain(&by_id)).done().json();
        assert_eq!(json["storage_key"]["key_id"], id);
        let ran = world.run(CHECK.iter().chain(&by_id[2..])).with_status(2);
        assert!(ran.err.contains(id) && ran.err.contains("--key-id"), "{}", ran.err);
    }
}

/// Descriptions that are damaged, hostile or fine, with a key or a passphrase for each.
#[test]
fn descriptions_are_judged_as_they_should_be() {
    let cases = STORAGE["key_description_checks"].as_array().unwrap();
    for case in cases {
        let world = World::new();
        let data = json!({
            "m.secret_storage.default_key": { "key": "abc" },
            "m.secret_storage.key.abc": case["content"],
        });
        world.write("account.json", data.to_string());
        let input = string(case, "input");
        world.write("input", input);
        let is_key = input.starts_with("Es");
        let file = if is_key { "--storage-key-file" } else { "--passphrase-file" };
        let ran = world.run_revealing(CHECK.iter().chain(&[file, "input", "--json"]));
        let what = string(case, "case");
        match string(case, "expected") {
            "accept" => assert_eq!(ran.done().json()["storage_key"]["result"], "fits", "{what}"),
            "reject" => {
                assert!(ran.status == 2 || ran.status == 3, "{what}: {ran:?}");
                assert!(!ran.out.contains("fits"), "{what}: {ran:?}");
            }
            "either" => assert!(!ran.err.contains("panicked"), "{what}: {ran:?}"),
            other => panic!("{what}: {other}"),
        }
    }
    assert!(cases.len() >= 12);
}

#[test]
fn a_decryption_key_fits_a_backup_or_does_not() {
    let mut world = account_world();
    world.write("my.key", string(&ACCOUNTS[0], "decryption_key"));
    world.key_file("other.key", &key(2));
    for (file, status, result) in
        [("my.key", 0, "fits"), ("other.key", 3, "wrong"), ("junk", 3, "wrong")]
    {
        let check = ["key", "check", "--key-file", file, "--auth-data", "version.json"];
        let json = world.run(check.iter().chain(&["--json"])).with_status(status).json();
        assert_eq!(json["storage_key"], Value::Null);
        let checked = &json["decryption_key"];
        assert_eq!(checked["result"], result);
        assert_eq!(
            (&checked["backup"], &checked["version"]),
            (&"version.json".into(), &"1".into())
        );
        assert_eq!(checked["problem"].is_null(), status == 0);
        let ran = world.run(check).with_status(status);
        assert!(ran.out.contains(file), "{}", ran.out);
    }

    // The backup in a store, and an older version of it.
    let store = world.path("store.sqlite3");
    let with = ["--store", text(&store)];
    let run = |arguments: &[&str]| world.run(arguments.iter().chain(&with).chain(&["--json"]));
    run(&["create", "--key-file", "my.key"]).done();
    run(&["create", "--replace", "--key-file", "other.key"]).done();
    let json = run(&["key", "check", "--key-file", "other.key"]).done().json();
    assert_eq!(json["decryption_key"]["backup"], text(&store));
    assert_eq!(json["decryption_key"]["version"], "2");
    run(&["key", "check", "--key-file", "my.key"]).with_status(3);
    run(&["key", "check", "--key-file", "my.key", "--backup-version", "1"]).done();
    run(&["key", "check", "--key-file", "my.key", "--backup-version", "9"])
        .refused(2, &["versions 2 and 1"]);

    // Both kinds at once: the worse one counts.
    let both = ["--storage-key-file", "storage.key", "--auth-data", "version.json"];
    let ran = world.run(CHECK.iter().chain(&both).chain(&["--key-file", "other.key", "--json"]));
    let json = ran.with_status(3).json();
    assert_eq!(json["storage_key"]["result"], "fits");
    assert_eq!(json["decryption_key"]["result"], "wrong");
}

#[test]
fn what_cannot_be_read_is_an_error_and_no_answer() {
    let world = account_world();
    let storage_key = ["--storage-key-file", "storage.key"];
    let cases: [(&[&str], i32, &str); 6] = [
        (
            &["--account-data", "nowhere", storage_key[0], storage_key[1]],
            2,
            "nowhere cannot be read",
        ),
        (&["--account-data", "account.json", "--storage-key-file", "nowhere"], 2, "nowhere cannot"),
        (&["--account-data", "account.json", "--key-id", "x"], 2, "scenarioKey0"),
        (&storage_key, 2, "--account-data"),
        (&["--auth-data", "version.json", "--backup-version", "1"], 2, "--backup-version"),
        (&["--key-file", "junk"], 4, "no store at"),
    ];
    for (arguments, status, expected) in cases {
        let ran = world.run(["key", "check"].iter().chain(arguments));
        assert_eq!(ran.out, "");
        ran.refused(status, &[expected]);
    }
}
