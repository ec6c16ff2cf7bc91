//! The outer shell: what is lenient, what is strict, and what the errors say.

use matrix_key_backup_key_export::{KeyExportFile, KeyExportFileError, Rounds, RoundsOutOfBounds};
use matrix_key_backup_primitives::base64;

use crate::support::{BEGIN, END, ENTRIES, PASSPHRASE, Parts, passphrase, wrap};

fn bytes() -> Vec<u8> {
    Parts::new(&format!("[{}]", ENTRIES[0])).seal()
}

fn body() -> String {
    base64::encode_unpadded(&bytes())
}

fn assert_reads(text: &str, case: &str) {
    let file = KeyExportFile::parse(text).expect(case);
    assert_eq!(file.decrypt(&passphrase(PASSPHRASE)).expect(case).len(), 1, "{case}");
}

fn error(text: &str) -> KeyExportFileError {
    KeyExportFile::parse(text).expect_err(text)
}

#[test]
fn files_are_read_as_they_come_back_from_editors_mails_and_other_systems() {
    let body = body();
    let (head, tail) = body.split_at(77);
    for (case, text) in [
        ("one line", format!("{BEGIN}\n{body}\n{END}")),
        ("final line end", format!("{BEGIN}\n{body}\n{END}\n")),
        ("wrapped anywhere", format!("{BEGIN}\n{head}\n{tail}\n{END}\n")),
        ("CRLF", format!("{BEGIN}\r\n{head}\r\n{tail}\r\n{END}\r\n")),
        ("byte order mark", format!("\u{feff}{BEGIN}\n{body}\n{END}\n")),
        ("leading blank lines", format!("\n \n\t{BEGIN}\n{body}\n{END}\n")),
        ("blank lines inside", format!("{BEGIN}\n\n{head}\n\n{tail}\n\n{END}\n")),
        ("spaces around lines", format!("{BEGIN} \n {head} \n\t{tail}\t\n {END} \n")),
        ("text before and after", format!("My keys:\n\n{BEGIN}\n{body}\n{END}\n-- \nMe\n")),
        ("markers without lines of their own", format!("{BEGIN}{head}\n{tail}{END}")),
    ] {
        assert_reads(&text, case);
    }
}

#[test]
fn base64_is_read_padded_and_unpadded() {
    // Of all three lengths: the list may end in spaces.
    for spaces in 0..3 {
        let list = format!("[{}]{}", ENTRIES[0], " ".repeat(spaces));
        let body = base64::encode_unpadded(&Parts::new(&list).seal());
        let padding = ["", "", "==", "="][body.len() % 4];
        assert_reads(&format!("{BEGIN}\n{body}\n{END}"), "unpadded");
        assert_reads(&format!("{BEGIN}\n{body}{padding}\n{END}"), "padded");
        for wrong in ["=", "==", "==="] {
            if wrong != padding {
                let text = format!("{BEGIN}\n{body}{wrong}\n{END}");
                assert!(matches!(error(&text), KeyExportFileError::NotBase64 { line: 2, .. }));
            }
        }
    }
}

#[test]
fn base64_that_is_not_strict_is_refused_with_its_line() {
    let body = body();
    let (head, tail) = body.split_at(100);
    for wrong in ["-", "_", "=", "!", " ", "\t", "é", "\u{0}", "\u{2003}", "🔑"] {
        let text = format!("{BEGIN}\n{head}\n{}{wrong}{}\n{END}", &tail[..50], &tail[50..]);
        let found = error(&text);
        assert!(matches!(found, KeyExportFileError::NotBase64 { line: 3, .. }), "{wrong:?}");
    }
    let text = format!("first\nsecond\n{BEGIN}\n{head}\n> {tail}\n{END}");
    assert!(matches!(error(&text), KeyExportFileError::NotBase64 { line: 5, .. }));
    assert_eq!(error(&text).to_string(), "line 5 of the key export is damaged: it is not base64");
}

#[test]
fn an_incomplete_last_group_and_bits_after_the_last_byte_are_refused() {
    for spaces in 0..3 {
        let list = format!("[{}]{}", ENTRIES[0], " ".repeat(spaces));
        let body = base64::encode_unpadded(&Parts::new(&list).seal());
        match body.len() % 4 {
            0 => {
                let text = format!("{BEGIN}\n{body}A\n{END}");
                assert!(matches!(error(&text), KeyExportFileError::NotBase64 { line: 2, .. }));
            }
            _ => {
                let (rest, last) = body.split_at(body.len() - 1);
                let last = char::from(last.as_bytes()[0] + 1);
                let text = format!("{BEGIN}\n{rest}{last}\n{END}");
                assert!(matches!(error(&text), KeyExportFileError::NotBase64 { line: 2, .. }));
            }
        }
    }
}

