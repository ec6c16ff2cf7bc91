//! A store that somebody else has had in their hands.

use rusqlite::params;

use crate::support::{World, read_export, sessions, tamper, text};

struct Tampered {
    world: World,
    store: std::path::PathBuf,
    key_file: std::path::PathBuf,
    /// Session and the kind it must be named as.
    touched: Vec<(String, &'static str)>,
}

/// Thirty entries, five of which are touched, each in another way.
fn tampered() -> Tampered {
    let (world, store, key_file) = World::filled(30);
    let ids: Vec<String> = sessions(30).iter().map(|s| s.session_id().to_string()).collect();
    let file = tamper(&store);
    let set = |id: &str, data: &str| {
        let changed = file
            .execute("UPDATE keys SET session_data = ?2 WHERE session_id = ?1", params![id, data])
            .unwrap();
        assert_eq!(changed, 1);
    };
    let get = |id: &str| {
        let query = "SELECT session_data FROM keys WHERE session_id = ?1";
        file.query_row(query, [id], |row| row.get::<_, String>(0)).unwrap()
    };
    let edit = |id: &str, change: &dyn Fn(&mut serde_json::Value)| {
        let mut data = serde_json::from_str(&get(id)).unwrap();
        change(&mut data);
        set(id, &data.to_string());
    };

    edit(&ids[0], &|data| data["ephemeral"] = "AAAA".into());
    edit(&ids[1], &|data| drop(data.as_object_mut().unwrap().remove("unsigned")));
    edit(&ids[2], &|data| data["added"] = true.into());
    set(&ids[3], "no JSON at all");
    // A valid entry, moved to where another session was.
    let moved = get(&ids[5]);
    set(&ids[4], &moved);

    let kinds = ["forged", "forged", "forged", "unreadable", "misplaced"];
    let touched = ids.into_iter().zip(kinds).collect();
    Tampered { world, store, key_file, touched }
}

#[test]
fn verify_names_every_entry_that_was_touched() {
    let Tampered { world, store, key_file, touched } = tampered();
    let verify = ["verify", "--store", text(&store), "--key-file", text(&key_file)];
    let ran = world.run(verify).with_status(1);
    assert_eq!(ran.err.lines().count(), touched.len(), "{}", ran.err);
    for (session, kind) in &touched {
        let line = ran.err.lines().find(|line| line.contains(session.as_str())).unwrap();
        assert!(line.starts_with(kind), "{line}");
        assert!(line.contains("in room !"), "{line}");
    }
    assert!(ran.out.contains("3  forged"), "{}", ran.out);
    assert!(ran.out.contains("25  unauthenticated"), "{}", ran.out);

    let json = world.run(verify.into_iter().chain(["--json"])).with_status(1).json();
    assert_eq!(json["rejected"], serde_json::json!({"forged": 3, "misplaced": 1, "unreadable": 1}));
    let mut named: Vec<_> = json["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            (
                finding["session_id"].as_str().unwrap().to_owned(),
                finding["kind"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    let mut expected: Vec<_> =
        touched.iter().map(|(id, kind)| (id.clone(), (*kind).to_owned())).collect();
    named.sort();
    expected.sort();
    assert_eq!(named, expected);
}

#[test]
fn restore_leaves_them_out_and_gives_the_rest() {
    let Tampered { world, store, key_file, touched } = tampered();
    let (out, passphrase) = (world.path("out.txt"), world.path("passphrase"));
    let ran = world.run([
        "restore",
        "--store",
        text(&store),
        "--key-file",
        text(&key_file),
        "--passphrase-file",
        text(&passphrase),
        "--out",
        text(&out),
    ]);
    let ran = ran.with_status(1);
    let restored = read_export(&out);
    assert_eq!(restored.len(), 25);
    for (session, kind) in &touched {
        assert!(ran.err.contains(session.as_str()) && ran.err.contains(kind), "{}", ran.err);
        assert!(!restored.keys().any(|(_, id)| id == session));
    }
}

/// An upload says what it found in the place of its keys.
#[test]
fn upload_names_what_it_meets() {
    let Tampered { world, store, key_file, .. } = tampered();
    let (export, passphrase) = (world.path("keys.txt"), world.path("passphrase"));
    let ran = world.run([
        "upload",
        "--json",
        "--store",
        text(&store),
        "--key-file",
        text(&key_file),
        "--passphrase-file",
        text(&passphrase),
        text(&export),
    ]);
    let json = ran.with_status(1).json();
    // By its metadata a forged entry is as good as the key at hand, so the store keeps it. The
    // one that is no JSON has none, and gives way.
    assert_eq!((&json["unchanged"], &json["blocked"]), (&25.into(), &4.into()));
    assert_eq!(json["improved"], 1);
    let kinds = json["findings"].as_array().unwrap().iter().map(|finding| &finding["kind"]);
    assert_eq!(kinds.clone().filter(|kind| **kind == "blocked").count(), 4);
    assert_eq!(kinds.filter(|kind| **kind == "replaced").count(), 1);
}

#[test]
fn names_are_bounded_unless_all_are_asked_for() {
    let (world, store, key_file) = World::filled(30);
    tamper(&store).execute("UPDATE keys SET session_data = '{}'", []).unwrap();
    let verify = ["verify", "--store", text(&store), "--key-file", text(&key_file)];
    let ran = world.run(verify).refused(1, &["and 10 more; --all names them"]);
    assert_eq!(ran.err.lines().count(), 21);
    let all = world.run(verify.into_iter().chain(["--all"])).with_status(1);
    assert_eq!(all.err.lines().count(), 30);

    let json = world.run(verify.into_iter().chain(["--json"])).with_status(1).json();
    assert_eq!(json["findings"].as_array().unwrap().len(), 20);
    assert_eq!(json["findings_not_named"], 10);
}

/// B-3: the store says how many entries there are, and gives fewer.
#[test]
fn an_entry_that_was_taken_out_is_missing() {
    let (world, store, key_file) = World::filled(30);
    let id = sessions(1)[0].session_id().to_string();
    tamper(&store).execute("DELETE FROM keys WHERE session_id = ?1", [id]).unwrap();
    let verify = ["verify", "--json", "--store", text(&store), "--key-file", text(&key_file)];
    let json = world.run(verify).with_status(1).json();
    assert_eq!((&json["entries"], &json["missing"]), (&29.into(), &1.into()));
    assert_eq!(json["findings"][0]["kind"], "missing");
}

/// What stands in a store does not write to the terminal.
#[test]
fn names_from_the_store_cannot_move_the_cursor() {
    let (world, store, key_file) = World::filled(3);
    let id = sessions(1)[0].session_id().to_string();
    let room = "!\u{1b}[2J\nerror: all is well:example.org";
    tamper(&store)
        .execute(
            "UPDATE keys SET room_id = ?2, session_data = '{}' WHERE session_id = ?1",
            [&id, room],
        )
        .unwrap();
    for command in
        [&["verify", "--key-file", text(&key_file)][..], &["list"], &["list", "--room", room]]
    {
        let ran = world.run(command.iter().chain(&["--store", text(&store)]));
        assert!(!ran.out.contains('\u{1b}') && !ran.err.contains('\u{1b}'), "{ran:?}");
        assert!(!ran.out.contains("\nerror") && !ran.err.contains("\nerror"), "{ran:?}");
    }
}

/// Nor does the path of a store that somebody else has named.
#[test]
fn a_path_cannot_move_the_cursor() {
    let (world, store, _) = World::filled(1);
    let hostile = world.path("\u{1b}[2J\u{202e}.sqlite3");
    std::fs::copy(&store, &hostile).unwrap();
    for command in ["status", "list", "verify"] {
        let ran = world.run([command, "--store", text(&hostile)]);
        for character in ['\u{1b}', '\u{202e}'] {
            assert!(!ran.out.contains(character) && !ran.err.contains(character), "{ran:?}");
        }
        assert!(ran.out.contains("\\u{1b}[2J") || ran.err.contains("--key-file"), "{ran:?}");
    }
}

/// Nor do the characters that JSON lets through: DEL, the C1 controls, those that turn the line
/// round, and those that nobody sees. As escapes they are the same values.
#[test]
fn names_from_the_store_cannot_reorder_a_line_of_json() {
    let (world, store, key_file) = World::filled(3);
    let id = sessions(1)[0].session_id().to_string();
    let hostile = "\u{7f}\u{9b}31m\u{85}\u{202e}\u{2066}\u{200b}\u{feff}\u{e0041}";
    let (room, session) = (format!("!{hostile}:a"), format!("{hostile}{id}"));
    // A good entry in a bad room, and a bad one.
    let file = tamper(&store);
    file.execute("UPDATE keys SET room_id = ?2 WHERE session_id = ?1", [&id, &room]).unwrap();
    let other = sessions(2)[1].session_id().to_string();
    let broken = "UPDATE keys SET room_id = ?2, session_id = ?3, session_data = '{}' \
                  WHERE session_id = ?1";
    file.execute(broken, [&other, &room, &session]).unwrap();
    file.execute("UPDATE versions SET etag = 7", []).unwrap();

    let with_key = ["--key-file", text(&key_file), "--store", text(&store)];
    let commands: [(&[&str], i32); 7] = [
        (&["verify", "--json", with_key[0], with_key[1]], 1),
        (&["list", "--json"], 0),
        (&["list", "--json", "--room", &room], 0),
        (&["list"], 0),
        (&["list", "--room", &room], 0),
        (&["restore", "--json", "--plaintext-json", "-", with_key[0], with_key[1]], 1),
        (&["list", "--json", "--backup-version", hostile], 2),
    ];
    for (command, status) in commands {
        let arguments = command.iter().chain(&with_key[2..]);
        let ran = world.run_revealing(arguments).with_status(status);
        for character in hostile.chars().filter(|character| !character.is_ascii_graphic()) {
            for printed in [&ran.out, &ran.err] {
                assert!(!printed.contains(character), "{character:?}: {command:?} {printed:?}");
            }
        }
        let escape = if command.contains(&"--json") { "\\u202e" } else { "\\u{202e}" };
        assert!(ran.out.contains(escape) || ran.err.contains(escape), "{ran:?}");
    }
    let list = ["list", "--json", "--room", &room];
    let listed = world.run(list.iter().chain(&with_key[2..])).done().json();
    let ids: Vec<_> =
        listed["sessions"].as_array().unwrap().iter().map(|entry| &entry["session_id"]).collect();
    assert!(ids.contains(&&session.as_str().into()), "{ids:?}");
}
