//! The runner must be able to fail: for every form of file, expectations are corrupted one by
//! one, and each must be noticed.

use serde_json::{Value, json};

use crate::project;
use crate::vectors::OF_OTHERS;
use crate::vectors::check;
use crate::vectors::report::Report;
use crate::vectors::topics::{Check, TOPICS};

/// Where to corrupt: a JSON pointer, and what to write there; `None` changes what stands there.
type Corruption = (&'static str, Option<fn() -> Value>);

fn corrupted(pointer: &'static str) -> Corruption {
    (pointer, None)
}

fn replaced(pointer: &'static str, value: fn() -> Value) -> Corruption {
    (pointer, Some(value))
}

fn read(file: &str) -> Value {
    let path = project::root().unwrap().join(OF_OTHERS).join(file);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn run(file: &'static str, check: Check, vectors: &Value) -> Report {
    let mut report = Report::default();
    check::text(file, check, &vectors.to_string(), &mut report);
    report
}

fn topic(file: &str) -> (&'static str, Check) {
    let topic = TOPICS.iter().find(|topic| topic.file == file).unwrap();
    (topic.file, topic.check)
}

/// Keeps of every list at the top the case that is to be corrupted, and nothing else.
fn only(vectors: &Value, pointer: &str) -> (Value, String) {
    let mut parts = pointer.split('/').skip(1);
    let (list, number) = (parts.next().unwrap(), parts.next().unwrap_or_default());
    let mut vectors = vectors.clone();
    let members = vectors.as_object_mut().unwrap();
    for (name, member) in members.iter_mut().filter(|(name, _)| *name != "scenarios") {
        if let Value::Array(cases) = member {
            let kept = if name == list { number.parse().unwrap() } else { 0 };
            *cases = cases.get(kept).cloned().into_iter().collect();
        }
    }
    let is_case = members[list].is_array() && list != "scenarios";
    let pointer = if is_case { pointer.replacen(number, "0", 1) } else { pointer.to_owned() };
    (vectors, pointer)
}

/// Something else of the same type, and as near as can be.
fn other(value: &Value) -> Value {
    match value {
        Value::Null => json!("m.undefined"),
        Value::Bool(value) => json!(!value),
        Value::Number(number) => json!(number.as_u64().unwrap() + 1),
        Value::String(text) => {
            let middle = text.chars().count() / 2;
            let flip = |(at, c)| match c {
                c if at != middle => c,
                '0'..='8' | 'a'..='e' | 'A'..='Y' => char::from(c as u8 + 1),
                _ => '0',
            };
            json!(text.chars().enumerate().map(flip).collect::<String>())
        }
        Value::Array(_) | Value::Object(_) => panic!("not a leaf"),
    }
}

fn expect_failures(file: &str, corruptions: &[Corruption]) {
    let (file, check) = topic(file);
    let vectors = read(file);
    let mut good = Value::Null;
    for (pointer, replacement) in corruptions {
        let (mut vectors, pointer) = only(&vectors, pointer);
        if vectors != good {
            let before = run(file, check, &vectors);
            assert!(before.is_good(), "{file} as it stands: {before}");
            good = vectors.clone();
        }
        let value = vectors.pointer_mut(&pointer).unwrap_or_else(|| panic!("{file}{pointer}"));
        let corrupted = replacement.map_or_else(|| other(value), |replacement| replacement());
        assert_ne!(*value, corrupted, "{file}{pointer}");
        *value = corrupted;
        let after = run(file, check, &vectors);
        assert_ne!(after.counts().1, 0, "{file}{pointer} was corrupted, and nothing failed");
    }
}

fn expect_noticed(file: &str, pointers: &[&'static str]) {
    let corruptions: Vec<_> = pointers.iter().copied().map(corrupted).collect();
    expect_failures(file, &corruptions);
}

/// The number of the first case for which `chosen` holds.
fn find(file: &str, list: &str, chosen: impl Fn(&Value) -> bool) -> usize {
    read(file)[list].as_array().unwrap().iter().position(chosen).unwrap()
}

/// A pointer into a case that was looked for.
fn at(list: &str, number: usize, property: &str) -> &'static str {
    Box::leak(format!("/{list}/{number}/{property}").into_boxed_str())
}

#[test]
fn mac_key() {
    expect_noticed(
        "mac_key.json",
        &[
            "/vectors/0/decryption_key",
            "/vectors/0/decryption_key_hex",
            "/vectors/0/backup_public_key",
            "/vectors/0/backup_mac_key_hex",
            "/vectors/0/backup_mac_key_base64",
        ],
    );
}

#[test]
fn key_representation() {
    let file = "key_representation.json";
    expect_noticed(
        file,
        &[
            "/base_key_hex",
            "/valid/0/key_hex",
            "/valid/0/key_base64",
            "/valid/0/base58",
            "/valid/0/display_sdk",
            "/valid/0/display_jssdk",
            "/valid/0/backup_public_key",
            "/edge_and_invalid/0/string",
        ],
    );
    let rejected = |case: &Value| case["expected"] == "reject";
    for list in ["edge_and_invalid", "base64_decryption_key_parsing"] {
        let bad = find(file, list, rejected);
        expect_failures(
            file,
            &[
                replaced(at(list, 0, "expected"), || json!("reject")),
                replaced(at(list, bad, "expected"), || json!("accept")),
                replaced(at(list, 0, "expected"), || json!("accept-with-report")),
                replaced(at(list, 0, "expected"), || json!("maybe")),
            ],
        );
    }
}

#[test]
fn backup_v1() {
    let file = "backup_v1.json";
    let entry = find(file, "vectors", |case| case.get("key_backup_data").is_some());
    let long = find(file, "vectors", |case| case["plaintext_len"].as_u64() > Some(16));
    let mut pointers =
        vec!["/keys/0/private", "/keys/0/public", at("vectors", entry, "session_id")];
    pointers.extend(
        [
            "public",
            "ephemeral",
            "ciphertext",
            "mac",
            "plaintext_base64",
            "plaintext_len",
            "plaintext_utf8",
            "hkdf80_hex",
            "mac_empty_b64",
        ]
        .map(|property| at("vectors", long, property)),
    );
    expect_noticed(file, &pointers);
    expect_failures(file, &[replaced("/vectors/0/mac_computed_over", || json!("ciphertext"))]);
}

#[test]
fn backup_v1_edge() {
    let file = "backup_v1_edge.json";
    let bad = find(file, "cases", |case| case["expected"] == "reject");
    expect_noticed(file, &["/cases/0/original_plaintext_base64", "/cases/0/mac"]);
    expect_failures(
        file,
        &[
            replaced("/cases/0/expected", || json!("reject")),
            replaced(at("cases", bad, "expected"), || json!("accept")),
            replaced("/cases/0/expected", || json!("perhaps")),
        ],
    );
}

const INTERMEDIATES: [&str; 17] = [
    "decryption_key_hex",
    "backup_public_key",
    "backup_mac_key_hex",
    "canonical_json_hex",
    "canonical_json_utf8",
    "computed_mac_hex",
    "computed_backup_mac",
    "ephemeral_hex",
    "shared_secret_hex",
    "hkdf80_hex",
    "aes_key_hex",
    "v1_mac_key_hex",
    "iv_hex",
    "ciphertext_hex",
    "v1_mac_deployed",
    "plaintext_hex",
    // In session_data_v2.json alone.
    "canonical_json_sha256",
];

#[test]
fn published() {
    let file = "published.json";
    let accepted = find(file, "vectors", |case| case["expected_by_publisher"] == "accept");
    let rejected = find(file, "vectors", |case| case["expected_by_publisher"] == "reject");
    let mac_only = find(file, "vectors", |case| case.get("expected_backup_mac").is_some());
    expect_failures(
        file,
        &[
            replaced(at("vectors", accepted, "expected_by_publisher"), || json!("reject")),
            replaced(at("vectors", rejected, "expected_by_publisher"), || json!("accept")),
            replaced(at("vectors", accepted, "expected_by_publisher"), || Value::Null),
            corrupted(at("vectors", accepted, "plaintext")),
            corrupted(at("vectors", accepted, "backup_mac_key_hex")),
            corrupted(at("vectors", accepted, "session_data/ciphertext")),
            corrupted(at("vectors", mac_only, "expected_backup_mac")),
            corrupted(at("vectors", mac_only, "canonical_json")),
            replaced(at("vectors", mac_only, "expected_backup_mac"), || Value::Null),
        ],
    );
    let inside = INTERMEDIATES.iter().filter(|name| **name != "canonical_json_sha256");
    let inside: Vec<_> =
        inside.map(|name| at("vectors", accepted, &format!("intermediates/{name}"))).collect();
    expect_noticed(file, &inside);
}

#[test]
fn session_data_v2() {
    let file = "session_data_v2.json";
    let with = |outcome: &'static str| {
        find(file, "vectors", move |case| case["ours"]["outcome"] == outcome)
    };
    let (imported, rejected, unusable) = (with("import"), with("rejected"), with("unusable"));
    let marked = find(file, "vectors", |case| case["ours"]["unauthenticated"] == "m.undefined");
    let huge = find(file, "vectors", |case| !case["intermediates"]["canonical_json_len"].is_null());
    let outcome = |number| at("vectors", number, "ours/outcome");
    expect_failures(
        file,
        &[
            replaced(outcome(imported), || json!("rejected")),
            replaced(outcome(imported), || json!("unusable")),
            replaced(outcome(imported), || json!("imported")),
            replaced(outcome(rejected), || json!("import")),
            replaced(outcome(rejected), || json!("unusable")),
            replaced(outcome(unusable), || json!("import")),
            replaced(outcome(unusable), || json!("rejected")),
            replaced(at("vectors", rejected, "ours/authenticated"), || json!(false)),
            replaced(at("vectors", imported, "ours/authenticated"), || Value::Null),
            replaced(at("vectors", imported, "backup_algorithm"), || json!("m.backup.v3")),
            corrupted(at("vectors", imported, "ours/authenticated")),
            corrupted(at("vectors", imported, "ours/unauthenticated")),
            corrupted(at("vectors", marked, "ours/authenticated")),
            replaced(at("vectors", marked, "ours/unauthenticated"), || json!("m.legacy-v1")),
            replaced(at("vectors", marked, "ours/unauthenticated"), || Value::Null),
            corrupted(at("vectors", imported, "plaintext")),
            corrupted(at("vectors", imported, "plaintext_sha256")),
            corrupted(at("vectors", imported, "session_data_raw")),
            corrupted(at("vectors", huge, "intermediates/canonical_json_len")),
            corrupted(at("vectors", huge, "intermediates/canonical_json_sha256")),
            corrupted(at("vectors", huge, "intermediates/ciphertext_hex")),
            corrupted(at("vectors", huge, "intermediates/plaintext_hex")),
        ],
    );
    let inside: Vec<_> = INTERMEDIATES
        .iter()
        .map(|name| at("vectors", imported, &format!("intermediates/{name}")))
        .collect();
    expect_noticed(file, &inside);
}

#[test]
fn what_cannot_be_must_not_be() {
    let file = "session_data_v2.json";
    // An error is expected where there is none.
    for error in ["canonical_json_error", "decrypt_error"] {
        let (name, check) = topic(file);
        let (mut vectors, _) = only(&read(file), "/vectors/0");
        vectors["vectors"][0]["intermediates"][error] = json!("it says");
        assert_eq!(run(name, check, &vectors).counts(), (0, 1), "{error}");
    }
    // An all-zero secret is expected to be used.
    let low = find(file, "vectors", |case| {
        case["intermediates"]["shared_secret_hex"] == json!("00".repeat(32))
    });
    expect_noticed(file, &[at("vectors", low, "intermediates/shared_secret_hex")]);
}

#[test]
fn megolm_sessions() {
    let file = "megolm_sessions.json";
    let bad = find(file, "invalid_session_keys", |case| case["expected"] == "reject");
    expect_noticed(
        file,
        &[
            "/sessions/0/session_id",
            "/sessions/0/room_id",
            "/sessions/0/backed_up_first_known_index",
            "/sessions/0/exports/0/first_known_index",
            "/sessions/0/exports/0/base64_len",
            "/sessions/0/exported_room_key/session_id",
        ],
    );
    expect_failures(
        file,
        &[
            replaced("/invalid_session_keys/0/expected", || json!("reject")),
            replaced(at("invalid_session_keys", bad, "expected"), || json!("accept")),
            replaced("/invalid_session_keys/0/expected", || json!(true)),
            replaced("/sessions/0/session_data", || json!({})),
            replaced("/sessions/0/exports/0/session_key", || json!("AQ")),
        ],
    );
}

#[test]
fn key_export() {
    let file = "key_export.json";
    let with =
        |expected: &'static str| find(file, "edge", move |case| case["expected"] == expected);
    let (good, bad, report) = (with("accept"), with("reject"), with("accept-with-report"));
    expect_noticed(
        file,
        &[
            "/exports/0/passphrase",
            "/exports/0/rounds",
            "/exports/0/n_keys",
            "/exports/0/text",
            "/exports/0/salt_hex",
            "/exports/0/iv_hex",
            "/exports/0/iv_bit63_clear",
            "/exports/0/plaintext",
        ],
    );
    expect_failures(
        file,
        &[
            replaced(at("edge", good, "expected"), || json!("reject")),
            replaced(at("edge", good, "expected"), || json!("accept-with-report")),
            replaced(at("edge", bad, "expected"), || json!("accept")),
            replaced(at("edge", bad, "expected"), || json!("accept-with-report")),
            replaced(at("edge", report, "expected"), || json!("accept")),
            replaced(at("edge", good, "expected"), || json!("accept-in-part")),
        ],
    );
}

#[test]
fn secret_storage() {
    let file = "secret_storage.json";
    let typed = find(file, "encrypted_rust", |case| case["passphrase"].is_string());
    let untyped = find(file, "encrypted_rust", |case| case["passphrase"].is_null());
    let long = find(file, "encrypted_js", |case| case["recovery_key"].is_null());
    for (list, number) in [("encrypted_js", 0), ("encrypted_rust", typed)] {
        let mut pointers: Vec<_> = [
            "passphrase",
            "key_hex",
            "recovery_key",
            "key_description/type",
            "key_description/content/iv",
            "key_description/content/mac",
            "key_description/content/passphrase/iterations",
            "key_description/content/passphrase/salt",
            "key_description/content/passphrase/algorithm",
            "key_description/content/algorithm",
            "secrets/0/name",
            "secrets/0/plaintext",
            "secrets/0/iv_bit63_clear",
            "secrets/0/account_data/type",
        ]
        .map(|property| at(list, number, property))
        .into();
        if list == "encrypted_js" {
            pointers.extend(
                ["iv", "ciphertext", "mac"]
                    .map(|property| at(list, number, &format!("key_check/{property}"))),
            );
            pointers.push(at(list, number, "sdk_open/recovery_key"));
        }
        expect_noticed(file, &pointers);
    }
    let with =
        |list, expected: &'static str| find(file, list, move |case| case["expected"] == expected);
    let (good, bad) = (with("edge", "accept"), with("edge", "reject"));
    let (fits, wrong) =
        (with("key_description_checks", "accept"), with("key_description_checks", "reject"));
    let expected = |list, number| at(list, number, "expected");
    expect_failures(
        file,
        &[
            replaced(at("encrypted_rust", untyped, "recovery_key"), || Value::Null),
            replaced(at("encrypted_rust", untyped, "passphrase"), || json!("x")),
            replaced(at("encrypted_js", long, "recovery_key"), || json!("EsTT")),
            replaced(at("encrypted_js", long, "key_description/content/passphrase/bits"), || {
                json!(256)
            }),
            replaced("/encrypted_js/0/secrets", || json!([{}])),
            replaced("/encrypted_js/0/secrets/0/account_data/content", || json!({})),
            replaced(expected("edge", good), || json!("reject")),
            replaced(expected("edge", bad), || json!("accept")),
            replaced(expected("edge", bad), || json!("accept-with-report")),
            replaced(expected("edge", bad), || json!("perhaps")),
            corrupted(at("edge", good, "original_plaintext")),
            corrupted(at("edge", good, "key_hex")),
            corrupted(at("edge", good, "name")),
            corrupted(at("edge", good, "data/ciphertext")),
            replaced(expected("key_description_checks", fits), || json!("reject")),
            replaced(expected("key_description_checks", wrong), || json!("accept")),
            replaced(expected("key_description_checks", wrong), || json!(true)),
            corrupted(at("key_description_checks", fits, "key_hex")),
            corrupted(at("key_description_checks", fits, "input")),
            corrupted(at("key_description_checks", fits, "content/mac")),
            corrupted("/ctr_wrap/0/iv_hex"),
            corrupted("/ctr_wrap/0/key_hex"),
            corrupted("/ctr_wrap/0/name"),
            corrupted("/ctr_wrap/0/plaintext"),
            corrupted("/ctr_wrap/0/sdk_same"),
            corrupted("/ctr_wrap/0/sdk_plaintext_base64"),
            corrupted("/ctr_wrap/0/expected_plaintext_base64"),
            corrupted("/ctr_wrap/0/js_data/ciphertext"),
        ],
    );
}

/// What is to be refused although nothing is wrong with it is noted, and nothing else gets by so.
#[test]
fn harmless_damage_in_secret_storage() {
    let (file, check) = topic("secret_storage.json");
    let (mut vectors, _) = only(&read(file), "/edge/0");
    let good = vectors["edge"][0].clone();
    assert_eq!(good["expected"], "accept");
    let mut twin = good.clone();
    twin["expected"] = json!("reject");
    let unpadded = good["data"]["mac"].as_str().unwrap().trim_end_matches('=');
    twin["data"]["mac"] = json!(unpadded);
    vectors["edge"] = json!([good, twin]);
    let report = run(file, check, &vectors);
    assert!(report.is_good() && report.to_string().contains("note secret_storage.json: edge[1]"));
    // The padding is wrong, or the other case does not say that it is right.
    vectors["edge"][1]["data"]["mac"] = json!(format!("{unpadded}=="));
    let report = run(file, check, &vectors);
    assert!(report.is_good() && !report.to_string().contains("note"), "{report}");
    vectors["edge"][1]["data"]["mac"] = json!(unpadded);
    vectors["edge"][0]["expected"] = json!("either");
    assert_eq!(run(file, check, &vectors).counts().1, 1);
}

#[test]
fn room_keys_body() {
    let file = "room_keys_body.json";
    expect_noticed(file, &["/auth_data/public_key", "/decryption_key"]);
    let (name, check) = topic(file);
    let mut moved = read(file);
    let room = moved["body"]["rooms"].as_object_mut().unwrap().values_mut().next().unwrap();
    let sessions = room["sessions"].as_object_mut().unwrap();
    let ids: Vec<_> = sessions.keys().take(2).cloned().collect();
    let swapped = sessions[&ids[0]].clone();
    sessions.insert(ids[1].clone(), swapped);
    assert_eq!(run(name, check, &moved).counts().1, 1, "one session under the id of another");
}

#[test]
fn migration() {
    let file = "migration.json";
    let with = |action: &'static str| {
        find(file, "vectors", move |case| case["expected"]["action"] == action)
    };
    let (unchanged, reencrypt, drop) = (with("unchanged"), with("reencrypt"), with("drop"));
    let expected = |number, property: &str| at("vectors", number, &format!("expected/{property}"));
    expect_failures(
        file,
        &[
            replaced(expected(unchanged, "action"), || json!("reencrypt")),
            replaced(expected(unchanged, "action"), || json!("drop")),
            replaced(expected(reencrypt, "action"), || json!("unchanged")),
            replaced(expected(reencrypt, "action"), || json!("drop")),
            replaced(expected(drop, "action"), || json!("unchanged")),
            replaced(expected(drop, "action"), || json!("reencrypt")),
            replaced(expected(drop, "action"), || json!("delete")),
            corrupted(expected(unchanged, "new_session_data_raw")),
            replaced(expected(unchanged, "new_session_data_raw"), || Value::Null),
            corrupted(expected(reencrypt, "unauthenticated")),
            replaced(expected(reencrypt, "unauthenticated"), || Value::Null),
            corrupted(expected(reencrypt, "example_new_plaintext")),
            corrupted(expected(reencrypt, "example_new_session_data/ciphertext")),
            corrupted(expected(reencrypt, "example_new_session_data/unsigned/backup_mac")),
            corrupted(at("vectors", reencrypt, "old_plaintext")),
            corrupted(at("vectors", reencrypt, "same_decryption_key")),
            replaced(at("vectors", reencrypt, "old_backup_mac_status"), || json!("valid")),
            replaced(at("vectors", reencrypt, "new_algorithm"), || {
                json!("m.megolm_backup.v1.curve25519-aes-sha2")
            }),
        ],
    );
}

