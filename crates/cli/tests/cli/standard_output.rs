//! Standard output that cannot be written to: what was done is done, and is said.

use std::{fs::OpenOptions, io::pipe};

use crate::{
    support::{Ran, World, key, mode, sessions, text},
    vectors::{ACCOUNTS, account_files},
};

/// Runs with a standard output that is always full.
fn full(world: &World, arguments: &[&str]) -> Ran {
    let mut command = world.command(arguments);
    command.stdout(OpenOptions::new().write(true).open("/dev/full").unwrap());
    world.finish_without_output(command)
}

/// Runs with a standard output that nobody reads.
fn closed(world: &World, arguments: &[&str]) -> Ran {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    let mut command = world.command(arguments);
    command.stdout(writer);
    world.finish_without_output(command)
}

#[test]
fn what_was_done_is_said_where_the_report_cannot_be_written() {
    let mut world = World::new();
    let (store, key_out) = (world.path("store.sqlite3"), world.path("new.key"));
    full(&world, &["create", "--store", text(&store), "--key-out", text(&key_out)]).refused(
        5,
        &[
            "the report could not be written to standard output",
            "The work is done: backup version 1 in",
            "store.sqlite3 was created, and its decryption key is in",
            "new.key",
        ],
    );
    assert_eq!(mode(&key_out), 0o600);

    let export = world.export("keys.txt", &sessions(4));
    let (passphrase, out) = (world.path("passphrase"), world.path("out.jsonl"));
    let with = ["--store", text(&store), "--key-file", text(&key_out)];
    let upload = ["upload", "--passphrase-file", text(&passphrase), text(&export)];
    full(&world, &[&upload[..], &with].concat())
        .refused(5, &["The work is done: 4 keys written to backup version 1 in"]);
    let restore = ["restore", "--plaintext-json", text(&out)];
    full(&world, &[&restore[..], &with].concat())
        .refused(5, &["The work is done: 4 keys written to", "out.jsonl"]);
    assert_eq!(std::fs::read_to_string(&out).unwrap().lines().count(), 4);

    world.key_file("key", &key(1));
    full(&world, &["key", "show", "--key-file", "key", "--out", "copy.key"])
        .refused(5, &["The work is done", "copy.key"]);
    assert!(world.path("copy.key").exists());
}

#[test]
fn where_nothing_was_to_be_done_nothing_was_changed() {
    let (world, store, key_file) = World::filled(3);
    let with = ["--store", text(&store), "--key-file", text(&key_file)];
    let commands: [&[&str]; 6] = [
        &[&["status"][..], &with].concat(),
        &[&["verify"][..], &with].concat(),
        &["list", "--store", text(&store)],
        &["key", "public", "--key-file", text(&key_file)],
        &["completions", "bash"],
        &["man"],
    ];
    for command in commands {
        full(&world, command)
            .refused(5, &["could not be written to standard output", "Nothing was changed"]);
    }
    full(&world, &["--help"]).refused(5, &["the help could not be written"]);
    let ran = full(&world, &[&["restore", "--plaintext-json", "-"][..], &with].concat());
    ran.refused(5, &["the keys could not be written to standard output", "Nothing was changed"]);
}

/// A secret that nobody got is not made, or not taken out.
#[test]
fn a_secret_that_could_not_be_printed_changes_nothing() {
    let mut world = World::new();
    account_files(&mut world, &ACCOUNTS[0]);
    let unlock = ["unlock", "--account-data", "account.json", "--storage-key-file", "storage.key"];
    full(&world, &[&unlock[..], &["--key-out", "my.key"]].concat())
        .refused(5, &["The work is done: the decryption key is in my.key"]);
    assert!(world.path("my.key").exists());
    let create = ["secret-storage", "create", "--key-file", "my.key", "--out", "events.json"];
    for json in [&[][..], &["--json"]] {
        for run in [full, closed] {
            let print = [&["--print"][..], json].concat();
            run(&world, &[&unlock[..], &print].concat()).refused(5, &["Nothing was changed"]);
            run(&world, &[&create[..], &print].concat()).refused(5, &["Nothing was changed"]);
            assert!(!world.path("events.json").exists());
        }
    }
    full(&world, &[&create[..], &["--key-out", "storage2.key"]].concat())
        .refused(5, &["The work is done", "storage2.key", "events.json"]);
    assert!(world.path("events.json").exists() && world.path("storage2.key").exists());
}

#[test]
fn a_script_is_told_in_json() {
    let (world, store, _) = World::filled(1);
    let ran = full(&world, &["list", "--json", "--store", text(&store)]).with_status(5);
    let error: serde_json::Value = serde_json::from_str(&ran.err).unwrap();
    assert_eq!(error["error"]["kind"], "standard_output");
    assert_eq!(error["error"]["exit_status"], 5);
}

/// A reader that goes away is no panic; for a report it is no error, for keys it is worth a word.
#[test]
fn a_closed_pipe_is_no_alarm() {
    let (world, store, key_file) = World::filled(40);
    for arguments in [&["list", "--store", text(&store)][..], &["man"], &["--help"]] {
        let ran = closed(&world, arguments).done();
        assert_eq!(ran.err, "");
    }
    let restore = ["restore", "--plaintext-json", "-", "--store", text(&store)];
    let ran = closed(&world, &[&restore[..], &["--key-file", text(&key_file)]].concat());
    let ran = ran.refused(5, &["not all keys were written"]);
    assert!(ran.err.starts_with("note: "), "{}", ran.err);
    assert_eq!(ran.err.lines().count(), 1);
}
