//! Arguments, help, completions and manual pages.

use std::fs;

use crate::support::{World, text};

#[test]
fn wrong_usage_is_2_and_says_what() {
    let world = World::new();
    world.run::<&str>([]).refused(2, &["Usage"]);
    world.run(["uplod"]).refused(2, &["uplod", "upload"]);
    world.run(["upload"]).refused(2, &["<FILE>"]);
    world.run(["verify", "--session", "x"]).refused(2, &["--room"]);
    world.run(["create", "--algorithm", "v3"]).refused(2, &["v3"]);
    // A writer key cannot read what a page is drawn of.
    world
        .run(["status", "--html", "x.html", "--writer-key-file", "x"])
        .refused(2, &["--html", "--writer-key-file"]);
    // There is no way to give a secret as an argument.
    world.run(["verify", "--key", "x"]).refused(2, &["--key"]);
    world.run(["upload", "x", "--passphrase", "x"]).refused(2, &["--passphrase"]);
}

#[test]
fn the_help_says_what_scripts_need() {
    let world = World::new();
    let help = world.run(["--help"]).done().out;
    for part in [
        "MATRIX_KEY_BACKUP_STORE",
        "MATRIX_KEY_BACKUP_USER",
        "MATRIX_KEY_BACKUP_KEY",
        "MATRIX_KEY_BACKUP_WRITER_KEY",
        "MATRIX_KEY_BACKUP_PASSPHRASE",
        "MATRIX_KEY_BACKUP_STORAGE_KEY",
        "MATRIX_KEY_BACKUP_STORAGE_PASSPHRASE",
        "NO_COLOR",
        "Exit status",
        "Wrong key, passphrase or password",
    ] {
        assert!(help.contains(part), "{part} is not in the help");
    }
    world.run(["--version"]).done();
    for command in [
        "create",
        "upload",
        "restore",
        "verify",
        "migrate",
        "delete",
        "status",
        "doctor",
        "list",
        "unlock",
        "secret-storage",
        "key",
        "man",
    ] {
        world.run([command, "--help"]).done();
    }
}

/// Help shows the names of variables and never what they hold.
#[test]
fn the_help_shows_no_values() {
    let mut world = World::new();
    world.keep_key_secret(&crate::support::key(1));
    let mut command = world.command(["upload", "--help"]);
    command.env("MATRIX_KEY_BACKUP_KEY", &*crate::support::key(1).expose_base58());
    command.env("MATRIX_KEY_BACKUP_PASSPHRASE", crate::support::PASSPHRASE);
    world.finish(&mut command).done();
}

#[test]
fn completions_for_every_shell() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = world.run(["completions", shell]).done().out;
        assert!(script.contains("matrix-key-backup"), "{shell}");
    }
}

#[test]
fn manual_pages() {
    let world = World::new();
    let page = world.run(["man"]).done().out;
    for part in [".TH", "EXIT STATUS", "ENVIRONMENT", "Wrong key, passphrase or password"] {
        assert!(page.contains(part), "{part} is not in the manual page");
    }
    let directory = world.path("man1");
    fs::create_dir(&directory).unwrap();
    world.run(["man", "--dir", text(&directory)]).done();
    for page in [
        "matrix-key-backup.1",
        "matrix-key-backup-upload.1",
        "matrix-key-backup-migrate.1",
        "matrix-key-backup-delete.1",
        "matrix-key-backup-key-writer.1",
        "matrix-key-backup-secret-storage-create.1",
    ] {
        assert!(directory.join(page).is_file(), "{page}");
    }
}

#[test]
fn quiet_reports_nothing_and_still_returns_the_status() {
    let (world, store, key_file) = World::filled(3);
    let verify = ["verify", "--quiet", "--store", text(&store), "--key-file", text(&key_file)];
    let ran = world.run(verify).done();
    assert!(ran.out.is_empty() && ran.err.is_empty(), "{ran:?}");
    crate::support::tamper(&store).execute("UPDATE keys SET session_data = '{}'", []).unwrap();
    let ran = world.run(verify).with_status(1);
    assert!(ran.out.is_empty(), "{}", ran.out);
    assert_eq!(ran.err.lines().count(), 3);
}

#[test]
fn verbose_says_where_secrets_are_from_and_why_a_backup_is_trusted() {
    let (world, store, key_file) = World::filled(3);
    let ran =
        world.run(["verify", "-v", "--store", text(&store), "--key-file", text(&key_file)]).done();
    assert!(ran.err.contains(text(&key_file)), "{}", ran.err);
    assert!(ran.err.contains("is trusted"), "{}", ran.err);
}

/// There are no colours and no bars where there is no terminal.
#[test]
fn no_escape_sequences_without_a_terminal() {
    let world = World::new();
    let ran = world.run(["verify", "--store", "nowhere"]).with_status(4);
    assert!(!ran.err.contains('\u{1b}'), "{}", ran.err);
}
