//! The streaming reader of `GET /room_keys/keys` reads what serde_json reads of the whole body,
//! wherever the body is cut.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use std::fmt;
use std::marker::PhantomData;

use matrix_key_backup::store::{ReceivedKey, RoomKeysBodyError, RoomKeysScanner};
use matrix_key_backup::wire::{ENTRY_MAX_BYTES, KeyBackupData, KeyBackupDataError, RoomId};
use proptest::prelude::*;
use proptest::sample::Index;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

const ENTRY: &str = r#"{"first_message_index":3,"forwarded_count":0,"is_verified":true,
    "session_data":{"ephemeral":"AB","ciphertext":"C\u0044\\\"","unsigned":{"x":[{}]}}}"#;

/// Which room, which session, and what was read: comparable.
type Found = (String, String, Result<String, KeyBackupDataError>);

fn found(key: &ReceivedKey) -> Found {
    let data = key.data.as_ref().map(|data| serde_json::to_string(data).unwrap());
    (key.room_id.to_string(), key.session_id.to_string(), data.map_err(|error| *error))
}

fn one_room() -> RoomId {
    RoomId::new("!one:x").unwrap()
}

/// What is read when the chunks come in one by one, and how it ended.
fn scan<'a>(
    mut scanner: RoomKeysScanner,
    chunks: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Found>, Result<(), RoomKeysBodyError>) {
    let mut keys = Vec::new();
    let pushed = chunks.into_iter().try_for_each(|chunk| scanner.push(chunk, &mut keys));
    (keys.iter().map(found).collect(), pushed.and_then(|()| scanner.finish()))
}

fn scan_whole(body: &str) -> (Vec<Found>, Result<(), RoomKeysBodyError>) {
    scan(RoomKeysScanner::all(), [body.as_bytes()])
}

fn keys(body: &str) -> Vec<Found> {
    let (keys, ended) = scan_whole(body);
    ended.unwrap();
    keys
}

/// The members of an object in their order, with duplicates.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs<T>(PhantomData<T>);
        impl<'de> Visitor<'de> for Pairs<Members> {
            type Value = Members;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Members(pairs))
            }
        }
        deserializer.deserialize_map(Pairs(PhantomData))
    }
}

fn members(json: &str) -> Option<Vec<(String, Box<RawValue>)>> {
    serde_json::from_str::<Members>(json).ok().map(|members| members.0)
}

/// The values of all members of this name; `None` if there is none.
fn named(json: &str, name: &str) -> Option<Vec<Box<RawValue>>> {
    let values: Vec<_> =
        members(json)?.into_iter().filter(|(n, _)| n == name).map(|(_, value)| value).collect();
    (!values.is_empty()).then_some(values)
}

/// The same once more on top of serde_json, with the whole body in memory.
fn reference(body: &str) -> Option<Vec<Found>> {
    let mut keys = Vec::new();
    for rooms in named(body, "rooms")? {
        for (room, json) in members(rooms.get())? {
            let unreadable =
                (room.clone(), "(all of the room)".to_owned(), Err(KeyBackupDataError::Room));
            let Some(sessions) = named(json.get(), "sessions") else {
                keys.push(unreadable);
                continue;
            };
            for sessions in sessions {
                match members(sessions.get()) {
                    None => keys.push(unreadable.clone()),
                    Some(sessions) => keys.extend(sessions.into_iter().map(|(session, entry)| {
                        let data = KeyBackupData::from_json(entry.get());
                        let data = data.map(|data| serde_json::to_string(&data).unwrap());
                        (room.clone(), session, data)
                    })),
                }
            }
        }
    }
    Some(keys.into_iter().map(filed_under_ids).collect())
}

fn filed_under_ids((room, session, data): Found) -> Found {
    if !room.is_empty() && !session.is_empty() {
        return (room, session, data);
    }
    let shown = |id: String| if id.is_empty() { "(empty)".to_owned() } else { id };
    (shown(room), shown(session), Err(KeyBackupDataError::Place))
}

