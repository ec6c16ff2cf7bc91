//! From account data and a key or passphrase to the backup's decryption key. // S

use std::{fs, time::Instant};

use matrix_key_backup::primitives::{
    BackupDecryptionKey,
    key_representation::{self, KeyBytes},
};
use serde_json::{Value, json};

use crate::{
    support::{Ran, World, key, mode, text},
    vectors::{ACCOUNTS, STORAGE, account, account_files, forms, string},
};

/// An account in files, and what comes before all arguments that matter.
fn account_world(index: usize) -> (World, [&'static str; 3]) {
    let mut world = World::new();
    account_files(&mut world, &ACCOUNTS[index]);
    (world, ["unlock", "--account-data", "account.json"])
}

fn printed(ran: &Ran) -> BackupDecryptionKey {
    BackupDecryptionKey::from_base58(ran.out.trim_end()).unwrap()
}

fn from_base64(text: &str) -> BackupDecryptionKey {
    BackupDecryptionKey::from_base64(text).unwrap()
}

fn hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

#[test]
fn every_account_opens_with_its_key_and_with_its_passphrase() {
    for (index, scenario) in ACCOUNTS.iter().enumerate() {
        let (world, unlock) = account_world(index);
        let expected = from_base64(string(scenario, "decryption_key"));
        let public_key = string(&scenario["version_info"]["auth_data"], "public_key");
        for (number, secret) in
            [["--storage-key-file", "storage.key"], ["--passphrase-file", "storage.passphrase"]]
                .iter()
                .enumerate()
        {
            let out = world.path(&format!("{number}.key"));
            let with = ["--auth-data", "version.json", "--json", "--key-out", text(&out)];
            let ran = world.run(unlock.iter().chain(secret).chain(&with)).done();
            assert_eq!(ran.err, "");
            let json = ran.json();
            assert_eq!(json["checked"], true);
            assert_eq!(json["version"], "1");
            assert_eq!(json["key_check"], "fits");
            assert_eq!(json["public_key"], public_key);
            assert_eq!(json["file"], text(&out));
            let written = fs::read_to_string(&out).unwrap();
            assert_eq!(BackupDecryptionKey::from_base58(&written).unwrap(), expected);
            assert_eq!(mode(&out), 0o600);
        }
    }
}

#[test]
fn account_data_and_auth_data_come_in_several_forms() {
    let scenario = &ACCOUNTS[0];
    let (world, unlock) = account_world(0);
    let expected = from_base64(string(scenario, "decryption_key"));
    world.write("auth_data.json", scenario["version_info"]["auth_data"].to_string());
    for (form, json) in forms(&scenario["account_data"]) {
        world.write("account.json", json.to_string());
        for auth_data in ["version.json", "auth_data.json"] {
            let with = ["--storage-key-file", "storage.key", "--print", "--auth-data", auth_data];
            let ran = world.run_revealing(unlock.iter().chain(&with)).done();
            assert_eq!(printed(&ran), expected, "{form}");
            assert!(ran.err.contains("the key fits"), "{}", ran.err);
        }
    }
    // From standard input, too.
    let with = ["unlock", "--account-data", "-", "--print", "--storage-key-file", "storage.key"];
    let ran = world.run_with_input(with, scenario["account_data"].to_string().as_bytes()).done();
    assert_eq!(printed(&ran), expected);
}

/// Nothing says whether it is the key of this backup, and that is said. // S-6
#[test]
fn a_key_that_nothing_checks_is_called_unchecked() {
    let (world, unlock) = account_world(0);
    let secret = ["--storage-key-file", "storage.key"];
    let ran = world.run(unlock.iter().chain(&secret).chain(&["--key-out", "my.key"])).done();
    assert!(ran.out.contains("unchecked"), "{}", ran.out);
    assert!(ran.err.contains("compared with no backup"), "{}", ran.err);
    assert_eq!(mode(&world.path("my.key")), 0o600);
    assert!(!world.data().join("backup.sqlite3.key").exists());

    let ran =
        world.run_revealing(unlock.iter().chain(&secret).chain(&["--print", "--json"])).done();
    assert_eq!(ran.json()["checked"], false);
    assert_eq!((&ran.json()["version"], &ran.json()["backup"]), (&Value::Null, &Value::Null));
    let warning: Value = serde_json::from_str(&ran.err).unwrap();
    assert!(warning["warning"]["message"].as_str().unwrap().contains("unchecked"), "{warning}");
    let printed = ran.json()["decryption_key"].as_str().unwrap().to_owned();
    let expected = from_base64(string(&ACCOUNTS[0], "decryption_key"));
    assert_eq!(BackupDecryptionKey::from_base58(&printed).unwrap(), expected);
}

/// Beside the store it would be used unasked: the first upload would begin a backup with it. // S-6
#[test]
fn an_unchecked_key_does_not_go_beside_the_store() {
    let (world, unlock) = account_world(0);
    let advice = ["cannot be checked", "--auth-data", "--key-out", "--print"];
    let beside = world.data().join("backup.sqlite3.key");
    // Nobody is asked for the key: nothing is there to be asked on, and that is not the message.
    let ran = world.run(unlock).refused(2, &advice);
    assert!(!ran.err.contains("--storage-key-file"), "{}", ran.err);
    let secret = ["--storage-key-file", "storage.key"];
    world.run(unlock.iter().chain(&secret)).refused(2, &advice);
    world
        .run(unlock.iter().chain(&secret).chain(&["--key-out", text(&beside)]))
        .refused(2, &advice);
    let named = ["--store", "named.sqlite3"];
    world.run(unlock.iter().chain(&secret).chain(&named)).refused(2, &advice);
    assert!(!world.data().exists() && !world.path("named.sqlite3.key").exists());

    // One that was checked does, and is used from now on.
    let auth_data = ["--auth-data", "version.json"];
    let ran = world.run(unlock.iter().chain(&secret).chain(&auth_data)).done();
    assert!(ran.out.contains(text(&beside)), "{}", ran.out);
    assert_eq!((mode(&beside), mode(&world.data())), (0o600, 0o700));
}

/// A store without a backup says nothing of a key.
#[test]
fn an_empty_store_checks_nothing() {
    let (world, unlock) = account_world(0);
    let store = world.path("empty.sqlite3");
    pollster::block_on(async {
        use matrix_key_backup::store::SqliteStore;
        SqliteStore::create(&store).await.unwrap().close().await.unwrap();
    });
    let with = ["--storage-key-file", "storage.key", "--store", text(&store)];
    world.run(unlock.iter().chain(&with)).refused(2, &["cannot be checked", "empty.sqlite3"]);
    let json = ["--json", "--key-out", "my.key"];
    let ran = world.run(unlock.iter().chain(&with).chain(&json)).done();
    assert_eq!(ran.json()["checked"], false);
}

/// Without `--auth-data` the key is compared with the backup in the store. // S-6
#[test]
fn the_key_is_compared_with_the_backup_in_the_store() {
    let (mut world, unlock) = account_world(0);
    world.write("my.key", string(&ACCOUNTS[0], "decryption_key"));
    world.key_file("other.key", &key(2));
    for (store, key_file) in [("mine.sqlite3", "my.key"), ("other.sqlite3", "other.key")] {
        world.run(["create", "--store", store, "--key-file", key_file]).done();
    }
    let secret = ["--storage-key-file", "storage.key"];
    let mine = ["--store", "mine.sqlite3", "--json"];
    let ran = world.run(unlock.iter().chain(&secret).chain(&mine)).done();
    assert_eq!(ran.err, "");
    let json = ran.json();
    assert_eq!((&json["checked"], &json["version"]), (&true.into(), &"1".into()));
    assert_eq!(
        (&json["backup"], &json["file"]),
        (&"mine.sqlite3".into(), &"mine.sqlite3.key".into())
    );

    let other = ["--store", "other.sqlite3"];
    for out in [&[][..], &["--key-out", "x.key"], &["--print"]] {
        let ran = world.run(unlock.iter().chain(&secret).chain(&other).chain(out));
        let ran = ran.refused(3, &["account.json", "other.sqlite3", "do not belong together"]);
        assert_eq!(ran.out, "");
    }
    assert!(!world.path("other.sqlite3.key").exists() && !world.path("x.key").exists());
    // What the homeserver says of the backup counts more than the store.
    let with = ["--auth-data", "version.json", "--key-out", "x.key"];
    world.run(unlock.iter().chain(&secret).chain(&other).chain(&with)).done();
}

/// Everything that was stored under `m.megolm_backup.v1` by matrix-js-sdk and matrix-sdk-crypto.
#[test]
fn what_deployed_clients_stored_is_read() {
    let world = World::new();
    let mut read = 0;
    for storage in ["encrypted_js", "encrypted_rust"] {
        for case in STORAGE[storage].as_array().unwrap() {
            let description = &case["key_description"];
            let secrets = case["secrets"].as_array().unwrap().iter();
            for secret in secrets.filter(|secret| secret["name"] == "m.megolm_backup.v1") {
                let account = account(description, &secret["account_data"]);
                world.write("account.json", account.to_string());
                let passphrase = case["passphrase"].as_str();
                world.write("passphrase", format!("{}\n", passphrase.unwrap_or_default()));
                world.write("storage.key", case["recovery_key"].as_str().unwrap_or_default());
                let unlock = ["unlock", "--account-data", "account.json", "--print", "--quiet"];
                let plaintext = string(secret, "plaintext");
                for (file, there) in [
                    (["--passphrase-file", "passphrase"], passphrase.is_some()),
                    (["--storage-key-file", "storage.key"], case["recovery_key"].is_string()),
                ] {
                    if !there {
                        continue;
                    }
                    let ran = world.run_revealing(unlock.iter().chain(&file));
                    match BackupDecryptionKey::from_base64(plaintext) {
                        Ok(expected) => {
                            assert_eq!(printed(&ran.done()), expected, "{}", case["id"]);
                            read += 1;
                        }
                        // The MAC is right, and it is no key. // S-6
                        Err(_) => drop(ran.refused(2, &["is no decryption key of a backup"])),
                    }
                }
            }
        }
    }
    assert!(read >= 13, "{read}");
}

/// Secrets with something wrong in them: each accepted or refused as it should be, and never a key
/// where there is none.
#[test]
fn damaged_secrets_are_refused() {
    let world = World::new();
    let description = json!({
        "type": "m.secret_storage.key.abc",
        "content": { "algorithm": "m.secret_storage.v1.aes-hmac-sha2" },
    });
    let mut seen = 0;
    let cases = STORAGE["edge"].as_array().unwrap();
    // Of one the damage changed nothing, so it is no damage; see docs/vectors.md.
    let good: Vec<_> = cases.iter().filter(|case| case["expected"] == "accept").collect();
    let is_good = |case: &Value| good.iter().any(|good| good["data"] == case["data"]);
    for case in cases {
        let name = string(case, "name");
        if name != "m.megolm_backup.v1" {
            continue;
        }
        seen += 1;
        let secret = json!({ "type": name, "content": { "encrypted": { "abc": case["data"] } } });
        world.write("account.json", account(&description, &secret).to_string());
        let storage_key = KeyBytes::from_slice(&hex(string(case, "key_hex"))).unwrap();
        world.write("storage.key", &*key_representation::encode(&storage_key));
        let ran = world.run_revealing([
            "unlock",
            "--account-data",
            "account.json",
            "--print",
            "--quiet",
            "--storage-key-file",
            "storage.key",
        ]);
        let what = string(case, "case");
        match string(case, "expected") {
            _ if is_good(case) => {
                let expected = from_base64(string(case, "original_plaintext"));
                assert_eq!(printed(&ran.done()), expected, "{what}");
            }
            expected => {
                assert_eq!(ran.out, "", "{what}");
                assert!(ran.status == 2 || ran.status == 3, "{what}: {ran:?}");
                assert!(!ran.err.contains("panicked"), "{what}: {ran:?}");
                assert!(expected == "reject" || expected == "either", "{what}");
            }
        }
    }
    assert!(seen >= 12, "{seen}");
}

#[track_caller]
fn kind(ran: &Ran) -> String {
    let error: Value = serde_json::from_str(&ran.err).unwrap();
    assert_eq!(error["error"]["exit_status"], ran.status);
    error["error"]["kind"].as_str().unwrap().to_owned()
}

/// One account, and one thing wrong with it.
struct Wrong {
    name: &'static str,
    /// What is changed in the account data.
    change: fn(&mut Value),
    /// The file after --storage-key-file, or else the one after --passphrase-file.
    secret: [&'static str; 2],
    /// Other arguments.
    with: &'static [&'static str],
    status: i32,
    kind: &'static str,
    message: &'static [&'static str],
}

