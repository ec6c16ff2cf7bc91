//! The decrypted list: what is one, and entries that cannot be used.

use matrix_key_backup_key_export::{
    BadEntry, DecryptError, ExportedSessionData, ExportedSessionDataError,
};
use matrix_key_backup_wire::{
    BackedUpSessionData, ENTRY_MAX_BYTES, JsonErrorKind, RoomId, SessionDataError,
};
use serde_json::{Value, json};

use crate::support::{ENTRIES, entry_with, json, open, session, sort_entries};

fn offset(plaintext: &str) -> usize {
    match open(plaintext) {
        Err(DecryptError::NotAList { offset, .. }) => offset,
        other => panic!("{plaintext:?}: {other:?}"),
    }
}

#[test]
fn what_is_no_json_list_is_refused_as_a_whole() {
    let entry = ENTRIES[0].to_string();
    for (plaintext, expected) in [
        ("", 0),
        ("  ", 2),
        ("{}", 0),
        ("null", 0),
        ("\"[]\"", 0),
        ("\u{feff}[]", 0),
        ("[", 1),
        ("[]]", 2),
        ("[] x", 3),
        ("[,]", 1),
        ("[{}", 3),
        ("[{},]", 4),
        ("[{} {}]", 4),
        ("[{},,{}]", 4),
        ("[nul]", 1),
        ("[{\"a\":1]", 1),
        ("[\"\u{1}\"]", 1),
        ("[01]", 1),
    ] {
        assert_eq!(offset(plaintext), expected, "{plaintext:?}");
    }
    // However many good entries come before.
    assert_eq!(offset(&format!("[{entry},{entry}")), 2 * entry.len() + 2);
    assert_eq!(offset(&format!("[{entry},{entry},{{]")), 2 * entry.len() + 3);
    assert_eq!(
        open("{}").unwrap_err().to_string(),
        "the passphrase is right, but what is in the file is no list of keys: \
         it stops being one at byte 0 of the decrypted text"
    );
}

#[test]
fn invalid_utf_8_is_refused_as_a_whole() {
    let mut plaintext = format!("[{}]", ENTRIES[0]).into_bytes();
    plaintext[100] = 0xff;
    assert_eq!(open(&plaintext).unwrap_err(), DecryptError::NotUtf8);
}

#[test]
fn an_empty_list_is_fine() {
    for plaintext in ["[]", " [ ] \n"] {
        let export = open(plaintext).expect("a list");
        assert!(export.is_empty() && export.entries().next().is_none());
    }
}

#[test]
fn the_number_of_entries_is_known_at_any_time() {
    let plaintext = format!("\r\n[ {},1 ,\t{}\n, [] ] ", ENTRIES[0], ENTRIES[1]);
    let export = open(&plaintext).expect("a list");
    let mut entries = export.entries();
    for left in (0..4).rev() {
        assert!(entries.next().is_some());
        assert_eq!(entries.len(), left);
    }
    assert!(entries.next().is_none() && entries.next().is_none());
    assert_eq!(sort_entries(&export).0, [session(0), session(1)]);
}

/// Opens a list with this entry between two good ones, which must be there, and returns what is
/// said of the one in the middle.
fn bad_entry(entry: &str) -> BadEntry {
    let export = open(&format!("[{},{entry},{}]", ENTRIES[1], ENTRIES[2])).expect("a list");
    let (good, mut bad) = sort_entries(&export);
    assert_eq!(good, [session(1), session(2)]);
    assert_eq!(bad.len(), 1, "{entry}");
    let bad = bad.remove(0);
    assert_eq!(bad.position, 2);
    bad
}

fn assert_named(bad: &BadEntry) {
    assert_eq!(bad.room_id.as_ref(), Some(session(0).room_id()));
    assert_eq!(bad.session_id.as_ref(), Some(session(0).session_id()));
}

