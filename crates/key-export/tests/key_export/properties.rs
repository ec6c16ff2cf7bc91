//! Properties: round trips, tampering, and no panic on anything.

use matrix_key_backup_key_export::{
    DecryptError, ExportedSessionData, KeyExportFile, Rounds, encrypt,
};
use matrix_key_backup_primitives::base64;
use matrix_key_backup_wire::RoomId;
use proptest::{collection::vec, prelude::*, sample::Index};

use crate::support::{
    BEGIN, Counting, END, ENTRIES, PASSPHRASE, Parts, open, passphrase, session, sort_entries, wrap,
};

/// More than this is not derived for a file that was changed at random.
const PATIENCE: u32 = 1 << 12;

fn any_session() -> impl Strategy<Value = ExportedSessionData> {
    let other = proptest::option::of(any::<String>());
    (0..ENTRIES.len(), ".+", other).prop_map(|(index, room_id, other)| {
        let (_, mut data) = session(index).into_parts();
        if let Some(other) = other {
            let value = serde_json::Value::from(other).to_string();
            data.set_other_property("org.example.other", &value).expect("JSON");
        }
        ExportedSessionData::new(RoomId::new(room_id).expect("not empty"), data)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read(
        sessions in vec(any_session(), 0..12),
        typed in any::<String>(),
        rounds in 1_u32..50,
        start in any::<u8>(),
    ) {
        let right = passphrase(&typed);
        let rounds = Rounds::new(rounds).expect("within bounds");
        let text = encrypt(&sessions, &right, rounds, &mut Counting(start));
        let file = KeyExportFile::parse(&text).expect("a file");
        prop_assert_eq!(file.rounds(), rounds);
        let export = file.clone().decrypt(&right).expect("open");
        prop_assert_eq!(export.len(), sessions.len());
        prop_assert_eq!(sort_entries(&export), (sessions, vec![]));

        // Not a NUL: HMAC pads its key with those, so one at the end makes no difference.
        let wrong = passphrase(&format!("{typed}x"));
        prop_assert_eq!(file.decrypt(&wrong).unwrap_err(), DecryptError::WrongPassphraseOrDamaged);
    }

    /// Any lines, any spaces around them.
    #[test]
    fn wrapping_does_not_matter(
        widths in vec(1_usize..200, 1..40),
        ends in vec("[ \t]{0,3}(\n|\r\n){1,3}[ \t]{0,3}", 1..40),
    ) {
        let body = base64::encode_unpadded(&Parts::new(&format!("[{}]", ENTRIES[0])).seal());
        let (mut text, mut rest) = (format!("{BEGIN}\n"), body.as_str());
        for (width, end) in widths.iter().zip(ends.iter().cycle()).cycle().take(1000) {
            let (line, left) = rest.split_at((*width).min(rest.len()));
            text.push_str(line);
            text.push_str(end);
            rest = left;
        }
        text.push_str(rest);
        text.push_str(END);
        let file = KeyExportFile::parse(&text).expect("a file");
        prop_assert_eq!(file.decrypt(&passphrase(PASSPHRASE)).expect("open").len(), 1);
    }
}

/// Whether the file opens. One that asks for much more work than it should is not tried: that its
/// number of rounds is another than the one that was written is enough, since the HMAC covers it.
fn opens(text: &str) -> bool {
    match KeyExportFile::parse(text) {
        Ok(file) if file.rounds().get() <= PATIENCE => {
            file.decrypt(&passphrase(PASSPHRASE)).is_ok()
        }
        _ => false,
    }
}

/// E-1: the HMAC covers all before it, and base64 has one form for each content.
#[test]
fn no_file_with_one_changed_bit_opens() {
    let bytes = Parts::new(&format!("[{}]", ENTRIES[0])).seal();
    assert!(opens(&wrap(&bytes)));
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(!opens(&wrap(&changed)), "bit {bit}");
    }
}

#[test]
fn no_file_with_one_changed_character_of_base64_opens() {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let body = base64::encode_unpadded(&Parts::new(&format!("[{}]", ENTRIES[0])).seal());
    assert!(opens(&format!("{BEGIN}\n{body}\n{END}")));
    for position in 0..body.len() {
        // A different one each time, so that all are had.
        let other =
            ALPHABET.iter().cycle().skip(position).find(|&&c| c != body.as_bytes()[position]);
        for other in [char::from(*other.expect("there are 64")), '=', '-', '\u{0}', ' ', 'é'] {
            let (head, tail) = body.split_at(position);
            let text = format!("{BEGIN}\n{head}{other}{}\n{END}", &tail[1..]);
            assert!(!opens(&text), "{other:?} at {position}");
        }
    }
}

#[test]
fn no_file_with_a_part_missing_opens() {
    let bytes = Parts::new(&format!("[{}]", ENTRIES[0])).seal();
    for length in 0..bytes.len() {
        assert!(!opens(&wrap(&bytes[..length])), "the first {length} bytes");
        assert!(!opens(&wrap(&bytes[bytes.len() - length..])), "the last {length} bytes");
    }
    let longer = [&bytes[..], &[0]].concat();
    assert!(!opens(&wrap(&longer)));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in any::<String>(), bytes in vec(any::<u8>(), 0..300)) {
        let _ = KeyExportFile::parse(&text);
        let _ = KeyExportFile::parse(&format!("{text}{BEGIN}{text}{END}{text}"));
        let _ = KeyExportFile::parse_bytes(&bytes);
        let _ = KeyExportFile::parse(&wrap(&bytes));
        let _ = ExportedSessionData::parse(&text);
        if let Ok(export) = open(&bytes) {
            sort_entries(&export);
        }
    }

    /// Texts that are nearly key export files.
    #[test]
    fn no_text_of_the_right_kind_makes_it_panic(
        text in "(-----(BEGIN|END) MEGOLM SESSION DATA-----|[A-Za-z0-9+/=]{0,90}|[ \r\n\té]){0,12}"
    ) {
        let _ = KeyExportFile::parse(&text);
    }

    /// A list that was right before something happened to it.
    #[test]
    fn no_list_makes_it_panic(
        changes in vec((any::<Index>(), any::<u8>()), 1..4),
        cut in proptest::option::of(any::<Index>()),
    ) {
        let mut plaintext = format!("[{},{}]", ENTRIES[0], ENTRIES[1]).into_bytes();
        for (index, byte) in changes {
            let position = index.index(plaintext.len());
            plaintext[position] = byte;
        }
        if let Some(cut) = cut {
            plaintext.truncate(cut.index(plaintext.len()));
        }
        if let Ok(export) = open(&plaintext) {
            let (good, bad) = sort_entries(&export);
            for entry in good {
                prop_assert_eq!(ExportedSessionData::parse(&entry.to_json()), Ok(entry));
            }
            for entry in bad {
                prop_assert!(!entry.to_string().contains("session_key\":"));
            }
        }
    }

    /// The list reader agrees with a general parser on what is a list.
    #[test]
    fn the_list_reader_agrees_with_serde_json(
        text in r#"[ \n]?\[?([\[\]{},: 1-]|-1|"a"|null|true|\{"a":1\}|\[1,2\]|,){0,8}\]?[ \n]?"#
    ) {
        let expected = serde_json::from_str::<Vec<serde_json::Value>>(&text).ok();
        let found = open(&text).ok();
        prop_assert_eq!(found.map(|export| export.len()), expected.map(|list| list.len()), "{}", text);
    }
}
