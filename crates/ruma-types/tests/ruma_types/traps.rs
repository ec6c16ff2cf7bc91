//! Ruma's traps: what its own types lose or refuse, and that ours do not.
//!
//! The first half of each test is about Ruma, and is there to fail when Ruma mends it: then the
//! detour can be reconsidered, and the list in the README be cut.

use matrix_key_backup_ruma::{
    BackupAlgorithmData, ReceivedRoomKeys, key_backup_data_from_ruma, key_backup_data_to_ruma,
    room_keys_from_ruma,
};
use matrix_key_backup_wire::{
    BackupAlgorithm, Json, JsonErrorKind, Names, ReceivedSessionData, SessionDataError,
};
use ruma_client_api::backup::{
    self, EncryptedSessionData, RoomKeyBackup, get_backup_keys_for_session,
};
use ruma_common::{
    CanonicalJsonObject, CanonicalJsonValue, OwnedRoomId,
    api::{
        MatrixVersion, OutgoingRequestExt as _, SupportedVersions, auth_scheme::SendAccessToken,
    },
    owned_room_id,
    serde::{Base64, Raw},
};
use serde_json::Value;
use std::{borrow::Cow, collections::BTreeMap};

const PUBLIC_KEY: &str = "JphPz7v2L6GmjSLH+/GMjUkgvaCZp2dYLAeVC770+DI";

fn raw<T>(json: &str) -> Raw<T> {
    Raw::from_json_string(json.to_owned()).unwrap()
}

fn entry(session_data: &str) -> Raw<backup::KeyBackupData> {
    raw(&format!(
        r#"{{"first_message_index":0,"forwarded_count":0,"is_verified":true,"session_data":{session_data}}}"#
    ))
}

