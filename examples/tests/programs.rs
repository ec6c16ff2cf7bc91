//! Runs every program as a person would. Each asserts its own results; here it has to end well, and
//! to say what it is there to show.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::process::Command;

fn run(program: &str) -> String {
    let output = Command::new(program).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} failed\n{said}\n{errors}");
    said
}

fn assert_says(said: &str, lines: &[&str]) {
    for line in lines {
        assert!(said.contains(line), "{line:?} is missing in\n{said}");
    }
}

#[test]
fn read_one_key() {
    let said = run(env!("CARGO_BIN_EXE_read_one_key"));
    assert_says(&said, &["(UnderMac)", "provenance authenticated", "from message 7 on"]);
    assert_eq!(said.matches("refused").count(), 3, "{said}");
}

#[test]
fn write_only_device() {
    let said = run(env!("CARGO_BIN_EXE_write_only_device"));
    assert_says(&said, &["the bot may write", "to another it may not", "Alice reads"]);
}

#[test]
fn trust_a_backup() {
    let said = run(env!("CARGO_BIN_EXE_trust_a_backup"));
    assert_says(
        &said,
        &[
            "verified device \"PHONEXXXXX\"",
            "the server's it may not",
            "It is an older version",
            "on her word",
        ],
    );
}

#[test]
fn own_store() {
    let said = run(env!("CARGO_BIN_EXE_own_store"));
    assert_says(
        &said,
        &[
            "uploaded 600 keys, 600 of them new",
            "600 unchanged",
            "restored 600 entries, 0 rejected",
        ],
    );
}

#[test]
fn migrate_entries() {
    let said = run(env!("CARGO_BIN_EXE_migrate_entries"));
    assert_says(&said, &["Unchanged, authenticated", "stays behind", "MacRenamed, authenticated"]);
}