#[test]
fn accounts() {
    let file = "accounts.json";
    expect_noticed(
        file,
        &[
            "/scenarios/0/backup_recovery_key",
            "/scenarios/0/backup_mac_key",
            "/scenarios/0/version_info/auth_data/public_key",
            "/scenarios/0/version_info/algorithm",
            "/scenarios/0/version_info/count",
            "/scenarios/0/kind_counts/valid",
            "/scenarios/0/decryption_key",
            "/scenarios/0/ssss_passphrase",
            "/scenarios/0/ssss_key_hex",
            "/scenarios/0/ssss_recovery_key",
            "/scenarios/0/account_data/m.secret_storage.default_key/key",
            "/scenarios/0/account_data/m.secret_storage.key.scenarioKey0/mac",
            "/scenarios/0/account_data/m.megolm_backup.v1/encrypted/scenarioKey0/ciphertext",
            "/scenarios/0/account_data/m.megolm_backup.v1/encrypted/scenarioKey0/iv",
            "/scenarios/0/account_data/m.megolm_backup.v1.mac/encrypted/scenarioKey0/mac",
        ],
    );
    let vectors = read(file);
    // A case of this kind: a pointer to one of its properties.
    let of = |scenario: usize, kind: &str, property: &str| {
        let cases = vectors["scenarios"][scenario]["expected"].as_array().unwrap();
        let number = cases.iter().position(|case| case["kind"] == kind).unwrap();
        at(&format!("scenarios/{scenario}/expected"), number, property)
    };
    let mut corruptions = vec![
        replaced("/scenarios/0/names", || json!("unstable")),
        replaced("/scenarios/1/names", || json!("stable")),
        replaced("/scenarios/0/names", || json!("both")),
    ];
    for scenario in [0, 1] {
        for imported in ["valid", "extra", "unauth"] {
            corruptions.extend([
                replaced(of(scenario, imported, "action"), || json!("ignore")),
                replaced(of(scenario, imported, "action"), || json!("do as you like")),
                replaced(of(scenario, imported, "session_id"), || json!("nowhere")),
                replaced(of(scenario, imported, "authenticated"), || json!("perhaps")),
                corrupted(of(scenario, imported, "plaintext/sender_key")),
            ]);
        }
        for refused in ["flip", "wrongsession"] {
            corruptions.push(replaced(of(scenario, refused, "action"), || json!("import")));
        }
        corruptions.push(replaced(of(scenario, "unauth", "authenticated"), || json!(true)));
    }
    corruptions.extend([
        replaced(of(0, "valid", "authenticated"), || json!(false)),
        replaced(of(0, "valid", "authenticated"), || json!("may")),
        replaced(of(0, "valid", "unauthenticated"), || json!("m.undefined")),
        replaced(of(0, "unauth", "unauthenticated"), || Value::Null),
        replaced(of(0, "badmac", "action"), || json!("import")),
        replaced(of(0, "nomac", "action"), || json!("import")),
        replaced(of(1, "valid", "authenticated"), || json!(true)),
        replaced(of(1, "badmac", "action"), || json!("ignore")),
        replaced(of(1, "nomac", "action"), || json!("ignore")),
    ]);
    expect_failures(file, &corruptions);
}

