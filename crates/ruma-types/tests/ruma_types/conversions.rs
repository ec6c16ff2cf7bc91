//! Round trips between the lower layers and Ruma, and the errors in between.

use std::collections::BTreeMap;

use matrix_key_backup_ruma::{
    BackupAlgorithmData, BackupAlgorithmDataError, ForwardedRoomKey, ForwardedRoomKeyError,
    IntegerTooLarge, NotForwardable, ReceivedRoom, ReceivedRoomKeys, RefusalReason, RoomKeyEntry,
    UnreadableReason, key_backup_data_to_ruma, room_keys_from_ruma, room_keys_to_ruma,
};
use matrix_key_backup_wire::{
    AuthData, BackedUpSessionData, BackupAlgorithm, KeyBackupData, RoomId, SessionId,
};
use ruma_client_api::backup::{self, RoomKeyBackup, add_backup_keys, get_latest_backup_info};
use ruma_common::{IdParseError, OwnedRoomId, room_id, serde::Raw};
use ruma_events::forwarded_room_key::ToDeviceForwardedRoomKeyEventContent;
use serde_json::{Value, json, value::RawValue};

const PUBLIC_KEY: &str = "JphPz7v2L6GmjSLH+/GMjUkgvaCZp2dYLAeVC770+DI";

fn vectors(name: &str) -> Value {
    let path = format!("{}/../../testdata/vectors/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn entry(room_id: &str, session_id: &str) -> RoomKeyEntry {
    RoomKeyEntry {
        room_id: RoomId::new(room_id).unwrap(),
        session_id: SessionId::new(session_id).unwrap(),
        data: KeyBackupData {
            first_message_index: 0,
            forwarded_count: 0,
            is_verified: false,
            session_data: RawValue::from_string(r#"{"ciphertext":"AA"}"#.to_owned()).unwrap(),
        },
    }
}

fn backup_algorithm(algorithm: &str, auth_data: &str) -> Raw<backup::BackupAlgorithm> {
    let json = format!(r#"{{"algorithm":"{algorithm}","auth_data":{auth_data}}}"#);
    Raw::from_json_string(json).unwrap()
}

#[test]
fn a_real_body_goes_through_rumas_request_unchanged() {
    let body = vectors("room_keys_body.json")["body"].take();
    let rooms: BTreeMap<OwnedRoomId, RoomKeyBackup> =
        serde_json::from_str(&body["rooms"].to_string()).unwrap();

    let entries: Vec<_> = room_keys_from_ruma(&rooms).collect::<Result<_, _>>().unwrap();
    assert_eq!(entries.len(), 200);
    let back = room_keys_to_ruma(entries);
    assert!(back.refused.is_empty());

    let request = add_backup_keys::v3::Request::new("1".to_owned(), back.rooms);
    assert_eq!(json!({ "rooms": serde_json::to_value(&request.rooms).unwrap() }), body);
}

#[test]
fn a_received_body_reads_like_rumas() {
    let body = vectors("room_keys_body.json")["body"].take();
    let rooms: BTreeMap<OwnedRoomId, RoomKeyBackup> =
        serde_json::from_value(body["rooms"].clone()).unwrap();
    let place = |entry: RoomKeyEntry| {
        let session_data = entry.data.session_data.get().to_owned();
        (entry.room_id, entry.session_id, session_data)
    };
    let mut ruma: Vec<_> = room_keys_from_ruma(&rooms).map(|e| place(e.unwrap())).collect();
    let ours: ReceivedRoomKeys = serde_json::from_str(&body.to_string()).unwrap();
    let mut ours: Vec<_> = ours.into_entries().map(|e| place(e.unwrap())).collect();
    ruma.sort();
    ours.sort();
    assert_eq!(ours.len(), 200);
    assert_eq!(ours, ruma);

    for (room_id, room) in body["rooms"].as_object().unwrap() {
        let room: ReceivedRoom = serde_json::from_str(&room.to_string()).unwrap();
        let room_id = ruma_common::RoomId::parse(room_id).unwrap();
        let mut of_room: Vec<_> = room.into_entries(&room_id).map(|e| place(e.unwrap())).collect();
        of_room.sort();
        let mut expected = ours.clone();
        expected.retain(|(found, _, _)| found.as_str() == room_id.as_str());
        assert_eq!(of_room, expected);
    }
}

#[test]
fn each_unreadable_entry_is_named_and_costs_no_other() {
    let good =
        r#"{"first_message_index":0,"forwarded_count":0,"is_verified":true,"session_data":{}}"#;
    let bad =
        r#"{"first_message_index":"0","forwarded_count":0,"is_verified":true,"session_data":{}}"#;
    let body = format!(
        r#"{{"rooms":{{"":{{"sessions":{{"s":{good}}}}},
            "!a:b.c":{{"sessions":{{"":{good},"bad":{bad},"good":{good}}}}},
            "!no:sessions":{{"session":{{}}}}}}}}"#
    );
    let entries = serde_json::from_str::<ReceivedRoomKeys>(&body).unwrap().into_entries();
    let (good, bad): (Vec<_>, Vec<_>) = entries.partition(Result::is_ok);
    assert_eq!(good.len(), 1);

    let bad: Vec<_> = bad.into_iter().map(Result::unwrap_err).collect();
    assert!(matches!(bad[0].reason, UnreadableReason::EmptyIdentifier));
    assert!(matches!(bad[1].reason, UnreadableReason::EmptyIdentifier));
    assert!(matches!(bad[2].reason, UnreadableReason::Data(_)));
    assert_eq!((bad[2].room_id.as_str(), bad[2].session_id.as_deref()), ("!a:b.c", Some("bad")));
    assert_eq!(
        bad[2].to_string(),
        "the key of session bad in room !a:b.c: malformed entry: `first_message_index` must be \
         an unsigned integer, and a string was found",
    );
    assert!(matches!(bad[3].reason, UnreadableReason::Room(_)));
    assert!(bad[3].to_string().starts_with("the keys of room !no:sessions: malformed room: "));
}

