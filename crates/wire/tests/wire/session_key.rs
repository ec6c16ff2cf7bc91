//! The Megolm session export format (V1-1, B-1).

use base64ct::{Base64Unpadded, Encoding};
use matrix_key_backup_primitives::hazmat::Tier;
use matrix_key_backup_wire::{
    BackedUpSessionData, MegolmSessionExport, SessionDataError, SessionId, SessionKeyError,
};
use proptest::prelude::*;

use crate::support::{SESSION_ID, SESSION_KEY, plaintext_with, vectors};

fn bytes() -> Vec<u8> {
    Base64Unpadded::decode_vec(SESSION_KEY).unwrap()
}

fn parse(bytes: &[u8]) -> Result<MegolmSessionExport, SessionKeyError> {
    MegolmSessionExport::from_base64(&Base64Unpadded::encode_string(bytes))
}

// B-1: id and index come from the key itself.
#[test]
fn real_sessions() {
    let file = vectors("megolm_sessions.json");
    let mut exports = 0;
    for session in file["sessions"].as_array().unwrap() {
        for export in session["exports"].as_array().unwrap() {
            let text = export["session_key"].as_str().unwrap();
            let key = MegolmSessionExport::from_base64(text).expect(text);
            assert_eq!(key.session_id().as_str(), session["session_id"]);
            assert_eq!(u64::from(key.first_known_index()), export["first_known_index"]);
            assert_eq!(*key.expose_base64(), text);
            exports += 1;
        }
        // The other format of a session key, as `m.room_key` carries it.
        let room_key = session["room_session_key"].as_str().unwrap();
        assert!(MegolmSessionExport::from_base64(room_key).is_err());
    }
    assert!(exports > 200, "{exports}");
}

#[test]
fn invalid_session_keys() {
    let file = vectors("megolm_sessions.json");
    let cases = file["invalid_session_keys"].as_array().unwrap();
    assert!(cases.len() >= 7);
    for case in cases {
        let found = MegolmSessionExport::from_base64(case["session_key"].as_str().unwrap());
        match case["expected"].as_str().unwrap() {
            "accept" => assert!(found.is_ok(), "{}", case["case"]),
            "reject" => assert!(found.is_err(), "{}", case["case"]),
            "either" => {}
            other => panic!("unknown expectation {other}"),
        }
    }
}

// V1-1: in a batch, each plaintext is read as it is alone, and the reasons are the same.
#[test]
fn a_batch_is_read_as_its_plaintexts_are_alone() {
    let with = |bytes: &[u8]| {
        plaintext_with("").replace(SESSION_KEY, &Base64Unpadded::encode_string(bytes))
    };
    let changed = |at: usize, by: u8| {
        let mut bytes = bytes();
        bytes[at] ^= by;
        with(&bytes)
    };
    let mut texts = vec![
        plaintext_with(""),
        "{".to_owned(),
        changed(0, 3),
        with(&[1; 164]),
        changed(20, 1),
        plaintext_with("").replace("m.megolm", "m.other"),
    ];
    // About half of these are points.
    texts.extend((1..40).map(|by| changed(140, by)));
    for tier in Tier::available() {
        for count in [0, 1, 2, 5, texts.len()] {
            let texts = &texts[texts.len() - count..];
            let batch = BackedUpSessionData::parse_batch(texts, tier);
            let alone = texts.iter().map(|text| BackedUpSessionData::parse(text.as_bytes()));
            assert_eq!(batch, alone.collect::<Vec<_>>(), "{tier}");
        }
    }
    let no_points = texts.iter().filter(|text| {
        let error = BackedUpSessionData::parse(text.as_bytes()).err();
        error == Some(SessionDataError::SessionKey(SessionKeyError::PublicKey))
    });
    assert!((10..30).contains(&no_points.count()));
}

// V1-1: exactly 165 bytes. vodozemac accepts what follows them.
#[test]
fn trailing_and_missing_bytes() {
    for length in 0..=400 {
        let mut bytes = bytes();
        bytes.resize(length, 0);
        if length != 165 {
            let text = Base64Unpadded::encode_string(&bytes);
            let found = MegolmSessionExport::from_base64(&text).unwrap_err();
            match found {
                SessionKeyError::Length { found, .. } => assert_eq!(found, text.len()),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn other_encodings() {
    let with = |from: &str, to: &str| SESSION_KEY.replacen(from, to, 1);
    for text in [
        with("+", "-"),
        with("/", "_"),
        with("A", " "),
        with("A", "\n"),
        with("A", "="),
        with("AA", "é"),
        SESSION_KEY.to_owned() + "=",
        SESSION_KEY[..219].to_owned() + "=",
        String::new(),
    ] {
        assert!(MegolmSessionExport::from_base64(&text).is_err(), "{text}");
    }
    assert_eq!(MegolmSessionExport::from_base64(&with("+", "-")), Err(SessionKeyError::Encoding));
}

#[test]
fn other_versions() {
    for version in (0..=255).filter(|&version| version != 1) {
        let mut bytes = bytes();
        bytes[0] = version;
        assert_eq!(parse(&bytes), Err(SessionKeyError::Version));
    }
}

// V1-1: a valid Ed25519 point at its end. About half of all 32 bytes are one.
#[test]
fn points() {
    let mut refused = 0;
    for value in 0..=255 {
        let mut bytes = bytes();
        bytes[133] = value;
        match parse(&bytes) {
            Ok(key) => assert_ne!((value, key.session_id().as_str()), (0, SESSION_ID)),
            Err(error) => {
                assert_eq!(error, SessionKeyError::PublicKey);
                refused += 1;
            }
        }
    }
    assert!((64..192).contains(&refused), "{refused}");
    // y = 2 is on no point of the curve.
    let mut bytes = bytes();
    bytes[133..].fill(0);
    bytes[133] = 2;
    assert_eq!(parse(&bytes), Err(SessionKeyError::PublicKey));
}

#[test]
fn indices_are_big_endian() {
    for index in [0, 1, 0x0102_0304, u32::MAX] {
        let mut bytes = bytes();
        bytes[1..5].copy_from_slice(&index.to_be_bytes());
        assert_eq!(parse(&bytes).unwrap().first_known_index(), index);
    }
}

#[test]
fn equality() {
    let one = parse(&bytes()).unwrap();
    assert_eq!(one, one.clone());
    let mut other = bytes();
    other[100] ^= 1;
    assert_ne!(one, parse(&other).unwrap());
}

proptest! {
    #[test]
    fn what_is_accepted_comes_back(mut key in prop::collection::vec(any::<u8>(), 165)) {
        key[0] = 1;
        if let Ok(export) = parse(&key) {
            prop_assert_eq!(&*export.expose_base64(), &Base64Unpadded::encode_string(&key));
            let id = SessionId::new(Base64Unpadded::encode_string(&key[133..])).unwrap();
            prop_assert_eq!(export.session_id(), id);
        }
    }
}