#[test]
fn a_case_that_is_not_understood_fails_alone() {
    for topic in TOPICS {
        let mut vectors = read(topic.file);
        let members = vectors.as_object_mut().unwrap();
        members.values_mut().filter_map(Value::as_array_mut).for_each(|cases| cases.truncate(2));
        for (list, _) in vectors.as_object().unwrap().iter().filter(|(_, list)| is_cases(list)) {
            for unknown in [json!({}), json!({"id": "x", "surprise": 1}), json!(5), json!(null)] {
                let mut vectors = vectors.clone();
                vectors[list][0] = unknown.clone();
                let report = run(topic.file, topic.check, &vectors);
                let (passed, failed) = report.counts();
                assert_eq!(failed, 1, "{}: {list}[0] = {unknown}", topic.file);
                assert_ne!(passed, 0, "{}: {list}: the others still run", topic.file);
            }
        }
    }
}

fn is_cases(list: &Value) -> bool {
    list.as_array().is_some_and(|cases| cases.iter().any(Value::is_object))
}

#[test]
fn a_file_that_is_not_understood_fails() {
    for topic in TOPICS {
        for text in ["", "[]", "{}", "{\"vectors\":1}", "not JSON"] {
            let mut report = Report::default();
            check::text(topic.file, topic.check, text, &mut report);
            assert_eq!(report.counts(), (0, 1), "{}: {text:?}", topic.file);
        }
    }
}

#[test]
fn files_that_are_missing_or_unknown_are_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("mac_keys.json"), "{}").unwrap();
    std::fs::write(dir.path().join("README.md"), "").unwrap();
    let report = check::folder(dir.path()).unwrap();
    let text = report.to_string();
    assert!(!report.is_good() && text.contains("mac_keys.json: unknown"), "{text}");
    assert!(!text.contains("README"), "{text}");
    let skipped = TOPICS.len() + 1;
    assert!(text.ends_with(&format!("\n0 passed, 0 failed, {skipped} skipped\n")), "{text}");
    check::folder(&dir.path().join("nowhere")).unwrap_err();
}
