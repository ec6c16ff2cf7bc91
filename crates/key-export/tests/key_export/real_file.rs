//! The file with 600 sessions that matrix-sdk-crypto wrote.

use std::collections::{BTreeMap, BTreeSet};

use matrix_key_backup_key_export::{DecryptError, KeyExportFile};
use serde_json::Value;

use crate::support::{passphrase, sort_entries, testdata};

#[test]
fn all_600_sessions_are_read_and_are_what_the_list_says() {
    let file = KeyExportFile::parse(&testdata("key-export/600-sessions.txt")).expect("a file");
    assert_eq!(file.rounds().get(), 100_000);
    let typed = testdata("key-export/passphrase.txt");
    let export = file.decrypt(&passphrase(typed.trim_end())).expect("the passphrase");
    assert_eq!(export.len(), 600);
    let (good, bad) = sort_entries(&export);
    assert_eq!(bad, []);

    let mut rooms = BTreeMap::<_, BTreeMap<_, _>>::new();
    let mut shared_history = BTreeSet::new();
    for session in &good {
        assert_eq!(*session.session_id(), session.data().session_key().session_id());
        let index = u64::from(session.data().session_key().first_known_index());
        let room = rooms.entry(session.room_id().as_str().to_owned()).or_default();
        assert_eq!(room.insert(session.session_id().as_str().to_owned(), index), None);
        if session.data().shared_history() {
            shared_history.insert(session.session_id().as_str().to_owned());
        }
    }
    let list: Value =
        serde_json::from_str(&testdata("key-export/600-sessions.json")).expect("JSON");
    assert_eq!(serde_json::to_value(&rooms).expect("JSON"), list["rooms"]);
    let expected = list["shared_history"].as_array().expect("a list");
    let expected = expected.iter().map(|id| id.as_str().expect("an id").to_owned());
    assert_eq!(shared_history, expected.collect());
    assert!(!shared_history.is_empty() && shared_history.len() < 600);
}

#[test]
fn a_wrong_passphrase_is_refused() {
    let file = KeyExportFile::parse(&testdata("key-export/600-sessions.txt")).expect("a file");
    // Not even the line end after it is trimmed.
    for wrong in ["", "public test passphrase\n", "Public test passphrase"] {
        let error = file.clone().decrypt(&passphrase(wrong)).expect_err(wrong);
        assert_eq!(error, DecryptError::WrongPassphraseOrDamaged, "{wrong:?}");
        assert_eq!(error.to_string(), "the passphrase is wrong, or the file is damaged");
    }
}