// V2-3: v2 has no `mac`.
#[test]
fn ruma_demands_a_mac_and_we_do_not() {
    let v2 = entry(r#"{"ephemeral":"AA","ciphertext":"AA","unsigned":{"backup_mac":"AA"}}"#);
    assert!(v2.deserialize().unwrap_err().to_string().contains("missing field `mac`"));

    assert!(key_backup_data_from_ruma(&v2).is_ok());
}

// V2-4, V2-5, H-1
#[test]
fn ruma_loses_the_backup_mac_and_unknown_properties_and_we_do_not() {
    let session_data = r#"{"ephemeral":"AA","ciphertext":"AA","mac":"AA","org.example.extra":[1.50],"unsigned":{"backup_mac":"AA"}}"#;
    let hybrid = entry(session_data);
    let through_ruma = Raw::new(&hybrid.deserialize().unwrap()).unwrap();
    assert!(!through_ruma.json().get().contains("backup_mac"));
    assert!(!through_ruma.json().get().contains("org.example.extra"));

    let data = key_backup_data_from_ruma(&hybrid).unwrap();
    assert_eq!(data.session_data.get(), session_data);
    let back = key_backup_data_to_ruma(&data).unwrap();
    assert_eq!(key_backup_data_from_ruma(&back).unwrap().session_data.get(), session_data);
}

// V2-4, V2-12: what differs on the wire must differ under the MAC.
#[test]
fn ruma_normalises_base64_and_we_do_not() {
    for text in ["AA==", "AB"] {
        assert_eq!(
            Base64::<ruma_common::serde::base64::Standard>::parse(text).unwrap().encode(),
            "AA"
        );
    }
    let through_ruma = |ciphertext: &str| {
        let json = format!(r#"{{"ephemeral":"AA","ciphertext":"{ciphertext}","mac":"AA"}}"#);
        serde_json::to_string(&serde_json::from_str::<EncryptedSessionData>(&json).unwrap())
            .unwrap()
    };
    assert_eq!(through_ruma("AA=="), through_ruma("AA"));
    assert_eq!(through_ruma("AB"), through_ruma("AA"));

    let ours = |ciphertext: &str| {
        let data = key_backup_data_from_ruma(&entry(&format!(
            r#"{{"ephemeral":"AA","ciphertext":"{ciphertext}"}}"#
        )));
        let text = data.unwrap().session_data;
        ReceivedSessionData::parse(text.get()).unwrap().signable().unwrap()
    };
    assert_ne!(ours("AA=="), ours("AA"));
    assert_ne!(ours("AB"), ours("AA"));
    assert_eq!(ours("AB"), r#"{"ciphertext":"AB","ephemeral":"AA"}"#);
}

// V2-13
#[test]
fn ruma_takes_the_last_of_duplicate_properties_and_we_take_none() {
    let twice = r#"{"ciphertext":"first","ciphertext":"last"}"#;
    let object: CanonicalJsonObject = serde_json::from_str(twice).unwrap();
    assert_eq!(object["ciphertext"], CanonicalJsonValue::String("last".to_owned()));
    assert_eq!(object.len(), 1);

    let Err(SessionDataError::Json(error)) = ReceivedSessionData::parse(twice) else {
        panic!("a duplicate property was accepted");
    };
    assert_eq!(error.kind(), JsonErrorKind::DuplicateProperty);
    // At any depth, and however it is spelled, in an entry that came through Ruma's `Raw`.
    let deep = entry(r#"{"ephemeral":"AA","unsigned":{"x":[{"c":1,"\u0063":2}]}}"#);
    assert!(key_backup_data_from_ruma(&deep).is_err());
}

// V2-1
#[test]
fn ruma_demands_signatures_in_v1_auth_data_and_we_do_not() {
    let unsigned: Raw<backup::BackupAlgorithm> = raw(&format!(
        r#"{{"algorithm":"m.megolm_backup.v1.curve25519-aes-sha2","auth_data":{{"public_key":"{PUBLIC_KEY}"}}}}"#
    ));
    assert!(unsigned.deserialize().unwrap_err().to_string().contains("missing field `signatures`"));

    let ours = BackupAlgorithmData::try_from(&unsigned).unwrap();
    let (algorithm, auth_data) = ours.read().unwrap();
    assert_eq!(algorithm, BackupAlgorithm::V1);
    assert_eq!(auth_data.public_key().to_base64(), PUBLIC_KEY);
    assert!(auth_data.signatures().is_none());
    // Nothing is made up on the way back, except where Ruma's own type is asked for.
    assert_eq!(Raw::from(&ours).json().get(), unsigned.json().get());
    let typed = ours.to_ruma().unwrap();
    assert!(typed.auth_data()["signatures"].as_object().unwrap().is_empty());
    assert_eq!(typed.auth_data()["public_key"], PUBLIC_KEY);
}

// N-1: Ruma knows v2 only as something custom, and that is enough.
#[test]
fn ruma_does_not_know_v2_yet() {
    for names in Names::ALL {
        let algorithm = names.algorithm();
        let raw: Raw<backup::BackupAlgorithm> = raw(&format!(
            r#"{{"algorithm":"{algorithm}","auth_data":{{"public_key":"{PUBLIC_KEY}"}}}}"#
        ));
        let typed = raw.deserialize().unwrap();
        // Custom algorithms lend their data, known ones make it anew.
        assert!(matches!(typed.auth_data(), Cow::Borrowed(_)));

        let ours = BackupAlgorithmData::try_from(&typed).unwrap();
        assert_eq!(ours.read().unwrap().0, BackupAlgorithm::V2(names));
    }
}

// A-3: two entries for one session are both to be seen.
#[test]
fn rumas_response_merges_entries_and_ours_does_not() {
    let one = entry(r#"{"ciphertext":"first"}"#);
    let other = entry(r#"{"ciphertext":"last"}"#);
    let rooms = format!(
        r#"{{"!a:b.c":{{"sessions":{{"s":{},"s":{}}}}},"!a:b.c":{{"sessions":{{"t":{}}}}}}}"#,
        one.json().get(),
        other.json().get(),
        one.json().get(),
    );
    let ruma: BTreeMap<OwnedRoomId, RoomKeyBackup> = serde_json::from_str(&rooms).unwrap();
    assert_eq!(room_keys_from_ruma(&ruma).count(), 1);

    let body = format!(r#"{{"rooms":{rooms}}}"#);
    let entries = serde_json::from_str::<ReceivedRoomKeys>(&body).unwrap().into_entries();
    let found: Vec<_> = entries
        .map(Result::unwrap)
        .map(|entry| (entry.session_id.to_string(), entry.data.session_data.get().to_owned()))
        .collect();
    let expected = [
        ("s", r#"{"ciphertext":"first"}"#),
        ("s", r#"{"ciphertext":"last"}"#),
        ("t", r#"{"ciphertext":"first"}"#),
    ];
    assert_eq!(found, expected.map(|(id, data)| (id.to_owned(), data.to_owned())));
}

#[test]
fn one_bad_room_fails_rumas_response_and_not_ours() {
    let good = entry(r#"{"ciphertext":"AA"}"#);
    let good = good.json().get();
    for bad in [r#""no room id":{"sessions":{}}"#, r#""!d:e.f":{}"#, r#""!d:e.f":null"#] {
        let rooms = format!(r#"{{{bad},"!a:b.c":{{"sessions":{{"s":{good}}}}}}}"#);
        assert!(serde_json::from_str::<BTreeMap<OwnedRoomId, RoomKeyBackup>>(&rooms).is_err());

        let body = format!(r#"{{"rooms":{rooms}}}"#);
        let entries = serde_json::from_str::<ReceivedRoomKeys>(&body).unwrap().into_entries();
        assert_eq!(entries.filter(Result::is_ok).count(), 1);
    }
}

// The lone surrogate of V2-13, and numbers, behave alike on both sides of the conversion.
#[test]
fn what_canonical_json_cannot_carry_still_comes_through() {
    let session_data = r#"{"a":"\ud800","b":1e999,"c":-0}"#;
    let data = key_backup_data_from_ruma(&entry(session_data)).unwrap();
    assert_eq!(data.session_data.get(), session_data);
    assert!(serde_json::from_str::<Value>(session_data).is_err());
    assert!(Json::parse(session_data).is_ok());
}

#[test]
fn rumas_session_id_is_not_a_megolm_session_id() {
    for id in ["/ZLgReGItFxdHi9LSuQ4LTysKpJVZH9uRyfL5yoKHxE", "a+b"] {
        assert!(ruma_common::SessionId::parse(id).is_err());
        assert!(matrix_key_backup_wire::SessionId::new(id).is_ok());
    }
}

// A `/` in a session id would begin another segment of the path. Ruma encodes it, and leaves `+`,
// which means nothing else in a path (it does in a query).
#[test]
fn ruma_encodes_the_slash_of_session_ids_in_paths() {
    let request = get_backup_keys_for_session::v3::Request::new(
        "1".to_owned(),
        owned_room_id!("!a:b.c"),
        "a/b+c".to_owned(),
    );
    let supported =
        SupportedVersions { versions: [MatrixVersion::V1_1].into(), features: Default::default() };
    let http = request
        .try_into_http_request::<Vec<u8>>(
            "https://example.org",
            SendAccessToken::IfRequired("token"),
            Cow::Owned(supported),
        )
        .unwrap();
    assert_eq!(http.uri().path(), "/_matrix/client/v3/room_keys/keys/!a:b.c/a%2Fb+c");
}
