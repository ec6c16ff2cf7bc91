//! Uploading into a backup that is there.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    process::Stdio,
};

use matrix_key_backup::key_export::ExportedSessionData;

use crate::support::{PASSPHRASE, World, export_of, key, sessions, text};

/// A world with an empty backup under a key in a file.
fn empty() -> (World, Vec<String>) {
    let mut world = World::new();
    let (store, key_file) = (world.path("store.sqlite3"), world.key_file("key", &key(1)));
    world.run(["create", "--store", text(&store), "--key-file", text(&key_file)]).done();
    let passphrase = world.path("passphrase");
    let upload = [
        "upload",
        "--json",
        "--store",
        text(&store),
        "--key-file",
        text(&key_file),
        "--passphrase-file",
        text(&passphrase),
    ];
    let upload = upload.map(str::to_owned).to_vec();
    (world, upload)
}

fn with<'a>(upload: &'a [String], files: &[&'a str]) -> Vec<&'a str> {
    upload.iter().map(String::as_str).chain(files.iter().copied()).collect()
}

#[test]
fn several_files_and_the_same_session_twice() {
    let (world, upload) = empty();
    let first = world.export("first.txt", &sessions(4));
    let second = world.export("second.txt", &sessions(6));
    let json = world.run(with(&upload, &[text(&first), text(&second)])).done().json();
    assert_eq!(
        (&json["keys"], &json["new"], &json["unchanged"]),
        (&10.into(), &6.into(), &4.into())
    );
    assert_eq!(json["count"], 6);
    assert_eq!(json["written"]["authenticated"], 0);
    assert_eq!(json["written"]["unauthenticated"]["m.undefined"], 6);
}

#[test]
fn one_entry_that_is_none_costs_only_itself() {
    let (world, upload) = empty();
    let good: Vec<_> = sessions(3).iter().map(ExportedSessionData::to_json).collect();
    let cut = good[2].replace("\"session_key\":\"AQ", "\"session_key\":\"");
    let (session_id, json) =
        (sessions(3)[2].session_id().clone(), [good[0].as_str(), &cut, good[1].as_str()].join(","));
    let file = world.write("keys.txt", export_of(&format!("[{json}]")));

    let ran = world.run(with(&upload, &[text(&file)])).with_status(1);
    let json = ran.json();
    assert_eq!((&json["new"], &json["unreadable"]), (&2.into(), &1.into()));
    assert_eq!(json["findings"][0]["kind"], "unreadable");
    assert_eq!(json["findings"][0]["session_id"], session_id.as_str());

    // And for people, with its place in the file.
    let people: Vec<_> = upload.iter().filter(|argument| *argument != "--json").cloned().collect();
    world
        .run(with(&people, &[text(&file)]))
        .refused(1, &["entry 2 of", "keys.txt", session_id.as_str()]);
}

/// V2-13: an entry that no reader would take costs only itself.
#[test]
fn a_key_that_is_too_large_is_left_out() {
    let (world, upload) = empty();
    let [small, session] = &sessions(2)[..] else { unreachable!() };
    let large =
        session.to_json().replacen('{', &format!("{{\"x\":\"{}\",", "x".repeat(900_000)), 1);
    let list = format!("[{large},{}]", small.to_json().as_str());
    let file = world.write("keys.txt", export_of(&list));
    let json = world.run(with(&upload, &[text(&file)])).with_status(1).json();
    assert_eq!((&json["new"], &json["blocked"]), (&1.into(), &1.into()));
    assert_eq!(json["findings"][0]["session_id"], session.session_id().as_str());
}

/// the same session with another ratchet. Nobody vouches for either, so what is there stays.
#[test]
fn a_key_that_contradicts_the_backup_is_named() {
    let (world, upload) = empty();
    let first = world.export("first.txt", &sessions(3));
    world.run(with(&upload, &[text(&first)])).done();

    let session = &sessions(1)[0];
    let session_key = session.data().session_key().expose_base64();
    let mut other = session_key.to_string();
    other.replace_range(100..104, if &other[100..104] == "AAAA" { "BBBB" } else { "AAAA" });
    let json = session.to_json().replace(session_key.as_str(), &other);
    let second = world.write("second.txt", export_of(&format!("[{json}]")));
    let json = world.run(with(&upload, &[text(&second)])).with_status(1).json();
    assert_eq!((&json["unchanged"], &json["conflicts"]), (&1.into(), &1.into()));
    assert_eq!(json["findings"][0]["kind"], "conflict");
    assert_eq!(json["findings"][0]["session_id"], session.session_id().as_str());
}

#[test]
fn a_file_that_is_none_is_named_and_nothing_is_uploaded() {
    let (world, upload) = empty();
    let whole = fs::read_to_string(world.export("good.txt", &sessions(3))).unwrap();
    let lines: Vec<_> = whole.lines().collect();
    let cut = lines[..lines.len() - 1].join("\n");
    let mut flipped = whole.clone().into_bytes();
    let middle = flipped.len() / 2;
    flipped[middle] = if flipped[middle] == b'A' { b'B' } else { b'A' };

    let (two, stars) = (whole.repeat(2), whole.replacen("\nA", "\n*", 1));
    let no_list = export_of("{}");
    let cases: [(&str, &[u8], i32, &str); 7] = [
        ("no-export.txt", b"hello", 2, "not a key export file"),
        ("binary.txt", &[0xff, 0xfe, 0], 2, "not UTF-8"),
        ("cut.txt", cut.as_bytes(), 2, "cut off"),
        ("two.txt", two.as_bytes(), 2, "more than one key export"),
        ("stars.txt", stars.as_bytes(), 2, "line 2"),
        // Nobody can tell this from a wrong passphrase.
        ("flipped.txt", &flipped, 3, "passphrase is wrong, or the file is damaged"),
        ("no-list.txt", no_list.as_bytes(), 2, "no list of keys"),
    ];
    for (name, content, status, expected) in cases {
        let file = world.write(name, content);
        let good = world.path("good.txt");
        let ran = world
            .run(with(&upload, &[text(&good), text(&file)]))
            .refused(status, &[name, expected]);
        let error: serde_json::Value = serde_json::from_str(&ran.err).unwrap();
        assert_eq!(error["error"]["exit_status"], status);
        assert!(ran.out.is_empty(), "{}", ran.out);
    }
    let store = world.path("store.sqlite3");
    let status = world.run(["status", "--json", "--store", text(&store)]).done().json();
    assert_eq!(status["backup"]["count"], 0);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let (world, upload) = empty();
    world.run(with(&upload, &["nowhere.txt"])).refused(2, &["nowhere.txt cannot be read"]);
    world.run(with(&upload, &["."])).refused(2, &[". cannot be read"]);
}

#[test]
fn a_wrong_key_changes_nothing() {
    let (mut world, _) = empty();
    let (store, wrong) = (world.path("store.sqlite3"), world.key_file("wrong", &key(2)));
    let export = world.export("keys.txt", &sessions(3));
    let passphrase = world.path("passphrase");
    let before = fs::read(&store).unwrap();
    world
        .run([
            "upload",
            "--store",
            text(&store),
            "--key-file",
            text(&wrong),
            "--passphrase-file",
            text(&passphrase),
            text(&export),
        ])
        .refused(3, &[text(&wrong), "does not fit backup version 1", "store.sqlite3"]);
    assert_eq!(fs::read(&store).unwrap(), before);
}

/// T-3: what was trusted a moment ago is looked at again before anything is written.
#[test]
fn a_backup_that_another_one_has_taken_the_place_of_is_not_written_to() {
    let (world, _) = empty();
    let (store, key_file) = (world.path("store.sqlite3"), world.path("key"));
    let (export, passphrase) = (world.export("keys.txt", &sessions(3)), world.path("passphrase"));
    let mut upload = world.command([
        "upload",
        "--verbose",
        "--store",
        text(&store),
        "--key-file",
        text(&key_file),
        "--passphrase-file",
        text(&passphrase),
        "-",
    ]);
    let piped = upload.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    // Its standard error says that it trusts the backup; then it waits for the keys.
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("is trusted") {
        line.clear();
        assert_ne!(err.read_line(&mut line).unwrap(), 0, "it ended before its time");
    }
    let auth_data = format!("{{\"public_key\":\"{}\"}}", key(2).public_key().to_base64());
    crate::support::tamper(&store)
        .execute("UPDATE versions SET auth_data = ?1", [auth_data])
        .unwrap();
    child.stdin.take().unwrap().write_all(&fs::read(&export).unwrap()).unwrap();
    let mut message = String::new();
    std::io::Read::read_to_string(&mut err, &mut message).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3), "{message}");
    for part in ["backup version 1 is no longer the one", "nothing was uploaded", "status"] {
        assert!(message.contains(part), "{part:?} is not in: {message}");
    }
    let status = world.run(["status", "--json", "--store", text(&store)]).done().json();
    assert_eq!(status["backup"]["count"], 0);
}

