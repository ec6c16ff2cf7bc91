//! K-5: secrets are not printed.

use matrix_key_backup_key_export::{KeyExportFile, KeyExportWriter, Passphrase, Rounds};

use crate::support::{Counting, ENTRIES, Parts, open, passphrase, session, string, wrap};

#[test]
fn debug_shows_no_secret() {
    let secret = passphrase("correct horse");
    let list = format!("[{}]", ENTRIES[0]);
    let file = KeyExportFile::parse(&wrap(&Parts::new(&list).seal())).expect("a file");
    let export = open(&list).expect("a list");
    let mut writer = KeyExportWriter::new(&secret, Rounds::new(1).expect("1"), &mut Counting(0));
    writer.push(&session(0));

    let session_key = string(&ENTRIES[0], "session_key");
    let sender_key = string(&ENTRIES[0], "sender_key");
    for debug in [
        format!("{secret:?}"),
        format!("{file:?}"),
        format!("{export:?}"),
        format!("{:?}", export.entries()),
        format!("{writer:?}"),
        format!("{:?}", session(0)),
    ] {
        for secret in ["horse", session_key, &session_key[..12], sender_key] {
            assert!(!debug.contains(secret), "{debug}");
        }
        assert!(debug.len() < 300, "{debug}");
    }
}

#[test]
fn passphrases_are_compared_as_typed() {
    assert_eq!(passphrase("é"), Passphrase::new(String::from("é")));
    // Composed and decomposed look the same and are not.
    assert_ne!(passphrase("é"), passphrase("e\u{301}"));
    assert_ne!(passphrase("a"), passphrase("a "));
    assert!(passphrase("").is_empty() && !passphrase(" ").is_empty());
}