fn json_error(bad: &BadEntry) -> JsonErrorKind {
    match &bad.reason {
        ExportedSessionDataError::SessionData(SessionDataError::Json(error)) => error.kind(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_bad_entry_never_aborts_the_rest_and_is_named() {
    for property in [
        "algorithm",
        "forwarding_curve25519_key_chain",
        "sender_claimed_keys",
        "sender_key",
        "session_key",
    ] {
        for value in
            [None, Some(json!(null)), Some(json!(1)), Some(json!([1])), Some(json!({"a": 1}))]
        {
            let bad = bad_entry(&entry_with(property, value));
            assert_named(&bad);
            assert!(bad.to_string().contains(property), "{bad}");
        }
    }
    for entry in ["null", "1", "\"text\"", "[]", "{}"] {
        let bad = bad_entry(entry);
        assert_eq!((bad.room_id, bad.session_id), (None, None), "{entry}");
    }
}

#[test]
fn room_and_session_id_are_required_strings() {
    for property in ["room_id", "session_id"] {
        let bad = bad_entry(&entry_with(property, None));
        assert!(
            matches!(bad.reason, ExportedSessionDataError::Missing { property: p, .. } if p == property)
        );
        for value in [json!(null), json!(1), json!(["!room:example.org"])] {
            let bad = bad_entry(&entry_with(property, Some(value)));
            assert!(
                matches!(bad.reason, ExportedSessionDataError::NotAString { property: p, .. } if p == property)
            );
        }
    }
    let bad = bad_entry(&entry_with("room_id", Some(json!(""))));
    assert!(matches!(bad.reason, ExportedSessionDataError::Empty { property: "room_id", .. }));
    assert_eq!(bad.room_id, None);
    // One half of a pair is no Unicode text.
    let bad = bad_entry(&entry_with("room_id", Some(json!("~"))).replace('~', "\\ud800"));
    assert!(matches!(bad.reason, ExportedSessionDataError::NotAString { property: "room_id", .. }));
}

/// B-1: the id is recomputed, and a file cannot file a key under another's name.
#[test]
fn a_session_id_that_is_not_that_of_the_session_key_is_refused() {
    let (own, other) = (session(0), session(1));
    let padded = format!("{}=", own.session_id());
    for wrong in [other.session_id().as_str(), padded.as_str(), "", "x"] {
        let bad = bad_entry(&entry_with("session_id", Some(json!(wrong))));
        match &bad.reason {
            ExportedSessionDataError::OtherSession { found, .. } => {
                assert_eq!(found, own.session_id());
            }
            reason => panic!("{reason:?}"),
        }
        assert_eq!(bad.session_id.as_ref().map_or("", |id| id.as_str()), wrong);
    }
    let bad = bad_entry(&entry_with("session_key", Some(ENTRIES[1]["session_key"].clone())));
    assert_named(&bad);
    assert_eq!(
        bad.to_string(),
        format!(
            "entry 2 (session {:?} in room {:?}): the session key in it is that of session {}",
            own.session_id(),
            own.room_id(),
            other.session_id()
        )
    );
}

/// V2-13, in what a file holds.
#[test]
fn duplicates_depth_and_size_within_an_entry_are_bounded() {
    let entry = ENTRIES[0].to_string();
    let with = |extra: &str| format!("{},{extra}}}", entry.strip_suffix('}').expect("an object"));
    for duplicate in [
        r#""session_key":"x""#,
        r#""sessio\u006e_key":"x""#,
        r#""unknown":{"deep":[{"a":1,"a":1}]}"#,
    ] {
        let bad = bad_entry(&with(duplicate));
        assert_eq!(json_error(&bad), JsonErrorKind::DuplicateProperty, "{duplicate}");
        assert_named(&bad);
    }

    let nested = |levels| with(&format!("\"deep\":{}{}", "[".repeat(levels), "]".repeat(levels)));
    assert!(ExportedSessionData::parse(&nested(127)).is_ok());
    let bad = bad_entry(&nested(128));
    assert_eq!(json_error(&bad), JsonErrorKind::TooDeep);
    assert_named(&bad);
    assert_eq!(json_error(&bad_entry(&nested(100_000))), JsonErrorKind::TooDeep);

    let filler = |length| with(&format!("\"filler\":\"{}\"", " ".repeat(length)));
    let room = ENTRY_MAX_BYTES - filler(0).len();
    assert!(ExportedSessionData::parse(&filler(room)).is_ok());
    let bad = bad_entry(&filler(room + 1));
    assert_eq!(json_error(&bad), JsonErrorKind::TooLarge);
    assert_named(&bad);
}

#[test]
fn names_in_errors_are_quoted_and_bounded() {
    let room = "!\u{1b}[31m\n:example.org";
    let mut entry: Value = ENTRIES[0].clone();
    entry["room_id"] = json!(room);
    entry["session_id"] = json!("x".repeat(256));
    let bad = bad_entry(&entry.to_string());
    assert_eq!(bad.room_id, RoomId::new(room).ok());
    assert_eq!(bad.session_id, None);
    assert!(!bad.to_string().contains(['\u{1b}', '\n']), "{bad}");
}

/// E-2: unknown properties survive, to the letter.
#[test]
fn unknown_properties_survive() {
    let properties = [
        ("x.y", "1.50"),
        ("numbers", "[1e400, -0, 12345678901234567890]"),
        ("half", r#""\udc00""#),
        ("", "{ }"),
    ];
    let mut text = ENTRIES[0].to_string();
    for (name, value) in properties {
        text.insert_str(1, &format!("\"{name}\":{value},"));
    }
    let entry = ExportedSessionData::parse(&text).expect("a good entry");
    let written = entry.to_json();
    for (name, value) in properties {
        assert_eq!(entry.data().other_properties().get(name), Some(value));
        assert!(written.contains(&format!("\"{name}\":{value}")), "{name}");
    }
    assert_eq!(ExportedSessionData::parse(&written), Ok(entry));
}

/// What goes into a backup is without the two properties that only files have.
#[test]
fn the_data_is_that_of_a_backup() {
    let entry = session(0);
    let (room_id, data) = entry.clone().into_parts();
    let mut expected = ENTRIES[0].as_object().expect("an object").clone();
    assert_eq!(expected.remove("room_id"), Some(json!(room_id.as_str())));
    assert_eq!(expected.remove("session_id"), Some(json!(entry.session_id().as_str())));
    let found: Value = serde_json::from_str(&data.to_json()).expect("JSON");
    assert_eq!(found, Value::Object(expected));
    assert_eq!(ExportedSessionData::new(room_id, data), entry);
}

/// A backup may hold properties of these names; in a file they would be duplicates.
#[test]
fn room_and_session_id_are_written_once() {
    let mut data = session(0).into_parts().1;
    data.set_other_property("room_id", "\"!other:example.org\"").expect("JSON");
    data.set_other_property("session_id", "17").expect("JSON");
    let room_id = RoomId::new("!a \"room\"\\\u{1}ü:example.org").expect("not empty");
    let entry = ExportedSessionData::new(room_id.clone(), data);
    assert_eq!(json(&entry)["room_id"], room_id.as_str());
    assert_eq!(json(&entry)["session_id"], session(0).session_id().as_str());
    assert_eq!(ExportedSessionData::parse(&entry.to_json()), Ok(entry.clone()));
    let data = BackedUpSessionData::parse(entry.data().to_json().as_bytes()).expect("data");
    assert!(!data.other_properties().contains("room_id"));
}