/// Any JSON, written in any way.
fn any_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("false".to_owned()),
        "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?([eE][+-]?[0-9]{1,2})?",
        any_string(),
        Just(ENTRY.to_owned()),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[ {} ]", items.join(" ,"))),
            prop::collection::vec((any_string(), inner), 0..4).prop_map(object),
        ]
    })
}

fn any_string() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[a-zé\u{1F600}]{1,3}",
        1 => r#"\\["\\/bfnrt]"#,
        1 => "\\\\u00[0-9a-fA-F]{2}",
        1 => Just("\\ud83d\\ude00".to_owned()),
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn object(pairs: Vec<(String, String)>) -> String {
    let pairs: Vec<_> = pairs.into_iter().map(|(name, value)| format!("{name}:{value}")).collect();
    format!("{{\n{}\t}}", pairs.join(", "))
}

/// Objects in which the name that leads to entries stands somewhere, perhaps.
fn with(name: &'static str, value: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let member = prop_oneof![
        6 => (Just(format!("\"{name}\"")), value),
        1 => (Just(format!("\"{name}\"")), any_json()),
        2 => (any_string(), any_json()),
        1 => (Just("\"rooms\"".to_owned()), any_json()),
    ];
    prop::collection::vec(member, 0..4).prop_map(object)
}

fn bodies() -> impl Strategy<Value = String> {
    let entry = prop_oneof![3 => Just(ENTRY.to_owned()), 1 => any_json()];
    let sessions = prop::collection::vec((any_string(), entry), 0..4).prop_map(object);
    let room = prop_oneof![8 => with("sessions", sessions), 1 => any_json()];
    let rooms = prop::collection::vec((any_string(), room), 0..4).prop_map(object);
    prop_oneof![8 => with("rooms", rooms), 1 => any_json()]
}

