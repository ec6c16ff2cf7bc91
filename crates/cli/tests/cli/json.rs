//! What machines read: one object, with the fields that the README of this crate lists.

use serde_json::Value;

use crate::support::{World, key, sessions, text};

#[track_caller]
fn has_fields(json: &Value, expected: &[&str]) {
    let mut found: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = expected.to_vec();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

const ABOUT: [&str; 3] = ["store", "version", "algorithm"];
const FINDINGS: [&str; 2] = ["findings", "findings_not_named"];
const WALKED: [&str; 7] = [
    "entries",
    "authenticated",
    "unauthenticated",
    "room_under_mac",
    "rejected",
    "ignored_macs",
    "missing",
];

#[test]
fn reports_have_the_documented_fields() {
    let mut world = World::new();
    let (store, key_file) = (world.path("store.sqlite3"), world.key_file("key", &key(1)));
    let (export, passphrase) = (world.export("keys.txt", &sessions(3)), world.path("passphrase"));
    let run = |arguments: &[&str]| {
        world.run(arguments.iter().chain(&["--json", "--store", text(&store)])).done().json()
    };
    let key = ["--key-file", text(&key_file)];

    let json = run(&["create", key[0], key[1]]);
    has_fields(&json, &[&ABOUT[..], &["public_key", "key_file", "replaced"]].concat());

    let json =
        run(&["upload", text(&export), "--passphrase-file", text(&passphrase), key[0], key[1]]);
    let counts = ["keys", "new", "improved", "unchanged", "blocked", "conflicts", "written"];
    let rest =
        ["ignored_macs", "created", "key_file", "files", "mac_key", "unreadable", "count", "etag"];
    has_fields(&json, &[&ABOUT[..], &counts, &rest, &FINDINGS].concat());
    has_fields(&json["written"], &["authenticated", "unauthenticated"]);

    let json = run(&["verify", key[0], key[1]]);
    has_fields(&json, &[&ABOUT[..], &WALKED, &["checked"], &FINDINGS].concat());

    let json = run(&["restore", "--plaintext-json", "out.jsonl", key[0], key[1]]);
    has_fields(&json, &[&ABOUT[..], &WALKED, &["file", "written"], &FINDINGS].concat());

    let json = run(&["status", key[0], key[1]]);
    has_fields(&json, &["store", "backup", "versions", "key"]);
    let backup = [
        "version",
        "current",
        "algorithm",
        "authenticated",
        "public_key",
        "count",
        "etag",
        "problem",
    ];
    has_fields(&json["backup"], &backup);
    has_fields(&json["key"], &["kind", "from", "fits", "problem"]);
    assert_eq!(run(&["status"])["key"], Value::Null);

    let json = run(&["doctor", key[0], key[1]]);
    has_fields(&json, &[&ABOUT[..], &["entries", "diagnoses"]].concat());
    has_fields(&json["diagnoses"][0], &["code", "severity", "what", "mend", "command"]);

    let json = run(&["migrate", "--names", "stable", "--backup-version", "1", key[0], key[1]]);
    let migrated = ["dry_run", "new_version", "new_algorithm", "key_file", "entries", "unchanged"];
    let copied = ["mac_renamed", "reencrypted", "marked_legacy_v1", "already_there", "merged"];
    let kept =
        ["blocked", "dropped", "left_behind", "missing", "compared", "different", "complete"];
    has_fields(
        &json,
        &[&ABOUT[..], &migrated, &copied, &kept, &["deleted_old"], &FINDINGS].concat(),
    );

    let json = run(&["delete", "--backup-version", "1", "--yes"]);
    let current = ["count", "was_current", "current_version", "current_algorithm"];
    has_fields(&json, &[&ABOUT[..], &current].concat());

    let json = run(&["list"]);
    has_fields(&json, &[&ABOUT[..], &["rooms"]].concat());
    has_fields(&json["rooms"][0], &["room_id", "sessions"]);
    let room = json["rooms"][0]["room_id"].as_str().unwrap();
    let json = run(&["list", "--room", room]);
    has_fields(&json, &[&ABOUT[..], &["sessions"]].concat());
    let session =
        ["session_id", "first_message_index", "forwarded_count", "is_verified", "problem"];
    has_fields(&json["sessions"][0], &session);
}

#[test]
fn keys_on_standard_output_leave_the_report_to_standard_error() {
    let (world, store, key_file) = World::filled(3);
    let ran = world.run_revealing([
        "restore",
        "--json",
        "--plaintext-json",
        "-",
        "--store",
        text(&store),
        "--key-file",
        text(&key_file),
    ]);
    let ran = ran.done();
    assert_eq!(ran.out.lines().count(), 3);
    let report: Value = serde_json::from_str(&ran.err).unwrap();
    assert_eq!(report["written"], 3);
}

#[test]
fn errors_are_json_too() {
    let world = World::new();
    let cases: [(&[&str], &str, i32); 4] = [
        (&["uplod"], "usage", 2),
        (&["upload", "nowhere.txt", "--passphrase-file", "passphrase"], "file", 2),
        (&["status"], "store", 4),
        (&["key", "public", "--key-file", "passphrase"], "wrong_key", 3),
    ];
    for (arguments, kind, status) in cases {
        let ran = world.run(arguments.iter().chain(&["--json"])).with_status(status);
        assert!(ran.out.is_empty());
        let error: Value = serde_json::from_str(&ran.err).unwrap();
        has_fields(&error["error"], &["kind", "message", "exit_status"]);
        assert_eq!(
            (&error["error"]["kind"], &error["error"]["exit_status"]),
            (&kind.into(), &status.into())
        );
    }
}