#[test]
fn what_a_request_cannot_hold_is_handed_back() {
    let mut too_large = entry("!a:b.c", "large");
    too_large.data.forwarded_count = 1 << 53;
    let mut largest = entry("!a:b.c", "largest");
    largest.data.first_message_index = (1 << 53) - 1;
    let mut second = entry("!a:b.c", "twice");
    second.data.is_verified = true;

    let sorted = room_keys_to_ruma([
        entry("no room", "a"),
        entry("!a:b.c", "twice"),
        second,
        too_large,
        largest,
    ]);

    let sessions = &sorted.rooms[room_id!("!a:b.c")].sessions;
    assert_eq!(sessions.keys().collect::<Vec<_>>(), ["largest", "twice"]);
    assert_eq!(sessions["twice"].get_field("is_verified").unwrap(), Some(false));
    let reasons: Vec<_> = sorted.refused.iter().map(|refused| refused.reason.clone()).collect();
    assert_eq!(
        reasons,
        [
            RefusalReason::RoomId(IdParseError::MissingLeadingSigil),
            RefusalReason::Duplicate,
            RefusalReason::Integer(IntegerTooLarge { property: "forwarded_count", found: 1 << 53 }),
        ]
    );
    assert!(sorted.refused[1].entry.data.is_verified);
}

// What we let into a request, Ruma's own metadata types can read.
#[test]
fn the_largest_integer_is_rumas() {
    let mut data = entry("!a:b.c", "s").data;
    data.session_data =
        RawValue::from_string(r#"{"ephemeral":"","ciphertext":"","mac":""}"#.to_owned()).unwrap();
    data.first_message_index = (1 << 53) - 1;
    assert!(key_backup_data_to_ruma(&data).unwrap().deserialize().is_ok());
    data.first_message_index += 1;
    let error = key_backup_data_to_ruma(&data).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`first_message_index` is 9007199254740992, and the largest integer is 9007199254740991",
    );
}

#[test]
fn every_algorithm_keeps_its_auth_data_text_for_text() {
    let auth_data = format!(
        r#"{{ "public_key": "{PUBLIC_KEY}", "x": [1.50, "\ud800"], "signatures": {{ "@a:b.c": {{ "ed25519:D": "AB" }} }} }}"#
    );
    for algorithm in BackupAlgorithm::ALL {
        let raw = backup_algorithm(algorithm.as_str(), &auth_data);
        let data = BackupAlgorithmData::try_from(&raw).unwrap();
        assert_eq!(data.auth_data().get(), auth_data);
        let (found, read) = data.read().unwrap();
        assert_eq!(found, algorithm);
        assert_eq!(read.as_json(), auth_data);
        assert_eq!(read.signatures().unwrap()["@a:b.c"]["ed25519:D"], "AB");
        let back = Raw::from(&BackupAlgorithmData::new(found, &read));
        assert_eq!(back.json().get(), raw.json().get());
    }
}

// Whatever `wire` takes for JSON can also be written: conversions towards Ruma never fail.
#[test]
fn odd_auth_data_can_be_written() {
    let (open, close) = ("[".repeat(127), "]".repeat(127));
    for odd in [r#""\udc00\u0000""#, "-0.0e-999", "1e999", &format!("{open}{close}")] {
        let json = format!(" {{\"public_key\":\"{PUBLIC_KEY}\",\"\\ud800\":{odd} }}\n");
        let auth_data = AuthData::parse(&json).unwrap();
        let data = BackupAlgorithmData::new(BackupAlgorithm::V1, &auth_data);
        assert_eq!(data.auth_data().get(), json.trim());
        assert_eq!(data.read().unwrap().1, auth_data);
    }
}