fn cut(body: &[u8], places: &[Index]) -> Vec<Vec<u8>> {
    let mut places: Vec<_> = places.iter().map(|place| place.index(body.len() + 1)).collect();
    places.extend([0, body.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| body[pair[0]..pair[1]].to_vec()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    #[test]
    fn a_body_that_is_cut_anywhere_is_read_like_the_whole(
        body in bodies(),
        places in prop::collection::vec(any::<Index>(), 0..12),
    ) {
        let chunks = cut(body.as_bytes(), &places);
        let (keys, ended) = scan(RoomKeysScanner::all(), chunks.iter().map(Vec::as_slice));
        match reference(&body) {
            Some(expected) => {
                prop_assert_eq!(ended, Ok(()));
                prop_assert_eq!(keys, expected);
            }
            None => prop_assert!(ended.is_err(), "{:?}", keys),
        }
    }

    /// What is no JSON to serde_json is none here, and the other way round.
    #[test]
    fn a_damaged_body_is_refused_like_the_whole(
        body in bodies(),
        place in any::<Index>(),
        length in 0..3usize,
        put_in in "[\\]\\[{}\",:0-9eE+.tfn\\\\ u\u{0}é-]{0,3}",
        places in prop::collection::vec(any::<Index>(), 0..4),
    ) {
        let mut characters: Vec<_> = body.chars().collect();
        let start = place.index(characters.len());
        let end = (start + length).min(characters.len());
        characters.splice(start..end, put_in.chars());
        let body: String = characters.into_iter().collect();
        // A name with a lone surrogate is one bad entry here, and to serde_json a bad object.
        let body = body.replace("\\ud", "\\u0").replace("\\uD", "\\u0");
        let chunks = cut(body.as_bytes(), &places);
        let (keys, ended) = scan(RoomKeysScanner::all(), chunks.iter().map(Vec::as_slice));
        match reference(&body) {
            Some(expected) => prop_assert_eq!((keys, ended), (expected, Ok(()))),
            None => prop_assert!(ended.is_err(), "{:?}", keys),
        }
    }

    /// Bytes that are no text: an answer always, the same however they are cut.
    #[test]
    fn any_bytes_are_read_alike_however_they_are_cut(
        mut body in bodies().prop_map(String::into_bytes),
        changes in prop::collection::vec((any::<Index>(), any::<u8>()), 0..4),
        places in prop::collection::vec(any::<Index>(), 0..8),
    ) {
        for (place, byte) in changes {
            let place = place.index(body.len());
            body[place] = byte;
        }
        let chunks = cut(&body, &places);
        prop_assert_eq!(
            scan(RoomKeysScanner::all(), chunks.iter().map(Vec::as_slice)),
            scan(RoomKeysScanner::all(), [body.as_slice()])
        );
    }

    /// A body that breaks off is an error after what was complete.
    #[test]
    fn a_truncated_body_is_an_error_after_what_was_read(body in bodies(), place in any::<Index>()) {
        let length = place.index(body.len());
        let (keys, ended) = scan(RoomKeysScanner::all(), [&body.as_bytes()[..length]]);
        prop_assert!(ended.is_err());
        if let Some(whole) = reference(&body) {
            prop_assert_eq!(ended, Err(RoomKeysBodyError::Truncated { length: length as u64 }));
            prop_assert_eq!(&keys, &whole[..keys.len()]);
        }
    }
}

#[test]
fn real_body_byte_by_byte() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/vectors/room_keys_body.json");
    let file: serde_json::Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let body = file["body"].to_string();
    let (keys, ended) = scan(RoomKeysScanner::all(), body.as_bytes().chunks(1));
    ended.unwrap();
    assert_eq!(keys.len(), 200);
    assert_eq!(keys, reference(&body).unwrap());
}

#[test]
fn one_room_and_its_sessions() {
    let body = format!(r#"{{"x": {{"sessions": {{"no": 1}}}}, "sessions": {{"s": {ENTRY}}}}}"#);
    let (keys, ended) = scan(RoomKeysScanner::one_room(one_room()), body.as_bytes().chunks(3));
    ended.unwrap();
    assert_eq!(keys.len(), 1);
    assert_eq!((keys[0].0.as_str(), keys[0].1.as_str()), ("!one:x", "s"));
    assert!(keys[0].2.is_ok());
    let empty = scan(RoomKeysScanner::one_room(one_room()), [br#"{"sessions":{}}"#.as_slice()]);
    assert_eq!(empty, (vec![], Ok(())));
    for body in ["{}", r#"{"sessions":[]}"#, "[]", "7", r#"{"rooms":{}}"#] {
        let (keys, ended) = scan(RoomKeysScanner::one_room(one_room()), [body.as_bytes()]);
        assert_eq!(
            (keys, ended),
            (vec![], Err(RoomKeysBodyError::Property { property: "sessions" }))
        );
    }
}

/// A-3: both are read, so that they can be merged.
#[test]
fn duplicates_are_kept() {
    let sessions = format!(r#"{{"sessions": {{"s": {ENTRY}, "s": {ENTRY}}}}}"#);
    let keys = keys(&format!(r#"{{"rooms": {{"!a": {sessions}, "!a": {sessions}}}}}"#));
    assert_eq!(keys.len(), 4);
    assert!(keys.iter().all(|key| key == &keys[0] && key.2.is_ok()));
}

#[test]
fn what_is_no_room_or_no_entry_is_named_and_costs_nothing_else() {
    let body = format!(
        r#"{{"rooms": {{"!no": 7, "!none": {{}}, "!wrong": {{"sessions": null}},
            "!room": {{"sessions": {{"bad": [], "short": {{"first_message_index": 0}}, "": {ENTRY},
                "\ud800": {ENTRY}, "good": {ENTRY}}}}},
            "": {{"sessions": {{"in no room": {ENTRY}}}}}}}}}"#
    );
    let keys = keys(&body);
    let errors: Vec<_> = keys
        .iter()
        .map(|(room, session, data)| {
            let said = data.as_ref().err().map_or(String::new(), ToString::to_string);
            (room.as_str(), session.as_str(), said)
        })
        .collect();
    let no_room = "its room is no object with `sessions`";
    let no_place = "it is filed under an id that is empty, too long or no Unicode text";
    let expected = [
        ("!no", "(all of the room)", no_room),
        ("!none", "(all of the room)", no_room),
        ("!wrong", "(all of the room)", no_room),
        ("!room", "bad", "malformed entry: an object was expected, and this is an array"),
        ("!room", "short", "malformed entry: `forwarded_count` is missing"),
        ("!room", "(empty)", no_place),
        ("!room", "\\ud800", no_place),
        ("!room", "good", ""),
        ("(empty)", "in no room", no_place),
    ];
    assert_eq!(errors, expected.map(|(room, session, said)| (room, session, said.to_owned())));
}

/// V2-13
#[test]
fn an_entry_that_is_too_large_is_skipped_and_reported() {
    let long = format!(r#"{{"x": "{}"}}"#, "y".repeat(ENTRY_MAX_BYTES + 4096));
    let deep = format!("{}{}", "[".repeat(300_000), "]".repeat(300_000));
    let body = format!(
        r#"{{"rooms": {{"!r": {{"sessions": {{"long": {long}, "deep": {deep}, "s": {ENTRY}}}}}}}}}"#
    );
    let (keys, ended) = scan(RoomKeysScanner::all(), body.as_bytes().chunks(1000));
    ended.unwrap();
    let read: Vec<_> =
        keys.iter().map(|(_, session, data)| (session.as_str(), data.is_ok())).collect();
    assert_eq!(read, [("long", false), ("deep", false), ("s", true)]);
    assert_eq!(keys[0].2, Err(KeyBackupDataError::TooLarge { found: long.len() }));
}

#[test]
fn an_id_that_is_too_long_is_not_held_in_memory() {
    let id = "i".repeat(10_000_000);
    let body = format!(
        r#"{{"rooms": {{"!r": {{"sessions": {{"{id}": {ENTRY}, "s": {ENTRY}}}}}, "{id}": 1}}}}"#
    );
    let keys = keys(&body);
    let named: Vec<_> = keys.iter().map(|key| (key.0.as_str(), key.1.as_str())).collect();
    let long = "(an id of 10000002 bytes)";
    assert_eq!(named, [("!r", long), ("!r", "s"), (long, "(all of the room)")]);
    assert_eq!(keys[0].2, Err(KeyBackupDataError::Place));
}

#[test]
fn nesting_has_a_limit() {
    let body = format!(r#"{{"x": {}"#, "[".repeat(5_000_000));
    let (_, ended) = scan_whole(&body);
    assert!(matches!(ended, Err(RoomKeysBodyError::TooDeep { offset: 1_000_000.. })), "{ended:?}");
}

#[test]
fn bytes_that_are_no_text_cost_one_entry() {
    let body = [br#"{"rooms":{"!r":{"sessions":{"bad":{"x":""#.as_slice(), b"\xff", br#""},"s":"#]
        .concat();
    let body = [body, format!("{ENTRY}}}}}}}}}").into_bytes()].concat();
    let (keys, ended) = scan(RoomKeysScanner::all(), [body.as_slice()]);
    ended.unwrap();
    assert_eq!(keys[0].2, Err(KeyBackupDataError::Encoding));
    assert!(keys[1].2.is_ok());
}

#[test]
fn what_follows_the_body_is_refused() {
    for (body, offset) in [(r#"{"rooms":{}} x"#, 13), (r#"{"rooms":{}}{}"#, 12), ("\u{feff}{}", 0)]
    {
        assert_eq!(scan_whole(body).1, Err(RoomKeysBodyError::Json { offset }));
    }
    assert_eq!(scan_whole("").1, Err(RoomKeysBodyError::Truncated { length: 0 }));
    assert_eq!(scan_whole(" {\"rooms\":{}}\r\n").1, Ok(()));
}