#[test]
fn secrets_come_from_the_environment_and_from_standard_input() {
    let (world, _) = empty();
    let (store, export) = (world.path("store.sqlite3"), world.export("keys.txt", &sessions(3)));

    let mut command = world.command(["upload", "--json", "--store", text(&store), text(&export)]);
    command.env("MATRIX_KEY_BACKUP_KEY", &*key(1).expose_base64());
    command.env("MATRIX_KEY_BACKUP_PASSPHRASE", PASSPHRASE);
    assert_eq!(world.finish(&mut command).done().json()["new"], 3);

    let mut command = world.command(["verify", "--json"]);
    command.env("MATRIX_KEY_BACKUP_KEY", &*key(1).expose_base58());
    command.env("MATRIX_KEY_BACKUP_STORE", &store);
    assert_eq!(world.finish(&mut command).done().json()["entries"], 3);

    let passphrase = world.path("passphrase");
    let upload = ["upload", "--json", "--store", text(&store), "--key-file", "-"];
    let rest = ["--passphrase-file", text(&passphrase), text(&export)];
    let ran =
        world.run_with_input(upload.into_iter().chain(rest), key(1).expose_base64().as_bytes());
    assert_eq!(ran.done().json()["unchanged"], 3);

    // The key export file itself may come that way, and one thing only.
    let key_file = world.path("key");
    let upload = ["upload", "--json", "--store", text(&store), "--key-file", text(&key_file), "-"];
    let ran = world.run_with_input(
        upload.into_iter().chain(["--passphrase-file", text(&passphrase)]),
        &fs::read(&export).unwrap(),
    );
    assert_eq!(ran.done().json()["unchanged"], 3);
    let twice = world.run_with_input(upload.into_iter().chain(["--passphrase-file", "-"]), b"x");
    twice.refused(2, &["standard input", "only once"]);
}

#[test]
fn without_a_terminal_nothing_is_asked() {
    let (world, upload) = empty();
    let export = world.export("keys.txt", &sessions(1));
    let no_passphrase = with(&upload[..upload.len() - 2], &[text(&export)]);
    world.run(no_passphrase).refused(2, &["--passphrase-file", "MATRIX_KEY_BACKUP_PASSPHRASE"]);
    let store = world.path("store.sqlite3");
    world
        .run(["verify", "--store", text(&store)])
        .refused(2, &["--key-file", "MATRIX_KEY_BACKUP_KEY"]);
}

#[test]
fn a_key_file_that_others_can_read_is_spoken_of() {
    let (world, upload) = empty();
    let export = world.export("keys.txt", &sessions(1));
    crate::support::set_mode(&world.path("key"), 0o644);
    let ran = world.run(with(&upload, &[text(&export)])).done();
    let warning: serde_json::Value = serde_json::from_str(&ran.err).unwrap();
    assert!(warning["warning"]["message"].as_str().unwrap().contains("chmod 600"), "{warning}");
    ran.json();
}