const STORAGE_KEY: [&str; 2] = ["--storage-key-file", "storage.key"];
const PASSPHRASE: [&str; 2] = ["--passphrase-file", "storage.passphrase"];
const DESCRIPTION: &str = "m.secret_storage.key.scenarioKey0";
const SECRET: &str = "m.megolm_backup.v1";

/// "Wrong passphrase" is not "damaged", and neither is "a server that asks for an hour of work".
#[test]
fn what_is_wrong_is_told_apart() {
    let cases = [
        Wrong {
            name: "another passphrase",
            change: |_| (),
            secret: ["--passphrase-file", "wrong.passphrase"],
            with: &[],
            status: 3,
            kind: "wrong_passphrase",
            message: &["wrong.passphrase", "the passphrase is wrong", "scenarioKey0"],
        },
        Wrong {
            name: "another key",
            change: |_| (),
            secret: ["--storage-key-file", "other.key"],
            with: &[],
            status: 3,
            kind: "wrong_key",
            message: &["other.key", "another key than", "scenarioKey0"],
        },
        Wrong {
            name: "no key at all",
            change: |_| (),
            secret: ["--storage-key-file", "typed.key"],
            with: &[],
            status: 3,
            kind: "wrong_key",
            message: &["typed.key", "typing error", "--passphrase-file"],
        },
        Wrong {
            name: "a damaged MAC",
            change: |data| {
                data[SECRET]["encrypted"]["scenarioKey0"]["mac"] =
                    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into();
            },
            secret: STORAGE_KEY,
            with: &[],
            status: 2,
            kind: "damaged",
            message: &["account.json", "key is right", "damaged", SECRET],
        },
        Wrong {
            name: "a damaged IV, which the MAC does not cover",
            change: |data| {
                data[SECRET]["encrypted"]["scenarioKey0"]["iv"] = "AAAAAAAAAAAAAAAAAAAAAA".into();
            },
            secret: PASSPHRASE,
            with: &[],
            status: 2,
            kind: "damaged",
            message: &["no decryption key of a backup", "damaged"],
        },
        Wrong {
            name: "a damaged MAC, and nothing to check the key with",
            change: |data| {
                data[DESCRIPTION].as_object_mut().unwrap().remove("iv");
                data[DESCRIPTION].as_object_mut().unwrap().remove("mac");
                data[SECRET]["encrypted"]["scenarioKey0"]["mac"] =
                    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".into();
            },
            secret: STORAGE_KEY,
            with: &[],
            status: 3,
            kind: "wrong_key",
            message: &["key is wrong, or the secret", "cannot be told"],
        },
        Wrong {
            name: "a damaged description",
            change: |data| data[DESCRIPTION]["mac"] = "AAAA".into(),
            secret: STORAGE_KEY,
            with: &[],
            status: 2,
            kind: "damaged",
            message: &["description", "scenarioKey0", "damaged"],
        },
        Wrong {
            name: "an unknown algorithm",
            change: |data| data[DESCRIPTION]["algorithm"] = "org.example.new".into(),
            secret: STORAGE_KEY,
            with: &[],
            status: 2,
            kind: "unsupported",
            message: &["org.example.new"],
        },
        Wrong {
            name: "an hour of work",
            change: |data| data[DESCRIPTION]["passphrase"]["iterations"] = 4_294_967_295_u32.into(),
            secret: PASSPHRASE,
            with: &[],
            status: 2,
            kind: "unsupported",
            message: &["iterations", "4294967295", "10000000", "--storage-key-file"],
        },
        Wrong {
            name: "an unknown way from a passphrase to a key",
            change: |data| data[DESCRIPTION]["passphrase"]["algorithm"] = "m.argon2".into(),
            secret: PASSPHRASE,
            with: &[],
            status: 2,
            kind: "unsupported",
            message: &["m.argon2", "m.pbkdf2"],
        },
        Wrong {
            name: "no way from a passphrase to a key",
            change: |data| {
                data[DESCRIPTION].as_object_mut().unwrap().remove("passphrase");
            },
            secret: PASSPHRASE,
            with: &[],
            status: 2,
            kind: "usage",
            message: &["made without a passphrase", "--storage-key-file"],
        },
        Wrong {
            name: "no default key",
            change: |data| {
                data.as_object_mut().unwrap().remove("m.secret_storage.default_key");
            },
            secret: STORAGE_KEY,
            with: &[],
            status: 2,
            kind: "not_stored",
            message: &["no default secret storage key", "scenarioKey0", "--key-id"],
        },
        Wrong {
            name: "a key that is not there",
            change: |_| (),
            secret: STORAGE_KEY,
            with: &["--key-id", "nobody"],
            status: 2,
            kind: "not_stored",
            message: &["nobody", "scenarioKey0", "--key-id"],
        },
        Wrong {
            name: "a default key that is not there",
            change: |data| {
                data.as_object_mut().unwrap().remove(DESCRIPTION);
            },
            secret: STORAGE_KEY,
            with: &[],
            status: 2,
            kind: "not_stored",
            message: &["scenarioKey0", "none", "all of the account data?"],
        },
        Wrong {
            name: "a secret that is not there",
            change: |data| {
                data.as_object_mut().unwrap().remove(SECRET);
            },
            secret: STORAGE_KEY,
            with: &[],
            status: 2,
            kind: "not_stored",
            message: &["no secret", SECRET],
        },
        Wrong {
            name: "a secret that is stored under another key",
            change: |data| {
                let secret = data[SECRET]["encrypted"]["scenarioKey0"].take();
                data[SECRET]["encrypted"] = json!({ "another": secret });
            },
            secret: STORAGE_KEY,
            with: &[],
            status: 2,
            kind: "not_stored",
            message: &["not stored under", "scenarioKey0", "another"],
        },
        Wrong {
            name: "the key of another backup",
            change: |_| (),
            secret: STORAGE_KEY,
            with: &["--auth-data", "other_version.json"],
            status: 3,
            kind: "other_backup",
            message: &["account.json", "other_version.json", "do not belong together"],
        },
        Wrong {
            name: "no auth data",
            change: |_| (),
            secret: STORAGE_KEY,
            with: &["--auth-data", "account.json"],
            status: 2,
            kind: "file",
            message: &["account.json", "auth_data", "public_key"],
        },
        Wrong {
            name: "an error of the server",
            change: |_| (),
            secret: STORAGE_KEY,
            with: &["--auth-data", "error.json"],
            status: 2,
            kind: "file",
            message: &["error.json", "homeserver answered", "M_NOT_FOUND"],
        },
    ];
    for Wrong { name, change, secret, with, status, kind: expected, message } in cases {
        let (world, unlock) = account_world(0);
        let mut data = ACCOUNTS[0]["account_data"].clone();
        change(&mut data);
        world.write("account.json", data.to_string());
        world.write("wrong.passphrase", "another passphrase");
        world.write("other.key", string(&ACCOUNTS[1], "ssss_recovery_key"));
        world.write("typed.key", string(&ACCOUNTS[0], "ssss_recovery_key").replace("3ZT9", "3ZT8"));
        world.write("other_version.json", ACCOUNTS[1]["version_info"].to_string());
        world.write("error.json", r#"{"errcode":"M_NOT_FOUND","error":"No backup"}"#);
        let begun = Instant::now();
        let out = ["--key-out", "my.key", "--json"];
        let ran = world.run(unlock.iter().chain(&secret).chain(with).chain(&out));
        let ran = ran.refused(status, message);
        assert_eq!(kind(&ran), expected, "{name}");
        assert_eq!(ran.out, "", "{name}");
        assert!(begun.elapsed().as_secs() < 20, "{name} took long");
        assert!(!world.path("my.key").exists(), "{name}: something was written");
    }
}

/// It is not read to a person from the terminal of somebody who looks over the shoulder.
#[test]
fn a_secret_that_was_mistaken_for_account_data_is_not_shown() {
    let (world, _) = account_world(0);
    let secret = string(&ACCOUNTS[0], "ssss_recovery_key");
    for content in [secret.to_owned(), format!("\"{secret}\""), format!("[\"{secret}\"]")] {
        world.write("mistaken", &content);
        for arguments in [
            ["--account-data", "mistaken", "--storage-key-file", "storage.key"],
            ["--account-data", "account.json", "--auth-data", "mistaken"],
        ] {
            world.run(["unlock"].iter().chain(&arguments)).refused(2, &["mistaken is no"]);
        }
    }
    for content in ["", "{", "[]x", "[{}]", "[1]", r#"{"account_data":7}"#, r#"{"events":{}}"#] {
        world.write("mistaken", content);
        world
            .run(["unlock", "--account-data", "mistaken", "--storage-key-file", "storage.key"])
            .refused(2, &["mistaken is no account data"]);
    }
}

#[test]
fn no_file_is_overwritten_and_nothing_is_asked_for_one_that_would_be() {
    let (world, unlock) = account_world(0);
    let taken = world.write("taken", "not to be lost");
    world.run(unlock.iter().chain(&["--key-out", "taken"])).refused(2, &["taken is there already"]);
    assert_eq!(fs::read_to_string(taken).unwrap(), "not to be lost");
    let secret = ["--storage-key-file", "storage.key"];
    world
        .run(unlock.iter().chain(&secret).chain(&["--key-out", "nowhere/my.key"]))
        .refused(2, &["nowhere/my.key cannot be written"]);
    let store = ["--store", "new.sqlite3", "--key-out", "new.sqlite3"];
    world.run(unlock.iter().chain(&secret).chain(&store)).refused(2, &["is the store itself"]);
    world
        .run(unlock.iter().chain(&secret).chain(&["--print", "--key-out", "x"]))
        .refused(2, &["--print", "--key-out"]);
}

#[test]
fn the_key_comes_from_the_environment_too() {
    let (world, unlock) = account_world(0);
    let scenario = &ACCOUNTS[0];
    let (key, passphrase) =
        (string(scenario, "ssss_recovery_key"), string(scenario, "ssss_passphrase"));
    let variables = [
        ("MATRIX_KEY_BACKUP_STORAGE_KEY", key),
        ("MATRIX_KEY_BACKUP_STORAGE_PASSPHRASE", passphrase),
    ];
    for (variable, secret) in variables {
        let mut command = world.command(unlock);
        let out = world.path(variable);
        world.finish(command.args(["--key-out", text(&out)]).env(variable, secret)).done();
        let written = fs::read_to_string(&out).unwrap();
        let expected = from_base64(string(scenario, "decryption_key"));
        assert_eq!(BackupDecryptionKey::from_base58(&written).unwrap(), expected);
    }
    // Which of the two is meant cannot be told; a file says it.
    let mut command = world.command(unlock);
    command.args(["--key-out", "third.key"]).envs(variables);
    world.finish(&mut command).refused(2, &["both set"]);
    world.finish(command.args(["--storage-key-file", "storage.key"])).done();

    // The passphrase of key export files is another one.
    let mut command = world.command(unlock);
    command.args(["--key-out", "x"]).env("MATRIX_KEY_BACKUP_PASSPHRASE", passphrase);
    world.finish(&mut command).refused(
        2,
        &["--storage-key-file", "--passphrase-file", "MATRIX_KEY_BACKUP_STORAGE_PASSPHRASE"],
    );
    world
        .run(unlock.iter().chain(&["--storage-key-file", "x", "--passphrase-file", "y"]))
        .refused(2, &["--passphrase-file"]);
}

/// From the account data of a client to every key of its backup.
#[test]
fn the_key_opens_the_backup() {
    for (index, scenario) in ACCOUNTS.iter().enumerate() {
        let (mut world, unlock) = account_world(index);
        let is_v1 = string(scenario, "algorithm").starts_with("m.megolm_backup.v1");
        let store = world.path("store.sqlite3");
        let secret = ["--storage-key-file", "storage.key", "--auth-data", "version.json"];
        let out = ["--key-out", "my.key"];
        world.run(unlock.iter().chain(&secret).chain(&out)).done();

        let algorithm: &[&str] =
            if is_v1 { &["--algorithm", "v1"] } else { &["--names", string(scenario, "names")] };
        let with = ["--store", text(&store), "--key-file", "my.key"];
        world.run(["create"].iter().chain(algorithm).chain(&with)).done();
        fill(&store, &scenario["room_keys"]);

        let report = world.run(["verify", "--json"].iter().chain(&with)).with_status(1).json();
        let counts = &scenario["kind_counts"];
        let number = |kind: &str| counts[kind].as_u64().unwrap();
        let total: u64 = counts.as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
        assert_eq!(report["entries"], total);
        if !is_v1 {
            assert_eq!(report["authenticated"], number("valid") + number("extra"));
            assert_eq!(report["rejected"]["misplaced"], number("wrongsession"));
            assert_eq!(
                report["rejected"]["forged"],
                number("badmac") + number("nomac") + number("flip")
            );
        }
        let others = world.key_file("others.key", &key(2));
        world
            .run(["verify", "--store", text(&store), "--key-file", text(&others)])
            .refused(3, &["does not fit"]);
    }
}

/// Puts the keys of a whole backup into a store, as a server would have them.
fn fill(store: &std::path::Path, room_keys: &Value) {
    let mut file = crate::support::tamper(store);
    let transaction = file.transaction().unwrap();
    let mut count = 0;
    for (room_id, room) in room_keys["rooms"].as_object().unwrap() {
        for (session_id, entry) in room["sessions"].as_object().unwrap() {
            let values = rusqlite::params![
                room_id,
                session_id,
                entry["first_message_index"].as_i64().unwrap(),
                entry["forwarded_count"].as_i64().unwrap(),
                entry["is_verified"].as_bool().unwrap(),
                entry["session_data"].to_string(),
            ];
            let insert = "INSERT INTO keys VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6)";
            transaction.execute(insert, values).unwrap();
            count += 1;
        }
    }
    transaction.execute("UPDATE versions SET count = ?1, etag = 1", [count]).unwrap();
    transaction.commit().unwrap();
}