#[test]
fn unknown_algorithms_and_malformed_auth_data_are_kept_and_named() {
    let raw = backup_algorithm("org.example.new", "[1]");
    let data = BackupAlgorithmData::try_from(&raw).unwrap();
    assert_eq!(Raw::from(&data).json().get(), raw.json().get());
    assert!(matches!(data.read(), Err(BackupAlgorithmDataError::UnknownAlgorithm(_))));
    assert_eq!(data.into_parts().0, "org.example.new");

    for auth_data in ["null", "{}", r#"{"public_key":"AA"}"#, r#"{"public_key":1}"#] {
        let raw = backup_algorithm(BackupAlgorithm::V1.as_str(), auth_data);
        let data = BackupAlgorithmData::try_from(&raw).unwrap();
        assert_eq!(data.auth_data().get(), auth_data);
        assert!(matches!(data.read(), Err(BackupAlgorithmDataError::AuthData(_))));
        assert!(data.to_ruma().is_err());
    }
    let twice = r#"{"algorithm":"a","algorithm":"b","auth_data":{}}"#;
    let raw: Raw<backup::BackupAlgorithm> = Raw::from_json_string(twice.to_owned()).unwrap();
    assert!(BackupAlgorithmData::try_from(&raw).is_err());
}

#[test]
fn rumas_own_type_goes_both_ways() {
    let signed = format!(
        r#"{{"public_key":"{PUBLIC_KEY}","signatures":{{"@a:b.c":{{"ed25519:D":"AB"}}}}}}"#
    );
    let auth_data = AuthData::parse(&signed).unwrap();
    for algorithm in BackupAlgorithm::ALL {
        let typed = BackupAlgorithmData::new(algorithm, &auth_data).to_ruma().unwrap();
        assert_eq!(typed.algorithm(), algorithm.as_str());
        let back = BackupAlgorithmData::try_from(&typed).unwrap().read().unwrap();
        assert_eq!(back, (algorithm, auth_data.clone()));
    }
    // Only v1 is given signatures that it has not.
    let unsigned = AuthData::parse(&format!(r#"{{"public_key":"{PUBLIC_KEY}"}}"#)).unwrap();
    for algorithm in BackupAlgorithm::ALL {
        let typed = BackupAlgorithmData::new(algorithm, &unsigned).to_ruma().unwrap();
        assert_eq!(typed.algorithm(), algorithm.as_str());
        let signatures = typed.auth_data().contains_key("signatures");
        assert_eq!(signatures, algorithm == BackupAlgorithm::V1);
    }
}

// The form in which Ruma hands over what the server says of a version.
#[test]
fn a_response_about_a_version_is_read() {
    let raw = backup_algorithm(
        "org.matrix.msc4048.curve25519-aes-sha2",
        &format!(r#"{{"public_key":"{PUBLIC_KEY}"}}"#),
    );
    let response = get_latest_backup_info::v3::Response::new(
        raw,
        7_u32.into(),
        "etag".to_owned(),
        "3".to_owned(),
    );
    let (algorithm, auth_data) =
        BackupAlgorithmData::try_from(&response.algorithm).unwrap().read().unwrap();
    assert!(algorithm.names().is_some());
    assert_eq!(auth_data.public_key().to_base64(), PUBLIC_KEY);
}

/// The plaintext of a real session, and its id.
fn session() -> (BackedUpSessionData, String) {
    let session = vectors("megolm_sessions.json")["sessions"][0].take();
    let data = BackedUpSessionData::parse(session["session_data"].to_string().as_bytes());
    (data.unwrap(), session["session_id"].as_str().unwrap().to_owned())
}

fn forwarded(change: impl FnOnce(&mut Value)) -> Result<ForwardedRoomKey, ForwardedRoomKeyError> {
    let (data, id) = session();
    let mut content = json!({
        "algorithm": "m.megolm.v1.aes-sha2",
        "room_id": "!a:b.c",
        "sender_key": data.sender_key(),
        "session_id": id,
        "session_key": *data.session_key().expose_base64(),
        "sender_claimed_ed25519_key": "claimed",
        "forwarding_curve25519_key_chain": ["one", "two"],
    });
    change(&mut content);
    let raw = Raw::<ToDeviceForwardedRoomKeyEventContent>::from_json_string(content.to_string());
    ForwardedRoomKey::try_from(&raw.unwrap())
}

#[test]
fn a_forwarded_key_is_one_that_can_be_backed_up_and_goes_back() {
    let key = forwarded(|_| {}).unwrap();
    assert_eq!(key.room_id.as_str(), "!a:b.c");
    assert_eq!(key.data.session_key(), session().0.session_key());
    assert_eq!(key.data.sender_claimed_keys().get("ed25519"), Some("claimed"));
    assert_eq!(key.data.forwarding_curve25519_key_chain(), ["one", "two"]);
    assert!(key.data.other_properties().is_empty());
    assert!(!key.trusted);

    let content = key.to_ruma().unwrap();
    let again = ForwardedRoomKey::try_from(&Raw::new(&content).unwrap()).unwrap();
    assert_eq!(again.data, key.data);
    assert_eq!(again.room_id, key.room_id);
}

// V2-8 b: every name of the flag that is there must say `true`.
#[test]
fn trusted_needs_a_plain_true() {
    for (flags, trusted) in [
        (json!({ "trusted": true }), true),
        (json!({ "org.matrix.msc3879.trusted": true }), true),
        (json!({ "trusted": true, "org.matrix.msc3879.trusted": true }), true),
        (json!({ "trusted": true, "org.matrix.msc3879.trusted": false }), false),
        (json!({ "trusted": null, "org.matrix.msc3879.trusted": true }), false),
        (json!({ "trusted": "true" }), false),
        (json!({ "trusted": 1 }), false),
        (json!({ "Trusted": true }), false),
    ] {
        let key = forwarded(|content| {
            content.as_object_mut().unwrap().extend(flags.as_object().unwrap().clone());
        });
        assert_eq!(key.unwrap().trusted, trusted, "{flags}");
    }
}

// V1-1a
#[test]
fn shared_history_is_taken_over_in_every_spelling() {
    for name in ["shared_history", "m.shared_history", "org.matrix.msc3061.shared_history"] {
        // Ruma's type minds another type under the name that it knows.
        let key = forwarded(|content| content[name] = true.into()).unwrap();
        assert!(key.data.shared_history(), "{name}");
        assert_eq!(key.data.other_properties().len(), 2);
    }
    let key = forwarded(|content| {
        content["shared_history"] = true.into();
        content["org.matrix.msc3061.shared_history"] = false.into();
    });
    assert!(!key.unwrap().data.shared_history());
    assert!(!forwarded(|_| {}).unwrap().data.shared_history());
}

#[test]
fn what_is_no_forwarded_megolm_key_is_an_error_without_its_content() {
    // B-1
    let error = forwarded(|content| content["session_id"] = "other".into()).unwrap_err();
    assert!(matches!(error, ForwardedRoomKeyError::WrongSession { .. }));
    let error = forwarded(|content| content["algorithm"] = "org.example".into()).unwrap_err();
    assert!(matches!(error, ForwardedRoomKeyError::UnknownAlgorithm { .. }));
    let error = forwarded(|content| content["session_key"] = "secret".into()).unwrap_err();
    assert!(matches!(error, ForwardedRoomKeyError::SessionKey(_)));
    assert!(!format!("{error} {error:?}").contains("secret"));
    let error = forwarded(|content| content["session_key"] = json!(["secret"])).unwrap_err();
    assert_eq!(error, ForwardedRoomKeyError::NotTheEvent);

    let twice = r#"{"trusted":false,"trusted":true}"#;
    let raw = Raw::<ToDeviceForwardedRoomKeyEventContent>::from_json_string(twice.to_owned());
    let error = ForwardedRoomKey::try_from(&raw.unwrap()).unwrap_err();
    assert!(matches!(error, ForwardedRoomKeyError::Json(_))); // V2-13
}

#[test]
fn a_key_without_a_claimed_ed25519_key_cannot_be_forwarded() {
    let (data, _) = session();
    let data = BackedUpSessionData::new(
        data.session_key().clone(),
        data.sender_key().to_owned(),
        BTreeMap::new(),
        Vec::new(),
    );
    let room_id = RoomId::new("!a:b.c").unwrap();
    let key = ForwardedRoomKey { data, room_id, trusted: true };
    assert_eq!(key.to_ruma().unwrap_err(), NotForwardable::NoClaimedKey);
}

/// A message that repeats its cause has no source, or a chain of errors would say it twice.
#[test]
fn causes_are_told_once() {
    use std::error::Error;

    let cause = IdParseError::MissingLeadingSigil;
    let errors: [&dyn Error; 2] = [&RefusalReason::from(cause), &NotForwardable::from(cause)];
    for error in errors {
        assert!(error.to_string().contains(&cause.to_string()));
        assert!(error.source().is_none());
    }
}
