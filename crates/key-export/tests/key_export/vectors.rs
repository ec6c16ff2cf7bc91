//! Files made by deployed implementations, and edge cases with their verdicts.

use matrix_key_backup_key_export::{
    DecryptError, ExportedSessionDataError, KeyExportFile, KeyExportFileError, encrypt,
};
use matrix_key_backup_wire::SessionDataError;
use serde_json::Value;

use crate::support::{Counting, array, json, passphrase, sort_entries, string, vectors};

/// E-1, E-2: all that others wrote is read, to the last property, and written again.
#[test]
fn exports_of_deployed_implementations_are_read_and_written_again() {
    let vectors = vectors();
    let exports = array(&vectors, "exports");
    assert_eq!(exports.len(), 10);
    for export in exports {
        let id = string(export, "id");
        let file = KeyExportFile::parse(string(export, "text")).expect(id);
        assert_eq!(Some(u64::from(file.rounds().get())), export["rounds"].as_u64(), "{id}");
        let rounds = file.rounds();
        let passphrase = passphrase(string(export, "passphrase"));
        let (good, bad) = sort_entries(&file.decrypt(&passphrase).expect(id));
        assert_eq!(bad, [], "{id}");

        let expected: Vec<Value> = serde_json::from_str(string(export, "plaintext")).expect(id);
        assert_eq!(Some(expected.len() as u64), export["n_keys"].as_u64(), "{id}");
        assert_eq!(good.iter().map(json).collect::<Vec<_>>(), expected, "{id}");

        let text = encrypt(&good, &passphrase, rounds, &mut Counting(0));
        let again = KeyExportFile::parse(&text).expect(id).decrypt(&passphrase).expect(id);
        assert_eq!(sort_entries(&again), (good, vec![]), "{id}");
    }
}

#[derive(Debug, PartialEq)]
enum Verdict {
    Accept,
    AcceptWithReport,
    Reject,
}

fn judge(case: &Value) -> Verdict {
    let Ok(file) = KeyExportFile::parse(string(case, "text")) else { return Verdict::Reject };
    let Ok(export) = file.decrypt(&passphrase(string(case, "passphrase"))) else {
        return Verdict::Reject;
    };
    let (_, bad) = sort_entries(&export);
    if bad.is_empty() { Verdict::Accept } else { Verdict::AcceptWithReport }
}

/// What may go either way is accepted here: it is a file that a person has, and the HMAC covers it.
#[test]
fn edge_cases_are_judged_as_expected() {
    let vectors = vectors();
    let cases = array(&vectors, "edge");
    assert_eq!(cases.len(), 17);
    for case in cases {
        let expected = match string(case, "expected") {
            "accept" | "either" => Verdict::Accept,
            "accept-with-report" => Verdict::AcceptWithReport,
            "reject" => Verdict::Reject,
            other => panic!("unknown verdict {other:?}"),
        };
        assert_eq!(judge(case), expected, "{}", string(case, "case"));
    }
}

fn edge(name: &str) -> Value {
    let vectors = vectors();
    let cases = array(&vectors, "edge");
    cases.iter().find(|case| case["case"] == name).expect(name).clone()
}

fn file_error(name: &str) -> KeyExportFileError {
    KeyExportFile::parse(string(&edge(name), "text")).expect_err(name)
}

fn decrypt_error(name: &str) -> DecryptError {
    let case = edge(name);
    let file = KeyExportFile::parse(string(&case, "text")).expect(name);
    file.decrypt(&passphrase(string(&case, "passphrase"))).expect_err(name)
}

/// Each refusal says what is wrong, not just that something is.
#[test]
fn edge_cases_are_refused_for_the_right_reason() {
    use KeyExportFileError as File;
    assert!(matches!(
        file_error("version 2, mac right"),
        File::UnsupportedVersion { found: 2, .. }
    ));
    assert!(matches!(
        file_error("truncated to 60 bytes"),
        File::TooShort { found: 60, expected: 69, .. }
    ));
    assert!(matches!(file_error("empty body"), File::TooShort { found: 0, .. }));
    assert_eq!(file_error("no footer"), File::EndMissing);
    assert!(matches!(file_error("not base64"), File::NotBase64 { line: 2, .. }));

    for name in ["mac flipped", "iv flipped (iv is covered)"] {
        assert_eq!(decrypt_error(name), DecryptError::WrongPassphraseOrDamaged, "{name}");
    }
    assert!(matches!(
        decrypt_error("plaintext JSON object instead of list"),
        DecryptError::NotAList { offset: 0, .. }
    ));
    assert_eq!(decrypt_error("plaintext invalid UTF-8"), DecryptError::NotUtf8);
}

/// The one bad entry is named; the good one beside it is there.
#[test]
fn bad_entries_of_edge_cases_are_named() {
    let open = |name: &str| {
        let case = edge(name);
        let file = KeyExportFile::parse(string(&case, "text")).expect(name);
        sort_entries(&file.decrypt(&passphrase(string(&case, "passphrase"))).expect(name))
    };

    let (good, bad) = open("one unknown-algorithm entry");
    assert_eq!(good, []);
    let [bad] = &bad[..] else { panic!("one bad entry") };
    assert_eq!(bad.position, 1);
    assert_eq!(
        bad.to_string(),
        "entry 1 (session \"gPYkSZdrBGYUHEnKpUvREms59Uq731WrkhBoBKD6blY\" \
         in room \"!GUqQygCBIraISxZQug:xn--bcher-kva.example\"): \
         room key of unknown algorithm \"m.future\""
    );

    let (good, bad) = open("two entries, second broken");
    assert_eq!(good.len(), 1);
    let [bad] = &bad[..] else { panic!("one bad entry") };
    assert_eq!((bad.position, &bad.room_id, &bad.session_id), (2, &None, &None));
    assert!(matches!(
        bad.reason,
        ExportedSessionDataError::SessionData(SessionDataError::Property(_))
    ));
    assert_eq!(bad.to_string(), "entry 2: `algorithm` is missing");
}
