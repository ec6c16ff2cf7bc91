//! `status --html`: the page that is drawn of a backup.

use std::{fs, path::Path};

use matrix_key_backup::{
    v2::{BackupReader, SourcedSession},
    wire::{Names, UnauthenticatedSource},
};
use rand::{SeedableRng as _, rngs::StdRng};
use rusqlite::params;

use crate::support::{World, key, mode, sessions, tamper, text};

/// A store in which of 40 keys 20 are vouched for, 5 are from a v1 backup, 5 were forwarded, and 3
/// give no key. One room has a name that is markup.
fn mixed() -> (World, std::path::PathBuf, std::path::PathBuf) {
    let (world, store, key_file) = World::filled(40);
    let writer = BackupReader::new(key(1)).writer(Names::Unstable);
    let mut rng = StdRng::seed_from_u64(1);
    let file = tamper(&store);
    for (number, session) in sessions(40).into_iter().enumerate() {
        let (data, room) = (session.data().clone(), session.room_id().clone());
        let sourced = match number {
            0..20 => SourcedSession::own_session(data, room, None),
            20..25 => SourcedSession::unauthenticated(data, UnauthenticatedSource::LegacyV1, room),
            25..30 => {
                SourcedSession::unauthenticated(data, UnauthenticatedSource::ForwardedRoomKey, room)
            }
            _ => continue,
        };
        let sealed = writer.seal(&sourced, &mut rng).unwrap();
        set(&file, session.session_id().as_str(), sealed.as_json());
    }
    for session in sessions(33).iter().skip(30) {
        set(&file, session.session_id().as_str(), "{}");
    }
    let hostile = "!<script>alert(\"1\")</script>\u{202e}:example.org";
    let rename = "UPDATE keys SET room_id = ?2 WHERE session_id = ?1";
    let id = sessions(31)[30].session_id().to_string();
    file.execute(rename, params![id, hostile]).unwrap();
    (world, store, key_file)
}

fn set(file: &rusqlite::Connection, session_id: &str, session_data: &str) {
    let update = "UPDATE keys SET session_data = ?2 WHERE session_id = ?1";
    assert_eq!(file.execute(update, params![session_id, session_data]).unwrap(), 1);
}

fn draw<'a>(store: &'a Path, key_file: &'a Path, page: &'a Path) -> [&'a str; 7] {
    ["status", "--store", text(store), "--key-file", text(key_file), "--html", text(page)]
}

#[test]
fn it_shows_who_vouches_for_what_and_what_gives_no_key() {
    let (world, store, key_file) = mixed();
    let path = world.path("page.html");
    let ran = world.run(draw(&store, &key_file, &path)).with_status(1);
    assert!(ran.out.contains("page.html"), "{}", ran.out);
    let page = fs::read_to_string(&path).unwrap();
    for said in [
        "<b>20</b> authenticated",
        "<b>5</b> from a v1 backup",
        "<b>5</b> forwarded by a device",
        "<b>7</b> nobody vouches for them",
        "<b>3</b> forged",
        "3 entries give no key",
        "<b>40</b><span>sessions</span>",
    ] {
        assert!(page.contains(said), "{said:?} is not in {page}");
    }
    let in_the_open: String =
        page.split("<details>").filter_map(|it| it.split("</details>").last()).collect();
    for session in sessions(33).iter().skip(30) {
        assert!(in_the_open.contains(session.session_id().as_str()), "what is wrong is named");
    }
    for session in sessions(40) {
        assert!(!page.contains(session.data().session_key().expose_base64().as_str()));
    }
    assert_eq!(mode(&path), 0o600);
}

/// It loads nothing, runs nothing, and what comes from a server is text in it.
#[test]
fn it_is_one_file_with_no_markup_but_its_own() {
    let (world, store, key_file) = mixed();
    let path = world.path("page.html");
    world.run(draw(&store, &key_file, &path)).with_status(1);
    let page = fs::read_to_string(&path).unwrap();
    for foreign in ["<script", "<link", "<img", "http:", "https:", "url(", "@import", "\u{202e}"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    assert!(page.contains("!&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;"));
    assert!(page.contains("default-src 'none'"));
}

#[test]
fn it_overwrites_nothing_unasked_and_needs_the_decryption_key() {
    let (mut world, store, key_file) = mixed();
    let path = world.write("page.html", "something else");
    world.run(draw(&store, &key_file, &path)).refused(2, &["page.html", "--force"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), "something else");
    let forced = draw(&store, &key_file, &path);
    world.run(forced.into_iter().chain(["--force"])).with_status(1);
    assert!(fs::read_to_string(&path).unwrap().starts_with("<!DOCTYPE html>"));

    let (other, new) = (world.key_file("other", &key(2)), world.path("new.html"));
    world.run(draw(&store, &other, &new)).refused(3, &["other"]);
    assert!(!new.exists());
}

/// Not even --force replaces what belongs to the store: SQLite's own files do not look like one.
#[test]
fn it_never_takes_the_place_of_a_file_of_the_store() {
    let (world, store, key_file) = mixed();
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let path = world.path(&format!("store.sqlite3{suffix}"));
        let draw = draw(&store, &key_file, &path);
        let ran = world.run(draw.into_iter().chain(["--force"]));
        ran.refused(2, &[&format!("store.sqlite3{suffix}"), "belongs to it"]);
        assert_eq!(path.exists(), suffix.is_empty(), "{suffix}");
    }
    world.run(["verify", "--store", text(&store), "--key-file", text(&key_file)]).with_status(1);
}

#[test]
fn machines_are_told_the_figures_as_well() {
    let (world, store, key_file) = mixed();
    let path = world.path("page.html");
    let draw = draw(&store, &key_file, &path);
    let json = world.run(draw.into_iter().chain(["--json"])).with_status(1).json();
    assert_eq!(json["html"], text(&path));
    assert_eq!((&json["entries"], &json["authenticated"]), (&40.into(), &20.into()));
    assert_eq!(json["rejected"]["forged"], 3);
}