#[test]
fn a_text_that_is_no_key_export_or_lacks_a_marker_is_refused() {
    let body = body();
    for text in
        ["", "hello", "{}", &body, "-----BEGIN PGP MESSAGE-----\n\n-----END PGP MESSAGE-----"]
    {
        assert_eq!(error(text), KeyExportFileError::NotAKeyExport, "{text:?}");
    }
    assert_eq!(error(&format!("{body}\n{END}\n")), KeyExportFileError::BeginMissing);
    assert_eq!(error(&format!("{BEGIN}\n{body}\n")), KeyExportFileError::EndMissing);
    assert_eq!(error(&format!("{END}\n{BEGIN}\n{body}\n")), KeyExportFileError::EndMissing);
    assert_eq!(error(BEGIN), KeyExportFileError::EndMissing);

    assert_eq!(
        KeyExportFile::parse_bytes(b"\xff\xfe-\0-\0").unwrap_err(),
        KeyExportFileError::NotUtf8
    );
    assert!(KeyExportFile::parse_bytes(wrap(&bytes()).as_bytes()).is_ok());
}

/// Two exports under one passphrase or two: reading one would lose the other's keys in silence.
#[test]
fn two_key_exports_in_one_file_are_refused() {
    let one = wrap(&bytes());
    let damaged_end = format!("{BEGIN}\nAAAA\n-----END MEGOLM SESSION DAT");
    let damaged_begin = format!("----BEGIN MEGOLM SESSION DATA-----\nAAAA\n{END}");
    for (case, text, expected) in [
        ("joined", format!("{one}{one}"), 3),
        ("one after the other", format!("{one}\n\n{one}\n"), 5),
        ("the first without end", format!("{damaged_end}\n{one}"), 4),
        ("the second without beginning", format!("{one}\n{damaged_begin}"), 6),
        ("the first without beginning", format!("{damaged_begin}\n{one}"), 6),
        ("the second without end", format!("{one}\n{damaged_end}"), 4),
    ] {
        match error(&text) {
            KeyExportFileError::MoreThanOne { line, .. } => assert_eq!(line, expected, "{case}"),
            other => panic!("{case}: {other:?}"),
        }
    }
}

#[test]
fn what_is_cut_off_or_of_another_version_is_refused() {
    let bytes = bytes();
    for length in 0..69 {
        match error(&wrap(&bytes[..length])) {
            KeyExportFileError::TooShort { found, expected: 69, .. } => assert_eq!(found, length),
            other => panic!("{length}: {other:?}"),
        }
    }
    for version in [0, 2, 255] {
        let file = Parts { version, ..Parts::new("[]") }.seal();
        match error(&wrap(&file)) {
            KeyExportFileError::UnsupportedVersion { found, .. } => assert_eq!(found, version),
            other => panic!("{version}: {other:?}"),
        }
    }
}

/// E-1: the bounds hold before anything is derived, so refusing takes no time.
#[test]
fn rounds_out_of_bounds_are_refused_at_once() {
    for rounds in [0, 10_000_001, u32::MAX] {
        let file = Parts { rounds, ..Parts::new("[]") }.seal_with_work(1);
        match error(&wrap(&file)) {
            KeyExportFileError::Rounds(RoundsOutOfBounds { found, .. }) => {
                assert_eq!(found, rounds);
            }
            other => panic!("{rounds}: {other:?}"),
        }
        assert!(Rounds::new(rounds).is_err());
    }
    for rounds in [1, 2, 500_000, 10_000_000] {
        let file = Parts { rounds, ..Parts::new("[]") }.seal_with_work(1);
        let file = KeyExportFile::parse(&wrap(&file)).expect("within bounds");
        assert_eq!(file.rounds().get(), rounds);
        assert_eq!(Rounds::new(rounds), Ok(file.rounds()));
    }
    assert_eq!(
        error(&wrap(&Parts { rounds: 0, ..Parts::new("[]") }.seal_with_work(1))).to_string(),
        "the number of rounds is 0, and must be from 1 to 10000000"
    );
}
