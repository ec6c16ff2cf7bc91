//! A key typed where none belongs is not shown to anybody else.

use matrix_key_backup::primitives::BackupDecryptionKey;

use crate::support::{World, text};

/// As random as a key is.
fn random() -> BackupDecryptionKey {
    BackupDecryptionKey::from_base58("EsUB yNZ4 TFjj sumW 4GNt kXhp CbhS CqrF XqSj LXPL 7QTb nak8")
        .unwrap()
}

#[test]
fn a_key_in_the_place_of_a_path_is_not_shown() {
    let mut world = World::new();
    world.keep_key_secret(&random());
    let base58 = random().expose_base58();
    let typed = base58.replacen("yNZ4", "yNZ5", 1);
    let forms =
        [base58.to_string(), base58.replace(' ', ""), random().expose_base64().to_string(), typed];
    for form in &forms {
        let commands: [&[&str]; 9] = [
            &["verify", "--key-file", form],
            &["verify", "--writer-key-file", form],
            &["verify", form],
            &["upload", form],
            &["upload", "x", "--passphrase-file", form],
            &["create", "--key-out", form],
            &["restore", "--out", form],
            &["status", "--store", form],
            &["key", "show", &format!("--key-file={form}")],
        ];
        for command in commands {
            for json in [&[][..], &["--json"]] {
                let ran = world.run(command.iter().chain(json));
                let ran = ran.refused(2, &["looks like a key", "MATRIX_KEY_BACKUP_KEY"]);
                let group = form.get(..8).unwrap();
                assert!(!ran.err.contains(group) && !ran.out.contains(group), "{ran:?}");
            }
        }
        let mut command = world.command(["status"]);
        world
            .finish(command.env("MATRIX_KEY_BACKUP_STORE", form))
            .refused(2, &["looks like a key"]);
    }
    // Without quotes the shell makes twelve arguments of it.
    let ran = world.run(["verify", "--key-file"].into_iter().chain(base58.split(' ')));
    let ran = ran.refused(2, &["looks like a key"]);
    assert!(!base58.split(' ').any(|group| ran.err.contains(group)), "{}", ran.err);
    // Nothing was made under such a name.
    let mut names = std::fs::read_dir(world.path(".")).unwrap().map(|e| e.unwrap().file_name());
    assert!(names.all(|name| name == "passphrase"));
}

/// A session id has the same shape, and is no secret.
#[test]
fn a_session_id_is_no_key() {
    let (world, store, key_file) = World::filled(3);
    let session = &crate::support::sessions(1)[0];
    world
        .run([
            "verify",
            "--store",
            text(&store),
            "--key-file",
            text(&key_file),
            "--room",
            session.room_id().as_str(),
            "--session",
            session.session_id().as_str(),
        ])
        .done();
}
